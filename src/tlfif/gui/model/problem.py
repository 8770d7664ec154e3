"""What went wrong, and the buttons that help."""

from dataclasses import dataclass
from enum import StrEnum


class Press(StrEnum):
    """A button that a text offers. The view shows the label that ``LABELS`` gives it and sends the intent."""

    RETRY = "retry"
    RECONNECT = "reconnect"
    START_MACHINE = "start_machine"
    RELEASE_BUDGET = "release_budget"
    UNDO_BUDGET = "undo_budget"
    OPEN_COST = "open_cost"
    OPEN_SETTINGS = "open_settings"
    OPEN_MACHINE = "open_machine"
    OPEN_IMAGES = "open_images"
    APPROVE_IMAGE = "approve_image"
    PROMOTE_IMAGE = "promote_image"
    SIGN_IN = "sign_in"
    CANCEL_SIGN_IN = "cancel_sign_in"
    DELETE_AGAIN = "delete_again"
    DELETE_HERE = "delete_here"


LABELS = {
    Press.RETRY: "Try again",
    Press.RECONNECT: "Connect",
    Press.START_MACHINE: "Start machine",
    Press.RELEASE_BUDGET: "Release budget",
    Press.UNDO_BUDGET: "Undo",
    Press.OPEN_COST: "Show cost",
    Press.OPEN_SETTINGS: "Open settings",
    Press.OPEN_MACHINE: "Show machine",
    Press.OPEN_IMAGES: "Show images",
    Press.APPROVE_IMAGE: "Approve",
    Press.PROMOTE_IMAGE: "Promote",
    Press.SIGN_IN: "Sign in",
    Press.CANCEL_SIGN_IN: "Cancel sign-in",
    Press.DELETE_AGAIN: "Delete again",
    Press.DELETE_HERE: "Delete here only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What went wrong: ``title`` in a few words, ``message`` what happened, ``advice`` what to do; one cause each.

    ``code`` is the error's stable code, or the window's own name for a message that is no error of the API.
    """

    code: str
    title: str
    message: str
    advice: str = ""
    presses: tuple[Press, ...] = ()


HOPELESS = frozenset({"prompt_too_long", "body_too_large", "engine_rejected", "messages_too_many"})
"""Codes that mean: the same prompt is refused again, however often it is sent."""
