"""Git repositories, read with the ``git`` program into a bare mirror in the data folder."""

import asyncio
import hashlib
import re
import shutil
import tarfile
from collections.abc import Collection
from pathlib import Path

from tlfif.adapters.local.images.program import Ended, run_program
from tlfif.images.source_repository import Push, SourceRepository, checked_repository
from tlfif.kernel.data_folder import child_environment
from tlfif.kernel.errors import ImageError
from tlfif.kernel.plain_text import one_line

LOOK_SECONDS = 20.0
FETCH_SECONDS = 300.0
SUBJECT_LETTERS = 200
REASON_LETTERS = 300
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SAFE = (
    # Neither a repository nor an address may have a program run here: no hooks, no submodules, no ext::.
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false",
    "-c", "submodule.recurse=false",
    "-c", "protocol.allow=never",
    "-c", "protocol.ext.allow=never",
    "-c", "protocol.file.allow=always",
    "-c", "protocol.https.allow=always",
    "-c", "protocol.ssh.allow=always",
    "-c", "gc.auto=0",
)  # fmt: skip
QUIET = {"GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "LC_ALL": "C"}
"""Nobody is there to be asked for a password; what ``git`` says is read."""


class GitRepository(SourceRepository):
    """One mirror a repository, in ``folder``. A mirror that is damaged or half made is made anew."""

    def __init__(
        self,
        folder: Path,
        *,
        program: str = "git",
        look_seconds: float = LOOK_SECONDS,
        fetch_seconds: float = FETCH_SECONDS,
    ) -> None:
        self._folder = folder
        self._program = program
        self._look_seconds = look_seconds
        self._fetch_seconds = fetch_seconds
        self._fetching = asyncio.Lock()

    async def newest(self, repository: str, *, branch: str, since: str | None, paths: tuple[str, ...]) -> Push:
        name = checked_repository(repository, branch=branch)
        head = await self._head(name, branch)
        if head == since:
            return Push(commit=head, subject="", relevant=False, rewritten=False)
        async with self._fetching:
            mirror = await self._fetched(name, head, branch)
            subject = await self._subject(mirror, head)
            rewritten = (
                since is not None
                and not (await self._git("merge-base", "--is-ancestor", since, head, mirror=mirror)).good
            )
            return Push(
                commit=head,
                subject=subject,
                relevant=since is None or await self._differ(mirror, since, head, paths),
                rewritten=rewritten,
            )

    async def keep_only(self, repositories: Collection[str]) -> None:
        kept = {_mirror_of(name.strip()) for name in repositories}
        async with self._fetching:
            for mirror in self._folder.glob("*.git"):
                if mirror.name not in kept:
                    await asyncio.to_thread(shutil.rmtree, mirror, ignore_errors=True)

    async def tree(self, repository: str, commit: str, *, into: Path) -> int:
        """Put the commit's files ``into`` a folder, which is new, and return its time (epoch seconds).

        Raises ImageError ``repository_unreachable``, or ``image_source_invalid`` where there is no such commit, or
        where it has files that may not be unpacked."""
        name = checked_repository(repository, branch="main")
        if not _COMMIT.fullmatch(commit):
            raise ImageError(f"“{one_line(commit)[:80]}” is no commit.", code="image_source_invalid")
        async with self._fetching:
            mirror = await self._fetched(name, commit, None)
            archive = into.with_name(f"{into.name}.tar")
            made = await self._git("archive", "--format=tar", f"--output={archive}", commit, mirror=mirror)
            time = await self._git("show", "--no-patch", "--format=%ct", commit, mirror=mirror)
        if not made.good or not time.good:
            raise ImageError(f"The commit cannot be read: {_reason(made)}.", code="image_source_invalid")
        try:
            await asyncio.to_thread(_unpack, archive, into)
        except (tarfile.TarError, OSError, UnicodeError) as error:
            raise ImageError(f"The commit's files cannot be unpacked: {error}.", code="image_source_invalid") from error
        finally:
            archive.unlink(missing_ok=True)
        return int(time.answer.split()[-1])

    async def _head(self, name: str, branch: str) -> str:
        """The cheap look: one request, nothing is fetched."""
        ref = f"refs/heads/{branch}"
        looked = await self._git("ls-remote", "--exit-code", "--", name, ref, limit=self._look_seconds)
        if looked.status == 2:
            raise _unreachable(name, f"it has no branch {branch}")
        found = looked.answer.split()
        if not looked.good or not found or not _COMMIT.fullmatch(found[0]):
            raise _unreachable(name, _reason(looked))
        return found[0]

    async def _fetched(self, name: str, commit: str, branch: str | None) -> Path:
        """The repository's mirror, with ``commit`` in it."""
        mirror = self._folder / _mirror_of(name)
        if await self._has(mirror, commit):
            return mirror
        what = f"+refs/heads/{branch}:refs/heads/{branch}" if branch else "+refs/heads/*:refs/heads/*"
        fetch = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--", name, what)
        if not (mirror / "HEAD").exists():
            await self._begin(mirror)
        done = await self._git(*fetch, mirror=mirror, limit=self._fetch_seconds)
        if not done.good and done.status is not None:
            # The mirror may be damaged, or locked by a git that was killed.
            await self._begin(mirror)
            done = await self._git(*fetch, mirror=mirror, limit=self._fetch_seconds)
        if not done.good:
            raise _unreachable(name, _reason(done))
        if not await self._has(mirror, commit):
            raise ImageError(
                f"The commit {commit[:12]} is in no branch of {_shown(name)} any more. Push it again.",
                code="image_source_invalid",
            )
        return mirror

    async def _begin(self, mirror: Path) -> None:
        await asyncio.to_thread(shutil.rmtree, mirror, ignore_errors=True)
        mirror.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = await self._git("init", "--quiet", "--bare", "--template=", str(mirror))
        if not made.good:
            raise ImageError(f"No mirror of the repository could be made: {_reason(made)}.")

    async def _has(self, mirror: Path, commit: str) -> bool:
        if not (mirror / "HEAD").exists():
            return False
        return (await self._git("cat-file", "-e", f"{commit}^{{commit}}", mirror=mirror)).good

    async def _subject(self, mirror: Path, commit: str) -> str:
        said = await self._git("show", "--no-patch", "--format=%s", commit, mirror=mirror)
        return one_line(said.answer.strip())[:SUBJECT_LETTERS]

    async def _differ(self, mirror: Path, before: str, after: str, paths: tuple[str, ...]) -> bool:
        """Whether one of ``paths`` differs; also where the earlier commit is gone."""
        compare = ("diff", "--quiet", "--no-ext-diff", "--no-textconv", before, after, "--", *paths)
        return not (await self._git(*compare, mirror=mirror)).good

    async def _git(self, *arguments: str, mirror: Path | None = None, limit: float = LOOK_SECONDS) -> Ended:
        where = (f"--git-dir={mirror}",) if mirror is not None else ()
        try:
            return await run_program(
                self._program, *SAFE, *where, *arguments, limit_seconds=limit, environment=child_environment(**QUIET)
            )
        except OSError as error:
            raise ImageError(
                f"The program git cannot be started ({error.strerror or error}). Install git.",
                code="repository_unreachable",
            ) from error


def _unpack(archive: Path, into: Path) -> None:
    into.mkdir(mode=0o700, parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")  # refuses links and names that lead out of the folder


def _shown(name: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", one_line(name))


def _unreachable(name: str, reason: str) -> ImageError:
    return ImageError(
        f"The repository {_shown(name)} cannot be read: {reason}. It is tried again; nothing is built meanwhile.",
        code="repository_unreachable",
    )


def _reason(ended: Ended) -> str:
    lines = [line for line in ended.said if line.startswith(("fatal:", "error:", "not done"))] or list(ended.said[-1:])
    return _shown("; ".join(lines) or f"git ended with {ended.status}")[:REASON_LETTERS].rstrip(".")


def _mirror_of(name: str) -> str:
    return f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.git"
