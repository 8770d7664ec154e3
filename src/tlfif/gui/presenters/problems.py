"""One message for each true cause: from an error's stable code to a title, what to do and what to press."""

from dataclasses import dataclass

from tlfif.domain.errors import TlfifError
from tlfif.gui.presenters.words import plain
from tlfif.gui.state import Press, Problem


@dataclass(frozen=True, slots=True)
class _Cause:
    title: str
    advice: str
    presses: tuple[Press, ...] = ()


_AGAIN = (Press.RETRY,)
_LINK = (Press.RECONNECT,)
_MONEY = (Press.RELEASE_BUDGET, Press.OPEN_COST)
_KEPT = "What was accepted goes on without the window and is here again once it is connected."

_CAUSES: dict[str, _Cause] = {
    # The way to the server
    "connection_lost": _Cause("The connection broke", f"Press Connect. {_KEPT}", _LINK),
    "not_reachable": _Cause("No server answers", f"Press Connect. {_KEPT}", _LINK),
    "server_stopped": _Cause("The background server was stopped", "Press Connect to start it again.", _LINK),
    "server_silent": _Cause("The server does not answer in time", "Wait a moment, then press Connect.", _LINK),
    "server_start_failed": _Cause("The server could not start", "Mend what is named here, then press Connect.", _LINK),
    "server_gone": _Cause("The server ended by itself", "Press Connect to start it again.", _LINK),
    "home_not_usable": _Cause("TL-FIF's folder cannot be used", "Then press Connect.", _LINK),
    "settings_invalid": _Cause("A setting is wrong", "Correct it, then press Connect.", _LINK),
    "token_wrong": _Cause(
        "The server does not know this window", "Close every TL-FIF window and open one again.", _LINK
    ),
    "host_wrong": _Cause("That is not TL-FIF's server", "Close every TL-FIF window and open one again.", _LINK),
    "stream_malformed": _Cause("The server is of another version", "Close the window and open it again.", _AGAIN),
    "answer_malformed": _Cause("The server is of another version", "Close the window and open it again.", _LINK),
    # Money
    "budget_locked": _Cause(
        "The month's budget is used up", "Raise the limit in the Cost tab, or press Release budget.", _MONEY
    ),
    "budget_no_room": _Cause(
        "A start does not fit into the budget", "Shorten the idle time-out, raise the limit, or release it.", _MONEY
    ),
    "budget_invalid": _Cause("That is no limit", "Type an amount such as 20."),
    # The machine and its model
    "machine_broken": _Cause(
        "The machine does not start", "Press Start machine to try again.", (Press.START_MACHINE, Press.OPEN_MACHINE)
    ),
    "machine_failed": _Cause("The machine did not start", "Read the reason, then try again.", _AGAIN),
    "model_absent": _Cause("The model is not on this computer", "Fetch it in Settings.", (Press.OPEN_SETTINGS,)),
    "model_corrupt": _Cause("The model's file is damaged", "Fetch it again in Settings.", (Press.OPEN_SETTINGS,)),
    "hub_unreachable": _Cause(
        "The model cannot be fetched", "Check the network, or choose the small model.", (Press.OPEN_SETTINGS,)
    ),
    "disk_full": _Cause("The disk is full", "Free some space, then try again.", _AGAIN),
    "unknown_model": _Cause("There is no such model", "Choose another one in Settings.", (Press.OPEN_SETTINGS,)),
    # The prompt
    "prompt_too_long": _Cause("The prompt is too long", "Shorten it, or ask for a shorter answer in Settings."),
    "body_too_large": _Cause("The prompt is too long", "Shorten it, then send it again."),
    "engine_rejected": _Cause("The model refuses this prompt", "Change it, then send it again."),
    "queue_full": _Cause("Too many prompts wait", "Wait a moment, then try again.", _AGAIN),
    # The answer
    "attempts_exhausted": _Cause("Three attempts gave no answer", "Try again, or look at the machine.", _AGAIN),
    "run_timeout": _Cause("The answer took too long", "Ask for a shorter one in Settings, then try again.", _AGAIN),
    "expired": _Cause("It waited too long", "Press Try again.", _AGAIN),
    "cancelled": _Cause("Cancelled elsewhere", "Try again if it was not you.", _AGAIN),
    "job_not_found": _Cause("The server no longer has this answer", "Press Try again to ask anew.", _AGAIN),
    "not_sent": _Cause("The window was closed before this was sent", "Press Try again to send it.", _AGAIN),
    # The server's own trouble
    "storage_failed": _Cause("The disk refuses to keep it", "Free disk space, then try again.", _AGAIN),
    "internal_error": _Cause("TL-FIF made a mistake", "Try again. If it happens twice, report it.", _AGAIN),
    "unavailable": _Cause("Something that is needed does not answer", "Try again in a moment.", _AGAIN),
}


def problem_of(error: TlfifError) -> Problem:
    """What the owner is told of an error; the error's own sentence stands in the middle."""
    return problem(error.code, error.message)


def own_message(name: str, title: str, message: str, *, advice: str = "", presses: tuple[Press, ...] = ()) -> Problem:
    """A message that is no error of the API; ``name`` keeps two of its kind from standing there at once."""
    return Problem(code=name, title=title, message=message, advice=advice, presses=presses)


def problem(code: str, message: str) -> Problem:
    """The same from its parts, as a job's end has them."""
    cause = _CAUSES.get(code, _Cause("That did not work", "", _AGAIN))
    return Problem(code=code, title=cause.title, message=plain(message), advice=cause.advice, presses=cause.presses)
