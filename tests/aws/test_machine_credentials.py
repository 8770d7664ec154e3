"""A worker's credentials: they come from the metadata service, which is sometimes silent for a moment."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.aws.emulator import REGION, Emulator
from tests.aws.metadata_service import MetadataService, serving_metadata
from tests.builders import a_machine
from tests.fakes.clock import FakeClock, FakeIds
from tests.images.units import settings
from tlfif.adapters.aws.calls.clients import TABLE_CONFIG, AwsClients
from tlfif.adapters.aws.calls.dynamo_table import DynamoTable
from tlfif.adapters.aws.machines.dynamo_machine_store import DynamoMachineStore
from tlfif.kernel.errors import StorageError


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MetadataService]:
    """This process is on an instance: no credentials but those of its role."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with serving_metadata(MetadataService()) as service:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.endpoint)
        yield service


def machines(emulator: Emulator) -> DynamoMachineStore:
    """As a worker opens it."""
    name = emulator.unique("state")
    emulator.create_state_table(name)
    client = AwsClients(region=REGION, endpoint_url=emulator.endpoint).make("dynamodb", TABLE_CONFIG)
    table = DynamoTable(client, name, clock=FakeClock(auto_advance=True), ids=FakeIds(), rng=Random(1))
    return DynamoMachineStore(table, default_idle_timeout=300.0)


async def test_a_worker_without_credentials_has_them_as_soon_as_there_are_some(
    emulator: Emulator, metadata: MetadataService
) -> None:
    metadata.failures = 1000
    store = machines(emulator)
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            await store.create_intent(a_machine())
        assert caught.value.details["reason"] == "no_credentials"
    metadata.failures = 0
    assert await store.create_intent(a_machine())
    asked = len(metadata.asked)
    assert await store.active() is not None
    assert len(metadata.asked) == asked, "credentials that were found are kept, and so is the client"


async def test_the_unit_asks_often_enough_for_a_hiccup_to_go_unnoticed(
    emulator: Emulator, metadata: MetadataService, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = settings("tlfif-worker.service")["Service.Environment"]
    given = dict(each.split("=") for line in lines for each in line.split())
    attempts = int(given["AWS_METADATA_SERVICE_NUM_ATTEMPTS"])
    assert attempts > 1
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    metadata.failures = attempts - 1
    assert await machines(emulator).create_intent(a_machine())
