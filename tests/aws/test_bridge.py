"""A prompt that waits for a machine on AWS, answered by this computer meanwhile: the emulated home, the real server of
this computer with an engine that computes nothing, the window's core and a program, over real sockets."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from tests.aws.emulator import Emulator
from tests.aws.home import MODEL, AwsHome, a_home
from tests.aws.live_home import sign_in
from tests.aws.test_functions import PaperWorker, wait_for
from tests.fakes.stub_engine.xllamacpp import PACE
from tests.functional.test_api_server_process import COMMAND, environment, wait_for_address
from tests.misbehaving.desk import STUB_PATH
from tlfif.client.profile import set_bridge
from tlfif.client.sign_in.token_store import TokenStore
from tlfif.gui.bridge.opening import open_core
from tlfif.gui.core import WindowCore
from tlfif.gui.model import intents
from tlfif.gui.model.state import ExchangeStage, Link
from tlfif.kernel.access import load_token
from tlfif.kernel.data_folder import DataFolder

HERE = "This computer's SmolLM2-135M-Instruct"
QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 20}


@pytest.fixture(scope="module")
def cloud(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsHome]:
    with a_home(emulator, tmp_path_factory.mktemp("functions")) as one:
        yield one


@pytest.fixture(scope="module")
def desk(cloud: AwsHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    """A computer whose owner talks to AWS and has switched the bridge on; its server runs."""
    folder = sign_in(tmp_path_factory.mktemp("desk"), cloud)
    set_bridge(folder, on=True)
    process = subprocess.Popen(COMMAND, env=environment(folder.root, PYTHONPATH=STUB_PATH, **{PACE: "0.03"}))
    try:
        wait_for_address(process, folder)
        yield folder
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def core(desk: DataFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[WindowCore]:
    monkeypatch.delenv("TLFIF_PROFILE", raising=False)
    monkeypatch.setattr(TokenStore.__init__, "__kwdefaults__", {"find_vault": lambda: None})
    window = open_core(desk)
    until(window, lambda: window.state.connection.link is Link.CONNECTED, "the home answers")
    yield window
    window.close()


@pytest.fixture
def here(desk: DataFolder) -> Iterator[httpx2.Client]:
    """This computer's server, as its owner."""
    address = json.loads(desk.server.read_text())
    bearer = {"Authorization": f"Bearer {load_token(desk)}"}
    url = f"http://127.0.0.1:{address['port']}"
    with httpx2.Client(base_url=url, headers=bearer, timeout=60, trust_env=False) as client:
        yield client


def until(core: WindowCore, holds: Callable[[], object], what: str) -> None:
    def look() -> object:
        core.poll()
        return holds()

    wait_for(look, f"{what}; {core.state.conversation.exchanges}", 40.0)


def a_machine(cloud: AwsHome) -> None:
    wait_for(lambda: "running" in cloud.instances().values(), "an instance")


def stop(cloud: AwsHome) -> None:
    """The machine on AWS, so that the next prompt waits again."""
    with cloud.client() as anna:
        anna.post("/v1/machine/stop", json={"jobs": "cancel"})
        wait_for(lambda: anna.get("/v1/machine").json()["state"] == "off", "the machine is off", 60.0)


@pytest.mark.requirement("1.3.7")
def test_the_window_shows_this_computers_words_until_awss_come(
    core: WindowCore, cloud: AwsHome, here: httpx2.Client
) -> None:
    core.press(intents.ChangeSettings(replace(core.state.settings.values, max_tokens=20)))
    core.press(intents.Send("Hello"))

    def one() -> Any:
        return core.state.conversation.exchanges[-1]

    until(core, lambda: one().bridge is not None and one().bridge.stands, "this computer's first words")
    assert one().stage is ExchangeStage.WAITING
    until(core, lambda: "cost nothing" in one().bridge.line, "its receipt")
    assert one().bridge.line.startswith(f"{HERE} answered while the GPU starts · first word after")
    stood = str(one().answer)
    assert stood

    a_machine(cloud)
    asyncio.run(PaperWorker(cloud).answers("Hello, Anna."))
    until(core, lambda: one().stage is ExchangeStage.DONE, "AWS's answer")
    assert str(one().answer) == "Hello, Anna."
    assert one().receipt is not None
    assert not one().bridge.stands
    assert one().bridge.line.startswith(f"{HERE} answered while the GPU started · first word after")
    wait_for(lambda: not here.get("/v1/jobs").json()["jobs"], "this computer's server keeps nothing of it")
    stop(cloud)


