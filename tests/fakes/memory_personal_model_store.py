"""The registry of personal models in memory."""

from tlfif.models.personal_model import PersonalModel, name_taken
from tlfif.models.personal_model_store import PersonalModelStore


class MemoryPersonalModelStore(PersonalModelStore):
    """Entries in a dictionary."""

    def __init__(self) -> None:
        self._entries: dict[str, PersonalModel] = {}

    async def add(self, model: PersonalModel) -> None:
        if self._entries.setdefault(model.name, model) is not model:
            raise name_taken(model.name)

    async def get(self, name: str) -> PersonalModel | None:
        return self._entries.get(name)

    async def all(self) -> list[PersonalModel]:
        return sorted(self._entries.values(), key=lambda one: one.name)

    async def replace(self, before: PersonalModel, after: PersonalModel) -> bool:
        if self._entries.get(before.name) != before:
            return False
        self._entries[before.name] = after
        return True

    async def close(self) -> None:
        """Nothing to let go of."""
