"""Settings: read once, refused all together, nothing means for ever."""

import os
from pathlib import Path

import pytest

from tlfif.adapters.redis.store_address import StoreAddress
from tlfif.bootstrap import variables
from tlfif.bootstrap.settings import Settings, load_settings
from tlfif.cli.main import main
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.data_folder import data_folder_from_environment
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.policy import MachinePolicy


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in [name for name in os.environ if name.upper().startswith("TLFIF_")]:
        monkeypatch.delenv(name)


def faults(monkeypatch: pytest.MonkeyPatch, **values: str) -> list[str]:
    """The complaints about these settings."""
    for name, value in values.items():
        monkeypatch.setenv(f"TLFIF_{name}", value)
    with pytest.raises(InvalidInputError) as caught:
        load_settings()
    assert caught.value.code == "settings_invalid"
    found = caught.value.details["faults"]
    assert isinstance(found, list)
    assert all(fault in caught.value.message for fault in found)
    return found


def test_without_any_setting_the_defaults_hold() -> None:
    settings = load_settings()
    assert (settings.job, settings.machine) == (JobPolicy(), MachinePolicy())
    assert (settings.port, settings.server_idle_exit_seconds) == (None, 900.0)
    assert str(settings.hub_url) == "https://huggingface.co/"


def test_one_number_of_a_policy_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLFIF_MACHINE__IDLE_TIMEOUT_SECONDS", "90.5")
    monkeypatch.setenv("TLFIF_JOB__MAX_QUEUED", "7")
    monkeypatch.setenv("TLFIF_JOB__DEFAULT_TEMPERATURE", "0")
    settings = load_settings()
    assert settings.machine == MachinePolicy(idle_timeout_seconds=90.5)
    assert settings.job == JobPolicy(max_queued=7, default_temperature=0.0)


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = faults(
        monkeypatch,
        PORT="70000",
        HUB_URL="not an address",
        LOG_LEVEL="LOUD",
        TICK_SECONDS="0",
        MACHINE__IDLE_TIMEOUT_SECONDS="x",
        JOB__MAX_QUEUED="1.5",
    )
    named = [fault.partition(":")[0] for fault in found]
    assert named == [
        "TLFIF_PORT",
        "TLFIF_HUB_URL",
        "TLFIF_TICK_SECONDS",
        "TLFIF_LOG_LEVEL",
        "TLFIF_JOB__MAX_QUEUED",
        "TLFIF_MACHINE__IDLE_TIMEOUT_SECONDS",
    ]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("LOG_LEVEL", "debug", "It must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'."),
        ("PORT", "x", "It must be a whole number."),
        ("PORT", "70000", "It must be at most 65535."),
        ("TICK_SECONDS", "0.01", "It must be at least 0.05."),
        ("TICK_SECONDS", "nan", "It must be a number; nothing means for ever."),
        ("HUB_URL", "nowhere", "It must be an address such as https://example.org."),
        ("MACHINE__ENGINE_SLOTS", "x", "It must be a whole number."),
        ("AWS_REGION", "mars", "There are no prices for the region"),
        ("JOB", "{", "They are JSON where they are set"),
        ("ALLOW_HOSTS", '["*"]', "There is none for all."),
        ("ALLOW_ORIGINS", '["null"]', "There is none for all pages."),
        ("STORE_URL", "", "It must begin with redis://"),
        ("STORE_URL", "localhost:6379", "It must begin with redis://"),
        ("STORE_URL", "postgres://127.0.0.1/x", "It must begin with redis://"),
        ("STORE_URL", "redis://", "It must be HOST:PORT"),
        ("STORE_URL", "redis://127.0.0.1:0", "It must be HOST:PORT"),
        ("STORE_URL", "redis://127.0.0.1:x", "It is no address."),
        ("STORE_URL", "redis://127.0.0.1/jobs", "It must be HOST:PORT"),
        ("STORE_URL", "redis://10.0.0.7:6379", "use rediss:// (TLS)"),
        ("STORE_URL", "redis://cache.example.org", "use rediss:// (TLS)"),
        ("STORE_URL", "rediss://:hunter2@cache.example.org", "name that in TLFIF_STORE_PASSWORD_FILE"),
        ("STORE_URL", "rediss://cache.example.org?ssl_cert_reqs=none", "nothing after a ? is taken"),
        ("STORE_URL", "unix://", "It must name the server's socket"),
        ("STORE_PASSWORD_FILE", "secret", "the whole path of a file"),
    ],
)
def test_a_fault_is_a_sentence_of_our_own(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    (fault,) = faults(monkeypatch, **{name: value})
    assert says in fault
    assert "hunter2" not in fault
    assert not any(word in fault for word in ("should", "Input", "..", "Value error"))


@pytest.mark.requirement("3.6.6")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", ""),
        ("PORT", "eighty"),
        ("SERVER_IDLE_EXIT_SECONDS", "0"),
        ("SERVER_IDLE_EXIT_SECONDS", "-5"),
        ("SERVER_IDLE_EXIT_SECONDS", "nan"),
        ("SERVER_IDLE_EXIT_SECONDS", "inf"),
        ("SERVER_IDLE_EXIT_SECONDS", "86401"),
        ("TICK_SECONDS", "nan"),
        ("TICK_SECONDS", "0.01"),
        ("TICK_SECONDS", "61"),
        ("LOG_LEVEL", "debug "),
        ("HUB_URL", "ftp://example.org"),
        ("HUB_URL", ""),
        ("MACHINE__IDLE_TIMEOUT_SECONDS", "0"),
        ("MACHINE__IDLE_TIMEOUT_SECONDS", "-1"),
        ("MACHINE__IDLE_TIMEOUT_SECONDS", "nan"),
        ("MACHINE__MAX_RUN_SECONDS", "inf"),
        ("MACHINE__MAX_RUN_SECONDS", "1e10"),
        ("MACHINE__MAX_RUN_SECONDS", ""),
        ("MACHINE__ENGINE_SLOTS", "0"),
        ("JOB__LEASE_SECONDS", "0"),
        ("JOB__WAIT_LIMIT_SECONDS", "-inf"),
        ("JOB__DEFAULT_TEMPERATURE", "-0.1"),
    ],
)
def test_nothing_out_of_range_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    (fault,) = faults(monkeypatch, **{name: value})
    assert fault.startswith(f"TLFIF_{name.partition('__')[0]}")


