"""Bundles in the data folder, and the file that says which one machines are launched from."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from pathlib import Path

from tlfif.adapters.local.bundle import REF, Bundle, remove_tree
from tlfif.images.image import UNREADABLE, Artifact, Pointer, Profile
from tlfif.images.image_record import pointer_from, pointer_text
from tlfif.images.image_registry import ImageRegistry, StoredImage
from tlfif.kernel.data_folder import write_private
from tlfif.kernel.errors import ImageError


class FolderRegistry(ImageRegistry):
    """``folder`` is ``images`` in the data folder. ``launched``: the image of the machine that exists now, if any.

    One server process uses a folder at a time; it moves pointers one after the other."""

    def __init__(self, folder: Path, *, launched: Callable[[], Awaitable[str | None]]) -> None:
        self._folder = folder
        self._launched = launched
        self._moving = threading.Lock()

    async def pointer(self, profile: Profile) -> Pointer:
        return await asyncio.to_thread(self._read, profile)

    async def move(self, pointer: Pointer) -> bool:
        return await asyncio.to_thread(self._move, pointer)

    async def stored(self) -> list[StoredImage]:
        return await asyncio.to_thread(self._stored)

    async def referenced(self) -> Collection[str]:
        launched = await self._launched()
        return {launched} if launched is not None else set()

    async def delete(self, artifact: Artifact) -> None:
        if not REF.fullmatch(artifact.ref):
            return  # it was never one of ours
        try:
            await asyncio.to_thread(remove_tree, self._folder / artifact.ref)
        except OSError as error:
            raise ImageError(f"The bundle {artifact.ref} cannot be removed: {error.strerror or error}.") from error

    def _file(self, profile: Profile) -> Path:
        return self._folder / f"{profile}.pointer.json"

    def _read(self, profile: Profile) -> Pointer:
        file = self._file(profile)
        try:
            pointer = pointer_from(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Pointer(profile=profile)
        except OSError as error:
            raise ImageError(f"{file} cannot be read: {error.strerror or error}.") from error
        except (ValueError, LookupError, TypeError) as error:
            raise _altered(file, "it is damaged") from error
        ref = pointer.ref
        if pointer.profile is not profile or ref != pointer.version:
            raise _altered(file, "it does not fit together")
        if ref is not None and not Bundle(self._folder / ref).exists:
            raise _altered(file, f"it names {ref[:40]}, which is no bundle of this home")
        return pointer

    def _move(self, pointer: Pointer) -> bool:
        file = self._file(pointer.profile)
        with self._moving:
            try:
                stored = self._read(pointer.profile).revision
            except ImageError as error:
                if error.code != "image_pointer_invalid":
                    raise
                stored = UNREADABLE
            if stored != pointer.revision:
                return False
            if pointer.ref is not None and not Bundle(self._folder / pointer.ref).exists:
                raise ImageError(
                    f"The files of image {pointer.version} are not in {self._folder} any more. Nothing was changed.",
                    code="image_gone",
                )
            moved = replace(pointer, revision=pointer.revision + 1)
            try:
                write_private(file, pointer_text(moved))
            except OSError as error:
                raise ImageError(f"{file} cannot be written: {error.strerror or error}.") from error
            if self._read(pointer.profile) != moved:
                raise ImageError(f"{file} does not keep what is written into it.")
            return True

    def _stored(self) -> list[StoredImage]:
        found = []
        with contextlib.suppress(FileNotFoundError):
            for folder in sorted(self._folder.iterdir()):
                if REF.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                    artifact = Artifact(ref=folder.name, size_bytes=Bundle(folder).size_bytes())
                    found.append(StoredImage(version=folder.name, artifact=artifact))
        return found


def _altered(file: Path, how: str) -> ImageError:
    return ImageError(
        f"{file.name} in {file.parent} was altered: {how}. No machine is started from it. Say which image machines are "
        "to be launched from: ./tlfif image promote VERSION.",
        code="image_pointer_invalid",
    )
