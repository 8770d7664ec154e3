"""The benchmark's stand-in for the server speaks as the real one: the client reads an answer from it."""

from contextlib import aclosing

from bench.window_server import stand_in, text_of
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.tlfif_client import TlfifClient
from tlfif.jobs.events import Event, EventKind
from tlfif.wire.jobs import JobAccepted


async def test_an_answer_comes_word_by_word_and_ends_with_its_receipt() -> None:
    async with stand_in({"/v1/machine": {"state": "ready"}}, answer_tokens=7, per_second=0) as server:
        locator = FixedEndpoint(endpoint=Endpoint(base_url=server.url, token="t"))
        async with TlfifClient(locator) as client:
            async with aclosing(client.ask({"messages": [{"role": "user", "content": "Hello"}]})) as heard:
                news = [one async for one in heard]
            job = await client.job("job_bench0")
            machine = await client.machine()
    assert isinstance(news[0], JobAccepted)
    events = [one for one in news if isinstance(one, Event)]
    assert [one.kind for one in events] == [EventKind.STARTED, *[EventKind.DELTA] * 7, EventKind.SUCCEEDED]
    assert job["last_seq"] == events[-1].seq
    assert machine["state"] == "ready"


def test_answers_have_the_lines_that_were_asked_for() -> None:
    assert text_of(40, 1).count("\n") >= 38
