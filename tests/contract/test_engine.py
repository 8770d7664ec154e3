"""What every engine owes, over the fake, a scripted server, and llama.cpp itself; and how its process lives."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.fakes.engine import FakeEngine
from tests.fakes.openai_server import (
    DONE,
    WHOLE,
    Say,
    event,
    piece,
    refuses,
    says,
    says_and_waits,
    serving,
    usage,
)
from tests.functional.gguf_writer import ENDLESS, GREEDY, Gguf, llama_header, only_for, tiny_llama, write_parts
from tests.waiting import wait_until
from tlfif.adapters.engines.fitted_engine import LLAMA, FittedEngine, llama_engine
from tlfif.adapters.engines.llama_engine_process import EngineSpec, LlamaEngineProcess
from tlfif.adapters.engines.openai_engine import OpenAIEngine
from tlfif.adapters.local.machines.process_priority import NICENESS
from tlfif.adapters.local.models.gguf_file import read_gguf
from tlfif.adapters.local.models.model_wheel import ModelWheel
from tlfif.jobs.engine import Chunk, Engine
from tlfif.jobs.events import Event, EventKind, answer_calls
from tlfif.jobs.jobs import FinishReason
from tlfif.jobs.limits import tokens_at_least
from tlfif.jobs.request import AnswerForm, GenerationRequest, Message, Sampling, Task, Tool, ToolCall, ToolUse
from tlfif.kernel.errors import EngineGoneError, EngineRejectedError, EngineStuckError, ModelUnusableError
from tlfif.models.catalogue import SMOLLM2, WheelSource

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next server's search ends it")
SLOTS = 2
CONTEXT = 512
ENGINE_MODULE = "tlfif.entrypoints.engine"
THINKING = (
    rb"{% for m in messages %}{{'<|im_start|>'+m['role']+'\n'}}{% if m.reasoning_content %}{{'<think>\n'+"
    rb"m.reasoning_content+'\n</think>\n\n'}}{% endif %}{{m['content']+'<|im_end|>\n'}}{% endfor %}"
    rb"{% if add_generation_prompt %}{{'<|im_start|>assistant\n<think>\n'}}{% endif %}"
)
"""A chat template that has the model think first: no longer than SmolLM2's own."""


KNOWS_TOOLS = (
    rb"{% if tools %}{{tools|tojson}}{% endif %}{% for m in messages %}{{'<|im_start|>'+m.role+'\n'}}"
    rb"{% for c in m.tool_calls or [] %}{{'<tool_call>\n'+(c.function|tojson)+'\n</tool_call>'}}{% endfor %}"
    rb"{{(m.content or '')+'<|im_end|>\n'}}{% endfor %}"
    rb"{% if add_generation_prompt %}{{'<|im_start|>assistant\n'}}{% endif %}"
)
"""One that tells the model of tools."""


def asking(prompt: str = "What is a cloud computer?", *, max_tokens: int = 24, seed: int | None = 1):
    return GenerationRequest(
        model="smollm2",
        messages=(Message(role="user", content=prompt),),
        max_tokens=max_tokens,
        sampling=Sampling(temperature=0.0, seed=seed),
    )


async def whole(engine: Engine, request: GenerationRequest | None = None) -> list[Chunk]:
    async with aclosing(engine.generate(request or asking())) as chunks:
        return [chunk async for chunk in chunks]


