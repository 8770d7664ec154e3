"""Model files that are always there, or never."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from tlfif.kernel.errors import TlfifError
from tlfif.models.catalogue import SamplingDefaults
from tlfif.models.model_store import ModelFile, ModelInfo, ModelState, ModelStore


class FakeModelStore(ModelStore):
    """Every name is a model that is ready; ``faults`` says by name what its file raises instead; ``while_reading`` is
    awaited where the real store reads a large file."""

    def __init__(self, *, faults: dict[str, TlfifError] | None = None, default: str = "smollm2") -> None:
        self.faults = dict(faults or {})
        self.while_reading: Callable[[], Awaitable[object]] | None = None
        self._default = default
        self.sampling: SamplingDefaults | None = None

    async def list_models(self) -> list[ModelInfo]:
        """See the port."""
        return [_info(self._default)]

    async def resolve(self, name: str | None) -> ModelInfo:
        """See the port."""
        return replace(_info(name or self._default), sampling=self.sampling)

    async def checked_file(self, name: str) -> ModelFile:
        """See the port."""
        if self.while_reading is not None:
            await self.while_reading()
        if name in self.faults:
            raise self.faults[name]
        return ModelFile(name=name, path=f"/models/{name}.gguf", sha256="ab" * 32, context_tokens=2048)

    async def start_pull(self, name: str, *, force: bool = False, automatic: bool = False) -> ModelInfo:
        """See the port."""
        return _info(name)

    async def verify(self, name: str) -> ModelInfo:
        """See the port."""
        return _info(name)

    async def close(self) -> None:
        """See the port."""


def _info(name: str) -> ModelInfo:
    return ModelInfo(
        name=name,
        title=name,
        licence="Apache-2.0",
        source="a test",
        context_tokens=2048,
        size_bytes=1,
        sha256="ab" * 32,
        state=ModelState.READY,
    )
