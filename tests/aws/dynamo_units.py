"""What DynamoDB charges for requests, counted from what is sent and answered.

Rules: DynamoDB developer guide, "DynamoDB read and write operations" (read and write request units): a strongly
consistent read costs 1 unit for each 4 KB, another half of it, a Query by the sum of its items; a write costs 1 unit
for each 1 KB of the item, in a transaction twice that; an index takes a write of its own for each item that enters,
leaves or changes in it. Sizes: "DynamoDB item sizes and formats".
"""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

Item = Mapping[str, Mapping[str, Any]]


class Units:
    """``requests``, ``read`` and ``written`` units of all requests that ``events`` tells of from now on: a client's
    (``client.meta.events``), or a session's, which its clients pass on."""

    def __init__(self, events: Any) -> None:
        self.reset()
        events.register("before-parameter-build.dynamodb", self._asked)
        events.register("after-call.dynamodb", self._answered)

    def reset(self) -> None:
        """Count from nothing."""
        self.requests, self.read, self.written = 0, 0.0, 0

    def _asked(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        context["asked"] = params

    def _answered(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        self.requests += 1
        count = getattr(self, f"_{model.name.lower()}")
        count(context["asked"], parsed)

    def _query(self, asked: dict[str, Any], parsed: dict[str, Any]) -> None:
        counted = sum(size(item) for item in parsed.get("Items", ())) + 150 * parsed["Count"] * (
            asked.get("Select") == "COUNT"
        )
        self.read += _read_units([counted], strong=asked.get("ConsistentRead", False))

    def _getitem(self, asked: dict[str, Any], parsed: dict[str, Any]) -> None:
        self.read += _read_units([size(parsed.get("Item", {}))], strong=asked.get("ConsistentRead", False))

    def _batchgetitem(self, asked: dict[str, Any], parsed: dict[str, Any]) -> None:
        for table, request in asked["RequestItems"].items():
            sizes = [size(item) for item in parsed["Responses"][table]]
            self.read += _read_units(sizes, strong=request.get("ConsistentRead", False))

    def _transactwriteitems(self, asked: dict[str, Any], parsed: dict[str, Any]) -> None:
        for write in asked["TransactItems"]:
            self._write(next(iter(write.values())), times=2)

    def _updateitem(self, asked: dict[str, Any], parsed: dict[str, Any]) -> None:
        self._write(asked)

    _putitem = _deleteitem = _updateitem

    def _batchwriteitem(self, asked: dict[str, Any], parsed: dict[str, Any]) -> None:
        for requests in asked["RequestItems"].values():
            for request in requests:
                self._write(next(iter(request.values())))

    def _write(self, write: Mapping[str, Any], times: int = 1) -> None:
        """Items that are changed or deleted are taken for 1 KB: those of the stores are, where texts are short."""
        item: Item = write.get("Item", {})
        units = max(1, ceil(size(item) / 1024))
        in_index = "gpk" in item or str(write.get("Key", {}).get("sk", {}).get("S")) in ("EV#0000000001", "JOB")
        deleted = "Key" in write and "UpdateExpression" not in write
        self.written += times * units + (units if "gpk" in item or (deleted and in_index) else 0)


def size(item: Item) -> int:
    """Bytes of an item: names and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "N":
        return (len(content) + 1) // 2 + 1
    return len(content.encode()) if kind == "S" else 1


def _read_units(sizes: Iterable[int], *, strong: bool) -> float:
    return sum(max(1, ceil(each / 4096)) for each in sizes) * (1.0 if strong else 0.5)
