"""The registry of personal models: a name is taken once, and nobody's change is written over."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.aws.dynamo_state import open_state_table
from tests.builders import T0
from tests.fakes.memory_personal_model_store import MemoryPersonalModelStore
from tlfif.adapters.aws.machines.dynamo_personal_model_store import DynamoPersonalModelStore
from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.sqlite_personal_model_store import SqlitePersonalModelStore
from tlfif.kernel.errors import ConflictError
from tlfif.models.personal_model import PersonalModel, PersonalState
from tlfif.models.personal_model_store import PersonalModelStore

POEMS = PersonalModel(
    name="anna-poems",
    owner="anna",
    base="tinyllama",
    base_sha256="b" * 64,
    sha256="a" * 64,
    size_bytes=4096,
    rank=8,
    created_at=T0,
)


@pytest.fixture(params=["memory", "sqlite", "aws"])
async def registry(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PersonalModelStore]:
    if request.param == "aws":
        store: PersonalModelStore = DynamoPersonalModelStore(open_state_table(request.getfixturevalue("emulator")))
    elif request.param == "memory":
        store = MemoryPersonalModelStore()
    else:
        store = SqlitePersonalModelStore(await Database.open(tmp_path / "tlfif.db"))
    yield store
    await store.close()


async def test_a_model_is_kept_under_its_name_with_all_that_is_known_of_it(registry: PersonalModelStore) -> None:
    assert await registry.get(POEMS.name) is None
    assert await registry.all() == []
    await registry.add(POEMS)
    assert await registry.get(POEMS.name) == POEMS
    assert await registry.all() == [POEMS]


async def test_a_name_is_taken_once(registry: PersonalModelStore) -> None:
    await registry.add(POEMS)
    other = replace(POEMS, owner="ben", sha256="c" * 64)
    with pytest.raises(ConflictError) as refused:
        await registry.add(other)
    assert refused.value.code == "personal_model_exists"
    assert await registry.get(POEMS.name) == POEMS


async def test_a_change_is_written_only_over_what_was_read(registry: PersonalModelStore) -> None:
    await registry.add(POEMS)
    approved = POEMS.moved(PersonalState.APPROVED, by="kadir")
    assert await registry.replace(POEMS, approved)
    assert await registry.get(POEMS.name) == approved
    assert not await registry.replace(POEMS, POEMS.moved(PersonalState.RETIRED, by="ben"))
    assert await registry.get(POEMS.name) == approved
