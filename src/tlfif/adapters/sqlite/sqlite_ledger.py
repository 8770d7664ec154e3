"""The ledger in the SQLite file of this computer."""

import sqlite3
from dataclasses import astuple, fields
from typing import Any

from tlfif.adapters.sqlite.file.database import Database
from tlfif.adapters.sqlite.file.storage_errors import as_written
from tlfif.money.budget.budget import Budget
from tlfif.money.budget.budget_ledger import BudgetLedger, BudgetLedgerState, budget_from, budget_text
from tlfif.money.spend.ledger import SpanChange
from tlfif.money.spend.spans import MachineSpan

_COLUMNS = tuple(f.name for f in fields(MachineSpan))
# Column names are field names of MachineSpan, so nothing from outside gets into these statements.
_SELECT = f"SELECT {', '.join(_COLUMNS)}, revision FROM machine_spans"  # noqa: S608  # constants
_REPLACE = (
    f"INSERT OR REPLACE INTO machine_spans ({', '.join(_COLUMNS)}, revision) "  # noqa: S608  # constants
    f"VALUES ({', '.join('?' * len(_COLUMNS))}, (SELECT COALESCE(MAX(revision), 0) + 1 FROM machine_spans))"
)
_BUDGET = "budget"
_SINCE = "ledger_since_ms"


class SqliteLedger(BudgetLedger):
    """A ledger in the file that holds jobs and machines, begun at ``since_ms`` (epoch milliseconds) if it is new.

    Every change survives a power failure, because it is about money.
    """

    def __init__(self, database: Database, *, since_ms: int) -> None:
        self._database = database
        self._begin_ms = since_ms
        database.share(self)

    async def state(self) -> BudgetLedgerState:
        found = await self._database.read(_state)
        if found is None:
            # The first reader begins the ledger.
            begin = (_SINCE, str(self._begin_ms))
            await self._database.write(
                lambda c, _: c.execute("INSERT OR IGNORE INTO documents VALUES (?, ?)", begin), durable=True
            )
            found = await self._database.read(_state)
        if found is None:
            raise LookupError("the ledger's beginning was not stored")
        return found

    async def span(self, machine_id: str) -> MachineSpan | None:
        return await self._database.read(lambda c: _one(c, machine_id))

    async def open_spans(self) -> list[MachineSpan]:
        found = await self._database.read(
            lambda c: c.execute(f"{_SELECT} WHERE to_ms IS NULL ORDER BY from_ms, machine_id").fetchall()
        )
        return [_span(row) for row in found]

    async def spans_after(self, revision: int, *, from_ms: int) -> list[tuple[int, MachineSpan]]:
        found = await self._database.read(
            lambda c: c.execute(
                f"{_SELECT} WHERE revision > ? AND (to_ms IS NULL OR to_ms >= ?) ORDER BY revision",
                (revision, from_ms),
            ).fetchall()
        )
        return [(row[-1], _span(row)) for row in found]

    async def reserve(self, machine_id: str, *, micros: int, headroom_micros: int | None) -> bool:
        def work(connection: sqlite3.Connection, _: set[str]) -> bool:
            (others,) = connection.execute(
                "SELECT COALESCE(SUM(micros), 0) FROM reservations WHERE machine_id <> ?", (machine_id,)
            ).fetchone()
            if headroom_micros is not None and others + micros > headroom_micros:
                return False
            connection.execute("INSERT OR REPLACE INTO reservations VALUES (?, ?)", (machine_id, micros))
            return True

        return await self._database.write(work, durable=True)

    async def set_budget(self, budget: Budget, *, instead_of: Budget | None = None) -> bool:
        def work(connection: sqlite3.Connection, _: set[str]) -> bool:
            if instead_of is not None and budget_from(_documents(connection).get(_BUDGET)) != instead_of:
                return False
            connection.execute("REPLACE INTO documents VALUES (?, ?)", (_BUDGET, budget_text(budget)))
            return True

        return await self._database.write(work, durable=True)

    async def close(self) -> None:
        await self._database.release(self)

    async def change(self, machine_id: str, change: SpanChange, *, release: bool = False) -> None:
        def work(connection: sqlite3.Connection, _: set[str]) -> None:
            before = _one(connection, machine_id)
            after = change(before)
            if after is not None and after != before:
                connection.execute(_REPLACE, astuple(after))
            if release:
                connection.execute("DELETE FROM reservations WHERE machine_id = ?", (machine_id,))

        await self._database.write(work, durable=True)


def _state(connection: sqlite3.Connection) -> BudgetLedgerState | None:
    documents = _documents(connection)
    if _SINCE not in documents:
        return None
    (revision,) = connection.execute("SELECT COALESCE(MAX(revision), 0) FROM machine_spans").fetchone()
    return BudgetLedgerState(
        revision=revision,
        since_ms=as_written(int)(documents[_SINCE]),
        budget=as_written(budget_from)(documents.get(_BUDGET)),
        reserved=dict(connection.execute("SELECT machine_id, micros FROM reservations").fetchall()),
    )


@as_written
def _span(row: tuple[Any, ...]) -> MachineSpan:
    values = dict(zip(_COLUMNS, row[:-1], strict=True))
    return MachineSpan(**{**values, "corrected": bool(values["corrected"])})


def _one(connection: sqlite3.Connection, machine_id: str) -> MachineSpan | None:
    row = connection.execute(f"{_SELECT} WHERE machine_id = ?", (machine_id,)).fetchone()
    return None if row is None else _span(row)


def _documents(connection: sqlite3.Connection) -> dict[str, str]:
    rows = connection.execute("SELECT name, body FROM documents WHERE name IN (?, ?)", (_BUDGET, _SINCE))
    return dict(rows.fetchall())