def text(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def small_model() -> Path:
    assert isinstance(SMOLLM2.source, WheelSource)
    found = ModelWheel(pip_command=()).installed(SMOLLM2.source)
    assert found is not None, "install the development requirements: the small model comes with them"
    return found


def llama(folder: Path, model: Path | None = None, threads: int | None = None, **limits: float) -> LlamaEngineProcess:
    return LlamaEngineProcess(
        EngineSpec(
            model_name="smollm2",
            model_path=str(model or small_model()),
            context_tokens=CONTEXT,
            slots=SLOTS,
            log_path=folder / "engine.log",
            threads=threads,
            mark=("--machine-id", "contract"),
            **limits,
        )
    )


@pytest.fixture(scope="module", autouse=True)
def _source_on_path() -> Iterator[None]:
    """For the processes that are started here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))
        yield


GetLlama = Callable[[], Awaitable[FittedEngine]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_llama(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GetLlama]:
    """llama.cpp, started when first asked for and shared by this file's tests."""
    # Of two threads on a busy computer one turns in circles while it waits for the other.
    process = llama(tmp_path_factory.mktemp("engine"), threads=1)
    started: list[FittedEngine] = []

    async def get() -> FittedEngine:
        if not started:
            started.append(llama_engine(await process.start(), context_tokens=CONTEXT))
        return started[0]

    yield get
    for engine in started:
        await engine.close()
    await process.stop()


@asynccontextmanager
async def scripted_engine() -> AsyncIterator[OpenAIEngine]:
    """A well-behaved server that counts to ``max_tokens``."""

    async def answer(say: Say) -> None:
        wanted = server.bodies[-1]["max_tokens"]
        await says(*(piece(f"word{n} ") for n in range(wanted)), piece(None, "length"), usage(5, wanted), DONE)(say)

    async with serving(answer) as server:
        engine = OpenAIEngine(server.address)
        yield engine
        await engine.close()


@pytest_asyncio.fixture(
    loop_scope="module", params=["fake", "scripted", pytest.param("llama", marks=pytest.mark.engine)]
)
async def engine(request: pytest.FixtureRequest, shared_llama: GetLlama) -> AsyncIterator[Engine]:
    """An engine that is up; only the one under test is built."""
    if request.param == "fake":
        yield FakeEngine(["A ", "cloud ", "computer "] + ["is "] * 40)
    elif request.param == "llama":
        yield await shared_llama()
    else:
        async with scripted_engine() as scripted:
            yield scripted


class TestEveryEngine:
    async def test_an_answer_is_text_and_one_last_chunk_with_the_counts(self, engine: Engine) -> None:
        chunks = await whole(engine)
        assert text(chunks).strip()
        assert all(chunk.text and chunk.finish_reason is None for chunk in chunks[:-1])
        last = chunks[-1]
        assert last.finish_reason in {FinishReason.STOP, FinishReason.LENGTH}
        assert last.prompt_tokens
        assert last.completion_tokens
        assert last.completion_tokens >= len(chunks) - 1

    async def test_the_limit_is_kept_and_named(self, engine: Engine) -> None:
        last = (await whole(engine, asking(max_tokens=5)))[-1]
        assert (last.finish_reason, last.completion_tokens) == (FinishReason.LENGTH, 5)

    async def test_the_same_seed_gives_the_same_answer(self, engine: Engine) -> None:
        assert text(await whole(engine)) == text(await whole(engine))

    async def test_closing_the_stream_frees_the_slot(self, engine: Engine) -> None:
        for _ in range(SLOTS * 2):
            async with aclosing(engine.generate(asking(max_tokens=400))) as chunks:
                async for _ in chunks:
                    break
        async with asyncio.timeout(20):
            assert await whole(engine, asking(max_tokens=2))

    @pytest.mark.requirement("5.6.1")
    async def test_several_at_once_do_not_mix(self, engine: Engine) -> None:
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(whole(engine, asking(max_tokens=8)) for _ in range(SLOTS * 2)))
        assert all(chunks[-1].completion_tokens == 8 for chunks in answers)

    async def test_one_interrupted_leaves_the_others_alone(self, engine: Engine) -> None:
        going_on = asyncio.create_task(whole(engine, asking(max_tokens=30)))
        async with aclosing(engine.generate(asking("Name three colours.", max_tokens=400))) as chunks:
            async for _ in chunks:
                break
        async with asyncio.timeout(60):
            assert (await going_on)[-1].finish_reason is not None


class TestBroken:
    """Each fault of a server, translated: will repeating help or not?"""

    @pytest.mark.parametrize(
        "script",
        [
            says(piece("A "), piece("clo")),
            says(),
            says(piece("A ")[:-1]),
            says(b"data: {not json}\n\n"),
            says(b"data: null\n\n"),
            says(b"data: 5\n\n"),
            says(b'data: "error"\n\n'),
            says(b"data: []\n\n"),
            says(event({"choices": [{"finish_reason": None}]})),
            says(event({"choices": [{"finish_reason": None, "delta": None}]})),
            says(event({"choices": [{"delta": {"content": "x"}}]})),
            says(event({"choices": "none"})),
            says(event({"hello": "world"})),
            says(b"data: \xff\xfe\n\n"),
            says(piece("A "), event({"error": {"code": 500, "message": "out of memory"}})),
            says(event({"error": "something"})),
            says(DONE),
            says(head=b"not http at all\r\n\r\n"),
            says(head=b""),
            refuses(500, b'{"error":{"message":"broken"}}'),
            refuses(503, b'{"error":{"message":"Loading model"}}'),
            refuses(502, b"<html>", b"text/html"),
            refuses(401, b'{"error":{"message":"Invalid API Key"}}'),
            refuses(404, b""),
        ],
    )
    async def test_gone(self, script) -> None:
        async with serving(script) as server:
            engine = OpenAIEngine(server.address)
            with pytest.raises(EngineGoneError) as caught:
                await whole(engine)
            await engine.close()
        assert caught.value.message

    @pytest.mark.parametrize(
        ("script", "said"),
        [
            (refuses(400, b'{"error":{"code":400,"message":"too long"}}'), "too long"),
            (refuses(422, b"[]"), "status 422"),
            (refuses(400, b"<html>", b"text/html"), "status 400"),
            (refuses(400, b"squeezed", b"application/json", b"content-encoding: gzip"), "status 400"),
            (says(piece("A "), event({"error": {"code": 400, "message": "bad grammar"}})), "bad grammar"),
        ],
    )
    async def test_rejected(self, script, said: str) -> None:
        async with serving(script) as server:
            engine = OpenAIEngine(server.address)
            with pytest.raises(EngineRejectedError, match=said):
                await whole(engine)
            await engine.close()

    @pytest.mark.parametrize(
        ("script", "why"),
        [
            (says_and_waits(head=b""), "did not take the prompt in within 0.1 s"),
            (says_and_waits(), "fell silent"),
            (says_and_waits(piece("A ")), "fell silent"),
        ],
    )
    async def test_stuck(self, script, why: str) -> None:
        async with serving(script) as server:
            engine = OpenAIEngine(server.address, accept_seconds=0.1, stall_seconds=0.2)
            with pytest.raises(EngineStuckError, match=why):
                await whole(engine)
            await engine.close()

    async def test_stuck_while_it_counts(self) -> None:
        async with serving(says_and_waits(head=b"")) as server:
            engine = FittedEngine(server.address, context_tokens=9, dialect=LLAMA, accept_seconds=0.1)
            with pytest.raises(EngineStuckError, match=r"did not take the prompt in within 0\.1 s"):
                await whole(engine)
            await engine.close()

    async def test_nobody_there(self) -> None:
        async with serving(says()) as server:
            address = server.address
        engine = OpenAIEngine(address)
        with pytest.raises(EngineGoneError):
            await whole(engine)
        await engine.close()

    async def test_a_fake_that_breaks_breaks_the_same_way(self) -> None:
        engine = FakeEngine(fault=EngineGoneError("The engine went away."), fault_after=2)
        with pytest.raises(EngineGoneError):
            await whole(engine)
        assert engine.streams == 0


