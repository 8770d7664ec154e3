"""The script of a builder: whole, sound, and nothing that is put into it is run."""

import re
import shlex
import shutil
import subprocess

import pytest

from tlfif.adapters.aws.images.build_script import MAX_BYTES, BuildResult, build_script
from tlfif.images.image import Profile

HOSTILE = "a' ; poweroff ; $(reboot) @PROFILE@"


def script(commit: str = "c" * 40, keep_minutes: int = 0) -> str:
    return build_script(
        profile=Profile.CPU_LLAMA,
        model="tinyllama-gguf",
        commit=commit,
        name="v7",
        source_url="https://bucket/c.zip?a=1&b='2'",
        sha256="f" * 64,
        result_url="https://bucket/v7.json?a=1&b=2",
        keep_minutes=keep_minutes,
    )


@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is bash's")
@pytest.mark.parametrize("commit", ["c" * 40, HOSTILE])
def test_bash_understands_it(commit: str) -> None:
    subprocess.run(["bash", "-n"], input=script(commit), text=True, check=True)


def test_every_place_is_filled_and_what_is_filled_in_is_one_word() -> None:
    text = script(HOSTILE)
    assert f"TLFIF_COMMIT={shlex.quote(HOSTILE)} TLFIF_INPUTS" in text
    assert re.findall(r"@[A-Z_0-9]+@", text.replace(HOSTILE.replace("'", "'\"'\"'"), "")) == []
    assert "-o source.zip 'https://bucket/c.zip?a=1&b='\"'\"'2'\"'\"''" in text
    assert len(text.encode()) < MAX_BYTES


def test_a_builder_that_fails_stays_on_only_where_that_was_asked_for() -> None:
    assert ("-gt 0" in script(), "[ 0 -gt 0 ]" in script(), "[ 45 -gt 0 ]" in script(keep_minutes=45)) == (True,) * 3
    report, kept, off = (
        script(keep_minutes=45).index(what)
        for what in ("curl -fsS --retry 8 --retry-all-errors -T", "sleep $((45 * 60))", "systemctl poweroff")
    )
    assert report < kept < off


def test_addresses_that_are_too_long_are_said() -> None:
    with pytest.raises(ValueError, match="larger than 16384 bytes"):
        script("c" * MAX_BYTES)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"status": "x", "step": "a", "lines": []}', "null"])
def test_what_no_builder_says_is_refused(text: str) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        BuildResult.parse(text)
    assert BuildResult.parse('{"status": 2, "step": "fetch", "lines": ["a", 1]}').lines == ("a", "1")
