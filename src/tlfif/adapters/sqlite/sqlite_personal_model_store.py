"""The registry of personal models in the SQLite file of this computer."""

import sqlite3

from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.storage_errors import as_written
from tlfif.models.personal_model import PersonalModel, name_taken
from tlfif.models.personal_model_record import personal_model_from, personal_model_text
from tlfif.models.personal_model_store import PersonalModelStore

_from = as_written(personal_model_from)


class SqlitePersonalModelStore(PersonalModelStore):
    """One row a model."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.share(self)

    async def add(self, model: PersonalModel) -> None:
        if not await self._database.write(lambda c, _: _add(c, model), durable=True):
            raise name_taken(model.name)

    async def get(self, name: str) -> PersonalModel | None:
        row = await self._database.read(
            lambda c: c.execute("SELECT body FROM personal_models WHERE name = ?", (name,)).fetchone()
        )
        return None if row is None else _from(row[0])

    async def all(self) -> list[PersonalModel]:
        rows = await self._database.read(
            lambda c: c.execute("SELECT body FROM personal_models ORDER BY name").fetchall()
        )
        return [_from(row[0]) for row in rows]

    async def replace(self, before: PersonalModel, after: PersonalModel) -> bool:
        return await self._database.write(lambda c, _: _replace(c, before, after), durable=True)

    async def close(self) -> None:
        await self._database.release(self)


def _add(connection: sqlite3.Connection, model: PersonalModel) -> bool:
    statement = "INSERT OR IGNORE INTO personal_models VALUES (?, ?)"
    return connection.execute(statement, (model.name, personal_model_text(model))).rowcount == 1


def _replace(connection: sqlite3.Connection, before: PersonalModel, after: PersonalModel) -> bool:
    statement = "UPDATE personal_models SET body = ? WHERE name = ? AND body = ?"
    values = (personal_model_text(after), before.name, personal_model_text(before))
    return connection.execute(statement, values).rowcount == 1
