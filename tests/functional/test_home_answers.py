"""Programs' requests that another home answers, over real sockets: a real API without streams, as on AWS, in its
place."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest

from tests.fakes.clock import FakeIds
from tests.functional.api_server import READY_MODEL, TOKEN, ApiServer
from tlfif.client.active_answers import ActiveAnswers
from tlfif.client.endpoint import Endpoint, FixedEndpoint
from tlfif.client.home_answers import HomeAnswers
from tlfif.client.profile import AWS, COMPUTER, Profile, save_aws_profile, use
from tlfif.client.submission_wire import asking
from tlfif.control.answers import Answers, Followed, OwnAnswers
from tlfif.control.submit_job import Submission
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import JobStatus, Outcome
from tlfif.jobs.request import AnswerForm, Message, Sampling, Task, Tool, ToolCall, ToolUse
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import InvalidInputError, NotFoundError, TlfifError, UnavailableError

Start = Callable[..., ApiServer]
EDITOR, OTHER = "key:editor:1", "key:other:2"


def asked(owner: str = "", **more: Any) -> Submission:
    return Submission(messages=[Message(role="user", content="Hello")], model=READY_MODEL, owner=owner, **more)


def endpoint_of(api: ApiServer, token: str = TOKEN) -> FixedEndpoint:
    return FixedEndpoint(endpoint=Endpoint(base_url=api.url, token=token, streams=False, stays=True))


@pytest.fixture
async def there(api: ApiServer) -> AsyncIterator[HomeAnswers]:
    home = HomeAnswers(endpoint_of(api), now=lambda: 5.0)
    yield home
    await home.close()


def news_of(answers: Answers, job_id: str, *, beat: float = 5.0) -> AsyncGenerator[Followed, None]:
    return cast(AsyncGenerator[Followed, None], answers.follow(job_id, after=0, beat_seconds=beat))


async def test_words_come_one_by_one_and_the_wait_is_told(api: ApiServer, there: HomeAnswers) -> None:
    api.empty_queue()
    job = await there.submit(asked(sampling=Sampling(temperature=0.0, seed=7)))
    assert (job.created, job.state.created_at, job.model) == (True, 5.0, READY_MODEL)
    found: list[Event] = []
    told: list[str] = []
    read = asyncio.Event()

    async def follow() -> None:
        async for news in there.follow(job.state.id, after=0, beat_seconds=0.05):
            found.extend(news.events)
            told.append(news.progress)
            read.set()

    async def until(number: int) -> None:
        while len(found) < number:
            read.clear()
            await asyncio.wait_for(read.wait(), 10)

    following = asyncio.create_task(follow())
    await until(1)
    claimed = await asyncio.to_thread(api.claim)
    assert claimed.job.request.sampling.seed == 7
    for number, text in enumerate(["One", " two"], 3):
        await asyncio.to_thread(api.append, claimed, number, text)
        await until(number)
    await asyncio.to_thread(api.finish, claimed, 5, Outcome(status=JobStatus.SUCCEEDED))
    await asyncio.wait_for(following, 10)
    assert [event.seq for event in found] == [1, 2, 3, 4, 5]
    assert [event.data["text"] for event in found if event.kind is EventKind.DELTA] == ["One", " two"]
    assert next(text for text in told if text).startswith("The machine is starting up")
    assert told[-1] == ""


async def test_a_silent_home_is_filled_with_signs_of_life(api: ApiServer, there: HomeAnswers) -> None:
    job = await there.submit(asked())
    async with aclosing(news_of(there, job.state.id, beat=0.02)) as following:
        beats = [await anext(following) for _ in range(6)]
    assert [bool(news.events) for news in beats].count(True) == 1
    assert beats[-1].progress.startswith("The machine is starting up")


async def test_who_hangs_up_can_cancel_there(api: ApiServer, there: HomeAnswers) -> None:
    job = await there.submit(asked())
    async with aclosing(news_of(there, job.state.id)) as following:
        await anext(following)
    await there.cancel(job.state.id, owner="", reason="x")
    assert (await there.job(job.state.id, owner="")).state.status is JobStatus.CANCELLED


async def test_keys_of_this_computer_are_one_person_there_and_still_do_not_see_each_other(
    api: ApiServer, there: HomeAnswers
) -> None:
    api.empty_queue()
    mine, theirs = [await there.submit(asked(owner, idempotency_key="k1")) for owner in (EDITOR, OTHER)]
    assert mine.state.id != theirs.state.id, "one key of idempotency, two programs"
    again = await there.submit(asked(EDITOR, idempotency_key="k1"))
    assert (again.state.id, again.created) == (mine.state.id, False)
    for ask in (
        lambda: there.job(mine.state.id, owner=OTHER),
        lambda: there.cancel(mine.state.id, owner=OTHER, reason="x"),
        lambda: there.job("job_of_before", owner=EDITOR),
    ):
        with pytest.raises(NotFoundError) as error:
            await ask()
        assert error.value.code == "job_not_found"
    assert (await there.job(mine.state.id, owner="")).state.id == mine.state.id, "the owner sees every program's"


async def test_its_refusals_are_this_servers(api: ApiServer, there: HomeAnswers) -> None:
    with pytest.raises(InvalidInputError) as wrong:
        await there.submit(Submission(messages=[Message(role="user", content=" ")]))
    assert wrong.value.code == "prompt_empty"
    with pytest.raises(NotFoundError):
        await there.job("job_0", owner="")
    with pytest.raises(NotFoundError):
        await anext(news_of(there, "job_0"))
    stranger = HomeAnswers(endpoint_of(api, "another-token-of-forty-characters-length"))
    with pytest.raises(UnavailableError) as out:
        await stranger.submit(asked())
    assert out.value.code == "home_signed_out"
    await stranger.close()


async def test_its_models_are_named(there: HomeAnswers) -> None:
    assert [model.name for model in await there.models()][-1] == READY_MODEL


async def test_a_program_is_answered_where_the_owner_is_and_its_answer_goes_on_there(
    api: ApiServer, start_api: Start, tmp_path: Path
) -> None:
    away = start_api(ids=_OtherIds())
    home = DataFolder(tmp_path / "desk")
    url = "http://127.0.0.1:9"
    save_aws_profile(home, Profile(api_url=url, issuer=url, client_id="c", scope="openid", region="eu-central-1"))
    made: list[HomeAnswers] = []

    def there(_: DataFolder, profile: Profile) -> HomeAnswers:
        assert profile.api_url == url
        made.append(HomeAnswers(endpoint_of(away)))
        return made[-1]

    class Here(OwnAnswers):
        """This server's own, whose stores live in another thread's loop."""

        async def submit(self, wanted: Submission) -> Any:
            return await asyncio.to_thread(api.run, super().submit(wanted))

        async def job(self, job_id: str, *, owner: str) -> Any:
            return await asyncio.to_thread(api.run, super().job(job_id, owner=owner))

        async def cancel(self, job_id: str, *, owner: str, reason: str) -> None:
            await asyncio.to_thread(api.run, super().cancel(job_id, owner=owner, reason=reason))

    answers = ActiveAnswers(Here(api.container), home, there=there)
    on_computer = await answers.submit(asked())
    use(home, AWS)
    on_aws = await answers.submit(asked())
    assert (api.newest_job(), away.newest_job()) == (on_computer.state.id, on_aws.state.id)
    for _ in range(2):
        for job in (on_computer, on_aws):
            assert (await answers.job(job.state.id, owner="")).state.id == job.state.id
        use(home, COMPUTER)
    await answers.cancel(on_aws.state.id, owner="", reason="x")
    last = [news async for news in news_of(answers, on_aws.state.id)][-1]
    assert last.events[-1].kind is EventKind.CANCELLED
    assert len(made) == 1
    await answers.close()


async def test_a_home_that_is_not_there_is_told(tmp_path: Path) -> None:
    home = DataFolder(tmp_path)
    use_nothing = ActiveAnswers(_Nothing(), home)
    home.create()
    home.profile.write_text('{"active": "aws"}')
    with pytest.raises(TlfifError) as error:
        await use_nothing.submit(asked())
    assert error.value.code == "profile_missing"


class _OtherIds(FakeIds):
    def new_id(self, prefix: str) -> str:
        return f"{super().new_id(prefix)}a"


class _Nothing(HomeAnswers):
    def __init__(self) -> None:
        """It has none."""


def test_only_what_is_asked_for_is_sent() -> None:
    assert asking(asked()) == {"messages": [{"role": "user", "content": "Hello"}], "model": READY_MODEL}


EVERYTHING = Submission(
    messages=[
        Message(role="system", content="Be brief."),
        Message(role="user", content="Rain?", name="anna"),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="c1", name="weather", arguments="{}"),)),
        Message(role="tool", content="yes", tool_call_id="c1"),
    ],
    model=READY_MODEL,
    max_tokens=9,
    fits_max_tokens=True,
    sampling=Sampling(temperature=0.5, top_p=0.9, seed=7, stop=("END",), logit_bias=((5, -1.0),)),
    tools=ToolUse(
        offered=(Tool(name="weather", description="d", parameters='{"type": "object"}', strict=True),),
        choice="function:weather",
        parallel=False,
    ),
    logprobs=2,
    notes="kept",
)


@pytest.mark.parametrize(
    "submission",
    [
        EVERYTHING,
        asked(form=AnswerForm(schema='{"type": "object"}')),
        asked(form=AnswerForm()),
        asked(task=Task.EMBEDDING),
        asked(task=Task.COMPLETION),
    ],
)
async def test_all_that_is_asked_for_arrives_there_and_can_be_read_again(
    there: HomeAnswers, submission: Submission
) -> None:
    job = await there.submit(submission)
    found = (await there.stored(job.state.id, owner="")).request
    assert found.messages == tuple(submission.messages)
    assert found.sampling == submission.sampling.over(Sampling(temperature=found.sampling.temperature))
    for name in ("task", "form", "tools", "logprobs", "notes"):
        assert getattr(found, name) == getattr(submission, name), name
    assert [event.kind for event in await there.log(job.state.id, owner="")] == [EventKind.QUEUED]
    await there.cancel(job.state.id, owner="", reason="x")
    await there.delete(job.state.id, owner="")
    with pytest.raises(NotFoundError):
        await there.log(job.state.id, owner="")


async def test_a_home_that_is_older_says_so(there: HomeAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlfif.client.home_answers.asking", lambda _: {"messages": [], "new_field": 1})
    with pytest.raises(UnavailableError) as error:
        await there.submit(asked())
    assert error.value.code == "home_outdated"


class Line:
    """A line to the home, which can be cut: whatever is on it then is lost."""

    def __init__(self, port: int, *, readers: int) -> None:
        self.cuts = self._asked = 0
        self._readers = readers
        self._port = port
        self.name = "?"
        self._open: set[asyncio.StreamWriter] = set()
        self.busy = asyncio.Event()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        pair = {writer, there_writer}
        self._open |= pair
        try:
            await asyncio.gather(self._pipe(reader, there_writer), self._pipe(there_reader, writer))
        finally:
            self._open -= pair
            for one in pair:
                one.close()
                with contextlib.suppress(OSError):
                    await one.wait_closed()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self._asked += b"/events?" in data
                if self._asked >= self._readers:
                    self.busy.set()
                writer.write(data.replace(self.name.encode(), f"127.0.0.1:{self._port}".encode()))
                await writer.drain()
        writer.close()

    async def cut(self) -> None:
        """When all readers have asked for events since the last time."""
        await asyncio.wait_for(self.busy.wait(), 10)
        self.busy.clear()
        self._asked = 0
        self.cuts += 1
        for writer in self._open:
            writer.transport.abort()


async def test_a_line_that_breaks_again_and_again_loses_and_doubles_nothing_for_anybody(api: ApiServer) -> None:
    line = Line(api.port, readers=2)
    async with await asyncio.start_server(line.carry, "127.0.0.1", 0) as server:
        line.name = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        url = f"http://{line.name}"
        there = HomeAnswers(FixedEndpoint(endpoint=Endpoint(base_url=url, token=TOKEN, streams=False, stays=True)))
        api.empty_queue()
        jobs = [await there.submit(asked()) for _ in range(2)]
        heard: dict[str, list[str]] = {job.state.id: [] for job in jobs}

        async def follow(job_id: str) -> None:
            async for more in there.follow(job_id, after=0, beat_seconds=5.0):
                heard[job_id] += [str(event.data["text"]) for event in more.events if event.kind is EventKind.DELTA]

        following = [asyncio.create_task(follow(job_id)) for job_id in heard]
        claims = [await asyncio.to_thread(api.claim) for _ in jobs]
        for number, word in enumerate(["One", " two", " three"], 3):
            await line.cut()
            for claimed in claims:
                await asyncio.to_thread(api.append, claimed, number, word)
        for claimed in claims:
            await asyncio.to_thread(api.finish, claimed, 6, Outcome(status=JobStatus.SUCCEEDED))
        await asyncio.wait_for(asyncio.gather(*following), 30)
        assert line.cuts == 3
        assert list(heard.values()) == [["One", " two", " three"]] * 2
        await there.close()


async def test_what_an_answer_cost_there_is_told_once_it_is_counted(
    there: HomeAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await there.submit(asked(EDITOR))
    uncounted = await there.bill(job.state.id, owner=EDITOR)
    assert (uncounted.place, uncounted.usd) == ("the test", None)
    share = {"usd": 0.002, "eur": 0.0018, "final": False}

    async def counted(_: object, job_id: str) -> Any:
        return {"job_id": job_id, "cost": share}

    monkeypatch.setattr("tlfif.client.tlfif_client.TlfifClient.job", counted)
    bill = await there.bill(job.state.id, owner=EDITOR)
    assert (bill.usd, bill.eur, bill.final) == (0.002, 0.0018, False)
    with pytest.raises(NotFoundError):
        await there.bill(job.state.id, owner=OTHER)
