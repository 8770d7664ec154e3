"""The ledger in DynamoDB.

The table's items, all with the ``pk`` ``LEDGER``; by their ``sk``:

* ``STATE``                what changes seldom, the spans that are open, and what is set aside, by machine and in sum
* ``SPAN#<machine id>``    a machine's span and its revision
* ``CHANGE#<revision>``    the same span by its revision, so that a reader finds what is new; it moves with each change

A change of a span and the rise of the revision are one transaction. What is checked and written in one step is checked
by a condition on ``STATE``: callers at the same moment neither exceed the limit nor overwrite each other.
"""

from dataclasses import fields
from typing import Any

from tlfif.adapters.aws.calls.dynamo_items import Item
from tlfif.adapters.aws.calls.dynamo_table import (
    ABSENT,
    ConditionFailedError,
    Delete,
    DynamoTable,
    Key,
    Put,
    Update,
    Write,
)
from tlfif.money.budget.budget import Budget
from tlfif.money.budget.budget_ledger import BudgetLedger, BudgetLedgerState, budget_from, budget_text
from tlfif.money.spend.ledger import SpanChange
from tlfif.money.spend.spans import MachineSpan

_LEDGER = "LEDGER"
_STATE: Key = (_LEDGER, "STATE")
_FIELDS = tuple(f.name for f in fields(MachineSpan))
_NAMES = {"#revision": "revision", "#open": "open", "#reserved": "reserved", "#total": "reserved_total"}


class DynamoLedger(BudgetLedger):
    """The ledger of the home on AWS, begun at ``since_ms`` (epoch milliseconds) if it is new. Reading the state or the
    open spans is one request; reading what is new after a revision is one, unless it exceeds a megabyte."""

    def __init__(self, table: DynamoTable, *, since_ms: int) -> None:
        self._table = table
        self._begin_ms = since_ms

    async def state(self) -> BudgetLedgerState:
        state = await self._state()
        return BudgetLedgerState(
            revision=state["revision"],
            since_ms=state["since_ms"],
            budget=budget_from(state.get("budget")),
            reserved=state["reserved"],
        )

    async def span(self, machine_id: str) -> MachineSpan | None:
        found = await self._table.get(_span_key(machine_id))
        return None if found is None else _span(found)

    async def open_spans(self) -> list[MachineSpan]:
        found = [_span(values) for values in (await self._state())["open"].values()]
        return sorted(found, key=lambda span: (span.from_ms, span.machine_id))

    async def spans_after(self, revision: int, *, from_ms: int) -> list[tuple[int, MachineSpan]]:
        found = await self._table.query(
            "pk = :ledger AND sk BETWEEN :first AND :last",
            {
                ":ledger": _LEDGER,
                ":first": _change_key(max(0, revision + 1))[1],
                ":last": "CHANGE#~",  # sorts after all digits
                ":from": from_ms,
            },
            only="attribute_not_exists(to_ms) OR to_ms >= :from",
        )
        return [(item["revision"], _span(item)) for item in found]

    async def reserve(self, machine_id: str, *, micros: int, headroom_micros: int | None) -> bool:
        async def step() -> bool:
            state = await self._state()
            before = state["reserved"].get(machine_id)
            most_of_others = None if headroom_micros is None else headroom_micros - micros
            if most_of_others is not None and state["reserved_total"] - (before or 0) > most_of_others:
                return False
            if before == micros:
                return True
            names = {name: _NAMES[name] for name in ("#reserved", "#total")} | {"#machine": machine_id}
            values: dict[str, int] = {":micros": micros, ":more": micros - (before or 0)}
            condition = "attribute_not_exists(#reserved.#machine)"
            if before is not None:
                condition, values[":before"] = "#reserved.#machine = :before", before
            if most_of_others is not None:
                condition, values[":most"] = f"{condition} AND #total <= :most", most_of_others + (before or 0)
            await self._table.write(
                Update(
                    key=_STATE,
                    change="SET #reserved.#machine = :micros ADD #total :more",
                    condition=condition,
                    names=names,
                    values=values,
                )
            )
            return True

        return await self._table.persist(step)

    async def set_budget(self, budget: Budget, *, instead_of: Budget | None = None) -> bool:
        token = self._table.new_token()

        async def step() -> bool:
            state = await self._state()
            if instead_of is not None and budget_from(state.get("budget")) != instead_of:
                # True for our own, which was written and only the answer lost.
                return bool(state.get("budget_token") == token)
            await self._keep_budget(budget, token, before=state.get("budget_token"))
            return True

        return await self._table.persist(step)

    async def close(self) -> None:
        """See :meth:`Ledger.close`. The client is its maker's to close."""

    async def _state(self) -> Item:
        return await self._table.get(_STATE) or await self._begin()

    async def _begin(self) -> Item:
        """The first read creates the ledger; if two do so at once, one succeeds."""
        state: Item = {"pk": _STATE[0], "sk": _STATE[1], "since_ms": self._begin_ms, "revision": 0, "reserved_total": 0}
        state |= {"open": {}, "reserved": {}}
        try:
            await self._table.write(Put(item=state, condition=ABSENT))
        except ConditionFailedError as refused:
            return refused.found[0] or state
        return state

    async def _keep_budget(self, budget: Budget, token: str, *, before: str | None) -> None:
        """Write the budget where ``before`` is still the token of the last write; ``token`` is this write's."""
        values = {":budget": budget_text(budget), ":token": token}
        condition = "attribute_not_exists(budget_token)"
        if before is not None:
            condition, values[":before"] = "budget_token = :before", before
        await self._table.write(
            Update(
                key=_STATE,
                change="SET budget = :budget, budget_token = :token",
                condition=condition,
                values=values,
            )
        )

    async def change(self, machine_id: str, change: SpanChange, *, release: bool = False) -> None:
        """Each of these changes can be made twice with the same result, so one whose answer was lost is repeated."""
        span_key = _span_key(machine_id)

        async def step() -> None:
            found = await self._table.get_all([_STATE, span_key])
            state = found.get(_STATE) or await self._begin()
            item = found.get(span_key)
            before = None if item is None else _span(item)
            after = change(before)
            writes: list[Write] = []
            if after is not None and after != before:
                writes = _span_writes(after, state["revision"] + 1, None if item is None else item["revision"])
            freed = state["reserved"].get(machine_id) if release else None
            if writes or freed is not None:
                await self._table.write(_state_write(state, machine_id, after if writes else None, freed), *writes)

        await self._table.persist(step)


