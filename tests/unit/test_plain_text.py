"""Text that is not ours steers no terminal, turns no line around and forges no line of a log."""

import io
import logging
from pathlib import Path

import pytest

from tlfif.kernel.log_lines import PlainFormatter, begin_log
from tlfif.kernel.plain_text import clean, one_line


@pytest.mark.requirement("8.6.3")
@pytest.mark.parametrize(
    ("foreign", "harmless"),
    [
        ("\x1b[2J\x1b]0;title\x07", "[2J]0;title"),
        ("\x9b31m", "31m"),
        ("good\rEVIL", "goodEVIL"),
        ("abc\b\b\bxyz\x7f", "abcxyz"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066a\u2067b\u2068c\u2069\u202a\u202b\u202c\u202d", "abc"),
        ("a\u2028b\u2029c", "abc"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_what_steers_is_left_out(foreign: str, harmless: str) -> None:
    assert clean(foreign) == harmless


@pytest.mark.parametrize(
    "text",
    [
        "שלום\u200f!",
        "\u0645\u06cc\u200c\u062e\u0648",
        "👩\u200d👩\u200d👧",
        "e\u0301",
        "नमस्ते",
        "🏴\U000e0067\U000e007f",
        "Ärger …",
    ],
)
def test_every_script_stays_whole(text: str) -> None:
    assert clean(text) == one_line(text) == text


def test_one_line_is_one_line() -> None:
    assert one_line("a\r\nb\nc\td\x0be\x85f\u2028g") == "a b c defg"


@pytest.mark.requirement("8.6.3")
def test_a_message_is_one_line_of_the_log_and_a_traceback_keeps_its_lines(tmp_path: Path) -> None:
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(PlainFormatter("%(levelname)s %(message)s"))
    try:
        raise ValueError("bad \x1b[2J name")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    handler.emit(logging.LogRecord("x", 20, "", 0, "pip said %s", ("a\nERROR forged\x1b[2J",), info))
    first, *more = handler.stream.getvalue().splitlines()
    assert first == "INFO pip said a ERROR forged[2J"
    assert (more[0], more[-1]) == ("Traceback (most recent call last):", "ValueError: bad [2J name")


def test_a_log_takes_every_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.RootLogger(logging.WARNING)
    monkeypatch.setattr(logging, "root", root)
    begin_log("%(message)s", file=tmp_path / "a.log")
    root.info("name \udcff 你好")
    root.handlers[0].close()
    assert (tmp_path / "a.log").read_text(encoding="utf-8") == "name \\udcff 你好\n"
