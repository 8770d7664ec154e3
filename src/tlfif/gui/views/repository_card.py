"""Where new versions come from: the repository that is followed, and a build by hand."""

import tkinter

import ttkbootstrap as ttk

from tlfif.gui.look.theme import SMALL
from tlfif.gui.model import intents
from tlfif.gui.model.images_panel import ImagesPanel, RepositoryEntry
from tlfif.gui.views.context import ViewContext
from tlfif.gui.views.toolkit import regrid
from tlfif.gui.views.widgets import Card, Hint, WrappingLabel
from tlfif.images.requests import USUAL_BRANCH

NOT_FOLLOWED = "No repository is followed. Follow one, and each push to it builds an image."
NOT_FROM_HERE = "This home follows no repository by itself: a push asks for its image."


class RepositoryCard(Card):
    """The fields hold what is followed, until somebody types something else."""

    def __init__(self, parent: tkinter.Misc, context: ViewContext) -> None:
        super().__init__(parent, context, "New versions")
        self._shown: ImagesPanel | None = None
        self._promotes = tkinter.BooleanVar(self, value=False)
        self.watch = WrappingLabel(self.body, style="Panel.TLabel")
        self.problem_there = WrappingLabel(self.body, style="Bad.Panel.TLabel")
        fields = ttk.Frame(self.body, style="Panel.TFrame")
        self.address = ttk.Entry(fields)
        self.branch = ttk.Entry(fields, width=10)
        self._labels = [ttk.Label(fields, style="Muted.Panel.TLabel", font=SMALL) for _ in range(2)]
        for column, entry in enumerate((self.address, self.branch)):
            self._labels[column].grid(row=0, column=column, sticky="w")
            entry.grid(row=1, column=column, sticky="ew")
            entry.bind("<KeyRelease>", self._typed)
            entry.bind("<Return>", lambda _: context.press(self._entered()))
        fields.columnconfigure(0, weight=1)
        self._hint = Hint(self.branch, context, "")
        self.promotes = ttk.Checkbutton(
            self.body,
            text="Promote what passes its tests, without asking",
            variable=self._promotes,
            style="Panel.TCheckbutton",
            command=lambda: self._typed(None),
        )
        row = ttk.Frame(self.body, style="Panel.TFrame")
        press = context.press
        self.follow = ttk.Button(
            row, text="Follow", bootstyle="primary", command=lambda: press(intents.FollowRepository())
        )
        self.build = ttk.Button(row, text="Build now", bootstyle="default", command=lambda: press(intents.BuildImage()))
        self.leave = ttk.Button(
            row, text="Stop following", bootstyle="default", command=lambda: press(intents.LeaveRepository())
        )
        for place, button in enumerate((self.follow, self.build, self.leave)):
            button.grid(row=0, column=place)
        self.estimate = WrappingLabel(self.body, style="Muted.Panel.TLabel")
        self.problem = WrappingLabel(self.body, style="Bad.Panel.TLabel")
        self._fields, self._row = fields, row
        self._parts = (self.watch, self.problem_there, fields, self.promotes, row, self.estimate, self.problem)
        for number, part in enumerate(self._parts):
            part.grid(row=number, column=0, sticky="w" if part in (self.promotes, row) else "ew")
        self._name_fields(follows=True)
        self.restyle()

    def restyle(self) -> None:
        """Apply the look."""
        super().restyle()
        px = self._context.look.px
        for part in self._parts[1:]:
            regrid(part, pady=(px(6), 0))
        for entry in (self.address, self.branch):
            entry.configure(font="TlfifBody")
        regrid(self.branch, padx=(px(8), 0))
        regrid(self._labels[1], padx=(px(8), 0))
        for place, button in enumerate((self.follow, self.build, self.leave)):
            regrid(button, padx=(px(8) if place else 0, 0))
        self.estimate.configure(font=SMALL)
        for label in (self.problem_there, self.problem):
            label.show(label.shown)
            if not label.shown:
                label.grid_remove()

    def show(self, panel: ImagesPanel) -> None:
        """Draw it."""
        if panel is self._shown:
            return
        self._shown = panel
        nothing = NOT_FOLLOWED if panel.follows else NOT_FROM_HERE
        self.watch.show(panel.watch or nothing)
        self.problem_there.show(panel.watch_problem)
        self._name_fields(follows=panel.follows)
        self._fill(panel.entry)
        self.problem.show(panel.entry.problem)
        self.estimate.show(panel.estimate)
        followed = bool(panel.watch)
        (self.leave.grid if followed else self.leave.grid_remove)()
        for part in (self.follow, self.promotes):
            (part.grid if panel.follows else part.grid_remove)()
        self.follow.configure(text="Follow this" if followed else "Follow")
        self.build.configure(text="Asking…" if panel.busy == "build" else "Build now")
        for button in (self.build, self.leave):
            button.state(["disabled" if panel.busy else "!disabled"])
        mine = not panel.not_yours
        for frame in (self._fields, self._row):
            (frame.grid if mine else frame.grid_remove)()
        if not mine:
            self.promotes.grid_remove()
            self.estimate.show(panel.not_yours)
        done = followed and not panel.entry.editing
        self.follow.state(["disabled" if panel.busy or done else "!disabled"])

    def _name_fields(self, *, follows: bool) -> None:
        """A home that cannot look into repositories must be told the commit."""
        names = ("Git repository: folder or address", "Branch") if follows else ("Git repository", "Commit, 40 digits")
        for label, name in zip(self._labels, names, strict=True):
            label.configure(text=name)
        self._hint.text = f"Empty: {USUAL_BRANCH}." if follows else "Empty: the last that a push has brought here."

    def _entered(self) -> intents.Intent:
        follows = self._shown is None or self._shown.follows
        return intents.FollowRepository() if follows else intents.BuildImage()

    def _fill(self, entry: RepositoryEntry) -> None:
        for widget, text in ((self.address, entry.address), (self.branch, entry.branch)):
            if widget.get() != text:
                widget.delete(0, "end")
                widget.insert(0, text)
        if self._promotes.get() is not entry.promotes:
            self._promotes.set(entry.promotes)

    def _typed(self, _event: object) -> None:
        typed = (self.address.get(), self.branch.get(), self._promotes.get())
        entry = self._shown.entry if self._shown is not None else RepositoryEntry()
        if typed != (entry.address, entry.branch, entry.promotes):
            self._context.press(intents.TypeRepository(*typed))
