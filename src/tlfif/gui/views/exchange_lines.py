"""What is shown above and below an answer, as pieces of text with their style names. Draws nothing."""

from datetime import datetime

from tlfif.gui.model.home_view import is_same_place
from tlfif.gui.model.state import LABELS, Exchange, ExchangeStage, Press
from tlfif.wording.machines import HERE, model_title

Piece = tuple[str, tuple[str, ...]]
"""A text and its tags."""

CANCEL, RETRY, REGENERATE, COPY = "cancel", "retry", "regenerate", "copy"
EDIT, DETAILS, LESS, EARLIER, LATER = "edit", "details", "less", "earlier", "later"
COPY_CODE, OPEN_LINK = "copy_code", "open_link"
ACTION = "action"
"""The tag of everything that can be pressed; a second tag ``do-…`` says what it does."""
URGED = "urged"
"""The tag of what one would press now: it stands out."""
NAMES = {
    CANCEL: "Cancel",
    RETRY: "Try again",
    REGENERATE: "Regenerate",
    COPY: "Copy",
    EDIT: "Edit",
    DETAILS: "Details",
    LESS: "Fewer details",
    EARLIER: "‹",
    LATER: "›",
}
_URGED = frozenset({CANCEL, RETRY})
_GAP = "     "


def head_of(exchange: Exchange, version: tuple[int, int] = (1, 1)) -> list[Piece]:
    """The prompt, when it was asked, and where if that is not this computer; which of its versions this is, and of how
    many; who answers, and that it is this computer while a machine on AWS starts."""
    asked = datetime.fromtimestamp(exchange.asked_at)
    when = f"{asked:%H:%M}" if asked.date() == datetime.now().date() else f"{asked:%d %b %Y, %H:%M}"
    where = "" if is_same_place(exchange.place, HERE) else f"  ·  {exchange.place}"
    who = ("who", "prompt", "first")
    place, count = version
    bridge = exchange.bridge
    here = [(f"{bridge.line}\n", ("mark",))] if bridge is not None and bridge.stands else []
    turns = [_action(EARLIER, who), (f" {place}/{count} ", who), _action(LATER, who), (_GAP, who)] if count > 1 else []
    return [
        (f"You  ·  {when}{where}\t", who),
        *turns,
        _action(EDIT, who),
        ("\n", who),
        (exchange.prompt.rstrip("\n") + "\n", ("said", "prompt")),
        ("\n", ("pad", "prompt")),
        (f"{name_of(exchange)}\n", ("name",)),
        *here,
    ]


def name_of(exchange: Exchange) -> str:
    """Who answers, and with what setting where that is not the usual one."""
    name = model_title(exchange.model) if exchange.model else "Answer"
    return f"{name}  ·  {exchange.setting}" if exchange.setting else name


def foot_of(exchange: Exchange) -> list[Piece]:
    """Everything below the answer: its status, what went wrong, what it took in short, what can be done; all that it
    took where that was asked for."""
    pieces: list[Piece] = [(f"{mark}\n", ("mark",)) for mark in exchange.marks]
    if exchange.bridge is not None and not exchange.bridge.stands:
        pieces.append((f"{exchange.bridge.line}\n", ("receipt",)))
    if exchange.gave_way:
        pieces.append(("The next prompt goes on from the version before this one.\n", ("mark",)))
    if exchange.status:
        pieces.append((f"{exchange.status}\n", ("status",)))
    if exchange.problem is not None:
        problem = exchange.problem
        pieces.append((f"{problem.title}. ", ("problem", "strong")))
        pieces.append((f"{problem.message} {problem.advice}".strip() + "\n", ("problem",)))
    pieces += _last_line(exchange)
    if exchange.detailed:
        pieces += [(f"{line}\n", ("receipt",)) for line in details_of(exchange)]
    return pieces


def details_of(exchange: Exchange) -> list[str]:
    """All of what an answer took, and what a model thought before it."""
    receipt = exchange.receipt
    lines = [] if receipt is None else [receipt.line, receipt.cost]
    if exchange.reasoning:
        lines.append(f"Thinking, before the answer: {exchange.reasoning}")
    return [line for line in lines if line]


def _last_line(exchange: Exchange) -> list[Piece]:
    """What it took, and what can be pressed, in one line; none where there is nothing."""
    brief = exchange.receipt.brief if exchange.receipt is not None else ""
    pieces: list[Piece] = [(brief + _GAP, ("actions",))] if brief else []
    for name, label in actions_of(exchange):
        pieces += [_action(name, ("actions",), label), (_GAP, ("actions",))]
    return [*pieces[:-1], ("\n", ("actions",))] if len(pieces) > 1 else []


def _action(name: str, tags: tuple[str, ...], label: str = "") -> Piece:
    urged = (URGED,) if name in _URGED or name not in NAMES else ()
    return label or NAMES[name], (*tags, ACTION, *urged, f"do-{name}")


def actions_of(exchange: Exchange) -> list[tuple[str, str]]:
    """What can be pressed below an answer: its name and its label."""
    found = []
    if exchange.can_cancel:
        found.append(CANCEL)
    if exchange.can_retry:
        found.append(RETRY)
    if exchange.answer and exchange.stage.is_over:
        found.append(COPY)
    if exchange.can_regenerate:
        found.append(REGENERATE)
    if details_of(exchange):
        found.append(LESS if exchange.detailed else DETAILS)
    actions = [(name, NAMES[name]) for name in found]
    for press in exchange.problem.presses if exchange.problem is not None else ():
        if not (press is Press.RETRY and exchange.can_retry) and exchange.stage is not ExchangeStage.CANCELLING:
            actions.append((str(press), LABELS[press]))
    return actions
