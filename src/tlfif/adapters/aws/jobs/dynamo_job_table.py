"""The table of jobs: reads and writes of jobs, and the one way in which a transition is applied."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tlfif.adapters.aws.calls.dynamo_items import Item, from_wire, to_wire
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
from tlfif.adapters.aws.jobs.dynamo_job_items import (
    ALL_JOBS,
    BY_TIME,
    RECORD,
    REQUEST,
    RUNNING,
    event_sk,
    events_key,
    events_text,
    forget_at,
    is_event,
    job_pk,
    listing_mark,
    queue_item,
    queue_key,
    record_from,
    record_item,
    running_item,
)
from tlfif.adapters.aws.jobs.dynamo_job_texts import JobTexts
from tlfif.jobs.events import Event
from tlfif.jobs.job_record import JobRecord, first_event
from tlfif.jobs.jobs import JobStatus
from tlfif.jobs.request import GenerationRequest
from tlfif.jobs.transitions import Change, Transition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
R = TypeVar("R")

HELD = "#status = :running AND #token = :token"
"""The condition that a lease is the current one."""
HELD_NAMES = {"#status": "status", "#token": "lease_token"}
AT_ONCE = 8
"""How many jobs one call changes concurrently."""
_DELETED_AT_ONCE = 25  # BatchWriteItem: "as many as 25 items"


def held_values(token: str) -> Item:
    """The values in :data:`HELD`."""
    return {":running": JobStatus.RUNNING.value, ":token": token}


class JobTable(DynamoTable):
    """Jobs, their requests and events, in items as ``dynamo_job_items`` has them. All methods raise StorageError."""

    def __init__(
        self, client: "DynamoDBClient", name: str, *, texts: JobTexts, keep_seconds: float, **common: Any
    ) -> None:
        """``keep_seconds``: how long an ended job is kept where no purge comes first. ``common``: as for any table."""
        super().__init__(client, name, **common)
        self.texts = texts
        self.keep_seconds = keep_seconds

    async def record(self, job_id: str) -> JobRecord | None:
        """The job's record, if there is such a job."""
        item = await self.get((job_pk(job_id), RECORD))
        return None if item is None else record_from(item)

    async def records(self, job_ids: Iterable[str]) -> list[JobRecord]:
        """Those of the records that there are, in the order asked for."""
        keys = [(job_pk(job_id), RECORD) for job_id in job_ids]
        found = await self.get_all(keys)
        return [record_from(found[key]) for key in keys if key in found]

    async def load(self, job_id: str) -> tuple[JobRecord, GenerationRequest] | None:
        """The job with its request, in one read."""
        values = {":pk": job_pk(job_id), ":from": RECORD, ":to": REQUEST}
        items = {item["sk"]: item for item in await self.query("pk = :pk AND sk BETWEEN :from AND :to", values)}
        if items.keys() != {RECORD, REQUEST}:
            return None  # it never was, or is just being forgotten
        body = await self.texts.of(items[REQUEST])
        return None if body is None else (record_from(items[RECORD]), GenerationRequest.from_json(body))

    async def requests(self, job_ids: Iterable[str]) -> dict[str, GenerationRequest]:
        """The requests of those jobs that there are."""
        keys = {(job_pk(job_id), REQUEST): job_id for job_id in job_ids}
        found = await self.get_all(keys)
        bodies = {job_id: await self.texts.of(found[key]) for key, job_id in keys.items() if key in found}
        return {job_id: GenerationRequest.from_json(body) for job_id, body in bodies.items() if body is not None}

    async def glance(self, job_id: str) -> JobRecord | None:
        """The record by an eventually consistent read: it may be a moment old, and costs half."""
        key = to_wire({"pk": job_pk(job_id), "sk": RECORD})
        answer = await self._call(lambda: self._client.get_item(TableName=self._name, Key=key))
        return record_from(from_wire(answer["Item"])) if "Item" in answer else None

    async def number(self, key: Key) -> int:
        """The next number of a counter. If the answer is lost, the number is left out."""
        _, request = self._request(Update(key=key, change="ADD #n :one", names={"#n": "n"}, values={":one": 1}))
        answer = await self._call(lambda: self._client.update_item(**request, ReturnValues="UPDATED_NEW"))
        return int(from_wire(answer["Attributes"])["n"])

    async def extend(self, job_id: str, token: str, *, until: float) -> JobRecord | None:
        """The record with its lease extended; None where ``token`` is not that of the current lease."""
        extended = Update(
            key=(job_pk(job_id), RECORD),
            change="SET #until = :until, #step = :step",
            condition=HELD,
            names=HELD_NAMES | {"#until": "lease_expires_at", "#step": "step"},
            values=held_values(token) | {":until": until, ":step": self.new_token()},
        )
        _, request = self._request(extended)
        try:
            answer = await self._call(lambda: self._client.update_item(**request, ReturnValues="ALL_NEW"))
        except ConditionFailedError:
            return None
        return record_from(from_wire(answer["Attributes"]))

    async def count(self, pk: str) -> int:
        """How many items there are under ``pk``."""
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": to_wire({":pk": pk}),
            "ConsistentRead": True,
            "Select": "COUNT",
        }
        return sum([answer["Count"] async for answer in self._answers(request)])

    async def pages(self, pk: str, *, size: int = 100) -> AsyncGenerator[list[Item], None]:
        """All items under ``pk`` in order, page by page."""
        request: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": to_wire({":pk": pk}),
            "ConsistentRead": True,
            "Limit": size,
        }
        async for answer in self._answers(request):
            yield [from_wire(item) for item in answer["Items"]]

    async def by_time(
        self, gpk: str, *, below: str | None, newest_first: bool, size: int
    ) -> AsyncGenerator[list[Item], None]:
        """Items of the index, page by page. The index follows the table: the newest items may be missing."""
        request: dict[str, Any] = {
            "IndexName": BY_TIME,
            "KeyConditionExpression": "gpk = :gpk" if below is None else "gpk = :gpk AND gsk < :below",
            "ExpressionAttributeValues": to_wire({":gpk": gpk, ":below": below}),
            "ScanIndexForward": not newest_first,
            "Limit": max(1, min(size, 100)),
        }
        async for answer in self._answers(request):
            yield [from_wire(item) for item in answer["Items"]]

    async def delete_all(self, keys: Sequence[Key]) -> None:
        """Delete these items; not in one step."""
        wanted: list[Any] = [{"DeleteRequest": {"Key": to_wire({"pk": pk, "sk": sk})}} for pk, sk in keys]

        async def delete(batch: list[Any]) -> list[Any]:
            request: Any = {self._name: batch}
            answer: Any = await self._call(partial(self._client.batch_write_item, RequestItems=request))
            return list(answer.get("UnprocessedItems", {}).get(self._name, []))

        await self._in_batches(wanted, _DELETED_AT_ONCE, delete)

    async def change(self, job_id: str, transition: Transition) -> Change | None:
        """Read the record, apply ``transition``, write; again if another writer came in between. Returns what was
        written, None if there was nothing to do."""
        mine: dict[str, Change] = {}

        async def step() -> Change | None:
            record = await self.record(job_id)
            if record is not None and record.step in mine:
                return mine[record.step]  # written after all: only the answer was lost
            change = transition(record)
            if change is None:
                return None
            token = self.new_token()
            mine[token] = change
            await self.write(*await self.writes(change, token))
            return change

        return await self.persist(step)

    async def writes(self, change: Change, token: str) -> list[Write]:
        """The writes of a change: the record, its events, and its items under ``QUEUE`` and ``RUNNING``."""
        before, after = change.before, replace(change.after, step=token)
        found: list[Write] = [
            Put(
                item=record_item(after, keep_seconds=self.keep_seconds),
                condition="#step = :before",
                names={"#step": "step"},
                values={":before": before.step},
            )
        ]
        if change.events:
            found.append(await self.events_put(after.id, change.events, token))
        if before.status is not after.status:
            if before.status is JobStatus.QUEUED:
                found.append(Delete(key=queue_key(before)))
            if before.status is JobStatus.RUNNING:
                found.append(Delete(key=(RUNNING, before.id)))
            if after.status is JobStatus.QUEUED:
                found.append(Put(item=queue_item(after)))
            if after.status is JobStatus.RUNNING:
                found.append(Put(item=running_item(after)))
        return found

    async def events_put(self, job_id: str, events: Sequence[Event], token: str) -> Put:
        """One item for all events of a change, however many and long they are."""
        last = events[-1]
        name = f"{event_sk(last.seq)[3:]}-{token}"
        kept = await self.texts.kept(job_id, name, events_text(events))
        expires = {"expires": forget_at(last.at, self.keep_seconds)}
        return Put(item=events_key(job_id, last.seq) | kept | expires)

    async def new_items(self, record: JobRecord, request: GenerationRequest, token: str) -> list[Write]:
        """The writes of a new job, except for its idempotency key."""
        first = await self.events_put(record.id, [first_event(record)], token)
        listed = {
            "gpk": ALL_JOBS,
            "gsk": listing_mark(record.position),
            "created_at": record.created_at,
            "owner": record.owner,
        }
        body = await self.texts.kept(record.id, f"request-{token}", request.to_json())
        expires = {"expires": forget_at(record.created_at, self.keep_seconds)}
        return [
            Put(item=record_item(replace(record, step=token), keep_seconds=self.keep_seconds), condition=ABSENT),
            Put(item={**first.item, **listed}),
            Put(item={"pk": job_pk(record.id), "sk": REQUEST} | body | expires),
            Put(item=queue_item(record)),
        ]

    async def forget(self, record: JobRecord) -> None:
        """Delete an ended job: its record last, so that an interrupted deletion is found and repeated."""
        items = await self.query("pk = :pk", {":pk": job_pk(record.id)})
        await self.texts.forget(items)
        rest = [(item["pk"], item["sk"]) for item in items if is_event(item) or item["sk"] == REQUEST]
        await self.delete_all(rest)
        await self.delete_all([(job_pk(record.id), RECORD)])

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()
        self.texts.close()

    async def _answers(self, request: dict[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
        start: dict[str, Any] = {}
        while True:
            asked = {"TableName": self._name} | request | start
            answer: Mapping[str, Any] = await self._call(lambda: self._client.query(**asked))  # noqa: B023  # awaited
            yield answer
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


async def side_by_side(work: Callable[[T], Awaitable[R]], each: Iterable[T], *, at_once: int = AT_ONCE) -> list[R]:
    """The results of ``work`` in the order of ``each``, ``at_once`` at a time. After a failure nothing more is started,
    and the failure is raised once all that runs has ended."""
    todo = list(each)
    results: list[R] = []
    for start in range(0, len(todo), at_once):
        done = await asyncio.gather(*(work(one) for one in todo[start : start + at_once]), return_exceptions=True)
        for result in done:
            if isinstance(result, BaseException):
                raise result
            results.append(result)
    return results
