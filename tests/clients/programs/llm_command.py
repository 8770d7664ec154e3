"""The command ``llm``, with a model of an OpenAI-compatible server as its documentation adds one."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deeds import KEY, MODEL, URL, deed, run

home = Path(tempfile.mkdtemp())
(home / "extra-openai-models.yaml").write_text(
    f"- model_id: private\n  model_name: {MODEL}\n  api_base: {URL}/v1\n  api_key_name: private\n"
    "  supports_tools: true\n  supports_schema: true\n"
)
(home / "keys.json").write_text(json.dumps({"private": KEY}))


def llm(*arguments: str) -> str:
    """What the command writes."""
    command = [sys.executable, "-m", "llm", *arguments]
    environment = {**os.environ, "LLM_USER_PATH": str(home)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@deed("chat")
def chat() -> None:
    assert llm("prompt", "-m", "private", "--no-stream", "Hello") == "Hi there"


@deed("stream")
def stream() -> None:
    assert llm("prompt", "-m", "private", "-s", "Be brief", "-o", "temperature", "0", "Hello") == "Hi there"


@deed("conversation")
def conversation() -> None:
    assert llm("prompt", "-m", "private", "-c", "And now?") == "Hi there"


@deed("JSON")
def form() -> None:
    assert json.loads(llm("prompt", "-m", "private", "--schema", "city str", "Hello")) == {"city": "Graz"}


@deed("tools")
def tools() -> None:
    function = "def weather(city: str) -> str:\n    'The weather of a city.'\n    return 'sunny'"
    assert llm("prompt", "-m", "private", "--functions", function, "Hello") == "Hi there"


run()
