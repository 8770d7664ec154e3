"""Who deploys has an image built of this very program: its files, their name, and the function's answers."""

import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.aws.emulator import REGION, Emulator, aws_session
from tlfif.adapters.aws.deployment.clients import DeploymentClients, Place
from tlfif.adapters.aws.deployment.image_orders import SOURCES, ask_for_image, look_at_image
from tlfif.adapters.aws.images import codepipeline_jobs
from tlfif.images.image import Profile
from tlfif.kernel.errors import UnavailableError


class FakeFunctions:
    """Stands for Lambda; answers every order with ``answer``."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.orders: list[Any] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803  # AWS's names
        self.orders.append((FunctionName, json.loads(Payload)))
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode())}


GOES_ON = {"version": "v1", "outcome": "going_on", "said": "v1 waits for its turn."}


@pytest.fixture
def place(emulator: Emulator) -> Place:
    place = Place(home=emulator.unique("tlfif"), account_id="123456789012", region=REGION)
    emulator.create_bucket(f"{place.home}-{place.account_id}-{place.region}")
    return place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (
        "images/provision/one.sh",
        "src/tlfif/a.py",
        "src/tlfif/__pycache__/a.pyc",
        "pyproject.toml",
        "secret",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def clients_of(emulator: Emulator, functions: FakeFunctions) -> DeploymentClients:
    clients = DeploymentClients(region=REGION, endpoint_url=emulator.endpoint, session=aws_session())
    clients.functions = functions  # type: ignore[assignment]  # it has the one method that is called
    return clients


def _git(root: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", "-C", root, *who, *words], capture_output=True, text=True, check=True).stdout.strip()


def test_the_files_go_where_builders_fetch_them_and_nothing_else_does(
    emulator: Emulator, place: Place, root: Path
) -> None:
    functions = FakeFunctions(GOES_ON)
    order = ask_for_image(clients_of(emulator, functions), place, Profile.CPU_LLAMA, root=root)
    assert (order.version, order.going_on, order.good, order.said) == ("v1", True, False, "v1 waits for its turn.")
    ((function, asked),) = functions.orders
    assert function == f"{place.home}-images"
    assert (asked["action"], asked["profile"], asked["subject"]) == ("build", "cpu-llama", "not committed")
    bucket = f"{place.home}-{place.account_id}-{place.region}"
    stored = emulator.s3.get_object(Bucket=bucket, Key=f"{SOURCES}{asked['commit']}.zip")["Body"].read()
    with zipfile.ZipFile(io.BytesIO(stored)) as packed:
        assert packed.namelist() == ["images/provision/one.sh", "pyproject.toml", "src/tlfif/a.py"]
    assert SOURCES == codepipeline_jobs.SOURCES


def test_the_same_files_have_the_same_name_and_a_commit_has_its_own(
    emulator: Emulator, place: Place, root: Path
) -> None:
    functions = FakeFunctions(GOES_ON)
    clients = clients_of(emulator, functions)
    for _ in range(2):
        ask_for_image(clients, place, Profile.CPU_LLAMA, root=root)
    _git(root, "init", "-q")
    _git(root, "add", ".")
    _git(root, "commit", "-qm", "Say hello")
    ask_for_image(clients, place, Profile.CPU_LLAMA, root=root)
    (root / "pyproject.toml").write_text("changed")
    ask_for_image(clients, place, Profile.CPU_LLAMA, root=root)
    first, second, committed, changed = (asked["commit"] for _, asked in functions.orders)
    assert first == second
    assert committed == _git(root, "rev-parse", "HEAD")
    assert functions.orders[2][1]["subject"] == "Say hello"
    assert len({first, committed, changed}) == 3
    assert all(len(one) == 40 for one in (first, committed, changed))


def test_a_program_without_its_files_says_so(emulator: Emulator, place: Place, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as refused:
        ask_for_image(clients_of(emulator, FakeFunctions(GOES_ON)), place, Profile.CPU_LLAMA, root=tmp_path)
    assert refused.value.code == "image_source_missing"


@pytest.mark.parametrize("answer", [None, {}, {"errorMessage": "x", "errorType": "KeyError"}, []])
def test_a_function_that_fails_is_no_image(emulator: Emulator, place: Place, answer: object) -> None:
    with pytest.raises(UnavailableError, match="images failed"):
        look_at_image(clients_of(emulator, FakeFunctions(answer)), place, "v1")


def test_an_image_that_was_refused_or_is_good_is_told(emulator: Emulator, place: Place) -> None:
    bad = look_at_image(
        clients_of(emulator, FakeFunctions({"version": None, "outcome": "bad", "said": "[x] no"})), place, "v1"
    )
    assert (bad.version, bad.going_on, bad.good) == (None, False, False)
    good = look_at_image(
        clients_of(emulator, FakeFunctions({"version": "v1", "outcome": "good", "said": "yes"})), place, "v1"
    )
    assert good.good
