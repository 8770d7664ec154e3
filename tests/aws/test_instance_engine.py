"""An engine that is a service of its own: waited for, watched, and asked how long a prompt is."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.openai_server import DONE, HEAD, event, piece, usage
from tlfif.adapters.engines.fitted_engine import vllm_engine
from tlfif.adapters.engines.openai_engine import refusal
from tlfif.adapters.engines.served_engine import (
    MISSES,
    START_POLL_SECONDS,
    WATCH_POLL_SECONDS,
    ServedEngineProcess,
    check_loopback,
    read_engine_key,
)
from tlfif.adapters.engines.systemd_service import why_given_up
from tlfif.jobs.engine import Chunk, EngineAddress
from tlfif.jobs.events import Event, EventKind, answer_calls
from tlfif.jobs.jobs import FinishReason
from tlfif.jobs.request import AnswerForm, GenerationRequest, Message, Sampling, Task, Tool, ToolCall, ToolUse
from tlfif.kernel.errors import EngineGoneError, EngineRejectedError

CONTEXT = 2048
VLLM_TOO_LONG = {
    "error": {
        "message": "This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 "
        "input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the "
        "input prompt. (parameter=input_tokens, value=2049)",
        "type": "BadRequestError",
        "param": "input_tokens",
        "code": 400,
    }
}
"""Word for word what vLLM 0.32.0 answers."""

CALLS = ('[{"name": "weather", ', '"arguments": {"ci', 'ty": "Vienna"}}]')
OLD_LOGPROBS = {
    "tokens": [" on"],
    "token_logprobs": [-0.5],
    "top_logprobs": [{" on": -0.5, " off": -1.5, " in": -2.5}],
    "text_offset": [0],
}
"""As vLLM's /v1/completions has them."""


