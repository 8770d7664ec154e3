"""How much space the window has at the chosen text size. Where there is little, views show less."""

from tlfif.gui.look.theme import Look

COMPACT = 1.4
"""Above this scale views join lines and leave words out."""
SHORT = 395
"""Pixels at 100 %: with large text a window lower than this keeps its space for the conversation."""
WIDE = 800
"""Pixels at 100 %: in a narrower tab the list of conversations is hidden until somebody asks for it."""


def is_compact(look: Look) -> bool:
    """Whether the text is large."""
    return look.scale > COMPACT


def is_short(look: Look) -> bool:
    """Whether the text is large for the height of the window."""
    return is_compact(look) and look.root.winfo_height() < look.px(SHORT)


def is_wide(look: Look, width: int) -> bool:
    """Whether ``width`` pixels hold the list of conversations beside the conversation."""
    return width >= look.px(WIDE)
