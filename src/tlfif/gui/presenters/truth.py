"""The truth line: what is the case, what it costs, what to press. Recomputed from the rest of the state."""

from dataclasses import replace

from tlfif.client.wire import MachineView
from tlfif.gui.presenters.words import countdown, how_many, model_title, plain, usd_rate
from tlfif.gui.state import Link, Press, TruthKind, TruthLine, WindowState

ALIVE = frozenset({"launching", "loading", "ready", "draining", "stopping"})
"""Machine states in which a machine exists or may exist, and may cost money."""
_PHASES = {
    "launch": "starting up",
    "engine_start": "loading the model",
    "prove": "trying the model out",
}
BRIEF = {
    TruthKind.CONNECTING: "Connecting…",
    TruthKind.OFF: "Off",
    TruthKind.HELD: "Off: you stopped it",
    TruthKind.LAUNCHING: "Starting up",
    TruthKind.LOADING: "Loading",
    TruthKind.READY: "Ready",
    TruthKind.ANSWERING: "Answering",
    TruthKind.IDLE: "Idle",
    TruthKind.STOPPING: "Stopping…",
    TruthKind.NO_CAPACITY: "AWS has none free",
    TruthKind.NO_QUOTA: "AWS must allow it first",
    TruthKind.BUDGET_LOCKED: "Budget used up",
    TruthKind.BROKEN: "It did not start",
    TruthKind.NOT_CONNECTED: "Not connected",
}
CONNECTING = TruthLine(
    kind=TruthKind.CONNECTING,
    headline="Looking for TL-FIF's server on this computer…",
    cost="Looking costs nothing.",
    advice="You can type your prompt meanwhile.",
)


def with_truth(state: WindowState, now: float) -> WindowState:
    """The state with its truth line as it is at ``now`` (monotonic seconds); the same object if it did not change."""
    line = truth_of(state, now)
    brief = BRIEF[line.kind]
    if state.connection.link is Link.RETRYING:
        brief = f"Connecting again ({state.connection.attempt} of 3)"
    line = replace(line, brief=brief, brief_cost=brief_cost(state))
    return state if line == state.truth else replace(state, truth=line)


def truth_of(state: WindowState, now: float) -> TruthLine:
    """What is true at ``now``."""
    view = state.machine.view
    if state.connection.link is Link.LOST:
        return _not_connected(state)
    if view is None:
        return CONNECTING
    line = _locked(state, view) if state.cost.budget.locked else None
    line = line or _of_machine(state, view, now)
    if state.connection.link is Link.RETRYING:
        line = replace(line, advice=f"The connection broke; trying again ({state.connection.attempt} of 3).")
    return line


def is_alive(view: MachineView | None) -> bool:
    """Whether a machine exists or may exist."""
    return view is not None and view["state"] in ALIVE


def _of_machine(state: WindowState, view: MachineView, now: float) -> TruthLine:
    match view["state"]:
        case "launching" | "loading":
            return _starting(state, view, now)
        case "ready":
            return _ready(state, view, now)
        case "draining" | "stopping":
            return _stopping(state, view)
        case "no_capacity":
            return _no_capacity(state, view)
        case "no_quota":
            return _no_quota(state, view)
        case "broken" if not view["held"]:
            return _broken(state, view)
        case _:
            return _held(state, view) if view["held"] else _off(state, view)


def _off(state: WindowState, view: MachineView) -> TruthLine:
    eta = view["eta_seconds"]
    ready = f" It is ready after about {countdown(max(1.0, eta))}." if eta else ""
    if view["queued"]:
        return TruthLine(
            kind=TruthKind.LAUNCHING,
            headline=f"{how_many(view['queued'], 'prompt')} accepted; a machine is being asked for",
            cost=cost_words(state, running=False),
            advice=f"Nothing to press.{ready}",
        )
    return TruthLine(
        kind=TruthKind.OFF,
        headline="Off: no machine runs",
        cost=cost_words(state, running=False),
        advice=f"Type a prompt and press Send; the machine starts by itself.{ready}",
        since=view["since"],
    )


