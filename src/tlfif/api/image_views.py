"""Images, pointers and the watch as the API sends them."""

import contextlib
from collections.abc import Mapping, Sequence
from decimal import Decimal

from tlfif.api.cost_views import usd
from tlfif.control.container import Container, Images
from tlfif.images.effort import expected_seconds
from tlfif.images.image import ENDED, Image, ImageState, Pointer, Profile
from tlfif.images.image_store import LogLine, Watch
from tlfif.images.watch_repository import POLL_SECONDS
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ImageError, NotFoundError
from tlfif.money.prices.prices import Item
from tlfif.wire.images import (
    EstimateView,
    FailureView,
    FiguresView,
    ImageDetails,
    ImageList,
    ImageLog,
    ImageLogLine,
    ImageView,
    PointerView,
    PromptView,
    WatchView,
)

GB = 10**9
MOST_COUNTED = 60
"""Records that are read; of older ones only what a pointer names is kept."""


async def image_list(container: Container, images: Images, *, limit: int) -> ImageList:
    """All that a person wants to see of images at once: the newest ``limit``, and older ones that are kept."""
    pointers = [await pointer_view(images, profile, container.clock) for profile in images.profiles]
    found = await images.store.newest(limit=max(limit, MOST_COUNTED))
    found += await _named(images, pointers, known={image.version for image in found})
    per_gb = await usd_per_gb_month(container)
    views = [image_view(images, one, pointers, container.clock, per_gb=per_gb) for one in found]
    watch = await images.store.watch()
    return ImageList(
        images=[view for place, view in enumerate(views) if place < limit or view["size_bytes"] is not None],
        pointers=pointers,
        watch=None if watch is None else watch_view(watch, container.clock),
        follows=images.repository is not None,
        builds=[estimate_view(images, profile, found) for profile in images.profiles],
        kept_bytes=sum(view["size_bytes"] or 0 for view in views),
        kept_usd_per_month=round(sum(view["usd_per_month"] for view in views), 6),
    )


async def _named(images: Images, pointers: Sequence[PointerView], *, known: set[str]) -> list[Image]:
    """What machines are launched from, and what a rollback goes to, where ``known`` has it not."""
    wanted = [version for one in pointers for version in (one["version"], *one["before"][-1:])]
    found = []
    for version in wanted:
        if version is not None and version not in known:
            with contextlib.suppress(NotFoundError):
                found.append(await images.store.get(version))
    return found


async def one_image(container: Container, images: Images, image: Image) -> ImageView:
    """One image, with what it costs to keep."""
    pointer = await pointer_view(images, image.profile, container.clock)
    return image_view(images, image, [pointer], container.clock, per_gb=await usd_per_gb_month(container))


async def image_details(container: Container, images: Images, image: Image) -> ImageDetails:
    """One image with all that is known of it."""
    report = image.report
    return ImageDetails(
        image=await one_image(container, images, image),
        digest=image.digest,
        manifest=dict(image.manifest),
        software=software_of(image.manifest),
        prompts=[PromptView(name=one.name, passed=one.passed, answer=one.answer) for one in report.prompts]
        if report
        else [],
        phase_seconds=dict(report.phase_seconds) if report else {},
        versions=dict(report.versions) if report else {},
    )


