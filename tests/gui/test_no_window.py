"""Where no window can open, its owner reads why and what to do; never a traceback."""

import subprocess
import sys
import tkinter

import pytest

from tests.fakes.gui import Desk
from tlfif.cli.main import main as tlfif
from tlfif.gui import main

X11_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")


def test_without_the_toolkit_it_names_the_package_of_each_system(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tkinter", None)
    assert tlfif(["gui"]) == 5
    said = capsys.readouterr().err
    for part in ("python3-tk", "python3-tkinter", "brew install python-tk", "python.org", ".venv"):
        assert part in said


def test_an_old_toolkit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tkinter, "TkVersion", 8.5)
    assert "Tk 8.5" in main.why_not()


@X11_ONLY
def test_without_a_screen_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    assert "tlfif ask" in main.why_not()


@X11_ONLY
def test_a_screen_that_is_gone_is_named_before_and_at_the_attempt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    assert "nothing answers at the display :987" in main.why_not()
    assert main.show(Desk().core) == 5
    assert "tlfif ask" in capsys.readouterr().err
    monkeypatch.setenv("DISPLAY", "elsewhere:0")
    assert main.why_not() == "", "only an attempt tells"


def test_where_all_is_there_nothing_is_in_the_way(screen: str) -> None:
    assert main.why_not() == ""


def test_the_commands_need_no_toolkit() -> None:
    code = "import sys; sys.modules['tkinter'] = None; from tlfif.cli.main import main; sys.exit(main(['--help']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
