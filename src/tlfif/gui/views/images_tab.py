"""The Images tab: what machines start from, what is being built, what waits for the owner, and the buttons for it."""

import tkinter

from tlfif.gui.model.state import WindowState
from tlfif.gui.views.build_card import BuildCard
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.repository_card import RepositoryCard
from tlfif.gui.views.versions_card import InUseCard, VersionsCard
from tlfif.gui.views.widgets import Card, ScrolledPage, WrappingLabel

NONE_HERE = "This home makes no images"
WIDE = 760
"""Pixels at 100 %: below it the two cards on top stand one above the other."""


class ImagesTab(ScrolledPage):
    """On top what is in use and where new versions come from; below all versions, and the one that is looked at."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context)
        body = self.body
        self.in_use = InUseCard(body, context)
        self.repository = RepositoryCard(body, context)
        self.versions = VersionsCard(body, context)
        self.build = BuildCard(body, context)
        self._missing = Card(body, context, NONE_HERE)
        self.missing = WrappingLabel(self._missing.body, style="Panel.TLabel")
        self.missing.grid(row=0, column=0, sticky="ew")
        self._cards: tuple[Card, ...] = (self.in_use, self.repository, self.versions, self.build)
        self._wide: bool | None = None
        self._gone = False
        body.columnconfigure(0, weight=1)
        self.bind("<Configure>", lambda _: self._arrange(), add="+")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        for card in (*self._cards, self._missing):
            card.restyle()
        self._wide = None
        self._arrange()

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed; nothing while another tab is in front."""
        if new.tab != "images" or (old is not None and old.images is new.images and old.tab == new.tab):
            return
        panel = new.images
        if self._gone is not bool(panel.missing):
            self._gone = bool(panel.missing)
            self._wide = None
            self._arrange()
        self.missing.show(panel.missing)
        self.in_use.show(panel)
        self.repository.show(panel)
        self.versions.show(panel)
        self.build.show(panel)

    def _arrange(self) -> None:
        """Two columns on top where they fit."""
        wide = self.winfo_width() >= self._context.look.px(WIDE)
        if wide is self._wide:
            return
        self._wide = wide
        px, below = self._context.look.px, (0, self._context.look.px(10))
        for card in (*self._cards, self._missing):
            card.grid_remove()
        if self._gone:
            self._missing.grid(row=0, column=0, columnspan=2, sticky="ew")
            return
        self.body.columnconfigure((0, 1), weight=1, uniform="half" if wide else "")
        self.body.columnconfigure(1, weight=1 if wide else 0)
        span = 1 if wide else 2
        self.in_use.grid(row=0, column=0, columnspan=span, sticky="nsew", pady=below, padx=(0, px(5)) if wide else 0)
        self.repository.grid(
            row=0 if wide else 1,
            column=1 if wide else 0,
            columnspan=span,
            sticky="nsew",
            pady=below,
            padx=(px(5), 0) if wide else 0,
        )
        for row, card in enumerate((self.versions, self.build), start=2):
            card.grid(row=row, column=0, columnspan=2, sticky="nsew", pady=below, padx=0)
        if not self.build.title.shown:  # no version is looked at
            self.build.grid_remove()
