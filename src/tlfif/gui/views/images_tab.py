"""The Images tab: says what will be here."""

import tkinter

from tlfif.gui.model.state import WindowState
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.widgets import Card, ScrolledPage, WrappingLabel

TEXT = (
    "An image is what a machine starts from: the system, the engine and the model, tested together as one.",
    "This tab is empty for now. It will list the images with their versions and tests, show which one is in use, and "
    "let you approve a new one or go back to the one before.",
)
HERE = (
    "Until then each start uses the version of TL-FIF that is installed on this computer. That costs nothing and "
    "there is nothing to press here."
)
ON_AWS = (
    "Building images is not part of this version yet. Without an image no machine starts on AWS, so none "
    "costs anything. This computer answers meanwhile: Settings, Where it runs. There is nothing to press here."
)


class ImagesTab(ScrolledPage):
    """Nothing to press yet."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context)
        self._card = Card(self.body, context, "Images are not here yet")
        self._card.pack(fill="x")
        self._labels = [WrappingLabel(self._card.body, style="Panel.TLabel", text=text) for text in (*TEXT, HERE)]
        self.in_use = WrappingLabel(self._card.body, style="Muted.Panel.TLabel")
        for row, label in enumerate((*self._labels, self.in_use)):
            label.grid(row=row, column=0, sticky="ew")
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        px = self._context.look.px
        super().restyle()
        self._card.restyle()
        for label in (*self._labels, self.in_use):
            label.grid_configure(pady=(0, px(8)))

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if old is not None and old.machine is new.machine and old.home is new.home:
            return
        self._labels[-1].show(ON_AWS if new.home.view.on_aws else HERE)
        view = new.machine.view
        self.in_use.show(
            f"In use now: {view['image']}" if view is not None and view["image"] else "No machine runs now."
        )
