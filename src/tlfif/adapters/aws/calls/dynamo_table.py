"""One DynamoDB table: strongly consistent reads and conditional writes, off the event loop, repeated where AWS says
"later"."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tlfif.adapters.aws.calls.dynamo_items import Item, from_wire, to_wire
from tlfif.adapters.aws.calls.storage_errors import (
    CONDITION_FAILED,
    cancelled_because,
    error_code,
    passes,
    still_busy,
    storage_errors,
)
from tlfif.kernel.clock import Clock, Ids

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
Key: TypeAlias = tuple[str, str]
"""``pk`` and ``sk``."""

CLIENT_CONFIG = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 1}, tcp_keepalive=True
)
"""For the client that a table is given: calls are repeated here, where the clock is the port's, and nowhere else."""
TABLE_CONFIG = CLIENT_CONFIG.merge(Config(parameter_validation=False, user_agent="tlfif"))
"""The same for DynamoDB alone, a third quicker: it says itself what is malformed, so botocore need not look first; and
botocore puts together its long name anew for each request."""
TRIES = 8
"""How often one call is made at most."""
PATIENCE_SECONDS = 12.0
"""Nothing is begun again after this long: the API's callers wait less than 30 seconds."""
ROUNDS = 20
"""How often a change is begun again because another writer came in between."""
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
_MOST_KEYS_AT_ONCE = 100  # BatchGetItem: "as many as 100 items"