def _held(state: WindowState, view: MachineView) -> TruthLine:
    kept = f" {how_many(view['queued'], 'prompt')} kept for later." if view["queued"] else ""
    return TruthLine(
        kind=TruthKind.HELD,
        headline=f"Off: you stopped the machine.{kept}",
        cost=cost_words(state, running=False),
        advice="Press Start machine, or send a prompt: then what was kept is answered, too.",
        presses=(Press.START_MACHINE,),
        since=view["since"],
    )


def _starting(state: WindowState, view: MachineView, now: float) -> TruthLine:
    launching = view["state"] == "launching"
    left = _left(state, view["eta_seconds"], now)
    whole = state.machine.countdown_from
    what = _PHASES.get(view["phase"] or "launch", _PHASES["launch"])
    title = f" ({model_title(view['model'])})" if view["model"] and not launching else ""
    waiting = view["queued"] + view["running"]
    kept = f"{how_many(waiting, 'prompt')} accepted and kept" if waiting else "Nothing waits for it"
    return TruthLine(
        kind=TruthKind.LAUNCHING if launching else TruthKind.LOADING,
        headline=f"Machine is {what}{title}",
        cost=cost_words(state, running=True),
        advice=f"{kept}. Nothing to press; Stop GPU ends it at once.",
        countdown_seconds=left,
        countdown="" if left is None else (f"about {countdown(left)} left" if left >= 1 else "any moment now"),
        progress=None if left is None or not whole else min(1.0, max(0.0, 1 - left / whole)),
        since=view["since"],
    )


def _ready(state: WindowState, view: MachineView, now: float) -> TruthLine:
    title = model_title(view["model"]) if view["model"] else "The machine"
    if view["running"]:
        waiting = f", {view['queued']} waiting" if view["queued"] else ""
        return TruthLine(
            kind=TruthKind.ANSWERING,
            headline=f"Answering: {how_many(view['running'], 'prompt')}{waiting}",
            cost=cost_words(state, running=True),
            advice="Cancel ends one answer, Stop GPU ends the machine.",
            since=view["since"],
        )
    left = _left(state, view["idle_seconds_left"], now)
    if left is None or view["queued"]:
        return TruthLine(
            kind=TruthKind.READY,
            headline=f"Ready: {title} answers at once",
            cost=cost_words(state, running=True),
            advice="Type a prompt and press Send.",
            since=view["since"],
        )
    return TruthLine(
        kind=TruthKind.IDLE,
        headline=f"Ready and idle: {title}",
        cost=cost_words(state, running=True),
        advice="It answers at once, and ends itself when the time is up. Stop GPU ends it now.",
        countdown_seconds=left,
        countdown=f"ends itself in {countdown(left)}",
        since=view["since"],
    )


def _stopping(state: WindowState, view: MachineView) -> TruthLine:
    draining = view["state"] == "draining"
    finishing = f"finishing {how_many(view['running'], 'answer')}, then it ends" if view["running"] else "ending"
    why = f" ({plain(view['reason'])})" if view["reason"] else ""
    return TruthLine(
        kind=TruthKind.STOPPING,
        headline=f"Machine is {finishing}{why}" if draining else f"Stopping…{why}",
        cost=cost_words(state, running=True),
        advice=(
            "Nothing to press; Stop GPU does not wait for the answer."
            if draining
            else "Nothing to press. It counts as off once that is confirmed."
        ),
        since=view["since"],
    )


def _no_capacity(state: WindowState, view: MachineView) -> TruthLine:
    waiting = _waiting_words(view)
    return TruthLine(
        kind=TruthKind.NO_CAPACITY,
        headline=f"AWS has no such machine free at the moment{_reason(view)}",
        cost=cost_words(state, running=False),
        advice=f"{waiting} It is asked again every two minutes; Start machine asks now.",
        presses=(Press.START_MACHINE,),
        since=view["since"],
    )


def _no_quota(state: WindowState, view: MachineView) -> TruthLine:
    return TruthLine(
        kind=TruthKind.NO_QUOTA,
        headline=f"Your AWS account may not run a GPU machine yet{_reason(view)}",
        cost=cost_words(state, running=False),
        advice=(
            "Ask AWS once: Service Quotas, “Running On-Demand G and VT instances”, at least 4. It takes a day or two. "
            f"{_waiting_words(view)} Press Start machine when AWS has agreed."
        ),
        presses=(Press.START_MACHINE,),
        since=view["since"],
    )


