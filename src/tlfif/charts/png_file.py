"""Checks where a picture may be written. Does not load matplotlib."""

from pathlib import Path

from tlfif.kernel.errors import InvalidInputError


def check_png_path(text: str) -> Path:
    """The file's path, if a PNG can be written there: right ending, a folder that exists, no folder of that name.

    Raises InvalidInputError ``plot_path_invalid``.
    """
    if not text.strip() or "\0" in text:
        raise _invalid("Give the picture a file name, such as cost.png.")
    path = Path(text).expanduser()
    if path.suffix.lower() != ".png":
        raise _invalid(f"The picture's file name must end in .png; {_shown(path.name)} does not.")
    if not path.parent.is_dir():
        raise _invalid(f"There is no folder {_shown(str(path.parent))} to put the picture in. Make it first.")
    if path.is_dir():
        raise _invalid(f"{_shown(text)} is a folder. Choose another file name.")
    return path


def _invalid(message: str) -> InvalidInputError:
    return InvalidInputError(message, code="plot_path_invalid")


def _shown(text: str) -> str:
    return ascii(text[-60:]) if not text.isprintable() else f"“{text[-60:]}”"
