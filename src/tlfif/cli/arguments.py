"""Arguments: a parser that raises TL-FIF's errors, and numbers checked by the server's own rules."""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from tlfif.cli.output.console import real_console
from tlfif.jobs import limits
from tlfif.kernel.errors import InvalidInputError, NotFoundError
from tlfif.kernel.typed_number import typed_number
from tlfif.models.catalogue import FILE_PREFIX, file_path_of, find_model, known_names
from tlfif.models.personal_model import PERSONAL_NAME

T = TypeVar("T")

MAX_TOKENS_HELP = "longest answer, 1 to 2048 tokens (about 3/4 word each); prompt and answer share the model's 2048"

_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class Parser(argparse.ArgumentParser):
    """Raises instead of ending the program, and accepts no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)
        self.color = False  # of Python 3.14: help is text for every terminal, file and program

    def print_help(self, _file: object = None) -> None:
        """Raises OutputLostError where it cannot be written."""
        real_console().line(self.format_help().rstrip())

    def error(self, message: str) -> NoReturn:
        """Raises InvalidInputError (code ``usage``)."""
        asks = self.prog.endswith(" ask") and message.startswith("unrecognized")
        hint = " Put a prompt of several words in quotes." if asks else ""
        text = f"{message[:1].upper()}{message[1:]}.{hint} How to use it: {self.prog} --help"
        raise InvalidInputError(text, code="usage")


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option for programs."""
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")


def add_answer_options(parser: argparse.ArgumentParser) -> None:
    """The options of commands that ask the model. Read them with :func:`answer_options`."""
    parser.add_argument("--model", metavar="NAME", help=f"which model answers: {known_names()}")
    parser.add_argument("--max-tokens", metavar="N", help=MAX_TOKENS_HELP)
    parser.add_argument("--temperature", metavar="T", help="0: always the likeliest word; up to 2: wilder")
    parser.add_argument("--seed", metavar="N", help="the same seed and prompt give the same answer")
    parser.add_argument("--system", metavar="TEXT", help="how the model should behave")
    parser.add_argument("--no-history", action="store_true", help="keep it out of the window's past conversations")
    parser.add_argument("--idle-timeout", metavar="MINUTES", help="the machine shuts down after this long without work")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOptions:
    """Checked options; None means the server's default."""

    model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    system: str | None = None
    idle_timeout: float | None = None
    history: bool = True


def answer_options(args: argparse.Namespace) -> AnswerOptions:
    """Check everything before anything is started or sent. Raises InvalidInputError."""
    if args.system is not None:
        limits.check_text(args.system, what="system")
    return AnswerOptions(
        model=_optional(args.model, asked_model),
        max_tokens=_optional(args.max_tokens, max_tokens),
        temperature=_optional(args.temperature, temperature),
        seed=_optional(args.seed, seed),
        system=args.system,
        idle_timeout=_optional(args.idle_timeout, idle_minutes),
        history=not args.no_history,
    )


def _optional(text: str | None, parse: Callable[[str], T]) -> T | None:
    return None if text is None else parse(text)


def max_tokens(text: str) -> int:
    """1 to 2048. Raises ``max_tokens_out_of_range``, also where it is not a number."""
    return limits.check_max_tokens(_whole(text), name="--max-tokens")


def temperature(text: str) -> float:
    """0 to 2. Raises ``temperature_out_of_range``, also where it is not a number."""
    return limits.check_temperature(_decimal(text), name="--temperature")


def seed(text: str) -> int:
    """0 to 2**32 - 2. Raises ``seed_out_of_range``, also where it is not a number."""
    return limits.check_seed(_whole(text), name="--seed")


def page_limit(text: str) -> int:
    """1 to 100. Raises ``limit_out_of_range``, also where it is not a number."""
    return limits.check_page(_whole(text), name="--limit")


def idle_minutes(text: str) -> float:
    """0.1 to 240 minutes. Raises ``idle_timeout_out_of_range``, also where it is not a number."""
    minutes = _decimal(text)
    limits.check_idle_minutes(minutes)
    return minutes


def port_number(text: str) -> int:
    """1 to 65535. Raises ``port_out_of_range``."""
    port = _whole(text)
    if not 1 <= port <= 65535:
        raise InvalidInputError("--port must be a whole number from 1 to 65535.", code="port_out_of_range")
    return port


def whole_in(text: str, name: str, least: int, most: int) -> int:
    """A whole number of that range. Raises InvalidInputError (code ``usage``)."""
    number = _whole(text)
    if not least <= number <= most:
        raise InvalidInputError(f"{name} must be a whole number from {least} to {most}.", code="usage")
    return number


def job_id(text: str) -> str:
    """Raises NotFoundError (code ``job_not_found``) for a text that cannot be a job's id."""
    if not _JOB_ID.fullmatch(text):
        raise no_such_job(text)
    return text


def no_such_job(text: str) -> NotFoundError:
    """The error for a job id that does not exist."""
    return NotFoundError(
        f"There is no job with the id {text[:100]!r}. To see the ids: ./tlfif jobs list", code="job_not_found"
    )


def model_name(text: str) -> str:
    """A model's name, or ``file:`` with an absolute path, because the server works in another folder.

    Raises InvalidInputError (code ``unknown_model``, or ``model_file_invalid`` where no path follows ``file:``).
    """
    path = file_path_of(text)
    if path is not None:
        if not path.strip():
            raise InvalidInputError(
                f"There is no path after {FILE_PREFIX} in the model's name. Type its path as well, for example "
                f"{FILE_PREFIX}/home/me/model.gguf.",
                code="model_file_invalid",
            )
        try:
            limits.check_text(path)
        except InvalidInputError:
            raise InvalidInputError(
                f"The path after {FILE_PREFIX} contains a character that is not text. Rename the file, then try again.",
                code="model_file_invalid",
            ) from None
        return FILE_PREFIX + str(Path(path).expanduser().absolute())
    spec = find_model(text)
    if spec is None:
        raise InvalidInputError(
            f"There is no model named {text[:100]!r}. Known: {known_names()}.", code="unknown_model"
        )
    return spec.name


def asked_model(text: str) -> str:
    """A model's name as :func:`model_name` has it, or what may be a personal model's, which the server knows. Raises as
    above."""
    name = text.strip().casefold()
    return name if find_model(text) is None and PERSONAL_NAME.fullmatch(name) else model_name(text)


def check_png_path(text: str) -> Path:
    """The file's path, if a PNG can be written there: right ending, a folder that exists, no folder of that name.

    Raises InvalidInputError ``plot_path_invalid``.
    """
    if not text.strip() or "\0" in text:
        raise _bad_path("Give the picture a file name, such as cost.png.")
    path = Path(text).expanduser()
    if path.suffix.lower() != ".png":
        raise _bad_path(f"The picture's file name must end in .png; {_shown(path.name)} does not.")
    if not path.parent.is_dir():
        raise _bad_path(f"There is no folder {_shown(str(path.parent))} to put the picture in. Make it first.")
    if path.is_dir():
        raise _bad_path(f"{_shown(text)} is a folder. Choose another file name.")
    return path


def _bad_path(message: str) -> InvalidInputError:
    return InvalidInputError(message, code="plot_path_invalid")


def _shown(text: str) -> str:
    return ascii(text[-60:]) if not text.isprintable() else f"“{text[-60:]}”"


def _whole(text: str) -> int:
    return int(text) if _WHOLE.fullmatch(text.strip()) else -1  # out of every range, so the range is named


def _decimal(text: str) -> float:
    number = typed_number(text)
    return float("nan") if number is None else float(number)  # out of every range, too
