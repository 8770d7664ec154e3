"""Many clients at once, with a fake engine that answers at once, so that the queue is seen to its end."""

import asyncio
import json
import re
from collections import Counter

import pytest

from tests.fakes.stub_engine.xllamacpp import PACE, WORDS
from tests.misbehaving.desk import MODEL, TERMINAL, MakeDesk

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

AT_ONCE = {PACE: "0"}
CLIENTS = 200
PROMPTS = 5
"""Each client's, one after the other."""


async def asked(port: int, token: str, number: int) -> tuple[str, list[str], str]:
    """Ask and follow the answer to its end; the job's id, the kinds of its events, and its text. By hand: a thousand
    requests of a real client would cost more than all the rest."""
    body = json.dumps({"prompt": f"Number {number}: is all well?", "model": MODEL}).encode()
    lines = (
        "POST /v1/infer HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        f"authorization: Bearer {token}",
        "accept: text/event-stream",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    answer = (await reader.read()).decode()
    writer.close()
    assert answer.startswith("HTTP/1.1 200 OK"), answer[:300]
    kinds = re.findall(r"^event: (?!machine)(.+)$", answer, re.MULTILINE)
    data = [json.loads(found) for found in re.findall(r"^data: (.+)$", answer, re.MULTILINE)]
    (job_id,) = [found["job_id"] for found in data if "job_id" in found]
    return job_id, kinds, "".join(found["text"] for found in data if "text" in found)


@pytest.mark.requirement("3.2.2")
async def test_a_thousand_prompts_of_two_hundred_clients_all_end(a_desk_with: MakeDesk) -> None:
    async with a_desk_with(**AT_ONCE, TLFIF_MACHINE__ENGINE_SLOTS="8", TLFIF_JOB__LEASE_SECONDS="30") as desk:
        port = json.loads((desk.home / "server.json").read_text())["port"]
        token = (desk.home / "api-token").read_text()

        async def client(number: int) -> list[tuple[str, list[str], str]]:
            return [await asked(port, token, number * PROMPTS + turn) for turn in range(PROMPTS)]

        answers = [one for each in await asyncio.gather(*map(client, range(CLIENTS))) for one in each]
        assert len({job_id for job_id, _, _ in answers}) == CLIENTS * PROMPTS
        assert {text for _, _, text in answers} == {"".join(WORDS)}
        ends = Counter(kind for _, kinds, _ in answers for kind in kinds if kind in TERMINAL)
        assert ends == {"succeeded": CLIENTS * PROMPTS}
        machine = (await desk.call("GET", "/v1/machine")).json()
        assert (machine["queued"], machine["running"]) == (0, 0)
        assert len((await desk.call("GET", "/v1/machine/history")).json()["machines"]) == 1
