"""A candidate on AWS: it tests itself, and all that the home hears of it is its report."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.aws.dynamo_state import new_state_table, open_state_table
from tests.aws.emulator import REGION, Emulator
from tests.builders import T0
from tests.fakes.openai_server import DONE, HEAD, piece, usage
from tests.images.commits import SOUND
from tlfif.adapters.aws.images.dynamo_image_store import DynamoImageStore
from tlfif.adapters.aws.machines.ec2_user_data import MachineFile
from tlfif.bootstrap.aws import machine_settings
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.bootstrap.aws_worker import InstancePaths, run_aws_worker
from tlfif.images.image import Profile, Source
from tlfif.images.smoke_report import why_not_offered
from tlfif.machines.machine_host import LaunchSpec
from tlfif.machines.policy import AWS_MACHINE_POLICY


@pytest.fixture
async def vllm() -> AsyncIterator[str]:
    """An engine that answers every prompt with what all golden prompts expect."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        await reader.readexactly(int(fields.get("content-length", 0)))
        path = head.split(" ", 2)[1]
        plain = {"/health": {}, "/version": {"version": "0.32.1"}}.get(path)
        if plain is None:
            writer.write(HEAD + piece(SOUND) + piece(None, "stop") + usage(9, 11) + DONE)
        else:
            body = json.dumps(plain).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.requirement("7.2.3")
async def test_it_reports_and_touches_nothing_else_of_the_home(
    emulator: Emulator, vllm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-candidate")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-tests")
    table = new_state_table(emulator)
    images = DynamoImageStore(open_state_table(emulator, table))
    source = Source(repository="/src", commit="a" * 40, subject="", asked_by="a test")
    image = await images.create(profile=Profile.GPU_VLLM, source=source, now=T0)
    home = AwsSettings(  # type: ignore[call-arg]  # the region by its alias
        AWS_REGION=REGION,
        home_name="anna",
        jobs_table="no-such-table",
        state_table=table,
        queue_url="http://127.0.0.1:9/queue",
        bucket="no-such-bucket",
        endpoint_url=emulator.endpoint,
        machine=replace(AWS_MACHINE_POLICY, heartbeat_seconds=0.2),
    )
    spec = LaunchSpec(
        machine_id="candidate",
        model="tinyllama",
        model_path="/opt/tlfif/models/tinyllama",
        model_sha256=None,
        context_tokens=2048,
        image=image.version,
        idle_timeout_seconds=300.0,
        smoke_test=image.version,
    )
    settings = {**machine_settings(home), "engine": {"kind": "vllm", "base_url": vllm}}
    text = MachineFile(home="anna", region=REGION, spec=spec, ends_after_seconds=60.0, settings=settings).text()
    (tmp_path / "engine.env").write_text("VLLM_API_KEY=key\n")
    paths = InstancePaths(engine_key_file=tmp_path / "engine.env", runtime_dir=tmp_path)
    life = await run_aws_worker(MachineFile.parse(text), paths)
    assert life.ended_idle
    report = await images.reported(image.version)
    assert report is not None
    assert why_not_offered(report, promoted=None) == ""
    assert report.versions["vllm"] == "0.32.1"
    assert (tmp_path / "ready").exists()
    found = emulator.dynamodb.scan(TableName=table)["Items"]
    assert {item["pk"]["S"].partition("#")[0] for item in found} == {"IMAGES"}, "no record of a machine"
