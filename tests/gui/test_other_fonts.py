"""The same window where the default font has lines a sixth higher, as Noto Sans has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HIGH = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <cachedir>{cache}</cachedir>
  <match target="font"><edit name="matrix" mode="assign">
    <matrix><double>1</double><double>0</double><double>0</double><double>1.17</double></matrix>
  </edit></match>
</fontconfig>
"""


@pytest.mark.requirement("1.1.10")
@pytest.mark.skipif(sys.platform != "linux", reason="fontconfig chooses fonts on Linux")
def test_the_smallest_window_has_its_lines_in_a_font_with_high_lines(screen: str, tmp_path: Path) -> None:
    settings = tmp_path / "fonts.conf"
    settings.write_text(HIGH.format(cache=tmp_path / "cache"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/gui/test_window_layout.py"],
        cwd=ROOT,
        env={**os.environ, "FONTCONFIG_FILE": str(settings)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
