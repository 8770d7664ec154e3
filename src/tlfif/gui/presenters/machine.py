"""Stop, Start, the idle time-out's field, and the log of what the machine did."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import ReadPastMachines, SetIdleTimeout, StartMachine, StopMachine
from tlfif.gui.model.messages import (
    AnswerAccepted,
    AnswerDelayed,
    CommandFailed,
    IdleTimeoutSet,
    MachineStopped,
    MachineUpdated,
    PastMachinesListed,
)
from tlfif.gui.model.state import IdleEntry, MachineLogLine, MachinePanel, Press, StopButton, WindowState
from tlfif.gui.presenters.problems import plain, problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step, with_notice, without_notices
from tlfif.jobs.limits import check_idle_minutes
from tlfif.kernel.errors import InvalidInputError
from tlfif.kernel.typed_number import typed_number
from tlfif.machines.policy import MAX_IDLE_TIMEOUT_MINUTES, MIN_IDLE_TIMEOUT_MINUTES
from tlfif.wire.machines import MachineView, StopResult
from tlfif.wording.figures import how_many
from tlfif.wording.machines import idle_price_text, is_alive, stop_name

LOG_LINES = 200
RANGE_TEXT = f"{MIN_IDLE_TIMEOUT_MINUTES:g} to {MAX_IDLE_TIMEOUT_MINUTES:g} minutes; there is no “never”"
_MINE = frozenset({"StopMachine", "StartMachine"})
_WORDS = {
    "off": "shut down",
    "launching": "started",
    "loading": "is loading the model",
    "ready": "ready",
    "draining": "is finishing its answers",
    "stopping": "is shutting down",
    "no_capacity": "did not start: no capacity",
    "no_quota": "did not start: no quota",
    "broken": "broke",
}


def present_machine(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """Messages about the machine, and the controls that change it."""
    match event:
        case MachineUpdated(machine=view) | AnswerDelayed(machine=view) | IdleTimeoutSet(machine=view):
            return _with_machine(state, view, moment, event)
        case AnswerAccepted(accepted=accepted):
            return _with_machine(state, accepted["machine"], moment, event)
        case MachineStopped(result=result):
            panel = _updated(state.machine, result["machine"], moment, event)
            cancels = panel.stop_cancels or bool(result["cancelled"])
            panel = replace(panel, stopped_text=stopped_words(result), stop_cancels=cancels)
            return Step(replace(state, machine=panel))
        case PastMachinesListed(machines=machines):
            return Step(replace(state, machine=replace(state.machine, past=machines)))
        case CommandFailed(command=command, error=error) if command in _MINE:
            panel = replace(state.machine, stop_asked_for=None, stop_cancels=False)
            panel = replace(panel, stop=_stop_button(panel), start_enabled=not is_alive(panel.view))
            return Step(with_notice(replace(state, machine=panel), problem_of(error), moment.at))
        case CommandFailed(command="SetIdleTimeout", error=error):
            return Step(_with_idle(state, replace(state.machine.idle, problem=plain(error.message), saving=False)))
        case _:
            return _pressed(state, event)


def _pressed(state: WindowState, event: GuiEvent) -> Step:
    match event:
        case intents.ShowTab(name="machine"):
            return Step(state, (ReadPastMachines(),))
        case intents.StopMachineNow(jobs=jobs):
            return _stop(state, StopMachine(jobs=jobs))
        case intents.PressButton(press=Press.START_MACHINE):
            commands = (StartMachine(model=state.settings.values.model),)
            return Step(replace(state, machine=replace(state.machine, start_enabled=False, stopped_text="")), commands)
        case intents.TypeIdleMinutes(text=text):
            return Step(_with_idle(state, _with_price(typed(state.machine.idle, text), state)))
        case intents.ApplyIdleMinutes():
            return _apply_idle(state)
        case _:
            return Step(state)


def stopped_words(result: StopResult) -> str:
    """What became of the machine and of the answers after the stop."""
    machine = "The machine was stopped." if result["was_running"] else "No machine was running."
    if result["cancelled"]:
        ended = how_many(len(result["cancelled"]), "prompt")
        return f"{machine} {ended} cancelled; what was written so far stays here."
    if result["requeued"]:
        return f"{machine} {how_many(len(result['requeued']), 'prompt')} kept: Start machine goes on with them."
    return machine


def minutes_of(text: str) -> float:
    """What was typed, as minutes. Raises InvalidInputError."""
    value = typed_number(text)
    if value is None:
        raise InvalidInputError(f"Type minutes as a number, {RANGE_TEXT}.", code="idle_timeout_out_of_range")
    check_idle_minutes(float(value))
    return float(value)


def typed(entry: IdleEntry, text: str) -> IdleEntry:
    """The field with this text in it."""
    try:
        minutes_of(text)
    except InvalidInputError as error:
        return replace(entry, text=text, problem=error.message, editing=True)
    return replace(entry, text=text, problem="", editing=True)


def _with_price(entry: IdleEntry, state: WindowState) -> IdleEntry:
    """What waiting that long may cost stands below the field before it is set; on this computer the range."""
    report = state.cost.report
    types = () if report is None or entry.problem else report.get("types", ())
    price = idle_price_text(minutes_of(entry.text), types) if types else ""
    return replace(entry, range_text=price or RANGE_TEXT)


def _apply_idle(state: WindowState) -> Step:
    entry = state.machine.idle
    if not entry.editing or entry.problem:
        return Step(state)
    minutes = minutes_of(entry.text)
    if minutes == entry.in_force:
        return Step(_with_idle(state, replace(entry, text=f"{minutes:g}", editing=False)))
    return Step(_with_idle(state, replace(entry, saving=True)), (SetIdleTimeout(minutes=minutes),))


def _says(entry: IdleEntry, minutes: float | None) -> bool:
    """Whether the text in the field means these minutes."""
    return not entry.problem and minutes_of(entry.text) == minutes


def _with_idle(state: WindowState, entry: IdleEntry) -> WindowState:
    return replace(state, machine=replace(state.machine, idle=entry))


def _stop(state: WindowState, command: StopMachine) -> Step:
    view = state.machine.view
    asked = (view and view["machine_id"]) or "unknown"
    panel = replace(state.machine, stop_asked_for=asked, stop_cancels=command.jobs == "cancel", stopped_text="")
    panel = replace(panel, stop=_stop_button(panel))
    return Step(without_notices(replace(state, machine=panel), "machine_failed"), (command,))


def _with_machine(state: WindowState, view: MachineView, moment: Moment, event: object) -> Step:
    """After a report on the machine. Where it changed while its tab is in front, read its past again."""
    panel = _updated(state.machine, view, moment, event)
    changed = panel.log is not state.machine.log and state.tab == "machine"
    return Step(replace(state, machine=panel), (ReadPastMachines(),) if changed else ())


def _updated(panel: MachinePanel, view: MachineView, moment: Moment, event: object) -> MachinePanel:
    old = panel.view
    asked = panel.stop_asked_for
    if asked is not None and (not is_alive(view) or view["machine_id"] not in {asked, None}):
        asked = None  # confirmed: it is gone, or this is another one
    if asked is None and is_alive(view):  # what the stop did belongs to a machine that is gone
        panel = replace(panel, stopped_text="", stop_cancels=False)
    changed = replace(
        panel,
        view=view,
        updated_at=moment.now,
        stop_asked_for=asked,
        start_enabled=not is_alive(view) and not (view["queued"] and not view["held"]),
        countdown_from=_whole_start(panel, view),
        log=_log(panel.log, old, view, moment.at),
        idle=_idle_updated(panel.idle, view["idle_timeout_minutes"], confirmed=isinstance(event, IdleTimeoutSet)),
    )
    return replace(changed, stop=_stop_button(changed))


def _idle_updated(entry: IdleEntry, minutes: float | None, *, confirmed: bool) -> IdleEntry:
    if confirmed:
        # What was typed on meanwhile is not taken away.
        entry = replace(entry, editing=entry.editing and bool(entry.problem or not _says(entry, minutes)), saving=False)
    if minutes is None:
        return entry if entry.range_text else replace(entry, range_text=RANGE_TEXT)
    text = entry.text if entry.editing else f"{minutes:g}"
    note = entry.range_text if entry.editing and entry.range_text else RANGE_TEXT
    changed = replace(entry, in_force=minutes, text=text, range_text=note)
    return entry if changed == entry else changed


def _whole_start(panel: MachinePanel, view: MachineView) -> float | None:
    """The longest estimate of this start: what its progress is measured by."""
    if view["state"] not in {"launching", "loading"}:
        return None
    return max(panel.countdown_from or 0.0, view["eta_seconds"] or 0.0) or None


def _stop_button(panel: MachinePanel) -> StopButton:
    button = _button(panel)
    return button if button.pending else replace(button, label=stop_name(panel.view))


def _button(panel: MachinePanel) -> StopButton:
    view = panel.view
    if panel.stop_asked_for is not None:
        return StopButton(label="Stopping…", pending=True, hint="It counts as off once that is confirmed.")
    if view is None or not is_alive(view):
        return StopButton()
    if view["state"] == "stopping":
        return StopButton(label="Stopping…", pending=True, hint="It is shutting down.")
    lost = " The answer under way is cancelled; what was written so far stays." if view["running"] else ""
    return StopButton(enabled=True, hint=f"Ends the machine at once.{lost}")


def _log(
    lines: tuple[MachineLogLine, ...], old: MachineView | None, new: MachineView, at: float
) -> tuple[MachineLogLine, ...]:
    if old is None and not is_alive(new):
        return lines  # it ended before this window was there
    if old is not None and (old["state"], old["machine_id"]) == (new["state"], new["machine_id"]):
        return lines
    why = plain(new["reason"] or "")
    if new["state"] == "launching":
        why = why.removeprefix("started ")
    reason = f": {why}" if why else ""
    line = MachineLogLine(at=at, text=f"Machine {_WORDS.get(new['state'], new['state'])}{reason}")
    if lines and lines[0].text == line.text:
        return lines
    return (line, *lines)[:LOG_LINES]
