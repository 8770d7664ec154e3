"""Reads a file that is to go along with a prompt."""

from pathlib import Path

from tlfif.gui.model.attachments import MAX_FILE_BYTES, text_in
from tlfif.gui.model.messages import FileRead


def read_file(path: Path) -> FileRead:
    """Its text, or why there is none. A folder, a device and a file that is too large are not read."""
    try:
        if not path.is_file():
            return FileRead(name=path.name, problem=f"{path.name} is not a file.")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            return FileRead(name=path.name, size=size)
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return FileRead(name=path.name, problem=f"{path.name} cannot be read ({error.strerror or error}).")
    return FileRead(name=path.name, size=len(content), text=text_in(content))
