"""The data folder is its user's alone, or nothing in it is touched."""

import os
import stat
import sys
from pathlib import Path

import pytest

from tlfif.kernel.data_folder import DataFolder, open_private, read_token, who_else, write_private
from tlfif.kernel.errors import UnavailableError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes and owners")
AS_ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
NOBODY = 65534


def found(mode: int, owner: int) -> os.stat_result:
    """What ``stat`` finds."""
    return os.stat_result((mode, 1, 1, 1, owner, 0, 0, 0, 0, 0))


def test_who_else_may_change_a_file() -> None:
    me = os.geteuid()
    for mode in (0o700, 0o755, 0o744, 0o644, 0o600, 0o400):
        assert who_else(found(mode, me)) == ""
    for mode in (0o777, 0o720, 0o702, 0o622, 0o1777):
        assert who_else(found(mode, me)) == "may be changed by other users"
    assert who_else(found(0o700, me + 1)) == f"belongs to another user (number {me + 1})"


@pytest.fixture
def home(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "home")


@pytest.mark.requirement("8.6.4")
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o702])
def test_a_folder_that_others_may_write_in_is_refused(home: DataFolder, mode: int) -> None:
    home.create()
    home.root.chmod(mode)
    for use in (home.check, home.create):
        with pytest.raises(UnavailableError, match="may be changed by other users") as caught:
            use()
        assert caught.value.code == "home_not_private"
        assert str(home.root) in caught.value.message
    home.root.chmod(0o700)
    home.check()


def test_a_folder_that_is_still_to_be_made_or_may_only_be_read_by_others_passes(home: DataFolder) -> None:
    home.check()
    home.root.mkdir(mode=0o755)
    home.create()


def test_a_folder_that_is_a_file_or_below_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root, why in ((tmp_path / "file", "it is a file"), (tmp_path / "file" / "home", "Not a directory")):
        with pytest.raises(UnavailableError, match=why) as caught:
            DataFolder(root).check()
        assert caught.value.code == "home_not_usable"


@AS_ROOT
def test_another_users_folder_is_refused(home: DataFolder) -> None:
    home.create()
    os.chown(home.root, NOBODY, NOBODY)
    with pytest.raises(UnavailableError, match=rf"belongs to another user \(number {NOBODY}\)") as caught:
        home.check()
    assert caught.value.code == "home_not_private"


@AS_ROOT
@pytest.mark.parametrize("name", ["api-token", "tlfif.db", "logs/server.log", "logs/server-start.log"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_another_user_put_there_is_refused_and_left_alone(home: DataFolder, name: str, kind: str) -> None:
    home.create()
    victim = home.root.parent / "victim"
    victim.write_text("kept")
    planted = home.root / name
    if kind == "link":
        planted.symlink_to(victim)
    else:
        planted.write_text("t" * 43)
    os.lchown(planted, NOBODY, NOBODY)
    with pytest.raises(UnavailableError, match=planted.name) as caught:
        home.create()
    assert caught.value.code == "home_not_private"
    assert victim.read_text() == "kept"
    if name == "api-token":
        assert read_token(home) is None


@pytest.mark.requirement("8.6.4")
def test_no_link_is_followed_where_something_is_written(home: DataFolder) -> None:
    home.create()
    victim = home.root.parent / "victim"
    victim.write_text("kept")
    victim.chmod(0o644)
    for name in ("server.log", "server-start.log"):
        (home.logs / name).symlink_to(victim)
    home.create()
    for append in (True, False):
        with pytest.raises(OSError, match="symbolic links"):
            open_private(home.logs / "server.log", append=append)
    home.token.symlink_to(victim)
    write_private(home.token, "new")
    assert (victim.read_text(), stat.S_IMODE(victim.stat().st_mode)) == ("kept", 0o644)
    assert not home.token.is_symlink()


def test_a_file_that_cannot_be_replaced_leaves_no_part(home: DataFolder) -> None:
    home.create()
    home.token.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(home.token, "x")
    assert sorted(file.name for file in home.root.iterdir()) == ["api-token", "logs", "models"]
