"""How much room there is for letters of the size chosen: what is shown is less where it is little."""

from tlfif.gui.look.theme import Look

COMPACT = 1.4
"""From this scale on lines are joined and words left out."""
SCARCE = 395
"""Pixels at 100 %: a window of large letters that is lower than this keeps its room for the conversation."""
ROOMY = 800
"""Pixels at 100 %: narrower than this, the list of conversations hides until it is asked for."""


def is_compact(look: Look) -> bool:
    """Whether letters are large."""
    return look.scale > COMPACT


def is_scarce(look: Look) -> bool:
    """Whether they are large for the height of the window."""
    return is_compact(look) and look.root.winfo_height() < look.px(SCARCE)


def is_roomy(look: Look, width: int) -> bool:
    """Whether the list of conversations has its place in ``width`` pixels."""
    return width >= look.px(ROOMY)
