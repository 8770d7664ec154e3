"""Models on the wire."""

from typing import Literal

from tlfif.wire.typed_dict import TypedDict


class ModelView(TypedDict):
    """A model of the catalogue and its file on this computer. Sizes in bytes."""

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
