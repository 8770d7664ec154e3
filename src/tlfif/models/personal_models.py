"""What people do with personal models: add, approve, retire, ask."""

from collections.abc import Sequence
from dataclasses import dataclass

from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import InvalidInputError, NotAllowedError, NotFoundError
from tlfif.models.catalogue import file_path_of
from tlfif.models.model_store import ModelInfo, ModelStore
from tlfif.models.personal_model import SHA256, PersonalModel, PersonalState, base_wrong, check_name, name_taken
from tlfif.models.personal_model_store import AdapterFiles, PersonalModelStore


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalModels:
    """The registry of one home. ``user`` is who asks; empty in a home with one user."""

    store: PersonalModelStore
    files: AdapterFiles
    models: ModelStore
    clock: Clock

    async def add(
        self, name: str, *, path: str, base: str | None, sha256: str | None = None, user: str = ""
    ) -> PersonalModel:
        """Check the adapter at ``path`` against its base and register it; the same again changes nothing.

        Raises InvalidInputError, ModelError (the base is not here), ConflictError ``personal_model_exists``."""
        check_name(name)
        if sha256 is not None and not SHA256.fullmatch(sha256):
            raise InvalidInputError("A sha256 has 64 digits from 0 to f.", code="adapter_hash_wrong")
        if await self._in_catalogue(name):
            raise name_taken(name)
        weights = await self.models.checked_file((await self.models.resolve(base)).name)
        kept = await self.files.keep(path, weights, sha256=sha256)
        known = await self.store.get(name)
        if known is not None:
            if (known.owner, known.sha256, known.base) == (user, kept.sha256, weights.name):
                return known
            raise name_taken(name)
        model = PersonalModel(
            name=name,
            owner=user,
            base=weights.name,
            base_sha256=weights.sha256,
            sha256=kept.sha256,
            size_bytes=kept.size_bytes,
            rank=kept.rank,
            created_at=self.clock.now(),
        )
        await self.store.add(model)
        return model

    async def seen_by(self, user: str) -> list[PersonalModel]:
        """His own and those shared with him, by name."""
        return [one for one in await self.store.all() if one.may_see(user)]

    async def askable(self, bases: Sequence[ModelInfo]) -> list[ModelInfo]:
        """As models, those that the only user of a home may ask and whose base is among ``bases``."""
        by_name = {base.name: base for base in bases}
        return [
            as_model(one, by_name[one.base])
            for one in await self.seen_by("")
            if one.state is not PersonalState.RETIRED and one.base in by_name
        ]

    async def move(self, name: str, state: PersonalState, *, user: str, is_owner: bool) -> PersonalModel:
        """Approve or retire it. ``is_owner``: of the home, who alone approves; who added a model may retire it.

        Raises NotFoundError ``personal_model_not_found``, NotAllowedError ``owner_only``, ConflictError
        ``personal_model_retired``."""
        while True:
            before = await self.store.get(name)
            if before is None or not (is_owner or before.may_see(user)):
                raise NotFoundError(
                    f"There is no personal model {name}. See ./tlfif model list", code="personal_model_not_found"
                )
            if not is_owner and (state is PersonalState.APPROVED or before.owner != user):
                raise NotAllowedError(
                    "Only an owner of this home approves models, and retires those of others. Nothing was changed.",
                    code="owner_only",
                )
            after = before.moved(state, by=user)
            if after == before or await self.store.replace(before, after):
                return after

    async def find(self, name: str | None, *, user: str) -> PersonalModel | None:
        """The personal model that a request names, checked so that it can be asked; None where the name is not one.

        Raises ConflictError ``personal_model_retired``, NotAllowedError ``personal_model_not_shared``, ModelError
        ``adapter_absent``, ``adapter_corrupt``, InvalidInputError ``adapter_base_wrong``."""
        if name is None or file_path_of(name) is not None:
            return None
        found = await self.store.get(name.strip().casefold())
        if found is None:
            return None
        found.check_use(user)
        base = await self.models.resolve(found.base)
        if base.sha256 is not None and base.sha256 != found.base_sha256:
            raise base_wrong(found.base, "that model's file is another one since the adapter was registered")
        await self.files.check(found)
        return found

    async def _in_catalogue(self, name: str) -> bool:
        try:
            await self.models.resolve(name)
        except InvalidInputError:
            return False
        return True


def as_model(personal: PersonalModel, base: ModelInfo) -> ModelInfo:
    """It in the list of models, which its base's file answers."""
    return ModelInfo(
        name=personal.name,
        title=f"{personal.name} on {base.title}",
        licence=base.licence,
        source=f"an adapter of rank {personal.rank} on {base.name}",
        context_tokens=base.context_tokens,
        size_bytes=personal.size_bytes,
        sha256=personal.sha256,
        state=base.state,
        sampling=base.sampling,
    )
