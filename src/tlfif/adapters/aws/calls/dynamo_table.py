"""One DynamoDB table: strongly consistent reads and conditional writes, off the event loop, repeated while AWS is
busy."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.dynamo_items import Item, from_wire, to_wire
from tlfif.adapters.aws.calls.errors import CONDITION_FAILED, cancelled_because, code_of
from tlfif.adapters.aws.calls.patient_calls import PatientCalls, random_pauses
from tlfif.adapters.aws.calls.storage_errors import still_busy, storage_errors
from tlfif.kernel.clock import Clock, Ids

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
Key: TypeAlias = tuple[str, str]
"""``pk`` and ``sk``."""

TRIES = 8
"""How often one call is made at most."""
PATIENCE_SECONDS = 12.0
"""No further try begins after this time: the API's callers wait less than 30 seconds."""
ROUNDS = 20
"""How often a change is attempted at most when other writers interfere."""
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
_MOST_KEYS_AT_ONCE = 100  # BatchGetItem: "as many as 100 items"


class ConditionFailedError(Exception):
    """A condition did not hold, so nothing was written. ``found`` has an entry for each write, in order: None where its
    own condition held, otherwise the item as it is (empty: there is none)."""

    def __init__(self, found: list[Item | None]) -> None:
        super().__init__("the condition of a write did not hold")
        self.found = found


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Write the whole ``item``, including ``pk`` and ``sk``, if ``condition`` holds. ``names`` (``#x``) and ``values``
    (``:x``) are the placeholders of the expression."""

    item: Mapping[str, Any]
    condition: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Apply ``change`` (an update expression) to the item at ``key`` if ``condition`` holds."""

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
"""The condition that the item does not exist yet."""


class DynamoTable:
    """The table called ``name``. The caller closes ``client``; create it with ``clients.TABLE_CONFIG``.

    Throttling, transaction conflicts, outages and lost connections are retried after random pauses (``rng``) of growing
    length. A write whose answer was lost may therefore be made twice: every write of the stores can be repeated, or has
    a condition that detects the second one. All methods raise StorageError.
    """

    def __init__(self, client: "DynamoDBClient", name: str, *, clock: Clock, ids: Ids, rng: Random) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._ids = ids
        self._rng = rng

    def new_token(self) -> str:
        """A token by which a writer recognises its own write."""
        return self._ids.new_id("w")

    async def get(self, key: Key) -> Item | None:
        """The item; None if there is none."""
        wire_key = _wire_key(key)
        found = await self._call(
            lambda: self._client.get_item(TableName=self._name, Key=wire_key, ConsistentRead=True).get("Item")
        )
        return from_wire(found) if found else None

    async def get_all(self, keys: Iterable[Key], *, only: Sequence[str] = ()) -> dict[Key, Item]:
        """The items that exist, read in batches of one hundred, so not a consistent snapshot. ``only``: the attributes
        to read beside the key; empty: all."""
        wanted = [_wire_key(key) for key in dict.fromkeys(keys)]
        found: list[Item] = []

        async def read(batch: list[Any]) -> list[Any]:
            request: Any = {self._name: {"Keys": batch, "ConsistentRead": True, **_projection(only)}}
            answer: Any = await self._call(partial(self._client.batch_get_item, RequestItems=request))
            found.extend(from_wire(item) for item in answer["Responses"].get(self._name, []))
            return list(answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", []))

        await self._in_batches(wanted, _MOST_KEYS_AT_ONCE, read)
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
        """Items of one ``pk``, ordered by ``sk``, at most ``limit``. ``only`` is a filter expression, applied before
        ``limit`` counts."""
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
        """Make all writes or none; each must be on a different item. Raises ConditionFailedError."""
        if len(writes) == 1:
            kind, request = self._request(writes[0])
            call = getattr(self._client, f"{kind.lower()}_item")
            await self._call(lambda: call(**request))
        else:
            items: Any = [{kind: request} for kind, request in map(self._request, writes)]
            token = self.new_token()  # the same for every try, so that AWS recognises a repeated transaction
            await self._call(lambda: self._client.transact_write_items(TransactItems=items, ClientRequestToken=token))

    async def persist(self, step: Callable[[], Awaitable[T]]) -> T:
        """Run ``step``, which reads, decides and writes; run it again when it raises ConditionFailedError because
        another writer interfered. Raises StorageError after :data:`ROUNDS` or :data:`PATIENCE_SECONDS`."""
        patience = self._patience(ROUNDS)
        while True:
            try:
                return await step()
            except ConditionFailedError:
                await patience.pause(still_busy())

    async def _in_batches(
        self, wanted: Sequence[Any], size: int, call: Callable[[list[Any]], Awaitable[list[Any]]]
    ) -> None:
        """Run ``call`` on ``wanted`` in batches of at most ``size``, and again on what it returns as unprocessed."""
        rest, patience = list(wanted), self._patience(TRIES)
        while rest:
            left = await call(rest[:size])
            rest = [*left, *rest[size:]]
            if left:
                await patience.pause(still_busy())
            else:
                patience = self._patience(TRIES)

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
        with storage_errors():
            try:
                return await self._patience(TRIES).do(call)
            except ClientError as error:
                if (found := _refused(error)) is not None:
                    raise ConditionFailedError(found) from error
                raise

    def _patience(self, tries: int) -> PatientCalls:
        pauses = random_pauses(self._rng, tries=tries, first=_FIRST_PAUSE_SECONDS, longest=_LONGEST_PAUSE_SECONDS)
        return PatientCalls(self._clock, pauses, deadline_seconds=PATIENCE_SECONDS)


def _refused(error: ClientError) -> list[Item | None] | None:
    """The ``found`` of :class:`ConditionFailedError`; None for any other error."""
    if code_of(error) == f"{CONDITION_FAILED}Exception":
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
