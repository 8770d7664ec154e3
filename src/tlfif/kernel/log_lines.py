"""Log lines that what is not ours cannot forge, nor make steer the terminal of who reads them."""

import logging
from pathlib import Path
from types import TracebackType

from tlfif.kernel.plain_text import clean, one_line

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class PlainFormatter(logging.Formatter):
    """Each message one line, whatever stands in it; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """The line of a message."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802 - the library's name
        """A traceback; its last line may hold foreign text."""
        return clean(super().formatException(ei))


def begin_log(form: str, *, level: int | str = logging.INFO, file: Path | None = None) -> None:
    """Log from now on to ``file``, or to standard error, in lines of ``form``. Raises OSError."""
    handler: logging.Handler = (
        logging.FileHandler(file, encoding="utf-8", errors="backslashreplace") if file else logging.StreamHandler()
    )
    handler.setFormatter(PlainFormatter(form))
    logging.basicConfig(level=level, handlers=[handler])
