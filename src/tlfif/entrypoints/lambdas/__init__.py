"""Where the functions on AWS begin.

While a function loads, nothing that it makes is garbage, and looking for some takes a tenth of the time: the collector
rests until :func:`loaded`.
"""

import gc

gc.disable()


def loaded() -> None:
    """All that is here now stays, and is never looked at again."""
    gc.freeze()
    gc.enable()
