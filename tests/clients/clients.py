"""The clients that are tried, each unchanged out of its registry, and what was seen of them."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
RESULTS = HERE / "results.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client. ``program`` lies in ``programs/`` and uses it as its documentation says; it ends in ``.py`` or
    ``.mjs``. ``packages`` are pinned, the client itself first."""

    name: str
    program: str
    packages: tuple[str, ...]

    @property
    def is_node(self) -> bool:
        """Whether it comes from npm; else from PyPI."""
        return self.program.endswith(".mjs")

    @property
    def version(self) -> str:
        """Of the client itself."""
        return self.packages[0].rpartition("@" if self.is_node else "=")[2]

    @property
    def fingerprint(self) -> str:
        """Changes with what is installed and what is done with it."""
        parts = [*self.packages, (PROGRAMS / self.program).read_text("utf-8")]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


CLIENTS = (
    Client(name="OpenAI, Python", program="openai_python.py", packages=("openai==3.57.0",)),
    Client(name="OpenAI, Node", program="openai_node.mjs", packages=("openai@6.49.0",)),
    Client(name="LangChain", program="langchain.py", packages=("langchain-openai==1.7.4",)),
    Client(name="OpenAI's responses, Python", program="openai_responses.py", packages=("openai==3.57.0",)),
    Client(name="OpenAI's agents, Python", program="openai_agents.py", packages=("openai-agents==0.24.0",)),
    Client(
        name="Vercel's AI SDK", program="ai_sdk.mjs", packages=("ai@7.0.173", "@ai-sdk/openai@4.0.118", "zod@4.6.7")
    ),
    Client(name="Anthropic, Python", program="anthropic_python.py", packages=("anthropic==2.14.0",)),
    Client(name="Anthropic, Node", program="anthropic_node.mjs", packages=("@anthropic-ai/sdk@1.14.0",)),
    Client(name="Ollama, Python", program="ollama_python.py", packages=("ollama==0.6.3",)),
    Client(name="Ollama, JavaScript", program="ollama_js.mjs", packages=("ollama@0.6.4",)),
    Client(name="llm", program="llm_command.py", packages=("llm==0.36",)),
    Client(name="Pydantic AI", program="pydantic_ai_agent.py", packages=("pydantic-ai-slim==2.38.0", "openai==3.57.0")),
    Client(name="Instructor", program="instructor_client.py", packages=("instructor==1.17.0",)),
    Client(name="LiteLLM", program="litellm_sdk.py", packages=("litellm==1.110.2",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run saw: each deed by name, and what went wrong with it (nothing where it passed)."""

    version: str
    fingerprint: str
    deeds: dict[str, str]


def load_results() -> dict[str, Result]:
    """By the client's name; empty before the first run."""
    if not RESULTS.exists():
        return {}
    return {name: Result(**result) for name, result in json.loads(RESULTS.read_text("utf-8")).items()}


def keep_result(client: Client, deeds: dict[str, str]) -> None:
    """Note what a run saw; its line in docs/reference/clients.md is then made by ``python dev/tables.py``."""
    known = load_results()
    known[client.name] = Result(version=client.version, fingerprint=client.fingerprint, deeds=deeds)
    ordered = {one.name: asdict(known[one.name]) for one in CLIENTS if one.name in known}
    RESULTS.write_text(json.dumps(ordered, indent=1) + "\n", "utf-8")
