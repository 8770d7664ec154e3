"""Look of the window: our palettes as ttkbootstrap themes, named fonts that scale together, distances likewise."""

import contextlib
import subprocess
import sys
import tkinter
from pathlib import Path
from tkinter import font
from typing import Any

import ttkbootstrap
from ttkbootstrap.style.theme import Colors, Theme, ThemeDefinition

from tlfif.gui.look.palette import DARK, LIGHT, SELECT_BAR, Palette

NORMAL_SIZE = 11
"""Points that count as 100 %."""
LINE = 18
"""Pixels of a line at 100 % in the fonts for which the layout was made; other fonts have lines a quarter higher."""
SIZES = {"100 %": 11, "110 %": 12, "125 %": 14, "150 %": 16, "175 %": 19, "200 %": 22}
"""What the settings offer, with the points that each means."""
BODY, SMALL, STRONG, SMALL_STRONG, HEADING, TITLE, FIXED, FIXED_STRONG, ITALIC, STRONG_ITALIC, FIGURE = (
    "TlfifBody",
    "TlfifSmall",
    "TlfifStrong",
    "TlfifSmallStrong",
    "TlfifHeading",
    "TlfifTitle",
    "TlfifFixed",
    "TlfifFixedStrong",
    "TlfifItalic",
    "TlfifStrongItalic",
    "TlfifFigure",
)
_SHARES = {
    **{BODY: 1.0, SMALL: 0.88, STRONG: 1.0, SMALL_STRONG: 0.88, HEADING: 1.15, TITLE: 1.4, FIGURE: 2.1},
    **{FIXED: 0.95, FIXED_STRONG: 0.95, ITALIC: 1.0, STRONG_ITALIC: 1.0},
}
_BOLD = frozenset({STRONG, SMALL_STRONG, HEADING, TITLE, FIXED_STRONG, STRONG_ITALIC, FIGURE})
_ITALIC = frozenset({ITALIC, STRONG_ITALIC})
_BUTTONS = ("TButton", "primary.TButton", "danger.TButton", "danger.TMenubutton")
_TAB = "TNotebook.Tab"
_BAR = "Selected.bar"
"""The theme's element that draws the bar of what is selected, and nothing beside it."""
_OF_TK = (
    "TkDefaultFont",
    "TkTextFont",
    "TkMenuFont",
    "TkHeadingFont",
    "TkCaptionFont",
    "TkIconFont",
    "TkSmallCaptionFont",
    "TkTooltipFont",
)


class _OwnTheme(Theme):
    """Both palettes unchanged, instead of shades that the toolkit derives."""

    def to_definitions(self) -> list[ThemeDefinition]:
        return [_definition(palette) for palette in (LIGHT, DARK)]


def _definition(palette: Palette) -> ThemeDefinition:
    colours = Colors(
        primary=palette.accent,
        secondary=palette.edge,
        success=palette.good,
        info=palette.link,
        warning=palette.caution,
        danger=palette.danger,
        light=palette.active,
        dark=palette.quiet,
        bg=palette.ground,
        fg=palette.text,
        selectbg=palette.marked,
        selectfg=palette.text,
        border=palette.edge,
        inputfg=palette.text,
        inputbg=palette.field,
        active=palette.active,
    )
    return ThemeDefinition(name=f"tlfif-{palette.name}", colors=colours, mode=palette.name)


