"""What keeps the computer usable while an engine answers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tlfif.adapters.local import right_of_way

GROUP = Path("/proc/self/autogroup")
GROUPS = pytest.mark.skipif(not GROUP.exists(), reason="only Linux shares the cores among sessions")


def group_after(program: str) -> str:
    """The autogroup of a session of its own that has done this."""
    text = f"from tlfif.adapters.local import right_of_way\n{program}\nprint(open({str(GROUP)!r}).read())"
    environment = {**os.environ, "PYTHONPATH": str(Path(right_of_way.__file__).parents[3])}
    command = [sys.executable, "-c", text]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, start_new_session=True, timeout=30
    )
    return done.stdout.strip()


@GROUPS
def test_a_session_stands_back_as_a_whole() -> None:
    assert group_after("right_of_way.give_way_as_group()").endswith(f"nice {right_of_way.STEPS}")
    assert group_after("").endswith("nice 0")


def test_a_system_without_groups_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(right_of_way, "_GROUP", tmp_path / "none" / "autogroup")
    right_of_way.give_way_as_group()
