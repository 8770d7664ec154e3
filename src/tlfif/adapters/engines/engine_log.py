"""Why an engine ended, out of its log."""

import re
from collections.abc import Iterable

from tlfif.kernel.plain_text import one_line

REASON_LETTERS = 300
_LLAMA = re.compile(r"[\d.]+ E (?:\w+ +)?(?:\w+: )*(?:error loading model: )?(.+)")
"""An error in llama.cpp's log: time, level, part of the program, function, text."""
_PYTHON = re.compile(r"(?:.* )?(\w*(?:Error|Exception): .+)")
"""The end of a Python program's traceback: vLLM names the cause first and its consequences after it."""


def logged_reason(log: Iterable[str]) -> str:
    """The first error in a log's lines, and what failed by it; without one the last line. Empty where there is none."""
    lines = [line.strip() for line in log if line.strip()]
    errors = [found[1] for line in lines if (found := _LLAMA.match(line) or _PYTHON.match(line))]
    said = "; ".join(errors[:1] + [line for line in errors[1:2] if line.startswith("failed")] or lines[-1:])
    # It may quote the model's file.
    return one_line(said).strip()[:REASON_LETTERS].rstrip(".:")
