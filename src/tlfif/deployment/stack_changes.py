"""What AWS would change in a stack, read before it is executed: in plain words, and what would be lost by it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from tlfif.deployment.plan import idle_cost_of, words_for
from tlfif.kernel.errors import InvalidInputError

_HOLDS = {
    "AWS::Cognito::UserPool": "every user, with password and sign-in",
    "AWS::DynamoDB::Table": "prompts, answers, budget and ledger",
    "AWS::S3::Bucket": "large texts, models and records",
}
"""What cannot be made anew, by the type of resource that holds it."""


class Fate(Enum):
    """What becomes of a resource. A fate that AWS does not tell for certain is the worst that it may be."""

    ADDED = "new"
    CHANGED = "changed"
    REPLACED = "replaced"
    """A new one takes its place, without what is in the old one."""
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One resource. ``name``: AWS's id or name of it, empty for a new one. ``certain``: false where AWS knows only
    while it executes. ``kept``: the old resource stays in the account, outside the home. ``properties``: what changes.
    """

    logical_id: str
    resource_type: str
    name: str
    fate: Fate
    certain: bool = True
    kept: bool = False
    properties: tuple[str, ...] = ()

    @property
    def loses(self) -> bool:
        """Whether the home would lose what cannot be made anew."""
        return self.fate in {Fate.REPLACED, Fate.REMOVED} and self.resource_type in _HOLDS

    @property
    def named(self) -> str:
        """By what the owner names it."""
        return self.name or self.logical_id


def holds_state(resource_type: str) -> bool:
    """Whether a resource of that type holds what cannot be made anew."""
    return resource_type in _HOLDS


def check_losses(changes: Sequence[Change], allowed: Collection[str]) -> None:
    """Refuse changes by which the home would lose data, unless every one of them is named in ``allowed``.

    Raises InvalidInputError (code ``change_would_lose``).
    """
    lost = [one for one in changes if one.loses and one.named not in allowed]
    if not lost:
        return
    options = " ".join(f"--allow-losing {one.named}" for one in lost)
    raise InvalidInputError(
        f"This change would lose data, so it was not made: {'; '.join(loss_text(one) for one in lost)}. Your home "
        f"stands as it was. If that is what you want, name it: ./tlfif deploy {options}",
        code="change_would_lose",
        details={"lost": [one.named for one in lost]},
    )


def loss_text(change: Change) -> str:
    """What would be lost with ``change``, and whether the old one stays."""
    verb = "removed from the home" if change.fate is Fate.REMOVED else "replaced by an empty one"
    may = "would be" if change.certain else "may be"
    after = "stays in the account, unused, and goes on costing its storage" if change.kept else "is deleted for good"
    words = words_for(change.resource_type)
    return f"{words} {change.named} ({_HOLDS[change.resource_type]}) {may} {verb}; the old one {after}"


def change_rows(changes: Sequence[Change]) -> list[tuple[str, str, str]]:
    """One row for each change, what would be lost first: fate, what it is, and what is to be known of it."""
    order = [Fate.REMOVED, Fate.REPLACED, Fate.ADDED, Fate.CHANGED]
    found = sorted(changes, key=lambda one: (not one.loses, order.index(one.fate), one.resource_type, one.logical_id))
    return [(_fate_words(one), f"{words_for(one.resource_type)} {one.named}", _note(one)) for one in found]


def _fate_words(change: Change) -> str:
    return change.fate.value if change.certain else f"perhaps {change.fate.value}"


def _note(change: Change) -> str:
    if change.loses:
        return f"LOSES {_HOLDS[change.resource_type]}"
    if change.fate is Fate.ADDED:
        return idle_cost_of(change.resource_type)
    return ", ".join(change.properties)
