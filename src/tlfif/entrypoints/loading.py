"""While a program loads, none of its objects is garbage, and looking for garbage would take a tenth of the time: from
when this is imported the collector is off until :func:`loaded`."""

import gc

gc.disable()


def loaded() -> None:
    """Exclude all present objects from collection and turn the collector on."""
    gc.freeze()
    gc.enable()
