"""A personal model: a LoRA adapter, registered under a name, on top of one exact base. Pure rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tlfif.kernel.errors import ConflictError, InvalidInputError, NotAllowedError, TlfifError

MAX_RANK = 64
"""Larger ranks cost memory in every engine and teach a small model nothing more."""
MAX_ADAPTER_BYTES = 512 << 20
"""Of rank 64 on all weights of an 8B model; one for TinyLlama has about ten megabytes."""
PERSONAL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
SHA256 = re.compile(r"[0-9a-f]{64}")

Shape = tuple[int, int]
"""Inputs and outputs of a weight."""


class PersonalState(StrEnum):
    """``registered → approved → retired``, or ``registered → retired``."""

    REGISTERED = "registered"
    """Its owner may ask it, nobody else."""
    APPROVED = "approved"
    """Everybody who may ask in this home may ask it."""
    RETIRED = "retired"
    """Nobody may; its file and its entry are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalModel:
    """One entry of the registry, whose file is known by ``sha256``. ``base_sha256`` is the revision of the base that it
    was checked against: the hash of its weights. ``owner`` is empty in a home with one user. ``created_at`` in epoch
    seconds. ``approved_by``: empty while nobody has, or where the home's only user did."""

    name: str
    owner: str
    base: str
    base_sha256: str
    sha256: str
    size_bytes: int
    rank: int
    created_at: float
    state: PersonalState = PersonalState.REGISTERED
    approved_by: str = ""

    def moved(self, state: PersonalState, *, by: str) -> "PersonalModel":
        """It in another state. Raises ConflictError ``personal_model_retired``."""
        if self.state is PersonalState.RETIRED and state is not PersonalState.RETIRED:
            raise self._retired()
        return replace(self, state=state, approved_by=by if state is PersonalState.APPROVED else self.approved_by)

    def may_see(self, user: str) -> bool:
        """Whether ``user`` may know of it: his own, and those that are shared."""
        return self.owner == user or self.state is PersonalState.APPROVED

    def check_use(self, user: str) -> None:
        """Raises ConflictError ``personal_model_retired``, NotAllowedError ``personal_model_not_shared``."""
        if self.state is PersonalState.RETIRED:
            raise self._retired()
        if not self.may_see(user):
            raise NotAllowedError(
                f"The model {self.name} belongs to somebody else, and is not approved for others. Ask its owner.",
                code="personal_model_not_shared",
            )

    def _retired(self) -> ConflictError:
        return ConflictError(
            f"The model {self.name} was retired and answers no more. Choose another one: ./tlfif model list",
            code="personal_model_retired",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a model's file says of its weights: which architecture, and the shape of each by its name."""

    architecture: str
    shapes: Mapping[str, Shape]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter(Weights):
    """What an adapter's file says of itself. ``shapes``: of the base's weights that it changes."""

    rank: int


def check_name(name: str) -> str:
    """``name`` if a personal model may have it. Raises InvalidInputError ``personal_model_name_invalid``."""
    if not PERSONAL_NAME.fullmatch(name):
        raise InvalidInputError(
            "A personal model's name has 1 to 64 small letters, digits, dots, dashes and underscores, and begins with "
            "a letter or a digit, for example anna-poems-2.",
            code="personal_model_name_invalid",
        )
    return name


def name_taken(name: str) -> ConflictError:
    """Another model has the name."""
    return ConflictError(
        f"There is a model {name} already. Nothing was changed. Take another name, for example {name}-2.",
        code="personal_model_exists",
    )


def check_rank(rank: int) -> int:
    """``rank`` if engines can load it. Raises InvalidInputError ``adapter_rank_wrong``."""
    if not 1 <= rank <= MAX_RANK:
        raise InvalidInputError(
            f"The adapter's rank is {rank}, and 1 to {MAX_RANK} can be loaded. Train it with a rank in that range.",
            code="adapter_rank_wrong",
        )
    return rank


def check_fit(adapter: Adapter, base: Weights, *, name: str) -> None:
    """Whether the adapter changes weights that its base ``name`` has, in their shapes. Raises InvalidInputError
    ``adapter_base_wrong``."""
    if adapter.architecture != base.architecture:
        raise base_wrong(name, f"it was made for the architecture {adapter.architecture}, not {base.architecture}")
    for weight, shape in adapter.shapes.items():
        has = base.shapes.get(weight)
        if has is None:
            raise base_wrong(name, f"it changes {weight}, which that model does not have")
        if has != shape:
            raise base_wrong(
                name, f"it changes {weight} of {shape[0]} by {shape[1]}, and there it is {has[0]} by {has[1]}"
            )


def base_wrong(base: str, why: str) -> InvalidInputError:
    """The adapter does not fit ``base``."""
    return InvalidInputError(
        f"The adapter does not fit the model {base}: {why}. Name the model that it was trained on (--base).",
        code="adapter_base_wrong",
    )


def file_invalid(why: str) -> TlfifError:
    """What was named is no adapter."""
    return InvalidInputError(
        f"The file is no LoRA adapter that can be used: {why}. Name a GGUF file, as llama.cpp's "
        "convert_lora_to_gguf.py writes it.",
        code="adapter_file_invalid",
    )
