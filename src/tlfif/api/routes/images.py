"""See machine images, ask for one, decide about it, and have a repository followed."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator

from tlfif.api.image_views import image_details, image_list, log_view, one_image, pointer_view, watch_view
from tlfif.api.routes.jobs import AfterQuery, WaitQuery
from tlfif.api.schemas import BuildRequest, RollBackRequest, WatchRequest, value_range
from tlfif.api.signed_in_gate import OWNER_ONLY, user_of
from tlfif.api.strict_route import StrictRoute
from tlfif.control.container import Container, Images
from tlfif.images.decide_on_image import approve_image, promote_image, reject_image, retire_image, roll_back
from tlfif.images.image import Profile
from tlfif.images.order_image import follow_repository, order_image
from tlfif.images.read_log import READ_LIMIT, next_lines
from tlfif.images.refusals import nothing_kept
from tlfif.images.requests import (
    USUAL_BRANCH,
    check_branch,
    check_commit,
    check_keep_minutes,
    check_profile,
    check_repository,
    check_version,
)
from tlfif.jobs import limits
from tlfif.kernel.errors import ConflictError
from tlfif.wire.images import ImageDetails, ImageList, ImageLog, ImageView, PointerView, WatchEnded, WatchView

OWNER = "the owner"
"""Who acts, in a home that has one user."""

Version = Annotated[str, Path(examples=["v1"]), AfterValidator(check_version)]
PageLimit = Annotated[int, Query(json_schema_extra=value_range(*limits.PAGE_RANGE))]


def image_routes(container: Container) -> APIRouter:
    """The routes of images, bound to their ports. A home that makes none answers ``images_not_here``."""
    router = APIRouter(prefix="/v1/images", tags=["images"], route_class=StrictRoute)
    _reading(router, container)
    _ordering(router, container)
    _deciding(router, container)
    return router


def images_of(container: Container) -> Images:
    """What makes images here. Raises ConflictError ``images_not_here``."""
    if container.images is None:
        raise ConflictError(
            "This home makes no images: it was made by an earlier version. Bring it up to date (./tlfif deploy).",
            code="images_not_here",
        )
    return container.images


def _reading(router: APIRouter, container: Container) -> None:
    @router.get("", operation_id="list_images")
    async def list_images(limit: PageLimit = 20) -> ImageList:
        """Images, newest first; which ones machines are launched from; the repository that is followed; what the next
        build takes and costs."""
        return await image_list(container, images_of(container), limit=limits.check_page(limit))

    @router.get("/{version}", operation_id="get_image")
    async def get_image(version: Version) -> ImageDetails:
        """One image with all its inputs, what is in it, and how it answered each golden prompt."""
        images = images_of(container)
        return await image_details(container, images, await images.store.get(version))

    @router.get("/{version}/log", operation_id="follow_image")
    async def log(version: Version, after: AfterQuery = 0, wait: WaitQuery = 0.0) -> ImageLog:
        """Lines of its log after a number; with nothing new it waits for the next one (long-poll, ``wait`` seconds)."""
        images = images_of(container)
        start = limits.check_cursor(after)
        patience = min(limits.check_wait(wait), container.longest_wait_seconds)
        lines = await next_lines(version, after=start, wait=patience, store=images.store, clock=container.clock)
        image = await images.store.get(version)
        return log_view(image, lines, after=start, limit=READ_LIMIT, clock=container.clock)


def _ordering(router: APIRouter, container: Container) -> None:
    def profile_of(name: str | None) -> Profile:
        known = images_of(container).profiles
        return known[0] if name is None else check_profile(name, known=known)

    @router.post("/build", status_code=202, operation_id="build_image", dependencies=OWNER_ONLY)
    async def build(request: Request, body: BuildRequest | None = None) -> ImageView:
        """Ask for an image of the newest commit, or of ``commit``; of ``repository``, or of the one that is followed.
        A commit that is built already is not built twice."""
        images, asked = images_of(container), body or BuildRequest()
        git, profile = images.repository, profile_of(asked.profile)
        keep = 0 if asked.keep_minutes is None else check_keep_minutes(asked.keep_minutes)
        if keep and not images.builder.estimate(profile).kept_hourly_micros:
            raise nothing_kept()
        image = await order_image(
            None if asked.repository is None else check_repository(asked.repository, folders=git is not None),
            None if asked.commit is None else check_commit(asked.commit),
            profile,
            branch=None if asked.branch is None else check_branch(asked.branch),
            by=user_of(request) or OWNER,
            keep_minutes=keep,
            store=images.store,
            git=git,
            clock=container.clock,
        )
        return await one_image(container, images, image)

    @router.put("/watch", operation_id="follow_repository", dependencies=OWNER_ONLY)
    async def watch(body: WatchRequest) -> WatchView:
        """Follow a repository: its newest commit is built first, then each push that changes what is in an image."""
        images = images_of(container)
        found = await follow_repository(
            check_repository(body.repository, folders=True),
            check_branch(body.branch or USUAL_BRANCH),
            profile_of(body.profile),
            approves=body.promotes,
            store=images.store,
            git=images.repository,
        )
        return watch_view(found, container.clock)

    @router.delete("/watch", operation_id="leave_repository", dependencies=OWNER_ONLY)
    async def leave() -> WatchEnded:
        """Follow no repository from now on. Images and what is under way stay."""
        images = images_of(container)
        old = await images.store.watch()
        await images.store.set_watch(None)
        return WatchEnded(repository=None if old is None else old.repository)


def _deciding(router: APIRouter, container: Container) -> None:
    @router.post("/rollback", operation_id="roll_back_image", dependencies=OWNER_ONLY)
    async def rollback(request: Request, body: RollBackRequest | None = None) -> PointerView:
        """Launch machines from the image that was promoted before. A running machine stays as it is."""
        images = images_of(container)
        name = body.profile if body else None
        profile = images.profiles[0] if name is None else check_profile(name, known=images.profiles)
        why = f"rolled back by {user_of(request) or OWNER}"
        await roll_back(profile, why=why, store=images.store, registry=images.registry, clock=container.clock)
        return await pointer_view(images, profile, container.clock)

    @router.post("/{version}/approve", operation_id="approve_image", dependencies=OWNER_ONLY)
    async def approve(request: Request, version: Version) -> ImageView:
        """Approve an image that passed its tests. Nothing is launched from it until it is promoted."""
        images, by = images_of(container), user_of(request) or OWNER
        image = await approve_image(version, by=by, store=images.store, clock=container.clock)
        return await one_image(container, images, image)

    @router.post("/{version}/reject", operation_id="reject_image", dependencies=OWNER_ONLY)
    async def reject(request: Request, version: Version) -> ImageView:
        """Reject an image that waits for approval; it is deleted, its record and log stay."""
        images, by = images_of(container), user_of(request) or OWNER
        image = await reject_image(version, by=by, store=images.store, clock=container.clock)
        return await one_image(container, images, image)

    @router.post("/{version}/promote", operation_id="promote_image", dependencies=OWNER_ONLY)
    async def promote(request: Request, version: Version) -> PointerView:
        """Launch machines from this image from now on. A running machine stays as it is."""
        images, by = images_of(container), user_of(request) or OWNER
        pointer = await promote_image(
            version, by=by, store=images.store, registry=images.registry, clock=container.clock
        )
        return await pointer_view(images, pointer.profile, container.clock)

    @router.post("/{version}/retire", operation_id="retire_image", dependencies=OWNER_ONLY)
    async def retire(version: Version) -> ImageView:
        """Give an approved image up; it is deleted with its snapshots, its record and log stay."""
        images = images_of(container)
        image = await retire_image(version, store=images.store, registry=images.registry, clock=container.clock)
        return await one_image(container, images, image)