class ConditionFailedError(Exception):
    """A condition did not hold, so nothing was written. ``found`` has, for each write in order, None where its own
    condition held, and else the item as it is (empty: there is none)."""

    def __init__(self, found: list[Item | None]) -> None:
        super().__init__("the condition of a write did not hold")
        self.found = found


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Write the whole ``item``, ``pk`` and ``sk`` in it, if ``condition`` holds. ``names`` (``#x``) and ``values``
    (``:x``) are what the expression speaks of."""

    item: Mapping[str, Any]
    condition: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Carry out ``change`` (an update expression) on the item at ``key``, if ``condition`` holds."""

    key: Key
    change: str
    condition: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete the item at ``key``, if ``condition`` holds."""

    key: Key
    condition: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


Write: TypeAlias = Put | Update | Delete

ABSENT = "attribute_not_exists(pk)"
"""The condition that there is no such item yet."""


class DynamoTable:
    """The table called ``name``. ``client`` is not closed here; make it with :data:`CLIENT_CONFIG`.

    Throttling, a conflict of transactions, a fault of AWS's own and a lost connection are tried again after pauses
    that grow and are drawn by lot (``chance``). A write whose answer was lost may so be made twice: every write of the
    stores is one that may be, or has a condition by which the second is recognised. All methods raise StorageError.
    """

    def __init__(self, client: "DynamoDBClient", name: str, *, clock: Clock, ids: Ids, chance: Random) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._ids = ids
        self._chance = chance

    def new_token(self) -> str:
        """By which a writer knows its own write again."""
        return self._ids.new_id("w")

    async def get(self, key: Key) -> Item | None:
        """The item, if there is one."""
        wire_key = _wire_key(key)
        found = await self._call(
            lambda: self._client.get_item(TableName=self._name, Key=wire_key, ConsistentRead=True).get("Item")
        )
        return from_wire(found) if found else None

    async def get_all(self, keys: Iterable[Key], *, only: Sequence[str] = ()) -> dict[Key, Item]:
        """Those of the items that there are; one request for each hundred. They are not of one moment. ``only``: what
        is told of each beside its key; else all of it."""
        wanted = [_wire_key(key) for key in dict.fromkeys(keys)]
        found: list[Item] = []
        unanswered = 0
        while wanted:
            asked, wanted = wanted[:_MOST_KEYS_AT_ONCE], wanted[_MOST_KEYS_AT_ONCE:]
            request: Any = {self._name: {"Keys": asked, "ConsistentRead": True, **_projection(only)}}
            answer: Mapping[str, Any] = await self._call(partial(self._client.batch_get_item, RequestItems=request))
            found += [from_wire(item) for item in answer["Responses"].get(self._name, [])]
            left = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            unanswered = unanswered + 1 if left else 0
            if unanswered >= TRIES:
                raise still_busy()
            if unanswered:
                await self._clock.sleep(self._pause_seconds(unanswered))
            wanted = [*left, *wanted]
        return {(item["pk"], item["sk"]): item for item in found}

    async def query(
        self,
        condition: str,
        values: Mapping[str, Any],
        *,
        limit: int | None = None,
        newest_first: bool = False,
        only: str = "",
    ) -> list[Item]:
        """Items of one ``pk``, in order of ``sk``, at most ``limit``; ``only`` is a filter, which counts before it."""
        request: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": to_wire(values),
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
        }
        if only:
            request["FilterExpression"] = only
        found: list[Item] = []
        while limit is None or len(found) < limit:
            if limit is not None:
                request["Limit"] = limit - len(found)
            answer = await self._call(lambda: self._client.query(**request))
            found += [from_wire(item) for item in answer["Items"]]
            if not answer.get("LastEvaluatedKey"):
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return found

    async def write(self, *writes: Write) -> None:
        """All of them or none; each on another item. Raises ConditionFailedError."""
        if len(writes) == 1:
            kind, request = self._request(writes[0])
            call = getattr(self._client, f"{kind.lower()}_item")
            await self._call(lambda: call(**request))
        else:
            items: Any = [{kind: request} for kind, request in map(self._request, writes)]
            token = self.new_token()  # the same at every try, by which AWS knows what it has done already
            await self._call(lambda: self._client.transact_write_items(TransactItems=items, ClientRequestToken=token))

    async def persist(self, step: Callable[[], Awaitable[T]]) -> T:
        """Carry out ``step``, which reads, decides and writes; again from its reading where it raises
        ConditionFailedError, because another writer came in between. Raises StorageError after :data:`ROUNDS` or
        :data:`PATIENCE_SECONDS`."""
        begun = self._clock.monotonic()
        for done in count(1):
            try:
                return await step()
            except ConditionFailedError as refused:
                if done >= ROUNDS or self._clock.monotonic() - begun > PATIENCE_SECONDS:
                    raise still_busy() from refused
            await self._clock.sleep(self._pause_seconds(done))
        raise AssertionError("the loop has no end of its own")

    def _request(self, write: Write) -> tuple[str, dict[str, Any]]:
        request: dict[str, Any] = {"TableName": self._name}
        if isinstance(write, Put):
            request["Item"] = to_wire(write.item)
        else:
            request["Key"] = _wire_key(write.key)
        if isinstance(write, Update):
            request["UpdateExpression"] = write.change
        if write.condition:
            request["ConditionExpression"] = write.condition
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if write.names:
            request["ExpressionAttributeNames"] = dict(write.names)
        if write.values:
            request["ExpressionAttributeValues"] = to_wire(write.values)
        return type(write).__name__, request

    async def _call(self, call: Callable[[], T]) -> T:
        begun = self._clock.monotonic()
        with storage_errors():
            for done in count(1):
                try:
                    return await asyncio.to_thread(call)
                except (BotoCoreError, ClientError) as error:
                    if (found := _refused(error)) is not None:
                        raise ConditionFailedError(found) from error
                    waited = self._clock.monotonic() - begun
                    if not passes(error) or done >= TRIES or waited > PATIENCE_SECONDS:
                        raise
                await self._clock.sleep(self._pause_seconds(done))
        raise AssertionError("the loop has no end of its own")

    def _pause_seconds(self, done: int) -> float:
        """After ``done`` tries. All of it drawn by lot, so that those who met do not meet again."""
        return self._chance.uniform(0, min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**done))


def _refused(error: Exception) -> list[Item | None] | None:
    """What :class:`ConditionFailedError` tells; None for an error that is another one."""
    if error_code(error) == f"{CONDITION_FAILED}Exception" and isinstance(error, ClientError):
        response: Mapping[str, Any] = error.response
        return [from_wire(response.get("Item", {}))]
    reasons = cancelled_because(error) or []
    if all(each.get("Code") != CONDITION_FAILED for each in reasons):
        return None
    return [from_wire(each.get("Item", {})) if each.get("Code") == CONDITION_FAILED else None for each in reasons]


def _projection(only: Sequence[str]) -> dict[str, Any]:
    names = {f"#{number}": name for number, name in enumerate(("pk", "sk", *only))}
    return {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names} if only else {}


def _wire_key(key: Key) -> Any:
    pk, sk = key
    return to_wire({"pk": pk, "sk": sk})
