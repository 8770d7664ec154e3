"""The bridge: while a machine on AWS starts for a prompt, the model of this computer answers it, too.

Nothing else is sent to AWS for it, and this computer charges nothing. Where no model of this computer can answer, the
prompt waits as it would without.
"""

from dataclasses import dataclass
from typing import cast

from tlfif.jobs.events import Event, EventKind
from tlfif.wire.jobs import Asking, ReceiptView
from tlfif.wire.machines import MachineView

_FOR_PROGRAMS = ("form", "tools", "logprobs")
"""What a program reads: two answers to it would be two too many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeBegun:
    """This computer has the prompt, and begins to answer it (again)."""

    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeExtended:
    """More of its answer."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOver:
    """Nothing more comes. ``why``: why there is no whole answer; empty where there is one."""

    receipt: ReceiptView | None = None
    why: str = ""


BridgeUpdate = BridgeBegun | BridgeExtended | BridgeOver


def waits_for_start(machine: MachineView) -> bool:
    """Whether a prompt that was accepted with this machine waits until one has started."""
    return machine["state"] != "ready"


def asks_for_prose(asking: Asking) -> bool:
    """Whether its answer is for a person."""
    return asking.get("task", "chat") == "chat" and all(asking.get(name) is None for name in _FOR_PROGRAMS)


def asking_here(asking: Asking) -> Asking:
    """The same prompt for this computer: its own model, its own idle time-out, as long an answer as there is room."""
    there = ("model", "idle_timeout_minutes")
    return cast(
        Asking, {name: value for name, value in asking.items() if name not in there} | {"fits_max_tokens": True}
    )


def bridge_update(event: Event, *, model: str) -> BridgeUpdate | None:
    """What an event of this computer's job is to its reader."""
    if event.kind is EventKind.DELTA:
        text = str(event.data["text"])
        return BridgeExtended(text=text) if text else None
    if event.kind is EventKind.RESTARTED:
        return BridgeBegun(model=model)
    if not event.kind.is_terminal:
        return None
    receipt = cast(ReceiptView | None, event.data.get("receipt"))
    if event.kind is EventKind.SUCCEEDED and receipt is not None:
        return BridgeOver(receipt=receipt)
    return BridgeOver(why=str(event.data.get("error_message") or f"its answer ended as {event.kind}"))
