"""A conversation is dragged on a folder of the list, or out of it."""

import tkinter
from collections.abc import Callable

from tlfif.gui.views.context import ViewContext
from tlfif.history.groups import Group

FROM = 6
"""Pixels that the pointer moves before it is a drag and no click."""


class RowDrag:
    """``group_at`` finds the group of the row at a height of the canvas; ``move`` puts a conversation into a folder,
    or into none."""

    def __init__(
        self,
        canvas: tkinter.Canvas,
        context: ViewContext,
        *,
        group_at: Callable[[int], Group | None],
        move: Callable[[str, str], None],
        draw: Callable[[], None],
    ) -> None:
        self._canvas = canvas
        self._context = context
        self._group_at = group_at
        self._move = move
        self._draw = draw
        self._name = ""
        self._group: Group | None = None
        self._from = 0
        self._aim: str | None = None
        canvas.bind("<B1-Motion>", self._dragged)
        canvas.bind("<ButtonRelease-1>", lambda _: self._dropped())

    def begin(self, conversation_id: str, group: Group, y: int) -> None:
        """The button was pressed on a conversation of that group."""
        self._name, self._group, self._from = conversation_id, group, y

    def aims_at(self, group: Group) -> bool:
        """Whether what is dragged would go there."""
        return self._aim is not None and self._aim == _folder_of(group)

    def _dragged(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        if self._group is None or abs(event.y - self._from) < self._context.look.px(FROM):
            return
        below = self._group_at(event.y)
        folder = None if below is None else _folder_of(below)
        self._show(None if folder == _folder_of(self._group) else folder)

    def _dropped(self) -> None:
        folder, self._group = self._aim, None
        self._show(None)
        if folder is not None:
            self._move(self._name, folder)

    def _show(self, folder: str | None) -> None:
        if folder != self._aim:
            self._aim = folder
            self._canvas.configure(cursor="" if folder is None else "hand2")
            self._draw()


def _folder_of(group: Group) -> str | None:
    """What a conversation that is dropped there gets: a folder, none (empty) among the days; None: it is no place."""
    return group.folder_id or ("" if group.is_of_days else None)
