"""The status line: what is going on, what it costs, what to press. Computed from the rest of the state."""

from dataclasses import replace

from tlfif.gui.model.state import Link, Press, StatusKind, StatusLine, WindowState
from tlfif.gui.presenters.cost_words import brief_cost, cost_words
from tlfif.gui.presenters.problems import MODEL_AT_FAULT, NOT_SIGNED_IN, plain, problem
from tlfif.gui.presenters.rights import allowed
from tlfif.wire.machines import MachineView
from tlfif.wording.figures import countdown, how_many
from tlfif.wording.machines import (
    UNATTENDED,
    as_sentence,
    fault_text,
    is_alive,
    model_title,
    phase_text,
    start_price_text,
    stop_name,
    time_left,
)

BRIEF = {
    StatusKind.CONNECTING: "Connecting…",
    StatusKind.OFF: "Off",
    StatusKind.HELD: "Off – you stopped it",
    StatusKind.LAUNCHING: "Starting up",
    StatusKind.LOADING: "Loading",
    StatusKind.READY: "Ready",
    StatusKind.ANSWERING: "Answering",
    StatusKind.IDLE: "Idle",
    StatusKind.STOPPING: "Stopping…",
    StatusKind.NO_CAPACITY: "AWS has no machine free",
    StatusKind.NO_QUOTA: "AWS must allow it first",
    StatusKind.BUDGET_LOCKED: "Budget used up",
    StatusKind.BROKEN: "Could not start",
    StatusKind.UNATTENDED: "Cannot start a machine",
    StatusKind.NOT_CONNECTED: "Not connected",
    StatusKind.SIGNED_OUT: "Not signed in",
}
SIGN_IN_ADVICE = "Your home on AWS answers only you. Press Sign in; your browser opens."
LONG_REASON = 60
"""Characters; a longer reason is shown below the headline."""
CONNECTING = StatusLine(
    kind=StatusKind.CONNECTING,
    headline="Looking for TL-FIF's server…",
    cost="Looking starts no machine.",
    advice="You can type your prompt meanwhile.",
)


def with_status_line(state: WindowState, now: float) -> WindowState:
    """The state with its status line as it is at ``now`` (monotonic seconds); the same object if it did not change."""
    line = status_line_of(state, now)
    brief = BRIEF[line.kind]
    if state.connection.link is Link.RETRYING:
        brief = f"Connecting again ({state.connection.attempt} of 3)"
    presses = allowed(line.presses, owns=state.home.view.owns)
    line = replace(line, brief=brief, brief_cost=brief_cost(state), presses=presses)
    return state if line == state.status_line else replace(state, status_line=line)


def status_line_of(state: WindowState, now: float) -> StatusLine:
    """What the line says at ``now`` (monotonic seconds)."""
    view = state.machine.view
    if state.connection.link is Link.LOST:
        cause = state.connection.problem
        signed_out = cause is not None and cause.code in NOT_SIGNED_IN
        return _signed_out(state) if signed_out else _not_connected(state)
    if view is None:
        return _looking(state)
    line = _locked(state, view) if state.cost.budget.locked else None
    line = replace(line or _of_machine(state, view, now), cost=cost_words(state))
    if state.connection.link is Link.RETRYING:
        line = replace(line, advice=f"The connection broke; trying again ({state.connection.attempt} of 3).")
    return line


def _of_machine(state: WindowState, view: MachineView, now: float) -> StatusLine:
    if fault := fault_text(view):
        return StatusLine(kind=StatusKind.UNATTENDED, headline=UNATTENDED, advice=plain(fault))
    match view["state"]:
        case "launching" | "loading":
            return _starting(state, view, now)
        case "ready":
            return _ready(state, view, now)
        case "draining" | "stopping":
            return _stopping(view)
        case "no_capacity":
            return _no_capacity(view)
        case "no_quota":
            return _no_quota(view)
        case "broken" if not view["held"] or view.get("code") in MODEL_AT_FAULT:
            return _broken(view)
        case _:
            return _held(view) if view["held"] else _off(state, view, now)


def _off(state: WindowState, view: MachineView, now: float) -> StatusLine:
    eta = view["eta_seconds"]
    ready = f" It is ready in about {countdown(max(1.0, eta))}." if eta else ""
    if view["queued"]:
        left = _left(state, eta, now)
        return StatusLine(
            kind=StatusKind.LAUNCHING,
            headline=f"Asking for a machine: {how_many(view['queued'], 'prompt')} waiting",
            advice="Your prompts are kept, also if this window is closed.",
            countdown_seconds=left,
            countdown=_left_words(left),
        )
    return StatusLine(
        kind=StatusKind.OFF,
        headline="Off – no machine is running",
        advice=f"Send a prompt and a machine starts.{ready}{_first_type(state)}",
    )


