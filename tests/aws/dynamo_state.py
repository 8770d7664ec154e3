"""The table of machines, ledger and prices as the AWS home opens it, over the emulator."""

from random import Random
from typing import TYPE_CHECKING

from tests.aws.emulator import Emulator
from tests.fakes.clock import FakeClock, FakeIds
from tlfif.adapters.aws.calls.dynamo_table import DynamoTable
from tlfif.kernel.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class OpenerIds(FakeIds):
    """Names that no other opener of the same table makes."""

    def __init__(self, opener: str) -> None:
        super().__init__()
        self._opener = opener

    def new_id(self, prefix: str) -> str:
        return super().new_id(f"{prefix}{self._opener}")


def new_state_table(emulator: Emulator) -> str:
    """An empty table; returns its name."""
    name = emulator.unique("state")
    emulator.create_state_table(name)
    return name


def open_state_table(
    emulator: Emulator,
    name: str | None = None,
    *,
    client: "DynamoDBClient | None" = None,
    clock: Clock | None = None,
    opener: str = "1",
) -> DynamoTable:
    """As one process opens the table called ``name`` (None: a new one). Pauses take no time unless ``clock`` is given;
    ``opener`` (one digit) tells processes apart."""
    return DynamoTable(
        client or emulator.dynamodb,
        name or new_state_table(emulator),
        clock=clock or FakeClock(auto_advance=True),
        ids=OpenerIds(opener),
        rng=Random(opener),
    )
