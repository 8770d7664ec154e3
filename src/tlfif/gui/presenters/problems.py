"""From an error's stable code to what the owner reads: a title, what to do, what to press."""

from dataclasses import dataclass

from tlfif.gui.model.state import Press, Problem
from tlfif.kernel.errors import TlfifError


@dataclass(frozen=True, slots=True)
class _Cause:
    title: str
    advice: str
    presses: tuple[Press, ...] = ()
    says: str = ""
    """Shown instead of the error's own sentence, which may be meant for a terminal."""


_AGAIN = (Press.RETRY,)
_LINK = (Press.RECONNECT,)
_MONEY = (Press.RELEASE_BUDGET, Press.OPEN_COST)
_SIGN_IN = (Press.SIGN_IN,)
_START = (Press.START_MACHINE,)
_IMAGES = (Press.OPEN_IMAGES,)
_KEPT = "Accepted prompts continue without the window and appear again once it is connected."

_CAUSES: dict[str, _Cause] = {
    # The way to the server
    "gateway_failed": _Cause("The server did not answer", f"Press Connect. {_KEPT}", _LINK),
    "connection_lost": _Cause("The connection broke", f"Press Connect. {_KEPT}", _LINK),
    "not_reachable": _Cause("No server answers", f"Press Connect. {_KEPT}", _LINK),
    "server_stopped": _Cause("The background server was stopped", "Press Connect to start it again.", _LINK),
    "server_silent": _Cause("The server does not answer in time", "Wait a moment, then press Connect.", _LINK),
    "server_start_failed": _Cause("The server could not start", "Fix what is named here, then press Connect.", _LINK),
    "server_gone": _Cause("The server ended by itself", "Press Connect to start it again.", _LINK),
    "home_not_usable": _Cause("TL-FIF's folder cannot be used", "Then press Connect.", _LINK),
    "home_not_private": _Cause("TL-FIF's folder is not yours alone", "Then press Connect.", _LINK),
    "port_taken": _Cause("The server's port is in use", "Choose another, then press Connect.", _LINK),
    "port_unusable": _Cause("The server's port is not free for you", "Choose another, then press Connect.", _LINK),
    "settings_invalid": _Cause("A setting is wrong", "Correct it, then press Connect.", _LINK),
    "token_wrong": _Cause(
        "The server does not know this window", "Close every TL-FIF window and open one again.", _LINK
    ),
    "host_wrong": _Cause("That is not TL-FIF's server", "Close every TL-FIF window and open one again.", _LINK),
    "stream_malformed": _Cause("The server is of another version", "Close the window and open it again.", _AGAIN),
    "answer_malformed": _Cause("The server is of another version", "Close the window and open it again.", _LINK),
    "profile_damaged": _Cause("The file that says where prompts are answered is damaged", "Then press Connect.", _LINK),
    "profile_missing": _Cause(
        "There is no home on AWS yet", "Choose this computer in Settings.", (Press.OPEN_SETTINGS, Press.RECONNECT)
    ),
    # Signing in to AWS
    "signed_out": _Cause(
        "You are not signed in",
        "Press Sign in; your browser opens.",
        _SIGN_IN,
        says="Your home on AWS answers only you.",
    ),
    "token_expired": _Cause("Your sign-in has run out", "Press Sign in; your browser opens.", _SIGN_IN),
    "keyring_failed": _Cause("This computer's keyring did not open", "Unlock it, then press Connect.", _LINK),
    "sign_in_unreachable": _Cause(
        "The sign-in service cannot be reached", "Check the network, then press Connect.", _LINK
    ),
    "sign_in_busy": _Cause("Another program is signing in", "End it, then press Connect.", _LINK),
    "sign_in_malformed": _Cause("The sign-in service does not work", "Press Sign in to try again.", _SIGN_IN),
    "sign_in_not_ours": _Cause(
        "Another page answered", "Close pages that you do not know, then press Sign in.", _SIGN_IN
    ),
    "sign_in_ports_taken": _Cause(
        "Other programs use the ports of the sign-in", "End one of them, then press Sign in.", _SIGN_IN
    ),
    "sign_in_refused": _Cause("The sign-in was declined", "Press Sign in to try again.", _SIGN_IN),
    "sign_in_timeout": _Cause(
        "Nobody signed in", "Press Sign in to try again.", _SIGN_IN, says="The browser did not come back in 5 minutes."
    ),
    "id_token_invalid": _Cause(
        "The proof of your identity is not valid", "Look at this computer's clock, then press Sign in.", _SIGN_IN
    ),
    # Money
    "budget_locked": _Cause(
        "The month's budget is used up",
        "Raise the limit in the Cost tab, or release the budget for this month.",
        _MONEY,
    ),
    "budget_no_room": _Cause(
        "A start does not fit into the budget",
        "Shorten the idle time-out, raise the limit, or release the budget for this month.",
        _MONEY,
    ),
    "budget_invalid": _Cause("That is not a limit", "Type an amount such as 20."),
    # The machine and its model
    "machine_broken": _Cause(
        "The machine does not start", "Press Start machine to try again.", (Press.START_MACHINE, Press.OPEN_MACHINE)
    ),
    "no_capacity": _Cause("AWS has no machine free", "Start machine asks at once.", _START),
    "no_quota": _Cause("Your AWS account may not run such a machine yet", "Press Start machine when it may.", _START),
    "account_plan": _Cause("Your AWS account is on the Free plan", "Press Start machine when that is done.", _START),
    "account_pending": _Cause("AWS has not opened your account yet", "Press Start machine when it has.", _START),
    "image_missing": _Cause(
        "There is no image to start from", "Build and promote one in Images.", (Press.OPEN_IMAGES, Press.START_MACHINE)
    ),
    "aws_denied": _Cause("AWS does not permit it", "Then press Start machine.", _START),
    "aws_busy": _Cause("AWS is too busy", "TL-FIF tries again by itself.", _START),
    "aws_unreachable": _Cause("AWS does not answer", "TL-FIF tries again by itself.", _START),
    "no_schedule": _Cause("The machine was stopped again", "Then press Start machine.", _START),
    "router_unreachable": _Cause("The request did not arrive", "Press Start machine again.", _START),
    "router_silent": _Cause(
        "Perhaps a machine is being started", "Look in a minute, then press Start machine.", _START
    ),
    "model_in_image": _Cause("On AWS the model is part of the image", "There is nothing to download."),
    "machine_failed": _Cause("The machine did not start", "Read the reason, then try again.", _AGAIN),
    "model_absent": _Cause("The model is not on this computer", "Download it in Settings.", (Press.OPEN_SETTINGS,)),
    "model_corrupt": _Cause("The model's file is damaged", "Download it again in Settings.", (Press.OPEN_SETTINGS,)),
    "model_file_invalid": _Cause(
        "The model file cannot be used", "Choose another in Settings.", (Press.OPEN_SETTINGS,)
    ),
    "model_unusable": _Cause("The model cannot be used", "Choose another in Settings.", (Press.OPEN_SETTINGS,)),
    "engine_stuck": _Cause(
        "The engine got stuck on this prompt", "Choose another in Settings.", (Press.OPEN_SETTINGS,)
    ),
    "hub_unreachable": _Cause(
        "The model cannot be downloaded", "Check the network, or choose the small model.", (Press.OPEN_SETTINGS,)
    ),
    "disk_full": _Cause("The disk is full", "Free some space, then try again.", _AGAIN),
    "unknown_model": _Cause("There is no such model", "Choose another one in Settings.", (Press.OPEN_SETTINGS,)),
    # Images
    "image_not_offered": _Cause("This image no longer waits for you", "Look at it again.", _IMAGES),
    "image_not_approved": _Cause("This image is not approved", "Approve it first.", _IMAGES),
    "image_changed": _Cause("Somebody else has decided already", "Look at it again.", _IMAGES),
    "image_in_use": _Cause("This image is in use", "Promote another one first.", _IMAGES),
    "image_gone": _Cause("The image does not exist any more", "The one in use stays. Promote another one.", _IMAGES),
    "image_pointer_invalid": _Cause("Somebody changed what machines start from", "Promote one again.", _IMAGES),
    "rollback_impossible": _Cause("There is no image to go back to", "Promote another one.", _IMAGES),
    "images_not_here": _Cause("This home makes no images", "Bring it up to date.", _IMAGES),
    "owner_only": _Cause("Only an owner of this home may do this", "Ask one of them."),
    # The prompt
    "prompt_too_long": _Cause("The prompt is too long", "Shorten it, or ask for a shorter answer in Settings."),
    "body_too_large": _Cause("The prompt is too long", "Shorten it, then send it again."),
    "answer_empty": _Cause("The model gave no answer", "Allow longer answers in Settings, then try again.", _AGAIN),
    "engine_rejected": _Cause("The model refuses this prompt", "Change it, then send it again."),
    "queue_full": _Cause("Too many prompts wait", "Wait a moment, then try again.", _AGAIN),
    # The answer
    "attempts_exhausted": _Cause("Three attempts gave no answer", "Try again, or look at the machine.", _AGAIN),
    "run_timeout": _Cause("The answer took too long", "Ask for a shorter one in Settings, then try again.", _AGAIN),
    "expired": _Cause("It waited too long", "Press Try again.", _AGAIN),
    "cancelled": _Cause("Cancelled elsewhere", "Try again if it was not you.", _AGAIN),
    "job_not_found": _Cause("The server no longer has this answer", "Press Try again to ask once more.", _AGAIN),
    "not_sent": _Cause("The window was closed before this was sent", "Press Try again to send it.", _AGAIN),
    # The server's own trouble
    "storage_damaged": _Cause(
        "The job file is damaged", "Type the command that is named here, then press Connect.", _LINK
    ),
    "storage_foreign": _Cause("The job file is another program's", "Then press Connect.", _LINK),
    "storage_newer": _Cause("The job file is of a newer TL-FIF", "Then press Connect.", _LINK),
    "storage_full": _Cause("Could not save: disk full", "Free some space, then try again.", _AGAIN),
    "storage_failed": _Cause("It could not be saved or read", "Do what is named here, then try again.", _AGAIN),
    "internal_error": _Cause("TL-FIF made a mistake", "Try again. If it happens twice, report it.", _AGAIN),
    "unavailable": _Cause("A service that is needed does not answer", "Try again in a moment.", _AGAIN),
}


