"""The main window: tabs below the status line, keys, size and position, the loop that polls the core."""

import logging
import re
import sys
import tkinter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import ttkbootstrap as ttk

from tlfif.gui.core import POLL_MS_AT_REST, WindowCore
from tlfif.gui.look.theme import Look, palette_for
from tlfif.gui.model import intents
from tlfif.gui.model.preferences import Preferences
from tlfif.gui.model.state import Closing, WindowState
from tlfif.gui.views.chat_tab import ChatTab
from tlfif.gui.views.composer_view import KEYS
from tlfif.gui.views.context import ViewContext, is_short, smallest_size, usual_size
from tlfif.gui.views.dialog_view import DialogView
from tlfif.gui.views.edit_menu import EditMenus
from tlfif.gui.views.exchange_lines import REGENERATE, RETRY, actions_of
from tlfif.gui.views.keys_view import KeysView
from tlfif.gui.views.notice_bar import NoticeBar
from tlfif.gui.views.status_bar import StatusBar
from tlfif.kernel.plain_text import one_line
from tlfif.wording.scripts import cut_at

if TYPE_CHECKING:
    from tlfif.gui.desktop.file_dialogs import FileDialogs
    from tlfif.gui.views.cost_tab import CostTab
    from tlfif.gui.views.images_tab import ImagesTab
    from tlfif.gui.views.machine_tab import MachineTab
    from tlfif.gui.views.settings_tab import SettingsTab

    View = ChatTab | CostTab | MachineTab | ImagesTab | SettingsTab

log = logging.getLogger(__name__)

TABS = {"chat": "Chat", "cost": "Cost", "machine": "Machine", "images": "Images", "settings": "Settings"}
DRAWN_MS = 60
"""Milliseconds from opening the window until it is drawn and takes keys."""
LOOKED_MS = 200
"""Milliseconds after which the keyboard counts as gone: it also wanders within the window."""
SETTLED_MS = 1000
"""Milliseconds after which an unchanged size or position is stored."""
GEOMETRY = re.compile(r"(\d+)x(\d+)([+-]-?\d+)([+-]-?\d+)")


def view_of(tab: str, parent: tkinter.Misc, context: ViewContext) -> "View":
    """A tab's view. Its modules are loaded when it is looked at, so that the window is usable sooner."""
    match tab:
        case "cost":
            from tlfif.gui.views.cost_tab import CostTab

            return CostTab(parent, context)
        case "machine":
            from tlfif.gui.views.machine_tab import MachineTab

            return MachineTab(parent, context)
        case "images":
            from tlfif.gui.views.images_tab import ImagesTab

            return ImagesTab(parent, context)
        case _:
            from tlfif.gui.views.settings_tab import SettingsTab

            return SettingsTab(parent, context)


