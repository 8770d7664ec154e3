"""Where a command prints: answers to standard output, everything else to standard error."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Mapping
from typing import TextIO

from tlfif.cli.output.widths import beginning, width
from tlfif.kernel.errors import TlfifError
from tlfif.kernel.plain_text import clean, one_line


class OutputLostError(OSError):
    """Standard output cannot be written: its reader closed it, or the disk is full."""

    @property
    def reader_left(self) -> bool:
        """Whether the reader closed it, which is not an error (``| head``)."""
        return self.errno == errno.EPIPE or (sys.platform == "win32" and self.errno == errno.EINVAL)


class Console:
    """Two text streams and, on a terminal, one status line that is rewritten while a person waits.

    Writing to standard output raises OutputLostError; standard error never fails. Nothing that is shown to a person
    steers the terminal; only an answer and JSON go on to a file or another program as they are.
    """

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err
        self.out_is_terminal = out.isatty()
        self.is_interactive = err.isatty()
        self._status = ""
        self._announced = ""
        self._in_line = False

    def text(self, piece: str) -> None:
        """Print a piece of an answer at once: cleaned for a terminal, as it is for a file or a program."""
        announced, self._announced = self._announced, ""
        if announced:
            self.note(announced)
        self.status("")
        if self.out_is_terminal:
            piece = clean(piece)
        if piece:
            try:
                self._out.write(piece)
                self._out.flush()
            except OSError as error:
                raise OutputLostError(error.errno, error.strerror) from error
            self._in_line = not piece.endswith("\n")

    def end_line(self) -> None:
        """Begin a new line, unless the output is at the beginning of one."""
        if self._in_line:
            self.text("\n")

    def line(self, text: str) -> None:
        """One line, or several, of a result."""
        self.text(clean(text) + "\n")

    def json(self, found: object) -> None:
        """A result for programs."""
        import json

        self.text(json.dumps(found, ensure_ascii=False, indent=2) + "\n")

    def result(self, found: object, text: str, *, as_json: bool) -> None:
        """A result, for programs as ``found`` or for a person as ``text``."""
        if as_json:
            self.json(found)
        else:
            self.line(text)

    def note(self, text: str) -> None:
        """Print a note on standard error."""
        self.status("")
        self._say(clean(text) + "\n")

    def announce(self, text: str) -> None:
        """Keep a note for the next answer: printed before its first piece, never without one."""
        self._announced = text

    def status(self, text: str) -> None:
        """Replace the status line, which says what the command waits for. On a terminal only; "" clears it."""
        if not self.is_interactive or text == self._status:
            return
        from shutil import get_terminal_size

        shown = beginning(one_line(text), max(20, get_terminal_size().columns - 1))
        padding = " " * max(0, width(self._status) - width(shown))
        self._say(f"\r{shown}{padding}" + ("" if shown else "\r"))
        self._status = shown

    def error(self, error: TlfifError, *, as_json: bool = False, more: Mapping[str, object] | None = None) -> None:
        """Print an error: a sentence with its code, or an object for programs."""
        self._announced = ""
        if as_json:
            self.json({**(more or {}), "error": {"code": error.code, "message": error.message}})
        else:
            self.end_line()
            self.note(f"tlfif: {error.message} [{error.code}]")

    def _say(self, text: str) -> None:
        try:
            self._err.write(text)
            self._err.flush()
        except (OSError, ValueError):
            abandon(self._err)


def real_console() -> Console:
    """This process's own streams, always UTF-8: prompts and answers are, whatever the locale says.

    A stream that the caller closed is opened on nothing, so that no other file takes its number: reading finds the
    end, writing fails.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDONLY), mode, encoding="utf-8"))
    return Console(_utf8(sys.stdout), _utf8(sys.stderr))


def _utf8(stream: TextIO) -> TextIO:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="replace")
        with contextlib.suppress(OSError, AttributeError):  # another program may have left the pipe unable to wait
            os.set_blocking(stream.fileno(), True)
    return stream


def abandon(stream: TextIO) -> None:
    """Redirect a stream to nowhere, so that the rest of its buffer does not fail again at the end."""
    with contextlib.suppress(OSError, ValueError):
        number = stream.fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
