"""How the functions on AWS read their environment."""

from dataclasses import replace

import pytest

from tlfif.bootstrap.aws_settings import load_aws_settings
from tlfif.domain.errors import InvalidInputError
from tlfif.domain.policy import AWS_JOB_POLICY, AWS_MACHINE_POLICY

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


def test_all_faults_are_told_at_once_by_the_names_that_were_set(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("TLFIF_AWS_BUCKET")
    environment.setenv("AWS_REGION", "mars-1")
    environment.setenv("TLFIF_AWS_INSTANCE_TYPES", "t2.nano")
    environment.setenv("TLFIF_AWS_MODEL", "none")
    environment.setenv("TLFIF_AWS_MACHINE__HEARTBEAT_SECONDS", "0")
    with pytest.raises(InvalidInputError) as caught:
        load_aws_settings()
    assert caught.value.code == "settings_invalid"
    told = caught.value.message
    for part in ("AWS_REGION", "TLFIF_AWS_BUCKET", "TLFIF_AWS_INSTANCE_TYPES", "TLFIF_AWS_MODEL", "TLFIF_AWS_MACHINE"):
        assert part in told
    assert "heartbeat_seconds must be a number above 0" in told
