"""What the system is to tell while the window is elsewhere. No word of a prompt or an answer is in it."""

from tlfif.gui.model.commands import Command, TellSystem
from tlfif.gui.model.messages import AnswerProgressed, MachineUpdated
from tlfif.gui.model.state import WindowState
from tlfif.gui.presenters.step import GuiEvent
from tlfif.jobs.events import EventKind

READY, MACHINE = "An answer is ready.", "The machine is ready."
_ENDS = {EventKind.SUCCEEDED: READY, EventKind.FAILED: "An answer failed.", EventKind.EXPIRED: "An answer failed."}


def told_elsewhere(before: WindowState, state: WindowState, event: GuiEvent) -> tuple[Command, ...]:
    """At most one notice. Of a machine that becomes ready for an answer under way only the answer is told."""
    if state.looked_at or not state.settings.values.notify:
        return ()
    match event:
        case AnswerProgressed(event=fact) if fact.kind in _ENDS:
            return (TellSystem(text=_ENDS[fact.kind]),)
        case MachineUpdated() if _is_ready(state) and _was_starting(before):
            busy = state.conversation.is_busy or state.elsewhere
            return () if busy else (TellSystem(text=MACHINE),)
        case _:
            return ()


def _is_ready(state: WindowState) -> bool:
    return state.machine.view is not None and state.machine.view["state"] == "ready"


def _was_starting(state: WindowState) -> bool:
    return state.machine.view is not None and state.machine.view["state"] in {"launching", "loading"}