@dataclass
class Service:
    """vLLM as far as it is asked here. ``health``: the answers of ``/health`` in turn, the last one for ever."""

    health: list[int] = field(default_factory=lambda: [200])
    tokens: int = 100
    refuses: bool = False
    says: list[str] = field(default_factory=lambda: ["Yes"])
    asked: list[tuple[str, object]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ", 2)[1]
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = json.loads(await reader.readexactly(int(fields.get("content-length", 0))) or b"null")
        self.asked.append((path, body))
        self.keys.add(fields.get("authorization", ""))
        writer.write(self._answer(path, body))
        await writer.drain()
        writer.close()

    def _answer(self, path: str, body: object) -> bytes:
        if path == "/health":
            return _plain(self.health.pop(0) if len(self.health) > 1 else self.health[0], b"")
        if self.refuses:
            return _plain(400, json.dumps(VLLM_TOO_LONG).encode())
        if path == "/tokenize" and isinstance(body, dict) and "prompt" in body:
            pieces = ["<s>", *"\n".join(set(body["prompt"].split("\n")) - {"<s>"})]
            return _plain(200, json.dumps({"count": len(pieces), "token_strs": pieces}).encode())
        if path == "/tokenize":
            return _plain(200, json.dumps({"count": self.tokens, "max_model_len": CONTEXT, "tokens": []}).encode())
        if path == "/v1/embeddings":
            return _plain(404, b'{"detail":"Not Found"}')
        if path == "/v1/completions":
            return (
                HEAD + event({"choices": [{"text": " on", "logprobs": OLD_LOGPROBS, "finish_reason": "stop"}]}) + DONE
            )
        if isinstance(body, dict) and "response_format" in body:
            return HEAD + b"".join(map(piece, CALLS)) + piece(None, "stop") + usage(self.tokens, 9) + DONE
        return HEAD + b"".join(map(piece, self.says)) + piece(None, "stop") + usage(self.tokens, 1) + DONE

    def bodies(self, path: str) -> list[dict[str, object]]:
        return [body for asked, body in self.asked if asked == path and isinstance(body, dict)]


def _plain(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"connection: close\r\n\r\n" + body


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    running = Service()
    server = await asyncio.start_server(running.handle, "127.0.0.1", 0)
    running.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield running
    server.close()
    await server.wait_closed()


class Keeper:
    """systemd: gives the service up after so many looks."""

    def __init__(self, patience: int = 10**6) -> None:
        self.patience = patience

    async def given_up(self) -> str | None:
        self.patience -= 1
        return "CUDA error: out of memory" if self.patience < 0 else None


def served(service: Service, clock: FakeClock, keeper: Keeper | None = None) -> ServedEngineProcess:
    return ServedEngineProcess(
        base_url=service.url,
        api_key="a-key",
        clock=clock,
        given_up=(keeper or Keeper()).given_up,
        start_limit_seconds=60.0,
    )


async def test_start_waits_until_the_service_is_healthy(service: Service) -> None:
    service.health = [503, 503, 503, 200]
    clock = FakeClock(auto_advance=True)
    begun = clock.monotonic()
    address = await served(service, clock).start()
    assert address == EngineAddress(base_url=service.url, api_key="a-key", pid=None)
    assert clock.monotonic() - begun == 3 * START_POLL_SECONDS


async def test_start_gives_up_when_systemd_has(service: Service) -> None:
    service.health = [503]
    with pytest.raises(EngineGoneError, match="given up after several starts: CUDA error: out of memory"):
        await served(service, FakeClock(auto_advance=True), Keeper(2)).start()
    assert len(service.asked) == 3


async def test_start_gives_up_after_its_limit_where_nothing_listens(service: Service) -> None:
    clock = FakeClock(auto_advance=True)
    begun = clock.monotonic()
    process = ServedEngineProcess(
        base_url="http://127.0.0.1:9", api_key="", clock=clock, given_up=Keeper().given_up, start_limit_seconds=5.0
    )
    with pytest.raises(EngineGoneError, match="within 5 s"):
        await process.start()
    assert clock.monotonic() - begun == 5.0


async def test_wait_ends_at_the_third_look_in_a_row_without_health(service: Service) -> None:
    service.health = [200, 503, 503, 200, 503, 503, 503]
    clock = FakeClock(auto_advance=True)
    begun = clock.monotonic()
    assert await served(service, clock).wait() == 1
    assert clock.monotonic() - begun == (4 + MISSES) * WATCH_POLL_SECONDS


async def test_stop_leaves_the_service_alone(service: Service) -> None:
    await served(service, FakeClock()).stop()
    assert service.asked == []


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1:8000", "https://127.0.0.1:8000", "http://example.org", "http://127.0.0.1.nip.io", "", "8000"],
)
def test_an_engine_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="on this machine"):
        check_loopback(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost:8000", "http://[::1]:8000"])
def test_an_engine_here_is_taken(url: str) -> None:
    assert check_loopback(url) == url.rstrip("/")


def test_the_key_is_read_from_systemds_file(tmp_path: Path) -> None:
    file = tmp_path / "engine.env"
    with pytest.raises(EngineGoneError, match="cannot be read"):
        read_engine_key(file)
    file.write_text("OTHER=1\nVLLM_API_KEY=\n")
    with pytest.raises(EngineGoneError, match="missing"):
        read_engine_key(file)
    file.write_text("# a comment\nVLLM_API_KEY=0123abcd\n")
    assert read_engine_key(file) == "0123abcd"


async def test_a_unit_that_systemd_does_not_know_has_not_failed() -> None:
    assert await why_given_up("tlfif-no-such-unit.service") is None


def asking(prompt: str, max_tokens: int = 64) -> GenerationRequest:
    message = Message(role="user", content=prompt)
    return GenerationRequest(
        model="anna-style", messages=(message,), max_tokens=max_tokens, sampling=Sampling(temperature=0.0)
    )


async def answered(service: Service, request: GenerationRequest) -> list[Chunk]:
    engine = vllm_engine(EngineAddress(base_url=service.url, api_key="a-key", pid=None), context_tokens=CONTEXT)
    try:
        async with aclosing(engine.generate(request)) as chunks:
            return [chunk async for chunk in chunks]
    finally:
        await engine.close()


@pytest.mark.requirement("11.2.1")
async def test_a_short_prompt_goes_straight_to_the_model_that_it_names(service: Service) -> None:
    chunks = await answered(service, asking("Hello"))
    assert [chunk.text for chunk in chunks] == ["Yes", ""]
    assert [path for path, _ in service.asked] == ["/v1/chat/completions"]
    (body,) = service.bodies("/v1/chat/completions")
    assert (body["model"], body["max_tokens"]) == ("anna-style", 64)
    assert service.keys == {"bearer a-key"}


async def test_control_tokens_that_somebody_typed_stay_text(service: Service) -> None:
    await answered(service, asking("<s>[x] <div><|user|>"))
    (tokenize,) = service.bodies("/tokenize")
    assert (tokenize["model"], tokenize["add_special_tokens"], tokenize["return_token_strs"]) == (
        "anna-style",
        False,
        True,
    )
    (body,) = service.bodies("/v1/chat/completions")
    assert body["messages"] == [{"role": "user", "content": "<\u2060s>[x] <div><\u2060|user|>"}]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("What is <s>?", "<s> begins"),
        ("What is <div>?", "<\u2060s> begins"),
        ("What is <s>, or <\u2060s>?", "<\u2060s> begins"),
    ],
)
async def test_an_answer_that_repeats_them_has_them_as_they_were_typed(
    service: Service, typed: str, answer: str
) -> None:
    service.says = ["<", "\u2060s>", " begins"]
    assert "".join(chunk.text for chunk in await answered(service, asking(typed))) == answer


