"""Follows a repository: each push that counts becomes an image."""

from dataclasses import replace

from tlfif.images.build_order import PUSH
from tlfif.images.image import Image, Source
from tlfif.images.image_store import ImageStore, Watch
from tlfif.images.source_repository import SourceRepository
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ImageError, InvalidInputError

POLL_SECONDS = 8.0
"""Between two looks at the repository."""
PATHS = ("images/", "src/", "requirements/", "pyproject.toml")
"""A push that touches none of these gives the same machine, so no image is built for it."""


async def look_at_repository(*, store: ImageStore, repository: SourceRepository, clock: Clock) -> Image | None:
    """Look once, where a repository is followed and the last look is :data:`POLL_SECONDS` old; the image that a new
    push has asked for. A repository that cannot be reached is noted in the watch, and tried again."""
    watch = await store.watch()
    now = clock.now()
    if watch is None or (watch.looked_at is not None and 0 <= now - watch.looked_at < POLL_SECONDS):
        return None
    try:
        push = await repository.newest(watch.repository, branch=watch.branch, since=watch.seen, paths=watch.paths)
    except (ImageError, InvalidInputError) as error:
        if (wanted := await _still_wanted(watch, store)) is not None:
            await store.set_watch(replace(wanted, looked_at=now, problem=error.message))
        return None
    wanted = await _still_wanted(watch, store)
    if wanted is None:
        return None
    image = None
    if push.commit != watch.seen and push.relevant:
        asked_by = "the first look" if watch.seen is None else "a forced push" if push.rewritten else PUSH
        source = Source(repository=watch.repository, commit=push.commit, subject=push.subject, asked_by=asked_by)
        image = await store.create(profile=watch.profile, source=source, now=now)
    # After the image: a kill in between asks twice and supersedes the first; the other way round would lose the push.
    await store.set_watch(replace(wanted, looked_at=now, seen=push.commit, problem=""))
    return image


async def _still_wanted(watch: Watch, store: ImageStore) -> Watch | None:
    """The watch as it is after the look, which may take minutes; None where this branch is followed no more."""
    now = await store.watch()
    if now is None or (now.repository, now.branch, now.profile) != (watch.repository, watch.branch, watch.profile):
        return None
    return now
