"""Models on the wire."""

from typing import Literal

from tlfif.wire.typed_dict import TypedDict


class SamplingDefaultsView(TypedDict):
    """How the makers of a model choose its words, and where they say so."""

    source: str
    temperature: float | None
    top_p: float | None
    top_k: int | None


class ModelView(TypedDict):
    """A model of the catalogue and its file on this computer. Sizes in bytes. ``sampling`` is what holds where a
    request and the owner's settings say nothing else."""

    name: str
    title: str
    licence: str
    source: str
    context_tokens: int
    size_bytes: int | None
    sha256: str | None
    state: str
    received_bytes: int
    problem: str
    is_default: bool
    sampling: SamplingDefaultsView | None


class PersonalModelView(TypedDict):
    """A personal model: an adapter on top of ``base``, whose weights had ``base_sha256`` when it was checked against
    them. ``state``: registered (for its owner), approved (for all), retired. ``created_at`` in epoch seconds."""

    name: str
    owner: str
    base: str
    base_sha256: str
    sha256: str
    size_bytes: int
    rank: int
    created_at: float
    state: str
    approved_by: str


class OpenAIModel(TypedDict):
    """A model as OpenAI's clients expect it. ``created`` says nothing here."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(TypedDict):
    """The default first. ``object`` and ``data`` are for OpenAI's clients: the models that can answer now.
    ``personal``: those of the caller, and those shared with him, by name."""

    models: list[ModelView]
    personal: list[PersonalModelView]
    object: Literal["list"]
    data: list[OpenAIModel]