@pytest.mark.parametrize(
    ("tokens", "asked", "given"),
    [
        (1000, 512, 512),  # it fits after all
        (1900, 512, 148),  # the rest of the context
        (CONTEXT - 16, 512, 16),  # the shortest answer that is one
        (CONTEXT - 4, 4, 4),  # so short was wanted
    ],
)
async def test_the_answer_gets_the_tokens_that_the_prompt_leaves(
    service: Service, tokens: int, asked: int, given: int
) -> None:
    service.tokens = tokens
    await answered(service, asking("word " * 800, asked))
    (counted,) = service.bodies("/tokenize")
    assert counted == {"model": "anna-style", "messages": [{"role": "user", "content": "word " * 800}]}
    (body,) = service.bodies("/v1/chat/completions")
    assert body["max_tokens"] == given


@pytest.mark.requirement("5.6.4")
@pytest.mark.parametrize("tokens", [CONTEXT - 15, CONTEXT, 10**6])
async def test_a_prompt_without_space_behind_it_is_refused_once_and_plainly(service: Service, tokens: int) -> None:
    service.tokens = tokens
    with pytest.raises(EngineRejectedError) as caught:
        await answered(service, asking("word " * 800, 512))
    assert caught.value.code == "prompt_too_long"
    assert "Shorten the prompt" in caught.value.message
    assert service.bodies("/v1/chat/completions") == []


async def test_vllms_own_refusal_of_a_long_prompt_has_the_same_code(service: Service) -> None:
    service.refuses = True
    for prompt in ("word " * 800, "Hello"):  # found out by the count, and by the answer
        with pytest.raises(EngineRejectedError) as caught:
            await answered(service, asking(prompt))
        assert caught.value.code == "prompt_too_long"


async def test_an_engine_that_is_gone_is_told_as_gone() -> None:
    gone = Service(url="http://127.0.0.1:9")
    with pytest.raises(EngineGoneError):
        await answered(gone, asking("word " * 800))


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, VLLM_TOO_LONG, EngineRejectedError, "prompt_too_long"),
        (
            400,
            {"error": {"code": 400, "message": "too large", "type": "exceed_context_size_error", "n_ctx": 512}},
            EngineRejectedError,
            "prompt_too_long",
        ),
        (400, {"error": {"message": "bad", "type": ["x"], "param": None}}, EngineRejectedError, "engine_rejected"),
        (400, {"error": "Bad Request"}, EngineRejectedError, "engine_rejected"),
        (401, {"error": "Unauthorized"}, EngineGoneError, "engine_gone"),
        (503, {}, EngineGoneError, "engine_gone"),
    ],
)
def test_what_a_status_means_for_the_job(status: int, body: object, kind: type[Exception], code: str) -> None:
    error = refusal(status, json.dumps(body).encode())
    assert type(error) is kind
    assert error.code == code


WEATHER = Tool(name="weather", parameters='{"properties": {"city": {"type": "string"}}, "required": ["city"]}')


def calls_of(chunks: list[Chunk]) -> tuple[ToolCall, ...]:
    return answer_calls([Event(seq=1, kind=EventKind.DELTA, at=0.0, data=chunk.data()) for chunk in chunks])


async def test_what_can_be_asked_has_vllms_names(service: Service) -> None:
    sampling = Sampling(
        temperature=0.5, top_p=0.0, top_k=-1, min_p=0.1, presence_penalty=1.0, frequency_penalty=-1.0,
        repeat_penalty=1.2, seed=4, stop=("END",), logit_bias=((17, 3.0),),
    )  # fmt: skip
    await answered(service, replace(asking("Hello"), sampling=sampling, logprobs=0, form=None))
    (body,) = service.bodies("/v1/chat/completions")
    assert {name: body[name] for name in body if name not in ("messages", "model", "stream", "stream_options")} == {
        "max_tokens": 64, "temperature": 0.5, "top_p": 1e-6, "top_k": -1, "min_p": 0.1, "presence_penalty": 1.0,
        "frequency_penalty": -1.0, "repetition_penalty": 1.2, "seed": 4, "stop": ["END"], "logit_bias": {"17": 3.0},
        "logprobs": True, "top_logprobs": 0,
    }  # fmt: skip