class MainWindow:
    """Draws a core's state in ``root``. ``system_dark``: the system's own setting.

    Tabs other than the first are built when they are looked at, so that the window is usable at once.
    """

    def __init__(self, root: tkinter.Tk, core: WindowCore, look: Look, *, system_dark: bool = False) -> None:
        self.root = root
        self.core = core
        self.look = look
        self._system_dark = system_dark
        self._timers: dict[str, str] = {}
        self._short = False
        self._soon = False
        self._exports = Path.home()
        self._file_dialogs: FileDialogs | None = None
        mac = root.tk.call("tk", "windowingsystem") == "aqua"
        self.context = ViewContext(
            look=look,
            press=self._press,
            copy=self._copy,
            ask_path=self._ask_path,
            ask_files=self._ask_files,
            command_key="Command" if mac else "Control",
            command_name="Cmd" if mac else "Ctrl",
            opened_points=look.points,
        )
        root.title("TL-FIF")
        root.report_callback_exception = self.failed
        self.status_bar = StatusBar(root, self.context)
        self._line = ttk.Frame(root, style="Line.TFrame", height=1)
        self.notices = NoticeBar(root, self.context)
        self.tabs = ttk.Notebook(root)
        self._pages = {name: ttk.Frame(self.tabs) for name in TABS}
        for name, title in TABS.items():
            self.tabs.add(self._pages[name], text=title)
        self.chat = ChatTab(self._pages["chat"], self.context)
        self.chat.pack(fill="both", expand=True)
        self.views: dict[str, View] = {"chat": self.chat}
        self.dialog = DialogView(root, self.context)
        self.keys = KeysView(root, self.context, enter_sends=lambda: core.state.settings.values.enter_sends)
        self.edit_menus = EditMenus(root, self.context)
        self.status_bar.pack(fill="x")
        self._line.pack(fill="x")
        self.notices.pack(fill="x")
        self.tabs.pack(fill="both", expand=True)
        self._place(core.state.settings.values)
        self._restyle()
        self.render(None, core.state)
        core.subscribe(self.render)
        self._bind()

    def open(self) -> None:
        """Show it and begin to poll."""
        self.root.deiconify()
        self.chat.composer.text.focus_set()
        # Drawn first: the first poll loads the bridge and may start the server, which keeps the processor busy.
        self._after("poll", DRAWN_MS, self._poll)

    def render(self, old: WindowState | None, new: WindowState) -> None:
        """Draw what changed."""
        if new.closing is Closing.CLOSED:
            self.core.close()
            self.leave()
            return
        if old is not None and old.settings.values != new.settings.values:
            self._look_of(new.settings.values)
        if old is None or old.conversation.title != new.conversation.title:
            title = new.conversation.title
            self.root.title(f"{title} – TL-FIF" if title else "TL-FIF")
        self.status_bar.render(old, new)
        self.notices.render(old, new)
        self._tab(old, new)
        for view in self.views.values():
            view.render(old, new)
        self.dialog.render(old, new)

    def _tab(self, old: WindowState | None, new: WindowState) -> None:
        if new.tab not in self.views and new.tab in TABS:
            view = view_of(new.tab, self._pages[new.tab], self.context)
            view.pack(fill="both", expand=True)
            self.views[new.tab] = view
            view.render(None, new)
        # Else what is in front was clicked just now, and the word of that is still on its way.
        turned = old is None or old.tab != new.tab
        if turned and self.tabs.select() != str(self._pages[new.tab]):
            self.tabs.select(self._pages[new.tab])
            self._focus_in(new.tab)

    def _focus_in(self, tab: str) -> None:
        """Move the focus out of a tab that has just been hidden."""
        at = str(self.root.tk.call("focus"))
        if any(at.startswith(str(page)) for name, page in self._pages.items() if name != tab):
            (self.chat.composer.text if tab == "chat" else self.tabs).focus_set()

    def _look_of(self, values: Preferences) -> None:
        palette = palette_for(values.appearance, system_dark=self._system_dark)
        if (palette, values.font_size) != (self.look.palette, self.look.points):
            self.look.use(palette=palette, points=values.font_size)
            self._restyle()

    def _restyle(self) -> None:
        px = self.look.px
        self._short = is_short(self.look)
        self.root.minsize(*self._smallest())
        self.look.finish(short=self._short)
        self.root.configure(background=self.look.palette.ground)
        self.notices.configure(padding=(px(10), px(6) if self.core.state.notices else 0, px(10), 0))
        for part in (self.status_bar, self.notices, self.dialog, self.keys, *self.views.values()):
            part.restyle()

    def _bind(self) -> None:
        root, press = self.root, self.core.press
        self.tabs.bind(
            "<<NotebookTabChanged>>", lambda _: press(intents.ShowTab(list(TABS)[int(self.tabs.index("current"))]))
        )
        root.protocol("WM_DELETE_WINDOW", lambda: press(intents.CloseWindow()))
        root.bind("<Unmap>", lambda event: self._visible(event, False), add="+")
        root.bind("<Map>", lambda event: self._visible(event, True), add="+")
        root.bind("<Configure>", self._moved, add="+")
        for sequence in ("<FocusIn>", "<FocusOut>"):
            root.bind(sequence, lambda _: self._after("looked_at", LOOKED_MS, self._look_whether), add="+")
        self._key("<{}-l>", self._to_prompt)
        self._key("<{}-t>", self._to_idle)
        self._key("<{}-n>", self._new)
        self._key("<{}-f>", self._to_search)
        self._key("<{}-h>", self._toggle_history)
        self._key("<{}-e>", self.chat.history.export_chosen)
        self._key("<Control-Up>", self._to_answers)
        self._key("<F3>", lambda: self.chat.history.go_to_match(1))
        self._key("<Shift-F3>", lambda: self.chat.history.go_to_match(-1))
        self._key("<{}-r>", self._again)
        self._key("<{}-Shift-C>", self._copy_newest)
        self._key("<{}-Shift-S>", lambda: press(intents.StopMachineNow()))
        for number, name in enumerate(TABS, start=1):
            self._key(f"<{{}}-Key-{number}>", lambda name=name: press(intents.ShowTab(name)))  # type: ignore[misc]  # lambda's defaults
        self._key("<Escape>", self._cancel)
        self._key("<F1>", self.keys.toggle)

    def _key(self, sequence: str, action: Callable[[], None]) -> None:
        """Bind a key for the whole window, before the prompt's own keys. It does nothing while a dialog is open."""

        def pressed(_event: object) -> str | None:
            if self.core.state.dialog is not None:
                return None
            action()
            return "break"

        wanted = sequence.format(self.context.command_key)
        self.root.bind(wanted, pressed)
        self.root.bind_class(KEYS, wanted, pressed)

    def _to_prompt(self) -> None:
        self.core.press(intents.ShowTab("chat"))
        self.chat.uncover()
        self.chat.composer.text.focus_set()

    def _to_answers(self) -> None:
        self.core.press(intents.ShowTab("chat"))
        self.chat.uncover()
        self.chat.conversation.actions.choose_newest()

    def _to_idle(self) -> None:
        self.core.press(intents.ShowTab("chat"))
        self.chat.uncover()
        self.chat.controls.idle.entry.focus_set()
        self.chat.controls.idle.entry.selection_range(0, "end")

    def _new(self) -> None:
        self.core.press(intents.NewConversation())
        self._to_prompt()

    def _to_search(self) -> None:
        self.core.press(intents.ShowTab("chat"))
        self.chat.show_history(True)
        self.chat.history.search.focus_set()

    def _toggle_history(self) -> None:
        self.core.press(intents.ShowTab("chat"))
        self.chat.show_history()

    def _again(self) -> None:
        exchanges = self.core.state.conversation.exchanges
        if exchanges:
            able = {name for name, _ in actions_of(exchanges[-1])}
            for name in (REGENERATE, RETRY):
                if name in able:
                    self.chat.conversation.actions.press(exchanges[-1], name)
                    return

    def _copy_newest(self) -> None:
        written = [one for one in self.core.state.conversation.exchanges if one.answer]
        if written:
            self._copy(str(written[-1].answer))

    def _cancel(self) -> None:
        running = [one for one in self.core.state.conversation.everything if one.can_cancel]
        if running:
            self.core.press(intents.CancelAnswer(running[-1].id))
        elif self.core.state.conversation.compared:
            self.core.press(intents.EndComparing())
        elif self.core.state.composer.editing:
            self.core.press(intents.LeaveEditing())

    def _copy(self, text: str) -> None:
        self.root.clipboard_clear()
        self.root.clipboard_append(text)

    def _ask_path(self, title: str) -> Path | None:
        kinds = [("Markdown", "*.md"), ("PDF", "*.pdf"), ("JSON", "*.json")]
        # Without what some file system refuses; letters of every script keep their signs.
        safe = re.sub(r'[\\/:*?"<>|.\x00-\x1f]+', "", title).strip()
        safe = safe[: cut_at(safe, 40)].strip() or "conversation"
        found = self._dialogs().to_write(title="Export", start=self._exports / f"{safe}.md", kinds=kinds)
        if found is not None:
            self._exports = found.parent
        return found

    def _ask_files(self) -> tuple[Path, ...]:
        found = self._dialogs().to_read(title="Attach text files", start=self._exports)
        if found:
            self._exports = found[0].parent
        return found

    def _dialogs(self) -> "FileDialogs":
        """Loaded when somebody wants one."""
        from tlfif.gui.desktop.file_dialogs import FileDialogs

        if self._file_dialogs is None:
            self._file_dialogs = FileDialogs(self.root)
        return self._file_dialogs

    def _place(self, values: Preferences) -> None:
        """Restore size and position, if that is still on the screen."""
        wide, high = self.root.winfo_screenwidth(), self.root.winfo_screenheight()
        found = GEOMETRY.fullmatch(values.geometry)
        if found is None:
            width, height = usual_size(self.look.scale, (wide, high))
            self.root.geometry(f"{width}x{height}+{max(0, (wide - width) // 2)}+{max(0, (high - height) // 3)}")
            return
        width, height, x, y = (int(part) for part in found.groups())
        least = self._smallest()
        width, height = max(least[0], min(width, wide)), max(least[1], min(height, high))
        if not (-width // 2 < x < wide - 100 and 0 <= y < high - 60):  # its screen may be gone
            x, y = max(0, (wide - width) // 2), max(0, (high - height) // 3)
        self.root.geometry(f"{width}x{height}+{x}+{y}")

    def _smallest(self) -> tuple[int, int]:
        return smallest_size(self.look.letters, (self.root.winfo_screenwidth(), self.root.winfo_screenheight()))

    def _moved(self, event: "tkinter.Event[tkinter.Misc]") -> None:
        if event.widget is self.root:
            if is_short(self.look) is not self._short:
                self._restyle()
            self._after("geometry", SETTLED_MS, self._remember_place)

    def _remember_place(self) -> None:
        geometry = self.root.geometry()
        values = self.core.state.settings.values
        if GEOMETRY.fullmatch(geometry) and geometry != values.geometry:
            self.core.press(intents.ChangeSettings(replace(values, geometry=geometry)))

    def _visible(self, event: "tkinter.Event[tkinter.Misc]", visible: bool) -> None:
        if event.widget is self.root and self.core.state.visible is not visible:
            self.core.press(intents.WindowVisible(visible))

    def _look_whether(self) -> None:
        """Whether one of this program's windows has the keyboard."""
        looked_at = str(self.root.tk.call("focus", "-displayof", self.root)) != ""
        if looked_at is not self.core.state.looked_at:
            self.core.press(intents.WindowLookedAt(looked_at))

    def _after(self, name: str, milliseconds: int, action: Callable[[], None]) -> None:
        """Run ``action`` once after that time, however often this is called meanwhile."""
        if name in self._timers:
            self.root.after_cancel(self._timers[name])
        self._timers[name] = self.root.after(milliseconds, action)

    def _press(self, intent: intents.Intent) -> None:
        """What the owner did. The result of what is done outside for it is looked for soon."""
        self.core.press(intent)
        awaited = self.core.poll_ms < POLL_MS_AT_REST
        if awaited and not self._soon and "poll" in self._timers and self.core.state.closing is not Closing.CLOSED:
            self._soon = True
            self._after("poll", self.core.poll_ms, self._poll)

    def _poll(self) -> None:
        try:
            self.core.poll()
        finally:
            if self.core.state.closing is not Closing.CLOSED:
                again = self.core.poll_ms
                self._soon = again < POLL_MS_AT_REST
                self._after("poll", again, self._poll)

    def failed(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """A callback raised: show it in the window and log it."""
        log.error("A callback of the window failed.", exc_info=(kind, error, trace))
        try:
            self.core.press(intents.CallbackFailed(f"{kind.__name__}: {error}"))
        except Exception:  # drawing the notice may fail for the same reason
            log.exception("The failure could not be shown.")
            sys.stderr.write(f"tlfif: the window failed: {kind.__name__}: {one_line(str(error))}\n")

    def leave(self) -> None:
        """Destroy the window, whatever the state says."""
        self._timers = {}
        for timer in self.root.tk.splitlist(self.root.tk.call("after", "info")):  # of every part of the window
            self.root.tk.call("after", "cancel", timer)  # its command goes with its widget
        self.root.destroy()