class Look:
    """The current look. Views ask it for colours and pixels, and are restyled when it changes."""

    def __init__(self, root: tkinter.Tk, *, density: float, points: int, palette: Palette) -> None:
        """``density``: the screen's pixels per point, before any choice of the person's."""
        self.root = root
        self.palette = palette
        self.points = points
        self._density = density
        self._bars: dict[str, tuple[tkinter.PhotoImage, tkinter.PhotoImage]] = {}
        self._kept = [  # a font ends with its object
            font.Font(
                root,
                name=name,
                exists=False,
                weight="bold" if name in _BOLD else "normal",
                slant="italic" if name in _ITALIC else "roman",
            )
            for name in _SHARES
        ]
        self.use(palette=palette, points=points)

    @property
    def scale(self) -> float:
        """1.0 for 100 % on a screen of 96 dots an inch."""
        return self.points / NORMAL_SIZE * self._density * 72 / 96

    @property
    def letters(self) -> float:
        """How large the letters are: the scale, or more where this font's lines are higher than most."""
        return max(self.scale, self.line() / LINE)

    def px(self, logical: float) -> int:
        """Pixels of a distance that is ``logical`` pixels at 100 %."""
        return max(1, round(logical * self.scale)) if logical else 0

    def line(self, name: str = BODY) -> int:
        """Height of a line of text in pixels."""
        return int(font.nametofont(name, root=self.root).metrics("linespace"))

    def width(self, text: str, name: str = BODY) -> int:
        """Width of a text in pixels."""
        return int(font.nametofont(name, root=self.root).measure(text))

    def use(self, *, palette: Palette, points: int) -> None:
        """Change it. Views that drew with the old one must draw again."""
        self.palette, self.points = palette, points
        self._fonts()
        style = ttkbootstrap.Style()
        style.theme_use(f"tlfif-{palette.name}")
        self._styles(style)

    def finish(self, *, short: bool) -> None:
        """Correct the toolkit's own styles, once buttons and tabs exist: the text of a disabled button is readable, the
        focused tab stands out. ``short``: flat tabs."""
        style, px, palette = ttkbootstrap.Style(), self.px, self.palette
        for name in _BUTTONS:
            style.map(name, foreground=[("disabled", palette.edge)])
        style.configure("TNotebook", tabmargins=(px(8), px(2 if short else 6), 0, 0))
        style.configure(_TAB, padding=(px(12), px(2 if short else 5), px(14), px(2 if short else 5)))

    def _fonts(self) -> None:
        family = font.nametofont("TkDefaultFont", root=self.root).actual("family")
        fixed = font.nametofont("TkFixedFont", root=self.root).actual("family")
        # Pixels (negative), so that every font follows the person's choice and none the screen's later on.
        height = self.points * self._density
        for name, share in _SHARES.items():
            face = fixed if name in {FIXED, FIXED_STRONG} else family
            font.nametofont(name, root=self.root).configure(family=face, size=-round(height * share))
        for name in (*_OF_TK, "TkFixedFont"):
            with contextlib.suppress(tkinter.TclError):  # not every system has every one
                font.nametofont(name, root=self.root).configure(size=-round(height))

    def _styles(self, style: ttkbootstrap.Style) -> None:
        palette, px = self.palette, self.px
        style.configure("TLabel", font=BODY)
        for name, ground in (("Panel", palette.panel), ("Field", palette.field), ("Line", palette.line)):
            style.configure(f"{name}.TFrame", background=ground)
        inks = {"": "text", "Muted.": "muted", "Good.": "good", "Bad.": "bad", "Caution.": "caution", "Link.": "link"}
        for prefix, ink in inks.items():
            colour = getattr(palette, ink)
            style.configure(f"{prefix}Ground.TLabel", background=palette.ground, foreground=colour, font=BODY)
            style.configure(f"{prefix}Panel.TLabel", background=palette.panel, foreground=colour, font=BODY)
        style.configure("TButton", font=BODY, padding=(px(10), px(4)))
        for name in ("TCheckbutton", "TRadiobutton"):
            style.configure(f"Panel.{name}", background=palette.panel, font=BODY)
            style.map(f"Panel.{name}", background=[("", palette.panel)])
        self._bar(style)
        self._tabs(style)
        self._quiet(style)
        style.configure("Treeview", font=BODY, rowheight=round(self.line() * 1.5))
        style.configure("Treeview.Heading", font=STRONG, padding=(px(2), px(4)))  # as far in as the cells
        style.configure("History.Treeview", font=SMALL, rowheight=round(self.line(SMALL) * 2.5))
        text = ("Treeitem.padding", {"sticky": "nswe", "children": [("Treeitem.text", {"sticky": "nswe"})]})
        style.configure("History.Treeview.Item", padding=(px(8), 0))
        style.layout("History.Treeview.Item", [text])  # type: ignore[list-item]  # without the space for a triangle
        style.configure("Receipts.Treeview", font=SMALL, rowheight=round(self.line(SMALL) * 1.6))
        for kind in ("History.Treeview", "Receipts.Treeview", "Treeview"):
            style.configure(
                kind,
                background=palette.panel,
                fieldbackground=palette.panel,
                foreground=palette.text,
                bordercolor=palette.line,
                borderwidth=0,
            )
            style.map(kind, background=[("selected", palette.select)], foreground=[("selected", palette.text)])
            row = ("Treeitem.row", {"sticky": "nswe"})
            style.layout(f"{kind}.Row", [row, (_BAR, {"side": "left", "sticky": "ns"})])  # type: ignore[list-item]  # its stub knows no names of one's own

    def _quiet(self, style: ttkbootstrap.Style) -> None:
        """Buttons that are words until the pointer or the keyboard comes."""
        palette, px = self.palette, self.px
        for name, ground, ink in (
            ("Quiet.TButton", palette.field, palette.muted),
            ("Quiet.TMenubutton", palette.field, palette.muted),
            ("Chip.TButton", palette.select, palette.text),
            ("Plain.TButton", palette.ground, palette.muted),
        ):
            edges = ("background", "bordercolor", "darkcolor", "lightcolor")
            parts: dict[str, Any] = dict.fromkeys(edges, ground)
            style.configure(name, foreground=ink, font=SMALL, relief="flat", padding=(px(7), px(2)), **parts)
            style.configure(name, focuscolor=palette.focus, arrowcolor=ink, arrowsize=px(4))
            behind: list[Any] = [("pressed", palette.select), ("active", palette.active), ("", ground)]
            rings: list[Any] = [("focus", palette.focus), *behind]
            style.map(name, None, foreground=[("disabled", palette.edge), ("active", palette.text), ("", ink)])
            style.map(name, None, background=behind, darkcolor=behind, lightcolor=behind, bordercolor=rings)
        inside = ("Menubutton.padding", {"sticky": "we", "children": [("Menubutton.label", {"side": "left"})]})
        border = ("Menubutton.border", {"sticky": "nswe", "children": [inside]})
        style.layout("Quiet.TMenubutton", [border])  # type: ignore[list-item]  # as above; without the toolkit's triangle

    def _bar(self, style: ttkbootstrap.Style) -> None:
        """The bar at the left edge of what is selected; elsewhere it is transparent."""
        made = self.palette.name in self._bars
        if not made:
            self._bars[self.palette.name] = tkinter.PhotoImage(master=self.root), tkinter.PhotoImage(master=self.root)
        without, bar = self._bars[self.palette.name]
        wide = self.px(SELECT_BAR)
        for image in (without, bar):
            image.configure(width=wide, height=wide)
        bar.put(self.palette.select_bar, to=(0, 0, wide, wide))
        if not made:
            style.element_create(_BAR, "image", without, ("selected", bar), sticky="ns")

    def _tabs(self, style: ttkbootstrap.Style) -> None:
        """Flat, on the window's ground; the one in front looks as everything that is selected."""
        palette = self.palette
        none = {"borderwidth": 0, "bordercolor": palette.ground, "lightcolor": palette.ground}
        style.configure("TNotebook", background=palette.ground, darkcolor=palette.ground, **none)
        style.configure(_TAB, font=BODY, focuscolor=palette.select, **none)
        behind: list[Any] = [("selected", palette.select), ("active", palette.active), ("", palette.ground)]
        parts: dict[str, list[Any]] = dict.fromkeys(("background", "lightcolor", "bordercolor"), behind)
        inks: list[Any] = [("selected", palette.text), ("", palette.muted)]
        rings: list[Any] = [("focus", "selected", palette.focus), *behind]
        style.map(_TAB, None, foreground=inks, focuscolor=rings, **parts)
        label = ("Notebook.focus", {"sticky": "nswe", "children": [("Notebook.label", {"sticky": ""})]})
        inside = [
            (_BAR, {"side": "left", "sticky": "ns"}),
            ("Notebook.padding", {"side": "top", "sticky": "nswe", "children": [label]}),
        ]
        style.layout(_TAB, [("Notebook.tab", {"sticky": "nswe", "children": inside})])  # type: ignore[list-item]  # as above


