"""The adapters of personal models in a folder of this computer, each under its sha256."""

import asyncio
import os
import shutil
import threading
from pathlib import Path

from tlfif.adapters.local.models.file_stamp import StampBook, identity_of, sha256_of
from tlfif.adapters.local.models.gguf_file import GgufError, GgufHead, read_gguf
from tlfif.kernel.clock import Clock
from tlfif.kernel.data_folder import PRIVATE
from tlfif.kernel.errors import InvalidInputError, ModelError
from tlfif.kernel.plain_text import one_line
from tlfif.models.model_store import ModelFile
from tlfif.models.personal_model import (
    MAX_ADAPTER_BYTES,
    Adapter,
    PersonalModel,
    Weights,
    base_wrong,
    check_fit,
    check_rank,
    file_invalid,
)
from tlfif.models.personal_model_store import AdapterFiles, KeptAdapter

_DOWN, _UP = ".lora_a", ".lora_b"
"""What llama.cpp's converter puts behind the name of the weight that the pair changes: inputs to rank, rank to
outputs."""


def adapter_path(folder: Path, sha256: str) -> Path:
    """Where the adapter with this hash is kept."""
    return folder / f"{sha256}.gguf"


class AdapterFolder(AdapterFiles):
    """Adapters in ``folder``, made where it is absent."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._stamps = StampBook(folder / "checked")
        self._stop = threading.Event()

    async def keep(self, path: str, base: ModelFile, *, sha256: str | None) -> KeptAdapter:
        return await asyncio.to_thread(self._keep, path, base, sha256)

    async def check(self, model: PersonalModel) -> None:
        await asyncio.to_thread(self._check, model)

    def _keep(self, text: str, base: ModelFile, sha256: str | None) -> KeptAdapter:
        path = Path(text)
        if "\0" in text or not path.is_absolute():
            raise file_invalid("its path must begin at the root, for example /home/me/adapter.gguf")
        adapter = read_adapter(path)
        check_rank(adapter.rank)
        check_fit(adapter, base_weights(Path(base.path), base.name), name=base.name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._folder / f"{os.getpid()}-{threading.get_ident()}.part"
            try:
                shutil.copyfile(path, part)
                digest = sha256_of(part, stop=self._stop)
                if sha256 not in (None, digest):
                    raise InvalidInputError(
                        f"The adapter's sha256 is {digest}, not the one that was given. Nothing was kept. Fetch the "
                        "file again.",
                        code="adapter_hash_wrong",
                    )
                read_adapter(part)  # the copy: the file may have changed since it was read
                part.chmod(PRIVATE)
                part.replace(adapter_path(self._folder, digest))
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise ModelError(
                f"The adapter could not be copied: {error.strerror or error}. Free some space, and try again.",
                code="disk_failed",
            ) from error
        kept = adapter_path(self._folder, digest)
        identity = identity_of(kept)
        if identity is not None:
            self._stamps.put(kept, identity, sha256=digest, now=self._clock.now())
        return KeptAdapter(sha256=digest, size_bytes=kept.stat().st_size, rank=adapter.rank)

    def _check(self, model: PersonalModel) -> None:
        path = adapter_path(self._folder, model.sha256)
        identity = identity_of(path)
        if identity is None:
            raise ModelError(
                f"The adapter of the model {model.name} is gone from the data folder. Register it anew under another "
                "name: ./tlfif model add",
                code="adapter_absent",
            )
        stamp = self._stamps.get(path)
        if stamp is None or not stamp.belongs_to(identity):
            self._stamps.put(path, identity, sha256=sha256_of(path, stop=self._stop), now=self._clock.now())
            stamp = self._stamps.get(path)
        if stamp is None or stamp.sha256 != model.sha256:
            raise ModelError(
                f"The adapter of the model {model.name} was changed since it was registered, and is not used. Register "
                "the right file under another name: ./tlfif model add",
                code="adapter_corrupt",
            )


def read_adapter(path: Path) -> Adapter:
    """What the GGUF file says of itself. Raises InvalidInputError ``adapter_file_invalid``, ``adapter_rank_wrong``."""
    identity = identity_of(path)
    if identity is None:
        raise file_invalid(f"there is no file {one_line(str(path))}")
    if identity.size > MAX_ADAPTER_BYTES:
        raise file_invalid(f"it is larger than {MAX_ADAPTER_BYTES >> 20} MiB")
    head = _head(path)
    if (head.text("general.type"), head.text("adapter.type")) != ("adapter", "lora"):
        raise file_invalid("its header does not say that it is one")
    pairs = {name.removesuffix(_DOWN) for name in head.shapes if name.endswith(_DOWN)}
    shapes, ranks = {}, set()
    if not pairs or head.shapes.keys() != {weight + side for weight in pairs for side in (_DOWN, _UP)}:
        raise file_invalid("its weights are not pairs of lora_a and lora_b")
    for weight in pairs:
        down, up = head.shapes[weight + _DOWN], head.shapes[weight + _UP]
        if len(down) != 2 or len(up) != 2:
            raise file_invalid(f"its weights for {one_line(weight)[:100]} are no matrices")
        ranks |= {down[1], up[0]}
        shapes[weight] = (down[0], up[1])
    if len(ranks) != 1:
        raise InvalidInputError(
            f"The adapter's weights have several ranks ({', '.join(map(str, sorted(ranks)[:4]))}); all must have one.",
            code="adapter_rank_wrong",
        )
    return Adapter(architecture=head.text("general.architecture") or "", shapes=shapes, rank=ranks.pop())


def base_weights(path: Path, name: str) -> Weights:
    """What a model's own file says of its weights. Raises InvalidInputError ``adapter_base_wrong``."""
    try:
        head = read_gguf(path)
    except (OSError, GgufError) as error:
        raise base_wrong(name, f"that model's file cannot be read ({one_line(str(error))})") from error
    shapes = {weight: (shape[0], shape[1]) for weight, shape in head.shapes.items() if len(shape) == 2}
    return Weights(architecture=head.text("general.architecture") or "", shapes=shapes)


def _head(path: Path) -> GgufHead:
    try:
        return read_gguf(path)
    except GgufError as error:
        raise file_invalid(str(error)) from error
    except OSError as error:
        raise file_invalid(f"it cannot be read ({error.strerror or error})") from error
