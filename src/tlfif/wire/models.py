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


class OpenAIModel(TypedDict):
    """A model as OpenAI's clients expect it. ``created`` says nothing here."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(TypedDict):
    """The default first. ``object`` and ``data`` are for OpenAI's clients: the models that can answer now."""

    models: list[ModelView]
    object: Literal["list"]
    data: list[OpenAIModel]
