"""The models inside the machine image: verified when the image was built, ready whenever a machine runs."""

from collections.abc import Mapping, Sequence

from tlfif.kernel.errors import ConflictError, InvalidInputError
from tlfif.machines.machine_types import EngineKind
from tlfif.models.catalogue import CATALOGUE, FILE_PREFIX, ON_AWS, SMOLLM2, ModelSpec, file_path_of, find_model
from tlfif.models.model_store import ModelFile, ModelInfo, ModelState, ModelStore

MODELS_DIR = "/opt/tlfif/models"
"""The folder of the image that has one folder for each model."""
IN_IMAGES: Mapping[EngineKind, tuple[ModelSpec, ...]] = {
    EngineKind.VLLM: (*ON_AWS, SMOLLM2),
    EngineKind.LLAMA: CATALOGUE,
}
"""What an image with that engine may hold: under the same names, the weights that the engine reads. The small model is
for test images."""


def image_file(name: str, engine: EngineKind) -> ModelFile | None:
    """The weights of the model ``name`` in an image with ``engine``; None where no such image holds it."""
    spec = find_model(name, IN_IMAGES[engine])
    return _file(spec, MODELS_DIR) if spec is not None else None


def _file(spec: ModelSpec, folder: str) -> ModelFile:
    """vLLM is given the model's folder, llama.cpp the file in it."""
    path = f"{folder}/{spec.name}"
    return ModelFile(
        name=spec.name,
        path=f"{path}/{spec.file_name}" if spec.file_name.endswith(".gguf") else path,
        sha256=spec.sha256,
        context_tokens=spec.context_tokens,
    )


class ImageModelStore(ModelStore):
    """Nothing is downloaded at run time: another model needs another image."""

    def __init__(self, catalogue: Sequence[ModelSpec] = ON_AWS, *, models_dir: str = MODELS_DIR) -> None:
        self._catalogue = tuple(catalogue)
        self._folder = models_dir

    async def list_models(self) -> list[ModelInfo]:
        return [self._info(spec) for spec in self._catalogue]

    async def resolve(self, name: str | None) -> ModelInfo:
        return self._info(self._spec(name))

    async def checked_file(self, name: str) -> ModelFile:
        """See the port; the path is on the machine."""
        return _file(self._spec(name), self._folder)

    async def start_pull(
        self,
        name: str,
        *,
        force: bool = False,
        automatic: bool = False,  # noqa: ARG002  # nothing is fetched
    ) -> ModelInfo:
        """See the port; what is in the image is there already. ``force`` raises ConflictError ``model_in_image``."""
        if force:
            raise ConflictError(
                "On AWS the model is part of the machine image and cannot be fetched by itself. A new image is built "
                "by a push to Git.",
                code="model_in_image",
            )
        return await self.resolve(name)

    async def verify(self, name: str) -> ModelInfo:
        """See the port. Its sha256 was checked when the image was built; there is no file here to read."""
        return await self.resolve(name)

    async def close(self) -> None:
        """See the port."""

    def _spec(self, name: str | None) -> ModelSpec:
        if name is None:
            return self._catalogue[0]
        if file_path_of(name) is not None:
            raise InvalidInputError(
                f"{FILE_PREFIX}… names a file of this computer; a machine on AWS does not see it. Choose the model "
                f"{self._names()}, or ask on this computer: ./tlfif profile use computer",
                code="unknown_model",
            )
        spec = find_model(name, self._catalogue)
        if spec is None:
            raise InvalidInputError(
                f"There is no model by that name in the machine image. It has: {self._names()}.", code="unknown_model"
            )
        return spec

    def _names(self) -> str:
        return ", ".join(spec.name for spec in self._catalogue)

    def _info(self, spec: ModelSpec) -> ModelInfo:
        return ModelInfo(
            name=spec.name,
            title=spec.title,
            licence=spec.licence,
            source=spec.source.label,
            context_tokens=spec.context_tokens,
            size_bytes=spec.size_bytes,
            sha256=spec.sha256,
            state=ModelState.READY,
            is_default=spec == self._catalogue[0],
            sampling=spec.sampling,
        )