class _Measured(tkinter.Tk):
    """Knows the screen's ``density``, and is scaled for it and for the person's size before the toolkit's theme is
    made: that draws its boxes and rings for this scaling once; fonts and distances follow every later change."""

    def __init__(self, *, points: int, **options: Any) -> None:
        super().__init__(**options)
        self.density = float(self.winfo_fpixels("1i")) / 72
        self.tk.call("tk", "scaling", self.density * points / NORMAL_SIZE)


class _Root(ttkbootstrap.App, _Measured):
    """The window, measured in one go: a window only to measure the screen would take a tenth of the start."""


def open_look(*, points: int = NORMAL_SIZE, palette: Palette = LIGHT) -> Look:
    """A hidden root window that looks like this. Raises TclError where there is no display."""
    _OwnTheme(name="tlfif").register()
    root = _Root(title="TL-FIF", theme=f"tlfif-{palette.name}", iconphoto=None, points=points)
    density = root.density
    root.withdraw()
    _give_icon(root)
    root.event_add("<<Invoke>>", "<Key-space>")  # the toolkit leaves buttons without the space bar
    # Scaling belongs to the display for as long as this process lives: the next window must find it as it was.
    root.bind("<Destroy>", lambda event: event.widget is root and root.tk.call("tk", "scaling", density), add="+")
    return Look(root, density=density, points=points, palette=palette)


def _give_icon(root: tkinter.Tk) -> None:
    """TL-FIF's own mark, in the task bar and beside the title."""
    folder = Path(__file__).parent
    with contextlib.suppress(tkinter.TclError):  # a mark is not worth a window
        if sys.platform == "win32":
            root.iconbitmap(default=str(folder / "icon.ico"))
        else:
            root.iconphoto(True, tkinter.PhotoImage(master=root, file=str(folder / "icon.png")))


def palette_for(appearance: str, *, system_dark: bool) -> Palette:
    """The palette of a setting: light, dark, or what the system has."""
    if appearance == "system":
        return DARK if system_dark else LIGHT
    return DARK if appearance == "dark" else LIGHT


def system_is_dark(system: str = sys.platform) -> bool:
    """Whether the system is set to dark; False where it does not say."""
    try:
        if system == "darwin":
            command = ["/usr/bin/defaults", "read", "-g", "AppleInterfaceStyle"]
            found = subprocess.run(command, capture_output=True, text=True, timeout=1, check=False)
            return "dark" in found.stdout.lower()
        if system == "win32":
            return _windows_is_dark()
    except (OSError, subprocess.SubprocessError):
        return False
    return False


def _windows_is_dark() -> bool:
    import importlib

    registry = importlib.import_module("winreg")  # by name: it exists on Windows only, also for the type checker
    path = r"Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
    with registry.OpenKey(registry.HKEY_CURRENT_USER, path) as key:
        return bool(registry.QueryValueEx(key, "AppsUseLightTheme")[0] == 0)
