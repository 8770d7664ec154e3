"""Shows something in the system's own program: a page in the browser, a PDF in its viewer."""

import asyncio
import webbrowser
from pathlib import Path

from tlfif.gui.conversation_pdf import write_pdf
from tlfif.history.history_export import write_export
from tlfif.history.kept import KeptConversation
from tlfif.kernel.data_folder import write_private
from tlfif.kernel.errors import StorageError, TlfifError


async def show(address: str) -> None:
    """Have it opened. Raises TlfifError where the system has no program for it."""
    if not await asyncio.to_thread(webbrowser.open, address):
        raise TlfifError(f"No program of this system could show {address}.")


def write(conversation: KeptConversation, path: Path) -> None:
    """Write it: PDF, JSON or Markdown by the file's ending. Raises StorageError."""
    if path.suffix.casefold() == ".pdf":
        write_pdf(conversation, path)
    else:
        write_export(conversation, path)


def write_for_print(conversation: KeptConversation, folder: Path) -> Path:
    """A PDF that only its owner can read, in the place of the last one."""
    path = folder / "print.pdf"
    try:
        write_private(path, "")
    except OSError as error:
        raise StorageError(
            f"{path} could not be written ({error.strerror or error}).", code="storage_failed"
        ) from error
    write_pdf(conversation, path)
    return path
