"""A model file of a person's own, named ``file:PATH.gguf``."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import psutil

from tlfif.adapters.local.models.file_stamp import FileIdentity, identity_of
from tlfif.adapters.local.models.gguf_file import MAX_PARTS, GgufError, GgufHead, read_gguf
from tlfif.kernel.errors import InvalidInputError
from tlfif.kernel.plain_text import one_line
from tlfif.models.catalogue import FILE_PREFIX, MAX_CONTEXT_TOKENS, file_path_of

MAX_LABEL = 100
_PART = re.compile(r"(.*)-00001-of-(\d{5})\.gguf", re.DOTALL)


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
    head, context = _examine(path, identity)
    return OwnModelFile(
        name=f"{FILE_PREFIX}{path}",
        path=path,
        identity=identity,
        title=_label(head.text("general.name")) or one_line(path.stem),
        licence=_label(head.text("general.license")) or "not stated in the file",
        context_tokens=min(MAX_CONTEXT_TOKENS, context),
    )


def _examine(path: Path, identity: FileIdentity) -> tuple[GgufHead, int]:
    """The file's head and its context in tokens. Raises InvalidInputError."""
    try:
        head = read_gguf(path)
        if head.parts > 1:
            _check_parts(path, head)
        elif not head.tensors:
            raise GgufError("it has no weights")
        context = head.context_length
        if context is None:
            raise GgufError("it does not say how much context it has")
    except GgufError as error:
        raise _invalid(f"The file {path} is no usable GGUF model: {error}.") from error
    except OSError as error:
        raise _invalid(f"The file {path} cannot be read: {error.strerror or error}.") from error
    memory = psutil.virtual_memory().total
    if identity.size > memory:
        raise _invalid(
            f"The file {path} ({identity.size / 1e9:.1f} GB) is larger than this computer's memory "
            f"({memory / 1e9:.1f} GB). Choose a smaller model."
        )
    return head, context


def _check_parts(path: Path, head: GgufHead) -> None:
    """Whether all parts of a split model lie beside the first, whole. Raises GgufError, OSError."""
    if head.part != 1:
        raise GgufError(f"it is part {head.part} of {head.parts}; name the first part")
    named = _PART.fullmatch(path.name)
    if named is None or int(named[2]) != head.parts or head.parts > MAX_PARTS:
        raise GgufError(
            f"it is the first of {head.parts} parts, so its name must end in -00001-of-{head.parts:05d}.gguf"
        )
    for number in range(2, head.parts + 1):
        part = path.with_name(f"{named[1]}-{number:05d}-of-{named[2]}.gguf")
        if identity_of(part) is None:
            raise GgufError(f"its part {number} of {head.parts}, {part.name}, is not beside it")
        try:
            read_gguf(part)
        except GgufError as error:
            raise GgufError(f"of its part {number} of {head.parts}, {part.name}: {error}") from error


def _label(text: str | None) -> str:
    """A file's own words about itself, for one line of a screen."""
    return one_line(text or "").strip()[:MAX_LABEL]


def _why_no_file(path: Path) -> str:
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError):
        is_folder = False
    if is_folder:
        return f"The path {path} is a folder. Name the model file in it, for example {FILE_PREFIX}{path / 'my.gguf'}."
    return f"There is no file {path}. Check the path, or choose one of the models in: ./tlfif model list"


def _invalid(text: str) -> InvalidInputError:
    return InvalidInputError(one_line(text), code="model_file_invalid")
