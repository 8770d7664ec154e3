"""The registry of personal models, and where their files are kept."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tlfif.models.model_store import ModelFile
from tlfif.models.personal_model import PersonalModel


class PersonalModelStore(ABC):
    """Entries, each under its name. All changes survive a power failure; all methods raise StorageError."""

    @abstractmethod
    async def add(self, model: PersonalModel) -> None:
        """A new entry. Raises ConflictError ``personal_model_exists`` where its name is taken."""

    @abstractmethod
    async def get(self, name: str) -> PersonalModel | None:
        """The entry of ``name``."""

    @abstractmethod
    async def all(self) -> list[PersonalModel]:
        """All entries by name."""

    @abstractmethod
    async def replace(self, before: PersonalModel, after: PersonalModel) -> bool:
        """Write ``after`` in place of ``before``, which has the same name; False where the entry is another by now."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAdapter:
    """An adapter whose file is kept. Size in bytes."""

    sha256: str
    size_bytes: int
    rank: int


class AdapterFiles(ABC):
    """The files of adapters, each kept once, by its sha256."""

    @abstractmethod
    async def keep(self, path: str, base: ModelFile, *, sha256: str | None) -> KeptAdapter:
        """Read the adapter at ``path``, compare it with ``base`` and with ``sha256`` where that is given, and keep a
        copy.

        Raises InvalidInputError ``adapter_file_invalid``, ``adapter_rank_wrong``, ``adapter_base_wrong``,
        ``adapter_hash_wrong``, ModelError ``disk_failed``."""

    @abstractmethod
    async def check(self, model: PersonalModel) -> None:
        """Raises ModelError ``adapter_absent``, or ``adapter_corrupt`` where the file is not the one that was
        registered."""
