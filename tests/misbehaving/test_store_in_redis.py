"""A whole home whose jobs are in a real Redis server, which is killed under it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.misbehaving.desk import MACHINE_MODULE, Desk, MakeDesk
from tests.redis_process import RedisProcess, needs_redis

pytestmark = [needs_redis, pytest.mark.engine, pytest.mark.timeout(300)]

PASSWORD = "xyzzy-of-the-store"


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    """A server that asks for a password."""
    process = RedisProcess("--requirepass", PASSWORD)
    process.start()
    yield process
    process.close()


@pytest.mark.requirement("4.1.4")
async def test_prompts_are_answered_out_of_redis_through_every_end(
    a_desk_with: MakeDesk, server: RedisProcess, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    async with a_desk_with(TLFIF_STORE_URL=server.url, TLFIF_STORE_PASSWORD_FILE=str(secret)) as desk:
        first = await desk.finish(await desk.submit("What is a cloud computer?", key="k"))
        assert first["status"] == "succeeded"

        # The server of the store dies under an answer, and a submit meanwhile is refused with its code.
        reader = await desk.submit("Name three colours.", max_tokens=100)
        await desk.read_while(reader, lambda: reader.kinds.count("delta") < 2)
        server.kill()
        refused = await desk.call("POST", "/v1/infer", {"prompt": "Hi.", "model": "smollm2"})
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unreachable")
        server.start()
        assert (await desk.finish(reader))["status"] == "succeeded"

        # The home's server dies and comes back, and finds what waits and what it was told before.
        waiting = await desk.submit("Say hi.")
        await desk.kill("server")
        assert (await desk.finish(waiting))["status"] == "succeeded"
        again = await desk.submit("What is a cloud computer?", key="k")
        assert again.job_id == first["job_id"]

        assert not any(PASSWORD in " ".join(one.cmdline()) for one in desk.processes(MACHINE_MODULE))
        assert nothing_tells(desk)
    with closing(sqlite3.connect(desk.home / "tlfif.db")) as file:
        assert file.execute("SELECT COUNT(*) FROM jobs").fetchone() == (0,)


def nothing_tells(desk: Desk) -> bool:
    """Whether no file of the home holds the password."""
    files = [path for path in desk.home.rglob("*") if path.is_file() and path.suffix != ".gguf"]
    return bool(files) and not any(PASSWORD.encode() in path.read_bytes() for path in files)
