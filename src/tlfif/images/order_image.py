"""A person asks for an image, or has a repository followed."""

from collections.abc import Sequence
from dataclasses import replace

from tlfif.images.build_order import PUSH, ordered_image
from tlfif.images.image import Image, Profile, Source
from tlfif.images.image_store import ImageStore, Watch
from tlfif.images.requests import USUAL_BRANCH
from tlfif.images.source_repository import SourceRepository
from tlfif.images.watch_repository import PATHS
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ConflictError, InvalidInputError

MOST_LOOKED_AT = 100
"""Images, the newest first, among which the last push is looked for."""


async def order_image(
    repository: str | None,
    commit: str | None,
    profile: Profile,
    *,
    branch: str | None = None,
    by: str,
    keep_minutes: int = 0,
    store: ImageStore,
    git: SourceRepository | None,
    clock: Clock,
) -> Image:
    """An image of ``commit``, or else of the newest one of ``branch``; of ``repository``, or else of the one that is
    followed. Where ``git`` is None the newest one is the last that a push has brought. The same commit that waits or is
    under way already is not built twice: that image is returned, as it was asked for. ``keep_minutes``: see
    :class:`Source`.

    Raises InvalidInputError (``repository_needed``, ``commit_needed``), ImageError (``repository_unreachable``)."""
    if commit is None and git is None:
        source = await _pushed(repository, branch, store)
        return await ordered_image(
            replace(source, asked_by=by, keep_minutes=keep_minutes), profile, store=store, clock=clock
        )
    watch = await store.watch()
    if repository is None:
        if watch is None:
            raise InvalidInputError(
                "No repository is followed, so say which one to build from (./tlfif image build PATH).",
                code="repository_needed",
            )
        repository = watch.repository
    source = Source(repository=repository, commit=commit or "", subject="", asked_by=by, keep_minutes=keep_minutes)
    if commit is None and git is not None:
        usual = watch.branch if watch is not None and watch.repository == repository else USUAL_BRANCH
        push = await git.newest(repository, branch=branch or usual, since=None, paths=())
        source = replace(source, commit=push.commit, subject=push.subject)
    return await ordered_image(source, profile, store=store, clock=clock)


async def _pushed(repository: str | None, branch: str | None, store: ImageStore) -> Source:
    """The newest commit that a push has brought here, which is the head of the branch that is followed: all that a home
    knows of a repository into which it cannot look."""
    found = await store.newest(limit=MOST_LOOKED_AT) if branch is None else []
    for image in found:
        source = image.source
        if source.asked_by == PUSH and repository in (None, source.repository):
            return source
    raise InvalidInputError(
        "This home cannot look into repositories, and no push has "
        f"brought it a commit{f' of {branch}' if branch else ''}{f' of {repository}' if repository else ''}. "
        "Say which commit to build, one whose files a push or a deployment has brought here (./tlfif image build URL "
        "--commit HASH). ./tlfif deploy --build-image brings this program's own.",
        code="commit_needed",
    )


async def follow_repository(
    repository: str,
    branch: str,
    profile: Profile,
    *,
    approves: bool,
    store: ImageStore,
    git: SourceRepository | None,
    paths: Sequence[str] = PATHS,
) -> Watch:
    """Follow the repository from now on, in place of any other. Its newest commit is built first, unless this very
    branch is followed already. Looks at it at once, so that a wrong address is refused here.

    Raises ConflictError (``watch_not_here``), ImageError (``repository_unreachable``)."""
    if git is None:
        raise ConflictError(
            "This home follows no repository by itself: each push asks for an image, once ./tlfif deploy --connection "
            "ARN --repository OWNER/NAME has set that up. Nothing was changed.",
            code="watch_not_here",
        )
    await git.newest(repository, branch=branch, since=None, paths=tuple(paths))
    wanted = Watch(repository=repository, branch=branch, paths=tuple(paths), profile=profile, approves=approves)
    old = await store.watch()
    if old is not None and (old.repository, old.branch, old.profile) == (repository, branch, profile):
        wanted = replace(wanted, seen=old.seen, looked_at=old.looked_at)
    await store.set_watch(wanted)
    return wanted