def _span_writes(span: MachineSpan, revision: int, before: int | None) -> list[Write]:
    values = {name: getattr(span, name) for name in _FIELDS} | {"revision": revision}
    key, change = _span_key(span.machine_id), _change_key(revision)
    writes: list[Write] = [Put(item={"pk": change[0], "sk": change[1], **values}, condition=ABSENT)]
    item = {"pk": key[0], "sk": key[1], **values}
    if before is None:
        return [*writes, Put(item=item, condition=ABSENT)]
    names, was = {"#revision": "revision"}, {":before": before}
    writes.append(Put(item=item, condition="#revision = :before", names=names, values=was))
    return [*writes, Delete(key=_change_key(before))]


def _state_write(state: Item, machine_id: str, changed: MachineSpan | None, freed: int | None) -> Update:
    """One update that increases the revision for a changed span and releases its reservation."""
    names, values = {"#machine": machine_id}, dict[str, Any]()
    sets, removes, adds, conditions = list[str](), list[str](), list[str](), list[str]()
    if changed is not None:
        names |= {name: _NAMES[name] for name in ("#revision", "#open")}
        values |= {":seen": state["revision"], ":next": state["revision"] + 1}
        conditions.append("#revision = :seen")
        sets.append("#revision = :next")
        if changed.to_ms is None:
            sets.append("#open.#machine = :span")
            values[":span"] = {n: value for n in _FIELDS if (value := getattr(changed, n)) is not None}
        else:
            removes.append("#open.#machine")
    if freed is not None:
        names |= {name: _NAMES[name] for name in ("#reserved", "#total")}
        values |= {":freed": freed, ":less": -freed}
        conditions.append("#reserved.#machine = :freed")
        removes.append("#reserved.#machine")
        adds.append("#total :less")
    parts = (("SET", sets), ("REMOVE", removes), ("ADD", adds))
    return Update(
        key=_STATE,
        change=" ".join(f"{verb} {', '.join(terms)}" for verb, terms in parts if terms),
        condition=" AND ".join(conditions),
        names=names,
        values=values,
    )


def _span_key(machine_id: str) -> Key:
    return (_LEDGER, f"SPAN#{machine_id}")


def _change_key(revision: int) -> Key:
    return (_LEDGER, f"CHANGE#{revision:012d}")


def _span(item: Item) -> MachineSpan:
    return MachineSpan(**{name: item[name] for name in _FIELDS if name in item})