MODEL_AT_FAULT = frozenset({"model_unusable", "model_file_invalid", "model_corrupt", "model_absent", "unknown_model"})
"""Codes that mean: with this model no start can succeed."""
NOT_SIGNED_IN = frozenset(
    {
        "signed_out", "token_expired", "id_token_invalid", "keyring_failed", "sign_in_unreachable", "sign_in_busy",
        "sign_in_malformed", "sign_in_not_ours", "sign_in_ports_taken", "sign_in_refused", "sign_in_timeout",
    }
)  # fmt: skip
"""Codes that mean: the sign-in is missing, not the server."""


def is_signed_out(error: TlfifError, *, on_aws: bool) -> bool:
    """Whether the sign-in is missing. The gateway before the API answers ``http_401``, the API ``token_wrong``."""
    return error.code in NOT_SIGNED_IN or (on_aws and error.code in {"token_wrong", "http_401"})


def problem_of(error: TlfifError) -> Problem:
    """The problem that an error is, with the error's own sentence as its message."""
    return problem(error.code, error.message)


def own_message(name: str, title: str, message: str, *, advice: str = "", presses: tuple[Press, ...] = ()) -> Problem:
    """A problem that is not an error of the API. Of two with the same ``name`` only the newer one is shown."""
    return Problem(code=name, title=title, message=message, advice=advice, presses=presses)


def problem(code: str, message: str) -> Problem:
    """The same from a code and a sentence, as the end of a job has them."""
    cause = _CAUSES.get(code, _Cause("That did not work", "", _AGAIN))
    message = cause.says or plain(message)
    return Problem(code=code, title=cause.title, message=message, advice=cause.advice, presses=cause.presses)


def plain(sentence: str) -> str:
    """The sentence without commands in brackets: in the window these are buttons."""
    text = sentence
    while (start := text.find(" (./tlfif")) >= 0:
        end = text.find(")", start)
        if end < 0:
            break
        text = text[:start] + text[end + 1 :]
    return text