def test_a_fault_does_not_repeat_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = faults(monkeypatch, HUB_URL="a-secret-that-was-pasted-by-mistake")
    assert "a-secret" not in fault


@pytest.mark.requirement("4.1.4")
@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://localhost",
        "redis://[::1]:6379",
        "rediss://zoe@cache.example.org:6380/3",
        "unix:///run/redis/redis.sock",
    ],
)
def test_a_server_that_keeps_jobs_is_set_by_its_address(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert load_settings().store is None
    monkeypatch.setenv("TLFIF_STORE_URL", url)
    monkeypatch.setenv("TLFIF_STORE_PASSWORD_FILE", "~/of the store")
    assert load_settings().store == StoreAddress(url=url, password_file=Path.home() / "of the store")


def test_names_of_models_are_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLFIF_MODEL_NAMES", '{"gpt-4o-mini": "smollm2", "gpt-4o": ""}')
    assert load_settings().model_names == {"gpt-4o-mini": "smollm2", "gpt-4o": ""}
    assert faults(monkeypatch, MODEL_NAMES='{"gpt-4o": 5}')


def test_the_home_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TLFIF_HOME", str(tmp_path / "here"))
    assert data_folder_from_environment().root == tmp_path / "here"
    assert load_settings().data_folder.root == tmp_path / "here"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLFIF_HOME", "relative")
    assert data_folder_from_environment().root == tmp_path / "relative"
    assert load_settings().data_folder.root == tmp_path / "relative"


def test_without_a_home_it_is_the_platforms_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = data_folder_from_environment().root
    assert "tlfif" in usual.parts
    monkeypatch.setenv("TLFIF_HOME", "")
    assert data_folder_from_environment().root == usual
    assert load_settings().data_folder.root == usual


def test_the_names_known_without_pydantic_are_those_of_the_settings() -> None:
    fields = {field.validation_alias or f"TLFIF_{name.upper()}" for name, field in Settings.model_fields.items()}
    assert fields == {f"TLFIF_{name}" for name in variables.SETTINGS}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TLFIF_MACHINE_IDLE_TIMEOUT_SECONDS", "Did you mean TLFIF_MACHINE__IDLE_TIMEOUT_SECONDS?"),
        ("TLFIF_MACHINE__IDLE_TIMEOUT_SECOND", "Did you mean TLFIF_MACHINE__IDLE_TIMEOUT_SECONDS?"),
        ("TLFIF_MACHINE__IDLE_TIMEOUT", "Did you mean TLFIF_MACHINE__IDLE_TIMEOUT_SECONDS?"),
        ("TLFIF_AWS_REGIO", "Did you mean TLFIF_AWS_REGION?"),
        ("TLFIF_PROFIL", "Did you mean TLFIF_PROFILE?"),
        ("TLFIF_HOM", "Did you mean TLFIF_HOME?"),
        ("tlfif_home", "Did you mean TLFIF_HOME?"),
        ("Tlfif_Port", "Did you mean TLFIF_PORT?"),
        ("TLFIF_ZZZZ", "Remove it."),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="there the case of a name does not count")
def test_a_misspelt_setting_is_named_with_the_nearest_right_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")
    (fault,) = faults(monkeypatch)
    assert fault == f"{name}: there is no such setting. {meant}"
    assert main(["jobs", "list"]) == 2, "neither does any command"
    assert fault in capsys.readouterr().err


def test_a_misspelt_setting_is_told_together_with_the_wrong_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.partition(":")[0] for one in faults(monkeypatch, PORTS="1", PORT="x")] == ["TLFIF_PORTS", "TLFIF_PORT"]


def test_what_only_tests_read_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLFIF_CI", "1")
    monkeypatch.setenv("TLFIF_TEST_PICTURES", "/x")
    load_settings()


def test_version_and_help_answer_whatever_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLFIF_HOM", "1")
    assert main(["--version"]) == main(["--help"]) == 0