async def test_an_answer_is_gone_on_with(service: Service) -> None:
    asked = asking("Count")
    begun = (*asked.messages, Message(role="assistant", content="One,"))
    await answered(service, replace(asked, messages=begun))
    (body,) = service.bodies("/v1/chat/completions")
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


async def test_a_text_is_gone_on_with(service: Service) -> None:
    chunks = await answered(service, replace(asking("Go"), task=Task.COMPLETION, logprobs=2))
    assert service.bodies("/v1/completions")[0]["prompt"] == "Go"
    (entry,) = chunks[0].logprobs
    assert (chunks[0].text, entry["token"], entry["logprob"], entry["bytes"]) == (" on", " on", -0.5, [32, 111, 110])
    assert [other["token"] for other in entry["top_logprobs"]] == [" on", " off"]


async def test_an_engine_that_makes_no_vectors_says_so(service: Service) -> None:
    with pytest.raises(EngineRejectedError) as caught:
        await answered(service, replace(asking("Hello"), task=Task.EMBEDDING))
    assert caught.value.code == "embeddings_not_supported"


async def test_a_call_that_must_be_is_held_to_its_form(service: Service) -> None:
    tools = ToolUse(offered=(WEATHER,), choice="function:weather")
    asked = asking("Is it raining?")
    stopping = replace(asked.sampling, stop=("Vienna",))
    chunks = await answered(service, replace(asked, tools=tools, sampling=stopping))
    (call,) = calls_of(chunks)
    assert (call.name, call.arguments) == ("weather", '{"city": "Vienna"}')
    assert (chunks[-1].finish_reason, chunks[-1].completion_tokens) == (FinishReason.TOOL_CALLS, 9)
    (body,) = service.bodies("/v1/chat/completions")
    assert "tools" not in body
    assert "stop" not in body, "it would end a call half-way"
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


async def test_a_model_writes_freely_until_it_calls(service: Service) -> None:
    service.says = ["Let me ", "look. <tool", "_call>", "[{nonsense"]
    chunks = await answered(service, replace(asking("Is it raining?"), tools=ToolUse(offered=(WEATHER,))))
    assert "".join(chunk.text for chunk in chunks) == "Let me look. "
    assert [call.name for call in calls_of(chunks)] == ["weather"]
    assert chunks[-1].completion_tokens == 9 + 3
    free, called = service.bodies("/v1/chat/completions")
    assert ("response_format" in free, called["max_tokens"]) == (False, 64 - 3)


async def test_a_model_that_calls_nothing_answers_as_ever(service: Service) -> None:
    service.says = ["2 < 3 <tool"]
    asked = replace(asking("Is it?"), tools=ToolUse(offered=(WEATHER,)))
    chunks = await answered(service, asked)
    assert ("".join(chunk.text for chunk in chunks), chunks[-1].finish_reason) == ("2 < 3 <tool", FinishReason.STOP)
    assert len(service.bodies("/v1/chat/completions")) == 1
    unwanted = replace(asked, tools=ToolUse(offered=(WEATHER,), choice="none"))
    service.says = ["<tool_call>"]
    assert "".join(chunk.text for chunk in await answered(service, unwanted)) == "<tool_call>"


async def test_an_answer_in_a_form_may_be_a_call_instead(service: Service) -> None:
    tools = ToolUse(offered=(WEATHER,))
    chunks = await answered(service, replace(asking("Is it raining?"), tools=tools, form=AnswerForm()))
    assert [call.arguments for call in calls_of(chunks)] == ['{"city": "Vienna"}']
    (body,) = service.bodies("/v1/chat/completions")
    schema = body["response_format"]["json_schema"]["schema"]
    assert [one.get("type", "other") for one in schema["anyOf"]] == ["array", "other"]


async def test_control_tokens_in_tools_and_results_stay_text(service: Service) -> None:
    tool = replace(WEATHER, description="Ends with <s>.")
    messages = (
        Message(role="user", content="Hi"),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="a", name="weather", arguments='"<s>"'),)),
        Message(role="tool", content="<s>", tool_call_id="a"),
    )
    await answered(service, replace(asking("Hi"), messages=messages, tools=ToolUse(offered=(tool,))))
    (body,) = service.bodies("/v1/chat/completions")
    assert json.dumps(body, ensure_ascii=False).count("<\u2060s>") == 3
    assert "<s>" not in json.dumps(body)