def test_a_program_that_asks_for_it_reads_both(desk: DataFolder, cloud: AwsHome, here: httpx2.Client) -> None:
    lines: list[str] = []

    def read() -> None:
        body = {**QUESTION, "stream": True, "tlfif": {"bridge": True}}
        with here.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines.extend(line for line in answer.iter_lines() if line)

    def told() -> list[dict[str, Any]]:
        return [json.loads(line.removeprefix("data: ")) for line in list(lines) if line.startswith("data: {")]

    def bridged() -> list[dict[str, Any]]:
        return [one["tlfif"]["bridge"] for one in told() if "bridge" in one.get("tlfif", {})]

    reader = threading.Thread(target=read)
    reader.start()
    wait_for(lambda: any(one.get("ended") for one in bridged()), "this computer's answer is whole")
    assert bridged()[0]["model"] == "smollm2"
    said = "".join(one.get("text") or "" for one in bridged())
    assert said
    a_machine(cloud)
    asyncio.run(PaperWorker(cloud).answers("Hello, Anna."))
    reader.join(30)
    assert "".join(one["choices"][0]["delta"].get("content") or "" for one in told()) == "Hello, Anna."
    last = told()[-1]["tlfif"]
    assert (last["place"], last["bridge"]["place"], last["bridge"]["text"]) == (
        "AWS eu-central-1",
        "this computer",
        said,
    )
    assert last["bridge"]["failure"] is None
    stop(cloud)


@pytest.mark.requirement("1.3.7")
def test_a_failure_on_aws_leaves_this_computers_answer_and_is_said(cloud: AwsHome, here: httpx2.Client) -> None:
    def ask(**more: Any) -> httpx2.Response:
        return here.post("/v1/chat/completions", json={**QUESTION, "tlfif": {"bridge": True}, **more})

    answers: list[httpx2.Response] = []
    asking = threading.Thread(target=lambda: answers.append(ask()))
    asking.start()
    wait_for(lambda: any(job["status"] == "succeeded" for job in here.get("/v1/jobs").json()["jobs"]), "said here")
    a_machine(cloud)
    asyncio.run(PaperWorker(cloud).fails("The engine is broken."))
    asking.join(30)
    answer = answers[0].json()
    assert answer["choices"][0]["message"]["content"] == answer["tlfif"]["bridge"]["text"] != ""
    assert answer["tlfif"]["bridge"]["failure"]["message"] == "The engine is broken."
    stop(cloud)


@pytest.mark.requirement("1.3.7")
def test_what_is_switched_off_or_cancelled(desk: DataFolder, cloud: AwsHome, here: httpx2.Client) -> None:
    def stream() -> Any:
        body = {**QUESTION, "stream": True, "tlfif": {"bridge": True}, "max_tokens": 1900}
        return here.stream("POST", "/v1/chat/completions", json=body)

    def statuses(client: httpx2.Client) -> set[str]:
        return {job["status"] for job in client.get("/v1/jobs", params={"limit": 1}).json()["jobs"]}

    with stream() as answer:
        job_id = answer.headers["x-tlfif-job-id"]
        next(line for line in answer.iter_lines() if '"text"' in line)
        with cloud.client() as anna:
            anna.post(f"/v1/jobs/{job_id}/cancel")
            wait_for(lambda: statuses(anna) == {"cancelled"} == statuses(here), "both have ended")
    set_bridge(desk, on=False)
    try:
        with stream() as answer:
            line = next(line for line in answer.iter_lines() if '"bridge"' in line)
        assert "switched off" in line
    finally:
        set_bridge(desk, on=True)
