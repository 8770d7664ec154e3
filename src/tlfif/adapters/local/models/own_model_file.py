"""A model file of a person's own, named ``file:PATH.gguf``."""

import os
from dataclasses import dataclass
from pathlib import Path

from tlfif.adapters.local.models.file_stamp import FileIdentity, identity_of
from tlfif.adapters.local.models.gguf_file import GgufError, read_gguf
from tlfif.kernel.errors import InvalidInputError
from tlfif.models.catalogue import FILE_PREFIX, MAX_CONTEXT_TOKENS, file_path_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModelFile:
    """A GGUF file that looks usable. ``name`` has the absolute path. There is no sha256 to compare it with."""

    name: str
    path: Path
    identity: FileIdentity
    title: str
    licence: str
    context_tokens: int


def open_own_file(name: str, known: OwnModelFile | None) -> OwnModelFile:
    """Examine the file that ``name`` means; ``known`` is returned if the file has not changed.

    Raises InvalidInputError (``model_file_invalid``)."""
    text = file_path_of(name) or ""
    if not text.strip() or "\0" in text:
        raise _invalid(f"Name the file after {FILE_PREFIX}, for example {FILE_PREFIX}/home/me/model.gguf.")
    try:
        path = Path(os.path.normpath(Path(text).expanduser().absolute()))
    except RuntimeError:
        raise _invalid(f"There is no such user folder: {text}.") from None
    identity = identity_of(path)
    if identity is None:
        raise _invalid(_why_no_file(path))
    if known is not None and known.path == path and known.identity == identity:
        return known
    try:
        metadata = read_gguf(path)
    except GgufError as error:
        raise _invalid(f"The file {path} is no usable GGUF model: {error}.") from error
    except OSError as error:
        raise _invalid(f"The file {path} cannot be read: {error.strerror or error}.") from error
    context = metadata.context_length
    if context is None:
        raise _invalid(f"The file {path} is no usable GGUF model: it does not say how much context it has.")
    return OwnModelFile(
        name=f"{FILE_PREFIX}{path}",
        path=path,
        identity=identity,
        title=metadata.text("general.name") or path.stem,
        licence=metadata.text("general.license") or "not stated in the file",
        context_tokens=min(MAX_CONTEXT_TOKENS, context),
    )


def _why_no_file(path: Path) -> str:
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError):
        is_folder = False
    if is_folder:
        return f"The path {path} is a folder. Name the model file in it, for example {FILE_PREFIX}{path / 'my.gguf'}."
    return f"There is no file {path}. Check the path, or choose one of the models in: ./tlfif model list"


def _invalid(text: str) -> InvalidInputError:
    return InvalidInputError(text, code="model_file_invalid")
