"""A followed repository, read with the real git: pushes, forced pushes, paths, and what a hostile one tries."""

import shutil
from pathlib import Path

import pytest

from tests.images.commits import Repository, empty_repository
from tlfif.adapters.local.images.git_repository import GitRepository
from tlfif.images.source_repository import Push, checked_repository
from tlfif.kernel.errors import ImageError, InvalidInputError

PATHS = ("src/", "pyproject.toml")


class Followed:
    """A repository and who follows it."""

    def __init__(self, folder: Path) -> None:
        self.origin: Repository = empty_repository(folder / "origin")
        self.mirrors = folder / "mirrors"
        self.reader = GitRepository(self.mirrors)

    async def newest(self, since: str | None = None, *, branch: str = "main") -> Push:
        return await self.reader.newest(str(self.origin.folder), branch=branch, since=since, paths=PATHS)


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(tmp_path)


async def test_the_first_look_sees_the_newest_commit(followed: Followed) -> None:
    commit = followed.origin.commit("A \x1b[31mred\x1b[0m subject", **{"src/a.py": "1"})
    assert await followed.newest() == Push(
        commit=commit, subject="A [31mred[0m subject", relevant=True, rewritten=False
    )


async def test_without_a_push_nothing_is_fetched(followed: Followed) -> None:
    commit = followed.origin.git("rev-parse", "HEAD")
    assert not (await followed.newest(commit)).relevant
    assert not followed.mirrors.exists()


@pytest.mark.requirement("7.2.1")
async def test_only_pushes_that_touch_the_paths_count(followed: Followed) -> None:
    first = (await followed.newest()).commit
    followed.origin.commit("Words", **{"docs/a.md": "1"})
    words = await followed.newest(first)
    assert (words.relevant, words.rewritten) == (False, False)
    followed.origin.commit("Code", **{"src/a.py": "1"})
    followed.origin.commit("More words", **{"docs/a.md": "2"})
    assert (await followed.newest(words.commit)).relevant, "also where the newest commit of several does not count"


async def test_a_forced_push_is_noticed(followed: Followed) -> None:
    base = (await followed.newest()).commit
    lost = followed.origin.commit("Lost", **{"src/a.py": "1"})
    await followed.newest(base)
    followed.origin.git("reset", "--quiet", "--hard", base)
    new = followed.origin.commit("Instead", **{"src/a.py": "2"})
    push = await followed.newest(lost)
    assert (push.commit, push.relevant, push.rewritten) == (new, True, True)


async def test_a_commit_that_nobody_has_any_more_counts_as_rewritten(followed: Followed) -> None:
    push = await followed.newest("1" * 40)
    assert (push.relevant, push.rewritten) == (True, True)


async def test_a_damaged_mirror_is_made_anew(followed: Followed) -> None:
    first = (await followed.newest()).commit
    (mirror,) = followed.mirrors.iterdir()
    commit = followed.origin.commit("Code", **{"src/a.py": "1"})
    shutil.rmtree(mirror / "objects")
    (mirror / "HEAD.lock").touch()
    assert (await followed.newest(first)).commit == commit


@pytest.mark.parametrize(
    "gone", ["the folder", "the branch"],
)  # fmt: skip
async def test_what_cannot_be_read_is_named(followed: Followed, gone: str) -> None:
    if gone == "the folder":
        shutil.rmtree(followed.origin.folder)
    with pytest.raises(ImageError, match="cannot be read") as caught:
        await followed.newest(branch="main" if gone == "the folder" else "other")
    assert caught.value.code == "repository_unreachable"


async def test_a_repository_that_hangs_is_given_up(tmp_path: Path) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o700)
    reader = GitRepository(tmp_path / "mirrors", program=str(slow), look_seconds=0.2)
    with pytest.raises(ImageError, match="not done within"):
        await reader.newest(str(tmp_path), branch="main", since=None, paths=PATHS)


async def test_without_git_the_sentence_says_so(tmp_path: Path) -> None:
    reader = GitRepository(tmp_path, program="tlfif-no-such-program")
    with pytest.raises(ImageError, match="Install git"):
        await reader.newest(str(tmp_path), branch="main", since=None, paths=PATHS)


async def test_a_commits_files_have_its_time_and_nothing_is_run(followed: Followed, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    hook = followed.origin.folder / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o700)
    commit = followed.origin.commit("Code", **{"src/a.py": "1"})
    followed.origin.git("config", "uploadpack.packObjectsHook", str(hook))
    followed.origin.git("config", "core.fsmonitor", str(hook))
    time = await followed.reader.tree(str(followed.origin.folder), commit, into=tmp_path / "tree")
    found = tmp_path / "tree" / "src" / "a.py"
    assert (found.read_text(), int(found.stat().st_mtime)) == ("1", time)
    assert not ran.exists()


async def test_a_link_out_of_the_tree_is_refused(followed: Followed, tmp_path: Path) -> None:
    (followed.origin.folder / "out").symlink_to("/etc")
    commit = followed.origin.commit("Out")
    with pytest.raises(ImageError) as caught:
        await followed.reader.tree(str(followed.origin.folder), commit, into=tmp_path / "tree")
    assert caught.value.code == "image_source_invalid"


@pytest.mark.parametrize("commit", ["0" * 40, "HEAD", "--output=/tmp/x", ""])
async def test_a_commit_that_is_none_is_refused(followed: Followed, tmp_path: Path, commit: str) -> None:
    with pytest.raises(ImageError) as caught:
        await followed.reader.tree(str(followed.origin.folder), commit, into=tmp_path / "tree")
    assert caught.value.code == "image_source_invalid"


@pytest.mark.parametrize(
    "name", ["/srv/git/tlfif", "https://github.com/anna/tlfif.git", "ssh://git@host/x", "git@github.com:anna/tlfif.git"]
)
def test_repositories_by_folder_and_by_address(name: str) -> None:
    assert checked_repository(f" {name} ", branch="feature/a-1") == name


@pytest.mark.parametrize(
    ("name", "branch"),
    [
        ("", "main"),
        ("relative/folder", "main"),
        ("--upload-pack=touch /tmp/x", "main"),
        ("ext::sh -c touch% /tmp/x", "main"),
        ("https://anna:secret@host/x", "main"),
        ("http://host/x", "main"),
        ("file:///etc", "main"),
        ("ssh://-oProxyCommand=x/y", "main"),
        ("/srv/a\nb", "main"),
        ("/srv/a", "--all"),
        ("/srv/a", "a..b"),
        ("/srv/a", ""),
        ("x" * 501, "main"),
    ],
)
def test_what_is_no_repository_is_refused_and_no_password_is_shown(name: str, branch: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        checked_repository(name, branch=branch)
    assert caught.value.code == "repository_invalid"
    assert "secret" not in caught.value.message


async def test_what_nobody_follows_any_more_is_removed_and_fetched_again_where_somebody_does(
    followed: Followed,
) -> None:
    first = await followed.newest()
    await followed.reader.keep_only({str(followed.origin.folder)})
    assert len(list(followed.mirrors.iterdir())) == 1
    await followed.reader.keep_only(set())
    assert not list(followed.mirrors.iterdir())
    assert await followed.newest() == first