def _broken(state: WindowState, view: MachineView) -> TruthLine:
    again = "It is tried again by itself. " if view["queued"] else ""
    return TruthLine(
        kind=TruthKind.BROKEN,
        headline=f"The machine did not start or did not survive{_reason(view)}",
        cost=cost_words(state, running=False),
        advice=f"{again}Press Start machine to try now; the Machine tab has the reasons.",
        presses=(Press.START_MACHINE, Press.OPEN_MACHINE),
        since=view["since"],
    )


def _locked(state: WindowState, view: MachineView) -> TruthLine | None:
    """None while a machine is on its way out: then that is the truth."""
    if view["state"] in {"draining", "stopping"}:
        return None
    alive = is_alive(view)
    what = "Rehearsal: the month's budget would be used up" if state.cost.budget.rehearsal else "The budget is used up"
    return TruthLine(
        kind=TruthKind.BUDGET_LOCKED,
        headline=f"{what}; {'the machine is being ended' if alive else 'no machine starts'}",
        cost=cost_words(state, running=alive),
        advice="Press Release budget to go on this month, or raise the limit in the Cost tab.",
        presses=(Press.RELEASE_BUDGET, Press.OPEN_COST),
    )


def _not_connected(state: WindowState) -> TruthLine:
    cause = state.connection.problem
    view, report = state.machine.view, state.cost.report
    if report is not None and report["region"] is None:
        cost = "Costs nothing on this computer; a machine without its server ends itself within 30 s."
    elif is_alive(view):
        cost = f"If the machine still runs: {cost_words(state, running=True)} It ends itself when it is idle."
    else:
        cost = "No machine was running when it was last heard of."
    return TruthLine(
        kind=TruthKind.NOT_CONNECTED,
        headline=f"Not connected: {cause.title[0].lower() + cause.title[1:]}" if cause else "Not connected",
        cost=cost,
        advice=f"{cause.message} {cause.advice}".strip() if cause else "Press Connect.",
        presses=(Press.RECONNECT,),
    )


def cost_words(state: WindowState, *, running: bool) -> str:
    """What the present state costs, in one sentence; what AWS would take is named as such."""
    report = state.cost.report
    if report is None:
        return "What it costs is not known yet."
    as_if = report["as_if_aws"]
    if report["region"] is None:
        if not running or as_if is None or not as_if["running_usd_per_hour"]:
            return "Costs nothing on this computer."
        hourly = usd_rate(as_if["running_usd_per_hour"])
        return f"Costs nothing on this computer. On AWS this would cost {hourly} an hour."
    if running:
        hour = report["running_usd_per_hour"]
        if not hour:
            return "Costs nothing yet: AWS does not count the machine as running."
        return f"Costs {usd_rate(hour)} an hour, by the second, 60 seconds at least."
    kept = report["standing_usd_per_month"]
    return f"No machine is paid for. What is kept on AWS costs {usd_rate(kept)} a month." if kept else "Costs nothing."


def brief_cost(state: WindowState) -> str:
    """The same in few words."""
    report = state.cost.report
    if report is None:
        return "Cost not known yet"
    alive, as_if = is_alive(state.machine.view), report["as_if_aws"]
    if report["region"] is None:
        hourly = as_if["running_usd_per_hour"] if alive and as_if is not None else 0.0
        return f"Free here; on AWS {usd_rate(hourly)} an hour" if hourly else "Costs nothing here"
    if alive:
        hourly = report["running_usd_per_hour"]
        return f"Costs {usd_rate(hourly)} an hour" if hourly else "Costs nothing yet"
    kept = report["standing_usd_per_month"]
    return f"What is kept costs {usd_rate(kept)} a month" if kept else "Costs nothing"


def _left(state: WindowState, seconds: float | None, now: float) -> float | None:
    """What is left of a time that the server named when it was heard."""
    return None if seconds is None else max(0.0, round(seconds - max(0.0, now - state.machine.heard_at), 1))


def _reason(view: MachineView) -> str:
    return f": {plain(view['reason']).rstrip('.')}" if view["reason"] else ""


def _waiting_words(view: MachineView) -> str:
    return f"{how_many(view['queued'], 'prompt')} kept." if view["queued"] else "Nothing waits."