def _first_type(state: WindowState) -> str:
    """Which machine would be tried first, and for how much; empty where that is not known, or costs nothing."""
    report = state.cost.report
    types = [] if report is None else report.get("types", [])  # a home that was deployed earlier does not send it
    return f" {start_price_text(types)}".rstrip()


def _held(view: MachineView) -> StatusLine:
    kept = f"; {how_many(view['queued'], 'prompt')} kept" if view["queued"] else ""
    return StatusLine(
        kind=StatusKind.HELD,
        headline=f"Off – you stopped the machine{kept}",
        advice="Start machine goes on with what is kept. So does a new prompt.",
        presses=(Press.START_MACHINE,),
    )


def _starting(state: WindowState, view: MachineView, now: float) -> StatusLine:
    launching = view["state"] == "launching"
    left = _left(state, view["eta_seconds"], now)
    whole = state.machine.countdown_from
    title = f" ({model_title(view['model'])})" if view["model"] and not launching else ""
    waiting = view["queued"] + view["running"]
    kept = f"{how_many(waiting, 'prompt')} waiting" if waiting else "No prompt is waiting"
    return StatusLine(
        kind=StatusKind.LAUNCHING if launching else StatusKind.LOADING,
        headline=f"{_upper(phase_text(view))}{title}",
        advice=f"{kept}. {stop_name(view)} ends it at once.",
        countdown_seconds=left,
        countdown=_left_words(left),
        progress=None if left is None or not whole else min(1.0, max(0.0, 1 - left / whole)),
    )


def _ready(state: WindowState, view: MachineView, now: float) -> StatusLine:
    title = model_title(view["model"]) if view["model"] else "The machine"
    if view["running"]:
        waiting = f", {view['queued']} waiting" if view["queued"] else ""
        return StatusLine(
            kind=StatusKind.ANSWERING,
            headline=f"Answering {how_many(view['running'], 'prompt')}{waiting}",
            advice=f"Cancel ends one answer, {stop_name(view)} ends the machine.",
        )
    left = _left(state, view["idle_seconds_left"], now)
    if left is None or view["queued"]:
        return StatusLine(
            kind=StatusKind.READY,
            headline=f"Ready: {title} answers at once",
            advice="Type a prompt and press Send.",
        )
    return StatusLine(
        kind=StatusKind.IDLE,
        headline=f"Ready: {title}",
        advice=f"It answers at once. {stop_name(view)} ends it now.",
        countdown_seconds=left,
        countdown=f"shuts down in {countdown(left)}",
    )


def _stopping(view: MachineView) -> StatusLine:
    draining = view["state"] == "draining"
    finishing = (
        f"Finishing {how_many(view['running'], 'answer')}, then it shuts down" if view["running"] else "Shutting down"
    )
    why = f" ({plain(view['reason']).rstrip('.')})" if view["reason"] else ""
    return StatusLine(
        kind=StatusKind.STOPPING,
        headline=f"{finishing}{why}" if draining else f"Stopping…{why}",
        advice=(
            f"{stop_name(view)} does not wait for the answer."
            if draining
            else "It counts as off once that is confirmed."
        ),
    )


def _no_capacity(view: MachineView) -> StatusLine:
    again = "" if "asked again" in view["reason"] else " TL-FIF asks again every 2 minutes; Start machine asks now."
    return StatusLine(
        kind=StatusKind.NO_CAPACITY,
        headline=f"AWS has no machine free now{_reason(view)}",
        advice=f"{_waiting_words(view)}{_long_reason(view)}{again}",
        presses=(Press.START_MACHINE,),
    )


def _no_quota(view: MachineView) -> StatusLine:
    """The reason says what is missing: the quota, the account's plan, or that AWS has not opened the account."""
    usual = (
        " Ask AWS for it once: Service Quotas, “Running On-Demand G and VT instances”, 8. That takes a day or two; "
        "then press Start machine. A machine without a GPU needs no such quota: deploy with its type in the list."
    )
    return StatusLine(
        kind=StatusKind.NO_QUOTA,
        headline=f"Your AWS account may not run such a machine yet{_reason(view)}",
        advice=f"{_waiting_words(view)}{_long_reason(view) or usual}",
        presses=(Press.START_MACHINE,),
    )


