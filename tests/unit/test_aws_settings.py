"""How the functions on AWS read their environment."""

from dataclasses import replace

import pytest

from tests.builders import T0
from tlfif.adapters.aws.machines.ec2_machine_host import Ec2MachineHost
from tlfif.bootstrap.aws import aws_container
from tlfif.bootstrap.aws_settings import load_aws_settings
from tlfif.jobs.policy import AWS_JOB_POLICY
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.policy import AWS_MACHINE_POLICY
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES

PLACES = {
    "AWS_REGION": "eu-central-1",
    "TLFIF_AWS_JOBS_TABLE": "jobs",
    "TLFIF_AWS_STATE_TABLE": "state",
    "TLFIF_AWS_QUEUE_URL": "http://queue",
    "TLFIF_AWS_BUCKET": "texts",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in PLACES.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_names_parts_and_lists_are_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TLFIF_AWS_INSTANCE_TYPES", "g6.xlarge, g5.xlarge")
    environment.setenv("TLFIF_AWS_MACHINE__HEARTBEAT_SECONDS", "7.5")
    environment.setenv("TLFIF_AWS_MACHINE__ENGINE_SLOTS", "3")
    environment.setenv("TLFIF_AWS_OF_A_LATER_VERSION", "x")
    environment.setenv("TLFIF_JOBS_TABLE", "another's")
    found = load_aws_settings()
    assert (found.region, found.jobs_table, found.home_name) == ("eu-central-1", "jobs", "tlfif")
    assert found.instance_types == ("g6.xlarge", "g5.xlarge")
    assert (found.machine.heartbeat_seconds, found.machine.engine_slots) == (7.5, 3)


def test_a_number_that_is_given_leaves_the_others_as_aws_has_them(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TLFIF_AWS_MACHINE__HEARTBEAT_SECONDS", "7.5")
    environment.setenv("TLFIF_AWS_JOB__LEASE_SECONDS", "9")
    found = load_aws_settings()
    assert found.machine == replace(AWS_MACHINE_POLICY, heartbeat_seconds=7.5)
    assert found.job == replace(AWS_JOB_POLICY, lease_seconds=9.0)


@pytest.mark.parametrize(("word", "kept"), [("yes", True), ("no", False)])
def test_a_disk_is_kept_where_the_stack_says_so(environment: pytest.MonkeyPatch, word: str, kept: bool) -> None:
    assert load_aws_settings().standby is False
    environment.setenv("TLFIF_AWS_STANDBY", word)
    assert load_aws_settings().standby is kept
    patience = load_aws_settings().machine.stop_patience_seconds
    assert (patience > 152) is kept, "it is not ended by force, and its disk with it, while it stops"


def test_who_launches_keeps_the_disk_and_both_count_its_rent(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TLFIF_AWS_STANDBY", "yes")
    api = aws_container(load_aws_settings())
    environment.setenv("TLFIF_AWS_LAUNCH_TEMPLATE", "tlfif-machine")
    router = aws_container(load_aws_settings())
    hosts = [box.host for box in (api, router)]
    assert [host._settings.standby for host in hosts if isinstance(host, Ec2MachineHost)] == [False, True]
    for box in (api, router):
        assert box.money.tariff is not None
        kept = box.money.tariff.standing(BUILT_IN_PRICES, at_ms=int(T0 * 1000))
        assert any("kept while stopped" in item.label for item in kept)


def test_all_faults_are_told_at_once_by_the_names_that_were_set(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("TLFIF_AWS_BUCKET")
    environment.setenv("AWS_REGION", "mars-1")
    environment.setenv("TLFIF_AWS_INSTANCE_TYPES", "t2.nano")
    environment.setenv("TLFIF_AWS_MODEL", "none")
    environment.setenv("TLFIF_AWS_STANDBY", "perhaps")
    environment.setenv("TLFIF_AWS_MACHINE__HEARTBEAT_SECONDS", "0")
    with pytest.raises(InvalidInputError) as caught:
        load_aws_settings()
    assert caught.value.code == "settings_invalid"
    told = caught.value.message
    for part in (
        "AWS_REGION",
        "TLFIF_AWS_STANDBY",
        "TLFIF_AWS_BUCKET",
        "TLFIF_AWS_INSTANCE_TYPES",
        "TLFIF_AWS_MODEL",
        "TLFIF_AWS_MACHINE",
    ):
        assert part in told
    assert "heartbeat_seconds must be a number above 0" in told