def image_view(
    images: Images, image: Image, pointers: Sequence[PointerView], clock: Clock, *, per_gb: Decimal
) -> ImageView:
    """One image. ``per_gb``: dollars for storing a gigabyte for a month."""
    stored = image.artifact is not None and image.state not in ENDED
    size = image.artifact.size_bytes if image.artifact is not None and stored else None
    report, failure = image.report, image.failure
    working = image.state is ImageState.UNDER_WAY and image.stage_started_at is not None
    return ImageView(
        version=image.version,
        profile=image.profile.value,
        state=image.state.value,
        stage=image.stage.value,
        stage_seconds=dict(image.stage_seconds),
        in_stage_seconds=round(max(0.0, clock.now() - (image.stage_started_at or 0.0)), 3) if working else None,
        waits_for=image.waits_for if image.state is ImageState.UNDER_WAY else "",
        repository=image.source.repository,
        commit=image.source.commit,
        subject=image.source.subject,
        asked_by=image.source.asked_by,
        created_at=clock.shown(image.created_at),
        figures=None
        if report is None
        else FiguresView(
            prompts=len(report.prompts),
            passed=report.passed,
            tokens_per_second=round(report.tokens_per_second, 2),
            first_token_seconds=round(report.first_token_seconds, 3),
            busy=report.busy,
        ),
        size_bytes=size,
        usd_per_month=float(round(Decimal(size or 0) / GB * per_gb, 6)),
        cost_usd=usd(image.cost_micros),
        failure=None
        if failure is None
        else FailureView(stage=failure.stage.value, code=failure.code, message=failure.message),
        decided_by=image.decided_by,
        decided_at=_shown(image.decided_at, clock),
        ended_at=_shown(image.ended_at, clock),
        in_use=any((one["profile"], one["version"]) == (image.profile.value, image.version) for one in pointers),
        kept_until=_shown(image.kept_until, clock),
        kept_usd_per_hour=0.0
        if image.kept_until is None
        else usd(images.builder.estimate(image.profile).kept_hourly_micros),
    )


async def pointer_view(images: Images, profile: Profile, clock: Clock) -> PointerView:
    """The profile's pointer; one that cannot be read says so, because the other profiles can."""
    try:
        pointer, problem = await images.registry.pointer(profile), ""
    except ImageError as error:
        pointer, problem = Pointer(profile=profile), error.message
    return PointerView(
        profile=profile.value,
        version=pointer.version,
        before=list(pointer.before),
        proven=pointer.proven,
        note=pointer.note,
        moved_at=_shown(pointer.moved_at, clock),
        problem=problem,
    )


def watch_view(watch: Watch, clock: Clock) -> WatchView:
    """The repository that is followed."""
    return WatchView(
        repository=watch.repository,
        branch=watch.branch,
        profile=watch.profile.value,
        paths=list(watch.paths),
        promotes=watch.approves,
        seen=watch.seen,
        looked_at=_shown(watch.looked_at, clock),
        problem=watch.problem,
        every_seconds=POLL_SECONDS,
    )


def estimate_view(images: Images, profile: Profile, found: Sequence[Image]) -> EstimateView:
    """What a build takes; ``found`` are the images before it."""
    estimate = images.builder.estimate(profile)
    seconds = expected_seconds(found, profile, usual=estimate.seconds)
    return EstimateView(
        profile=profile.value,
        seconds=seconds,
        cost_usd=usd(estimate.cost_micros),
        kept_usd_per_hour=usd(estimate.kept_hourly_micros),
    )


def log_view(image: Image, lines: Sequence[LogLine], *, after: int, limit: int, clock: Clock) -> ImageLog:
    """Some lines of the image's log; ``limit`` is how many were asked for."""
    working = image.state in (ImageState.WAITING, ImageState.UNDER_WAY) or not image.cleaned
    return ImageLog(
        lines=[
            ImageLogLine(number=line.number, at=clock.shown(line.at), stage=line.stage, text=line.text)
            for line in lines
        ],
        last=lines[-1].number if lines else after,
        state=image.state.value,
        stage=image.stage.value,
        ended=not working and len(lines) < limit,
    )


def software_of(manifest: Mapping[str, object]) -> list[str]:
    """What is in an image, as "name version", from the components of its SBOM (CycloneDX)."""
    sbom = manifest.get("sbom")
    parts = sbom.get("components") if isinstance(sbom, dict) else None
    if not isinstance(parts, list):
        return []
    named = [one for one in parts if isinstance(one, dict) and one.get("name")]
    return sorted(f"{one['name']} {one.get('version', '')}".strip() for one in named)


async def usd_per_gb_month(container: Container) -> Decimal:
    """What storing a gigabyte for a month costs; nothing on this computer."""
    money = container.money
    if money.tariff is None:
        return Decimal(0)
    book = await money.pricing.book()
    price = book.price(Item.SNAPSHOT_GB_MONTH, money.tariff.region, at_ms=money.totals.now_ms())
    return Decimal(price.micros) / 10**6


def _shown(at: float | None, clock: Clock) -> float | None:
    return None if at is None else clock.shown(at)