def _broken(view: MachineView) -> StatusLine:
    code = view.get("code", "")
    if code in MODEL_AT_FAULT:
        cause = problem(code, view["reason"])
        return StatusLine(
            kind=StatusKind.BROKEN,
            headline=cause.title,
            advice=f"{as_sentence(cause.message)} {cause.advice}",
            presses=(*cause.presses, Press.OPEN_MACHINE),
        )
    again = " TL-FIF tries again by itself." if view["queued"] else ""
    return StatusLine(
        kind=StatusKind.BROKEN,
        headline=f"The machine did not start, or broke{_reason(view)}",
        advice=f"{_long_reason(view)}{again} Press Start machine to try now; the Machine tab has the reasons.".strip(),
        presses=(Press.START_MACHINE, Press.OPEN_MACHINE),
    )


def _locked(state: WindowState, view: MachineView) -> StatusLine | None:
    """None while a machine is ending: the line shows that instead."""
    if view["state"] in {"draining", "stopping"}:
        return None
    alive = is_alive(view)
    what = "Practice mode: the budget would be used up" if state.cost.budget.practice else "The budget is used up"
    return StatusLine(
        kind=StatusKind.BUDGET_LOCKED,
        headline=f"{what}; {'the machine is being ended' if alive else 'no machine starts'}",
        advice="Press Release budget to go on this month, or raise the limit in the Cost tab.",
        presses=(Press.RELEASE_BUDGET, Press.OPEN_COST),
    )


def _not_connected(state: WindowState) -> StatusLine:
    cause = state.connection.problem
    report = state.cost.report
    if report is not None and report["region"] is None:
        cost = "Costs nothing on this computer; a machine without its server shuts down within 30 s."
    else:
        cost = _unknown_cost(state)
    return StatusLine(
        kind=StatusKind.NOT_CONNECTED,
        headline=f"Not connected: {cause.title[0].lower() + cause.title[1:]}" if cause else "Not connected",
        cost=cost,
        advice=f"{cause.message} {cause.advice}".strip() if cause else "Press Connect.",
        presses=(Press.RECONNECT,),
    )


def _signed_out(state: WindowState) -> StatusLine:
    cause = state.connection.problem
    if state.home.signing:
        return StatusLine(
            kind=StatusKind.SIGNED_OUT,
            headline="Signing in: your browser waits for you",
            cost=_unknown_cost(state),
            advice="Sign in there, within 5 minutes. No browser? Settings has the address to copy.",
            presses=(Press.CANCEL_SIGN_IN, Press.OPEN_SETTINGS),
        )
    found = cause.title if cause is not None and cause.code != "signed_out" else "Not signed in to your home on AWS"
    advice = f"{cause.message} {cause.advice}" if cause is not None and cause.code != "signed_out" else SIGN_IN_ADVICE
    presses = cause.presses if cause is not None else ()
    return StatusLine(
        kind=StatusKind.SIGNED_OUT,
        headline=found,
        cost=_unknown_cost(state),
        advice=advice.strip(),
        presses=presses if Press.SIGN_IN in presses else (*presses, Press.SIGN_IN),
    )


def _unknown_cost(state: WindowState) -> str:
    """What it may cost while the server cannot be asked."""
    view = state.machine.view
    if is_alive(view):
        return f"If the machine still runs: {cost_words(state)} It shuts down when it is idle."
    if view is None and state.home.view.on_aws:
        return "This costs nothing by itself. A machine that runs on AWS shuts down when it is idle."
    return "No machine was running at the last report."


def _looking(state: WindowState) -> StatusLine:
    if not state.home.view.on_aws:
        return CONNECTING
    return replace(CONNECTING, headline=f"Asking your home on {state.home.view.place}…")


def _left(state: WindowState, seconds: float | None, now: float) -> float | None:
    """What is left now of a time that the server's last report named."""
    return None if seconds is None else max(0.0, round(seconds - max(0.0, now - state.machine.updated_at), 1))


def _left_words(left: float | None) -> str:
    return "" if left is None else time_left(left)


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _reason(view: MachineView) -> str:
    """A short reason, for the headline."""
    found = plain(view["reason"]).rstrip(".")
    return f": {found}" if found and len(found) <= LONG_REASON else ""


def _long_reason(view: MachineView) -> str:
    found = plain(view["reason"])
    return f" {found}" if len(found.rstrip(".")) > LONG_REASON else ""


def _waiting_words(view: MachineView) -> str:
    return f"{how_many(view['queued'], 'prompt')} waiting." if view["queued"] else "No prompt is waiting."