def with_template(folder: Path, template: bytes) -> Path:
    """The small model with another chat template."""
    old = str(read_gguf(small_model()).text("tokenizer.chat_template")).encode()
    comment = b"{#" + b" " * (len(old) - len(template) - 4) + b"#}"  # a file's lengths stay as they were
    (folder / "other.gguf").write_bytes(small_model().read_bytes().replace(old, template + comment))
    return folder / "other.gguf"


class TestOddButRight:
    """What a server may do and some do."""

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
    @pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
    async def test_pieces_cut_anywhere(self, size: int, line_end: bytes) -> None:
        said = (piece("Zoë ") + piece("漢🦙") + piece(None, "stop") + usage(5, 2) + DONE).replace(b"\n", line_end)
        cut = [said[start : start + size] for start in range(0, len(said), size)]
        async with serving(says(*cut)) as server:
            engine = OpenAIEngine(server.address)
            chunks = await whole(engine)
            await engine.close()
        assert text(chunks) == "Zoë 漢🦙"
        assert (chunks[-1].prompt_tokens, chunks[-1].completion_tokens) == (5, 2)

    async def test_empty_deltas_comments_and_other_fields(self) -> None:
        said = [
            b": ping\n\n",
            b"event: message\n" + piece(""),
            piece(None),
            b"id: 7\nretry: 5\n" + piece("A "),
            event({"choices": []}),
            event({"choices": [{"delta": {}, "finish_reason": None}]}),
            event({"choices": [{"delta": {"role": "assistant"}, "finish_reason": None}]}),
            piece("cloud.", "stop"),
            DONE,
            piece("after the end"),
        ]
        async with serving(says(*said)) as server:
            engine = OpenAIEngine(server.address)
            chunks = await whole(engine)
            await engine.close()
        assert [chunk.text for chunk in chunks] == ["A ", "cloud.", ""]
        assert chunks[-1] == Chunk(finish_reason=FinishReason.STOP)

    @pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
    async def test_what_a_model_thinks_comes_apart(self, name: str) -> None:
        def thought(text: str, **more: str) -> bytes:
            return event({"choices": [{"delta": {"content": None, name: text, **more}, "finish_reason": None}]})

        both = {"reasoning": "Hm. ", "reasoning_content": "Hm. "}
        said = (thought("Well, "), thought("Hm. ", **both), piece("Yes"), piece(None, "stop"), usage(3, 3), DONE)
        async with serving(says(*said)) as server:
            engine = OpenAIEngine(server.address)
            chunks = await whole(engine)
            await engine.close()
        assert [(chunk.reasoning, chunk.text) for chunk in chunks[:-1]] == [("Well, ", ""), ("Hm. ", ""), ("", "Yes")]

    async def test_no_done_at_the_end(self) -> None:
        async with serving(says(piece("A "), piece(None, "length"), usage(1, 1))) as server:
            engine = OpenAIEngine(server.address)
            chunks = await whole(engine)
            await engine.close()
        assert chunks[-1] == Chunk(finish_reason=FinishReason.LENGTH, prompt_tokens=1, completion_tokens=1)

    @pytest.mark.parametrize("usage_block", [None, [], "many", {"prompt_tokens": 3}])
    async def test_counts_that_are_none(self, usage_block: object) -> None:
        said = (piece("A"), piece(None, "stop"), event({"choices": [], "usage": usage_block}), DONE)
        async with serving(says(*said)) as server:
            engine = OpenAIEngine(server.address)
            last = (await whole(engine))[-1]
            await engine.close()
        assert last.completion_tokens is None

    async def test_closing_hangs_up(self) -> None:
        """That is how a server learns that the slot is free."""

        async def endless(say: Say) -> None:
            await says(piece("A "))(say)
            await asyncio.Event().wait()

        async with serving(endless) as server:
            engine = OpenAIEngine(server.address)
            async with aclosing(engine.generate(asking())) as chunks:
                async for _ in chunks:
                    break
                assert server.playing == 1
            await wait_until(lambda: server.left, "the server sees the caller leave")
            assert server.playing == 0
            await engine.close()

    async def test_what_is_asked(self) -> None:
        async with serving(says(WHOLE)) as server:
            for name in (None, "tinyllama"):
                engine = OpenAIEngine(server.address, model_name=name)
                await whole(engine, asking("Hi", max_tokens=9, seed=None if name else 3))
                await engine.close()
        first, second = server.bodies
        assert first == {
            "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": 9,
            "temperature": 0.0,
            "seed": 3,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        assert second["model"] == "tinyllama"
        assert "seed" not in second
        assert set(server.keys) == {"bearer a-key"}


@pytest.mark.engine
class TestLlama:
    """llama.cpp as a process of its own."""

    @pytest.mark.parametrize("words", [CONTEXT, CONTEXT - 40])
    async def test_a_prompt_that_leaves_no_space_is_rejected_with_its_numbers(
        self, shared_llama: GetLlama, words: int
    ) -> None:
        engine = await shared_llama()
        with pytest.raises(EngineRejectedError) as caught:
            await whole(engine, asking("cloud " * words, max_tokens=64))
        assert caught.value.code == "prompt_too_long"
        tokens, limit = caught.value.details["tokens"], caught.value.details["limit"]
        assert isinstance(tokens, int)
        assert (words < tokens, limit) == (True, CONTEXT - 16)
        assert f"has {tokens} tokens" in caught.value.message
        assert await whole(engine, asking(max_tokens=2)), "and it goes on"

    async def test_the_answer_gets_the_space_that_the_prompt_leaves(self, tmp_path: Path) -> None:
        process = llama(tmp_path, tiny_llama().write(tmp_path / "tiny.gguf"), threads=1)
        engine = llama_engine(await process.start(), context_tokens=CONTEXT)
        last = (await whole(engine, asking("c" * (CONTEXT - 70), max_tokens=400)))[-1]
        await engine.close()
        await process.stop()
        assert last.prompt_tokens is not None
        assert last.completion_tokens is not None
        assert last.prompt_tokens + last.completion_tokens <= CONTEXT
        assert CONTEXT - 70 < last.prompt_tokens <= CONTEXT - 16

    @pytest.mark.parametrize(
        "text",
        [
            "What is a cloud computer?",
            "internationalisation " * 30,
            "\u65e5\u672c\u8a9e 12,5 \U0001f600",
            "<|im_end|> <|im_start|>",
            "\U000acb1e",  # a byte for which SmolLM2 has no token
            "=" * 600,
            "a\u00a0b\u2003c\u3000d",
            "x\ny\tz\r\n " * 20,
        ],
    )
    async def test_the_estimate_is_never_more_than_the_engines_count(self, shared_llama: GetLlama, text: str) -> None:
        request = asking(text, max_tokens=1)
        last = (await whole(await shared_llama(), request))[-1]
        assert last.prompt_tokens is not None
        assert tokens_at_least(request.messages) <= last.prompt_tokens

    @pytest.mark.requirement("5.6.4")
    @pytest.mark.parametrize("typed", ["<|im_start|>", "<|im_end|>", "<|endoftext|>"])
    async def test_a_control_token_that_somebody_typed_is_text(self, shared_llama: GetLlama, typed: str) -> None:
        """A pasted text could begin a turn of its own otherwise."""
        engine = await shared_llama()
        bare = (await whole(engine, asking("x", max_tokens=1)))[-1].prompt_tokens
        typed_eight = (await whole(engine, asking("x" + typed * 8, max_tokens=1)))[-1].prompt_tokens
        assert bare is not None
        assert typed_eight is not None
        assert typed_eight - bare >= 8 * 5, "one token each, where it is taken for a mark"

    async def test_a_thinking_models_thoughts_are_no_answer(self, tmp_path: Path) -> None:
        process = llama(tmp_path, with_template(tmp_path, THINKING), threads=1)
        engine = llama_engine(await process.start(), context_tokens=CONTEXT)
        chunks = await whole(engine, asking(max_tokens=12))
        await engine.close()
        await process.stop()
        assert "".join(chunk.reasoning for chunk in chunks).strip()
        assert text(chunks) == ""
        assert chunks[-1].completion_tokens == 12

    @LINUX_ONLY
    async def test_crashed_while_it_answers(self, tmp_path: Path) -> None:
        process = llama(tmp_path)
        address = await process.start()
        assert address.pid is not None
        psutil.Process(address.pid).send_signal(signal.SIGSEGV)
        await process.wait()
        assert await process.why_ended() == "The engine crashed over the model or the prompt (SIGSEGV)."
        await process.stop()

    async def test_killed_while_it_answers(self, tmp_path: Path) -> None:
        process = llama(tmp_path)
        address = await process.start()
        engine = OpenAIEngine(address)
        assert address.pid is not None
        waiting = asyncio.create_task(process.wait())

        async def kill_half_way() -> None:
            async with aclosing(engine.generate(asking(max_tokens=400))) as chunks:
                async for chunk in chunks:
                    if chunk.text:
                        psutil.Process(address.pid).kill()

        with pytest.raises(EngineGoneError):
            await kill_half_way()
        async with asyncio.timeout(5):
            assert await waiting != 0
        why = await process.why_ended()
        assert why.startswith(
            "The system ended the engine, most likely because memory ran out. The model smollm2 needs"
        )
        with pytest.raises(EngineGoneError):
            await whole(engine)
        await engine.close()
        await process.stop()
        again = await process.start()
        assert again.pid != address.pid
        assert again.api_key != address.api_key
        await process.stop()
        assert not psutil.pid_exists(again.pid or 0)

    async def test_killed_while_it_loads(self, tmp_path: Path) -> None:
        process = llama(tmp_path)
        await process.spawn()
        max(psutil.Process().children(), key=lambda child: child.create_time()).kill()
        with pytest.raises(EngineGoneError, match="The system ended the engine"):
            await process.start()
        await process.stop()

    async def test_stop_twice_and_before_the_start(self, tmp_path: Path) -> None:
        process = llama(tmp_path)
        await process.stop()
        assert await process.wait() == 0
        await process.spawn()
        await process.stop()
        await process.stop()
        assert not [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(p.info["cmdline"])]

    @pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model at all" * 1000, None])
    async def test_a_file_that_is_no_model(self, tmp_path: Path, content: bytes | None) -> None:
        model = tmp_path / "bad.gguf"
        if content is not None:
            model.write_bytes(content)
        process = llama(tmp_path, model)
        async with asyncio.timeout(30):
            with pytest.raises(ModelUnusableError, match=r"bad\.gguf cannot be used: .*(magic|header|GGUF)") as caught:
                await process.start()
        assert caught.value.message.isprintable()
        assert await process.wait() == 0, "nothing is left"

    @pytest.mark.parametrize(
        ("file", "why"),
        [
            (
                Gguf(values={"general.architecture": "new", "new.context_length": 9}),
                "unknown model architecture: 'new'",
            ),
            (tiny_llama(template="{{ messages "), "Parser Error: .*; failed to initialize chat template"),
            (tiny_llama(template="{{ raise_exception('never') }}"), "chat template parsing error"),
            (replace(tiny_llama(), data=b"\0" * 64), "is corrupted or incomplete"),
            (replace(tiny_llama(), values=llama_header()), "key not found in model"),
        ],
    )
    async def test_a_model_that_cannot_be_loaded_says_why(self, tmp_path: Path, file: Gguf, why: str) -> None:
        process = llama(tmp_path, file.write(tmp_path / "bad.gguf"))
        async with asyncio.timeout(30):
            with pytest.raises(ModelUnusableError, match=why):
                await process.start()

    async def test_half_of_a_split_model(self, tmp_path: Path) -> None:
        first, second = write_parts(tmp_path, parts=2)
        second.unlink()
        with pytest.raises(ModelUnusableError, match=f"{second.name}.*No such file"):
            await llama(tmp_path, first).start()

    async def test_a_template_that_never_ends_while_the_model_is_loaded(self, tmp_path: Path) -> None:
        process = llama(tmp_path, tiny_llama(template=ENDLESS).write(tmp_path / "bad.gguf"), load_seconds=1)
        with pytest.raises(ModelUnusableError, match="after 1 s the engine was still loading it"):
            await process.start()
        assert await process.wait() == 0, "nothing is left"

    async def test_an_engine_killed_while_it_loads_is_no_fault_of_the_model(self, tmp_path: Path) -> None:
        process = llama(tmp_path, tiny_llama(template=ENDLESS).write(tmp_path / "bad.gguf"))
        others = set(psutil.Process().children())
        starting = asyncio.create_task(process.start())

        def engines() -> list[psutil.Process]:
            return [p for p in psutil.Process().children() if p not in others and ENGINE_MODULE in p.cmdline()]

        (await wait_until(engines, "the engine's process"))[0].kill()
        with pytest.raises(EngineGoneError, match="The system ended the engine, most likely"):
            await starting

    async def test_a_template_that_never_ends_for_some_prompts(self, tmp_path: Path) -> None:
        model = tiny_llama(template=only_for("trap", ENDLESS)).write(tmp_path / "bad.gguf")
        process = llama(tmp_path, model, threads=1)
        address = await process.start()
        engine = llama_engine(address, context_tokens=CONTEXT)
        hurried = FittedEngine(address, context_tokens=CONTEXT, dialect=LLAMA, accept_seconds=0.3)
        assert await whole(engine, asking(max_tokens=2))
        for prompt in ("trap", "trap " * 400):
            with pytest.raises(EngineStuckError):
                await whole(hurried, asking(prompt, max_tokens=2))
        assert await whole(engine, asking(max_tokens=2)), "it still has threads for others"
        await hurried.close()
        await engine.close()
        async with asyncio.timeout(5):
            await process.stop()

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits what a process allocates")
    async def test_a_template_that_wants_all_memory_gets_its_share(self, tmp_path: Path) -> None:
        model = tiny_llama(template=only_for("trap", GREEDY)).write(tmp_path / "bad.gguf")
        process = llama(tmp_path, model, threads=1, spare_bytes=600 << 20)
        address = await process.start()
        engine = llama_engine(address, context_tokens=CONTEXT)
        with pytest.raises(EngineRejectedError) as caught:
            await whole(engine, asking("trap", max_tokens=2))
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 400
        assert psutil.Process(address.pid).memory_info().rss < 700 << 20
        assert await whole(engine, asking(max_tokens=2)), "and it goes on"
        await engine.close()
        await process.stop()

    @pytest.mark.parametrize("moment", ["loading", "up", pytest.param("hung", marks=LINUX_ONLY)])
    async def test_it_does_not_outlive_its_supervisor(self, tmp_path: Path, moment: str) -> None:
        model = tiny_llama(template=ENDLESS).write(tmp_path / "bad.gguf") if moment == "hung" else small_model()
        supervisor = f"""
import asyncio, os, psutil, signal
from pathlib import Path
from tlfif.adapters.engines.llama_engine_process import EngineSpec, LlamaEngineProcess
async def main():
    process = LlamaEngineProcess(EngineSpec(model_name="m", model_path={str(model)!r},
        context_tokens=256, slots=1, log_path=Path({str(tmp_path / "engine.log")!r}),
        mark=("--machine-id", "orphan-{moment}")))
    await process.spawn()
    if {moment == "up"}:
        await process.start()
    if {moment == "hung"}:
        starting = asyncio.create_task(process.start())
        (engine,) = psutil.Process().children()
        while not any("bad.gguf" in map.path for map in engine.memory_maps()):
            await asyncio.sleep(0.05)
    print("there", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", supervisor], capture_output=True, check=False, timeout=60
        )
        assert done.stdout == b"there\n", done.stderr

        def left() -> bool:
            lines = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
            return any(f"orphan-{moment}" in line for line in lines)

        await wait_until(lambda: not left(), "the engine is gone", every=0.1)

    @pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="GCC's OpenMP, which only Linux's llama.cpp has")
    @pytest.mark.skipif((psutil.cpu_count(logical=False) or 1) < 2, reason="one core is nothing to choose from")
    @pytest.mark.parametrize(("threads", "own_setting"), [(None, None), (None, "false"), (2, None)])
    async def test_what_computes_has_a_core_of_its_own_where_there_is_one_for_each(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int | None, own_setting: str | None
    ) -> None:
        """Both of two threads on one core would wait for each other in circles, a whole time slice each."""
        if own_setting is not None:
            monkeypatch.setenv("OMP_PROC_BIND", own_setting)
        monkeypatch.setenv("OMP_DISPLAY_ENV", "verbose")  # OpenMP writes down what it goes by
        process = llama(tmp_path, tiny_llama().write(tmp_path / "tiny.gguf"), threads=threads)
        address = await process.start()
        engine = OpenAIEngine(address)
        await whole(engine, asking(max_tokens=1))
        cores = {
            thread.id: tuple(psutil.Process(thread.id).cpu_affinity())
            for thread in psutil.Process(address.pid).threads()
        }
        await engine.close()
        await process.stop()
        everywhere = cores.pop(address.pid)
        bound = set(cores.values()) - {everywhere}
        assert (len(bound) >= 2) == (threads is None and own_setting is None), cores
        assert list(cores.values()).count(everywhere) >= SLOTS + 2, "what serves HTTP goes where there is time"
        assert "GOMP_SPINCOUNT = '20000'" in (tmp_path / "engine.log").read_text()

    async def test_the_key_is_not_on_the_command_line_and_is_wanted(self, tmp_path: Path) -> None:
        process = llama(tmp_path)
        address = await process.start()
        assert address.api_key not in " ".join(psutil.Process(address.pid).cmdline())
        assert psutil.Process(address.pid).nice() == psutil.Process().nice() + NICENESS, (
            "it keeps the computer to itself"
        )
        assert address.base_url.startswith("http://127.0.0.1:")
        listening = {c.laddr.ip for c in psutil.Process(address.pid).net_connections("inet") if c.status == "LISTEN"}
        assert listening == {"127.0.0.1"}
        stranger = OpenAIEngine(type(address)(base_url=address.base_url, api_key="guess", pid=None))
        with pytest.raises(EngineGoneError):
            await whole(stranger)
        await stranger.close()
        await process.stop()


WEATHER = Tool(
    name="get_weather",
    description="The weather in a city. Ask for one city at a time.",
    parameters='{"type": "object", "properties": {"city": {"$ref": "#/$defs/city"}, "unit": {"enum": ["C", "F"]}}, '
    '"required": ["city", "unit"], "$defs": {"city": {"type": "string", "maxLength": 40}}}',
)
NEWS = Tool(name="get_news", parameters='{"type": "object", "properties": {}}')
PERSON = AnswerForm(
    schema='{"type": "object", "properties": {"name": {"type": "string", "maxLength": 30}, "age": {"type": "integer"}},'
    ' "required": ["name", "age"], "additionalProperties": false}'
)


def called(chunks: list[Chunk]) -> list[tuple[str, dict[str, object]]]:
    """The calls of an answer, put together."""
    events = [Event(seq=1, kind=EventKind.DELTA, at=0.0, data=chunk.data()) for chunk in chunks if chunk]
    calls = answer_calls(events)
    assert len({call.id for call in calls}) == len(calls)
    return [(call.name, json.loads(call.arguments)) for call in calls]


@pytest.mark.engine
class TestWhatCanBeAskedOfLlama:
    """The rest of a request, over the small model, whose template knows no tools."""

    @pytest.mark.requirement("5.6.9")
    async def test_the_answer_has_the_form_asked_for(self, shared_llama: GetLlama) -> None:
        engine = await shared_llama()
        for seed in range(2):
            asked = replace(asking("Tell me about Anna.", max_tokens=80, seed=seed), form=PERSON)
            chunks = await whole(engine, replace(asked, sampling=Sampling(temperature=1.5, seed=seed)))
            assert chunks[-1].finish_reason is FinishReason.STOP
            assert json.loads(text(chunks)).keys() == {"name", "age"}
        any_object = await whole(engine, replace(asking("Hi", max_tokens=60), form=AnswerForm()))
        assert text(any_object).lstrip().startswith("{")

    async def test_a_form_that_nothing_meets_is_refused(self, shared_llama: GetLlama) -> None:
        loop = AnswerForm(schema='{"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}')
        with pytest.raises(EngineRejectedError):
            await whole(await shared_llama(), replace(asking(), form=loop))

    @pytest.mark.requirement("5.6.9")
    @pytest.mark.parametrize("choice", ["required", "function:get_weather"])
    async def test_a_call_that_must_be(self, shared_llama: GetLlama, choice: str) -> None:
        tools = ToolUse(offered=(WEATHER, NEWS), choice=choice, parallel=False)
        chunks = await whole(
            await shared_llama(), replace(asking("Is it raining in Vienna?", max_tokens=90), tools=tools)
        )
        assert chunks[-1].finish_reason is FinishReason.TOOL_CALLS
        assert text(chunks) == ""
        assert not any("\n" in call.arguments for chunk in chunks for call in chunk.tool_calls)
        ((name, arguments),) = called(chunks)
        assert choice == "required" or name == "get_weather"
        assert arguments.keys() == ({"city", "unit"} if name == "get_weather" else set())
        assert chunks[-1].prompt_tokens

    async def test_a_call_or_a_form_that_is_cut_short_says_so(self, shared_llama: GetLlama) -> None:
        must = replace(asking(max_tokens=16), tools=ToolUse(offered=(WEATHER,), choice="required"))
        for asked in (must, replace(asking(max_tokens=3), form=PERSON)):
            last = (await whole(await shared_llama(), asked))[-1]
            assert (last.finish_reason, last.completion_tokens) == (FinishReason.LENGTH, asked.max_tokens)

    async def test_a_template_that_knows_tools_is_given_them(self, tmp_path: Path) -> None:
        process = llama(tmp_path, with_template(tmp_path, KNOWS_TOOLS), threads=1)
        engine = llama_engine(await process.start(), context_tokens=CONTEXT)
        cut = ToolCall(id="a", name="get_weather", arguments='{"city": "Vie')
        turns = (
            *asking().messages,
            Message(role="assistant", content="", tool_calls=(cut,)),
            Message(role="tool", content="4 °C", tool_call_id="a"),
        )
        asked = replace(asking(max_tokens=2), messages=turns)
        without = (await whole(engine, asked))[-1].prompt_tokens
        with_tools = (await whole(engine, replace(asked, tools=ToolUse(offered=(WEATHER,)))))[-1].prompt_tokens
        must = ToolUse(offered=(WEATHER,), choice="required", parallel=False)
        calls = called(await whole(engine, replace(asking(max_tokens=90), tools=must)))
        await engine.close()
        await process.stop()
        assert with_tools is not None
        assert without is not None
        assert with_tools > without + 60, "all of the schema"
        assert [name for name, _ in calls] == ["get_weather"]

    async def test_a_conversation_goes_on_with_tools_that_it_does_not_need(self, shared_llama: GetLlama) -> None:
        many = tuple(replace(WEATHER, name=f"tool_{number}", description="Words. " * 40) for number in range(60))
        asked = replace(asking("Say hello.", max_tokens=12), tools=ToolUse(offered=many))
        chunks = await whole(await shared_llama(), asked)
        assert text(chunks).strip() or called(chunks)

    async def test_the_result_of_a_call_is_part_of_the_conversation(self, shared_llama: GetLlama) -> None:
        call = ToolCall(id="call_1", name="get_weather", arguments='{"city": "Vienna"}')
        messages = (
            Message(role="user", content="Is it raining in Vienna?"),
            Message(role="assistant", content="", tool_calls=(call,)),
            Message(role="tool", content="Rain, 4 degrees.", tool_call_id="call_1"),
        )
        engine = await shared_llama()
        with_result = (await whole(engine, replace(asking(max_tokens=20), messages=messages)))[-1].prompt_tokens
        without = (await whole(engine, replace(asking(max_tokens=20), messages=messages[:1])))[-1].prompt_tokens
        assert with_result is not None
        assert without is not None
        assert with_result > without + 20

    async def test_an_answer_is_gone_on_with(self, shared_llama: GetLlama) -> None:
        begun = Message(role="assistant", content="One, two, three, four,")
        asked = asking("Count to ten.", max_tokens=6)
        chunks = await whole(await shared_llama(), replace(asked, messages=(*asked.messages, begun)))
        assert text(chunks).strip().startswith("five")

    async def test_a_text_is_gone_on_with(self, shared_llama: GetLlama) -> None:
        engine = await shared_llama()
        asked = replace(asking("One, two, three, four,", max_tokens=6), task=Task.COMPLETION, logprobs=2)
        chunks = await whole(engine, asked)
        assert text(chunks).strip().startswith("five")
        assert [len(chunk.logprobs[0]["top_logprobs"]) for chunk in chunks[:-1]] == [2] * (len(chunks) - 1)
        long = replace(asking("word " * 470, max_tokens=400), task=Task.COMPLETION)
        last = (await whole(engine, long))[-1]
        assert last.prompt_tokens is not None
        assert last.completion_tokens is not None
        assert last.prompt_tokens + last.completion_tokens <= CONTEXT

    async def test_how_likely_each_token_was(self, shared_llama: GetLlama) -> None:
        chunks = await whole(await shared_llama(), replace(asking(max_tokens=4), logprobs=0))
        entries = [entry for chunk in chunks for entry in chunk.logprobs]
        assert len(entries) == 4
        assert "".join(entry["token"] for entry in entries) == text(chunks)
        assert all(entry["logprob"] <= 0 and entry["top_logprobs"] == [] for entry in entries)
        assert bytes(entries[0]["bytes"]).decode() == entries[0]["token"]

    async def test_what_ends_an_answer_is_no_part_of_it(self, shared_llama: GetLlama) -> None:
        engine = await shared_llama()
        free = text(await whole(engine))
        stop = free.split()[3]
        asked = asking()
        chunks = await whole(engine, replace(asked, sampling=replace(asked.sampling, stop=(stop,))))
        assert text(chunks) == free[: free.index(stop)]
        assert chunks[-1].finish_reason is FinishReason.STOP

    async def test_a_token_can_be_made_likelier(self, shared_llama: GetLlama) -> None:
        asked = asking(max_tokens=3)
        only_this = replace(asked.sampling, logit_bias=((17, 100.0),))
        assert text(await whole(await shared_llama(), replace(asked, sampling=only_this))) == "!!!"

    async def test_every_way_to_choose_words_is_taken(self, shared_llama: GetLlama) -> None:
        sampling = Sampling(
            temperature=0.7, top_p=0.0, top_k=5, min_p=0.1, presence_penalty=1.0, frequency_penalty=-1.0,
            repeat_penalty=1.2, seed=4, stop=("\n\n",), logit_bias=((17, 3.0),),
        )  # fmt: skip
        engine = await shared_llama()
        asked = replace(asking(max_tokens=8), sampling=sampling)
        assert text(await whole(engine, asked)) == text(await whole(engine, asked))

    @pytest.mark.requirement("5.6.9")
    async def test_vectors_of_texts_lie_as_their_meanings_do(self, shared_llama: GetLlama) -> None:
        long = "The cat sleeps on the sofa, as cats do. " * 20  # more than one batch
        words = (
            "The cat sleeps on the sofa.",
            "A kitten naps on the couch.",
            "Interest rates rose by one percent.",
            long,
        )
        messages = tuple(Message(role="user", content=one) for one in words)
        asked = replace(asking(), task=Task.EMBEDDING, messages=messages)
        chunks = await whole(await shared_llama(), asked)
        vectors = [vector for chunk in chunks for vector in chunk.embeddings]
        assert [vector.index for vector in vectors] == [0, 1, 2, 3]
        cat, kitten, money, cats = (vector.values for vector in vectors)
        assert [cosine(one, one) for one in (cat, cats)] == pytest.approx([1.0, 1.0], abs=1e-3)
        assert cosine(cat, kitten) > cosine(cat, money)
        assert cosine(cat, cats) > cosine(money, cats)
        assert (chunks[-1].finish_reason, chunks[-1].completion_tokens) == (FinishReason.STOP, 0)
        assert (chunks[-1].prompt_tokens or 0) > 200


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two vectors of length 1."""
    return sum(a * b for a, b in zip(one, other, strict=True))
