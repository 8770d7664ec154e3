"""A program that knows OpenAI's API alone, the server of this computer, and the home on AWS behind it: real processes
and sockets, from the machine's start to the last word."""

import asyncio
import json
import subprocess
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.aws.emulator import REGION, Emulator
from tests.aws.home import MODEL, AwsHome, a_home
from tests.aws.live_home import sign_in
from tests.aws.test_functions import PaperWorker, wait_for
from tests.functional.test_api_server_process import COMMAND, environment, wait_for_address
from tlfif.kernel.access import change_access, load_token, shown_again, with_key
from tlfif.kernel.data_folder import DataFolder

PLACE = f"AWS {REGION}"
QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8, "stream": True}


@pytest.fixture(scope="module")
def cloud(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsHome]:
    with a_home(emulator, tmp_path_factory.mktemp("functions")) as one:
        yield one


@pytest.fixture(scope="module")
def desk(cloud: AwsHome, tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    return sign_in(tmp_path_factory.mktemp("desk"), cloud)


@pytest.fixture(scope="module")
def program(desk: DataFolder) -> Iterator[httpx2.Client]:
    """With a key, at the server of a computer whose owner talks to AWS."""
    token = load_token(desk)
    key = change_access(desk, lambda access: with_key(access, "editor", token=token, now=1.0)).keys[0]
    process = subprocess.Popen(COMMAND, env=environment(desk.root, TLFIF_HUB_URL="http://127.0.0.1:9"))
    try:
        address = wait_for_address(process, desk)
        bearer = {"Authorization": f"Bearer {shown_again(key, token=token)}"}
        with httpx2.Client(base_url=address.base_url, headers=bearer, timeout=60, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        process.wait(20)


class Reader:
    """Reads a stream beside the test."""

    def __init__(self, program: httpx2.Client) -> None:
        self.lines: list[str] = []
        self.job_id = ""
        self._program = program
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        with self._program.stream("POST", "/v1/chat/completions", json=QUESTION) as answer:
            self.job_id = answer.headers["x-tlfif-job-id"]
            for line in answer.iter_lines():
                self.lines += [line] if line else []


def test_an_answer_from_aws_is_streamed_and_the_machines_start_told(program: httpx2.Client, cloud: AwsHome) -> None:
    reader = Reader(program)
    wait_for(cloud.instances, "an instance")
    wait_for(lambda: any("machine is" in line for line in reader.lines), f"progress in {reader.lines}")
    job_id = asyncio.run(PaperWorker(cloud).answers("Hello, Anna."))
    reader.thread.join(30)
    assert not reader.thread.is_alive()
    assert reader.job_id == job_id
    assert reader.lines[-1] == "data: [DONE]"
    told = [json.loads(line.removeprefix("data: ")) for line in reader.lines[:-1] if line.startswith("data: ")]
    assert "".join(one["choices"][0]["delta"].get("content") or "" for one in told if one["choices"]) == "Hello, Anna."
    assert told[-1]["tlfif"]["place"] == PLACE
    cost = told[-1]["tlfif"]["cost"]
    assert cost is None or cost["usd"] > 0, "what is not counted yet is not called free"
    assert {line[0] for line in reader.lines if not line.startswith("data: ")} == {":"}, "progress is in comments"


def test_who_hangs_up_ends_the_job_on_aws(program: httpx2.Client, cloud: AwsHome) -> None:
    with program.stream("POST", "/v1/chat/completions", json=QUESTION) as answer:
        job_id = answer.headers["x-tlfif-job-id"]
    left_at = time.monotonic()
    with cloud.client() as anna:

        def status() -> bool:
            return bool(anna.get(f"/v1/jobs/{job_id}").json()["status"] == "cancelled")

        wait_for(status, "the job is cancelled")
    assert time.monotonic() - left_at < 20


def test_the_models_are_those_of_aws_in_every_dialect(program: httpx2.Client) -> None:
    assert program.get(f"/v1/models/{MODEL}").json()["id"] == MODEL
    assert program.get("/api/tags").json()["models"]
    assert [model["id"] for model in program.get("/v1/models").json()["data"]] == [MODEL]
