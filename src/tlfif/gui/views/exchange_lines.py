"""What is shown above and below an answer, as pieces of text with their style names. Draws nothing."""

from datetime import datetime

from tlfif.gui.model.home_view import is_same_place
from tlfif.gui.model.state import LABELS, Exchange, ExchangeStage, Press
from tlfif.wording.machines import HERE

Piece = tuple[str, tuple[str, ...]]
"""A text and its tags."""

CANCEL, RETRY, REGENERATE, COPY = "cancel", "retry", "regenerate", "copy"
ACTION = "action"
"""The tag of everything that can be pressed; a second tag ``do-…`` says what it does."""
NAMES = {CANCEL: "Cancel", RETRY: "Try again", REGENERATE: "Another answer", COPY: "Copy"}


def head_of(exchange: Exchange) -> list[Piece]:
    """The prompt, when it was asked, and where if that is not this computer."""
    asked = datetime.fromtimestamp(exchange.asked_at)
    when = f"{asked:%H:%M}" if asked.date() == datetime.now().date() else f"{asked:%d %b %Y, %H:%M}"
    where = "" if is_same_place(exchange.place, HERE) else f"  ·  {exchange.place}"
    return [
        (f"You  ·  {when}{where}\n", ("who", "prompt", "first")),
        (exchange.prompt.rstrip("\n") + "\n", ("said", "prompt")),
        ("\n", ("pad", "prompt")),
    ]


def foot_of(exchange: Exchange, *, newest: bool) -> list[Piece]:
    """Everything below the answer: its status, what it took, what went wrong, what can be done."""
    pieces: list[Piece] = [(f"{mark}\n", ("mark",)) for mark in exchange.marks]
    if exchange.superseded:
        pieces.append(("Replaced by another answer below.\n", ("mark",)))
    if exchange.gave_way:
        pieces.append(("The answer above counts again.\n", ("mark",)))
    if exchange.status:
        pieces.append((f"{exchange.status}\n", ("status",)))
    if exchange.problem is not None:
        problem = exchange.problem
        pieces.append((f"{problem.title}. ", ("problem", "strong")))
        pieces.append((f"{problem.message} {problem.advice}".strip() + "\n", ("problem",)))
    if exchange.receipt is not None:
        pieces.append((f"{exchange.receipt.line}\n", ("receipt",)))
        if exchange.receipt.cost:
            pieces.append((f"{exchange.receipt.cost}\n", ("receipt",)))
    if exchange.reasoning:
        pieces.append((f"Thinking, before the answer: {exchange.reasoning}\n", ("receipt",)))
    return [*pieces, *_links(actions_of(exchange, newest=newest))]


def _links(actions: list[tuple[str, str]]) -> list[Piece]:
    """One line of what can be pressed; none where nothing can."""
    pieces: list[Piece] = []
    for name, label in actions:
        pieces += [(label, ("actions", ACTION, f"do-{name}")), ("   ", ("actions",))]
    return [*pieces[:-1], ("\n", ("actions",))] if pieces else []


def actions_of(exchange: Exchange, *, newest: bool) -> list[tuple[str, str]]:
    """What can be pressed below an answer: its name and its label."""
    found = []
    if exchange.can_cancel:
        found.append(CANCEL)
    if exchange.can_retry:
        found.append(RETRY)
    if exchange.answer and exchange.stage.is_over:
        found.append(COPY)
    if newest and exchange.can_regenerate:
        found.append(REGENERATE)
    actions = [(name, NAMES[name]) for name in found]
    for press in exchange.problem.presses if exchange.problem is not None else ():
        if not (press is Press.RETRY and exchange.can_retry) and exchange.stage is not ExchangeStage.CANCELLING:
            actions.append((str(press), LABELS[press]))
    return actions
