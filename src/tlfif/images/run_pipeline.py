"""Carries the pipeline on: one tick does what every unfinished image needs now. Safe to kill at any point."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tlfif.images import pipeline
from tlfif.images.effort import expected_seconds
from tlfif.images.image import Failure, Image, ImageState, Profile
from tlfif.images.image_builder import Estimate, ImageBuilder, Progress
from tlfif.images.image_registry import ImageRegistry
from tlfif.images.image_store import ImageStore
from tlfif.images.pipeline import Step, next_image, next_step
from tlfif.images.promotion import promoted
from tlfif.images.retention import to_retire
from tlfif.images.smoke_report import SmokeReport
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ImageError, NotFoundError, TlfifError
from tlfif.money.amounts import usd_of

AUTOMATIC = "the pipeline"
NOBODY = "nobody, in time"
EVERY = 100_000
"""More images than there will be."""
RECENT = 30
REFUSED = frozenset({"image_build_refused", "image_source_invalid", "image_model_unknown", "image_gone"})
"""Trying again changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """What a tick works with. ``say`` is told each image that has changed; the owner's e-mail hangs on it on AWS."""

    store: ImageStore
    registry: ImageRegistry
    builder: ImageBuilder
    clock: Clock
    say: Callable[[Image], Awaitable[None]] | None = None

    async def tick(self) -> bool:
        """Do what is to be done now; whether anything is under way or to be cleaned, so that the next tick should come
        soon. Raises ImageError, StorageError: tick again."""
        unfinished = await self.store.unfinished()
        turn = next_image(unfinished)
        watch = await self.store.watch()
        busy = False
        fault: TlfifError | None = None
        for image in unfinished:
            if image is turn or image.state not in (ImageState.WAITING, ImageState.UNDER_WAY):
                automatic = watch is not None and watch.approves and watch.profile is image.profile
                try:
                    busy |= await self._carry_on(image, automatic)
                except TlfifError as error:  # one that cannot be cleaned is in no other's way
                    fault = fault or error
        if fault is not None:
            raise fault
        return busy or turn is not None

    async def _carry_on(self, image: Image, automatic: bool) -> bool:
        step = next_step(image, automatic=automatic, now=self.clock.now())
        if step is Step.BEGIN:
            await self._begin(image)
        elif step is Step.POLL:
            await self._poll(image)
        elif step is Step.LAPSE:
            await self._store(pipeline.rejected(image, by=NOBODY, now=self.clock.now()))
        elif step is Step.CLEAN:
            return await self._clean(image)
        elif step is Step.APPROVE:
            await self._approve(image)
        return step is not Step.NONE

    async def _begin(self, image: Image) -> None:
        why = await self._waits(image)
        if why:
            if why != image.waits_for:
                await self._log(image, f"waits: {why}")
                await self._store(replace(image, state=ImageState.UNDER_WAY, waits_for=why))
            return
        # Stored before the work begins: whoever comes after a kill begins again, which begins once.
        if image.stage_started_at is None:
            image = await self._store(replace(image, state=ImageState.UNDER_WAY, stage_started_at=self.clock.now()))
            estimate = await self._estimate(image.profile)
            await self._log(image, _expectation(estimate) + _keeping(estimate, image.source.keep_minutes))
        await self._log(image, f"begins: {image.stage.replace('_', ' ')}")
        try:
            handle = await self.builder.begin(image)
        except ImageError as error:
            await self._not_begun(image, error)
            return
        await self._store(pipeline.begun(image, handle=handle, now=self.clock.now()))

    async def _estimate(self, profile: Profile) -> Estimate:
        usual = self.builder.estimate(profile)
        found = await self.store.newest(limit=RECENT)
        return replace(usual, seconds=expected_seconds(found, profile, usual=usual.seconds))

    async def _waits(self, image: Image) -> str:
        try:
            return await self.builder.waits(image)
        except ImageError as error:
            return error.message

    async def _not_begun(self, image: Image, error: ImageError) -> None:
        """Where it was not refused for good, it is begun again by the next tick, until the stage's limit."""
        now = self.clock.now()
        if error.code in REFUSED:
            failure = Failure(stage=image.stage, code=error.code, message=error.message)
            await self._store(pipeline.failed(image, failure, now=now))
            return
        await self._log(image, f"could not be begun: {error.message}")
        limit = self.builder.limit_seconds(image.profile, image.stage)
        changed = pipeline.within_limit(image, limit_seconds=limit, now=now)
        if changed != image:
            await self._store(changed)

    async def _log(self, image: Image, *lines: str) -> None:
        await self.store.log(image.version, stage=image.stage, lines=lines, now=self.clock.now())

    async def _poll(self, image: Image) -> None:
        try:
            progress = await self.builder.poll(image)
        except ImageError as error:
            # Where it may be seen later, the limit counts nevertheless: what cannot be seen for too long has failed.
            progress = (
                Progress(failure=Failure(stage=image.stage, code=error.code, message=error.message))
                if error.code in REFUSED
                else Progress(lines=(f"could not be looked at: {error.message}",))
            )
        now = self.clock.now()
        if progress.lines:
            await self.store.log(image.version, stage=image.stage, lines=progress.lines, now=now)
        changed = pipeline.advanced(
            image,
            progress,
            promoted=await self._promoted_report(image),
            limit_seconds=self.builder.limit_seconds(image.profile, image.stage),
            now=now,
        )
        if changed == image:
            return
        if changed.failure is not None:
            text = f"failed [{changed.failure.code}]: {changed.failure.message}"
            lines = [text]
            if changed.kept_until is not None:
                hourly = usd_of(self.builder.estimate(image.profile).kept_hourly_micros)
                lines.append(
                    f"what still runs is kept until {datetime.fromtimestamp(changed.kept_until, UTC):%H:%M} UTC, at "
                    f"{hourly} an hour at most; ./tlfif image reject {image.version} ends it at once"
                )
            await self.store.log(image.version, stage=image.stage, lines=lines, now=now)
        await self._store(changed)

    async def _clean(self, image: Image) -> bool:
        """Whether the next try should come soon."""
        kept = image.state is ImageState.OFFERED
        if not await self.builder.clean(image, keep_artifact=kept):
            return image.kept_until is None or image.kept_until <= self.clock.now()
        if image.artifact is not None and not kept:
            await self.registry.delete(image.artifact)
        await self._store(replace(image, cleaned=True))
        return True

    async def _approve(self, image: Image) -> None:
        # The pointer first: whoever comes after a kill in between sees an offered image, and does both again.
        now = self.clock.now()
        good = pipeline.approved(image, by=AUTOMATIC, now=now)
        pointer = await self.registry.pointer(image.profile)
        moved = promoted(pointer, good, by=AUTOMATIC, now=now)
        if moved is pointer or await self.registry.move(moved):
            await self._store(good)

    async def _promoted_report(self, image: Image) -> SmokeReport | None:
        """The report of the image in use; None also where that is not known."""
        try:
            version = (await self.registry.pointer(image.profile)).version
            return None if version is None else (await self.store.get(version)).report
        except (ImageError, NotFoundError):
            return None

    async def _store(self, image: Image) -> Image:
        """Store the image; where somebody else has written meanwhile, theirs stands and this tick is over."""
        if not await self.store.replace(image):
            raise ImageError(f"Image {image.version} was changed meanwhile.", code="image_changed")
        stored = replace(image, revision=image.revision + 1)
        if self.say is not None:
            await self.say(stored)
        return stored

    async def sweep(self) -> bool:
        """Remove what no record knows, after a fault: whatever works for no image, or lies there for none. True once
        nothing of it is left."""
        images = await self.store.newest(limit=EVERY)
        known = {image.version for image in images if not image.gone}
        for profile in Profile:
            with contextlib.suppress(ImageError):  # one that was altered by hand names nothing
                pointer = await self.registry.pointer(profile)
                known |= {pointer.version or "", *pointer.before}
        return await self.builder.sweep(known)

    async def retire_old(self) -> list[Image]:
        """Give up the images that nothing needs any more; the next ticks delete them. Returns them."""
        images = await self.store.newest(limit=EVERY)
        referenced = await self.registry.referenced()
        gone = []
        for profile in {image.profile for image in images}:
            with contextlib.suppress(ImageError):  # whose pointer was altered by hand keeps all its images
                pointer = await self.registry.pointer(profile)
                for image in to_retire(images, pointer, referenced=referenced):
                    gone.append(await self._store(pipeline.retired(image, now=self.clock.now())))
        return gone


def _expectation(estimate: Estimate) -> str:
    """What it is going to take, said before anything is begun."""
    seconds = estimate.seconds
    time = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    cost = f" and costs about {usd_of(estimate.cost_micros)}, without VAT" if estimate.cost_micros else ""
    return f"takes about {time}{cost}"


def _keeping(estimate: Estimate, minutes: int) -> str:
    """What a machine on which it fails costs beyond that."""
    if not minutes:
        return ""
    most = estimate.cost_micros + estimate.kept_hourly_micros * minutes // 60
    return (
        f"; where it fails, its machine is kept {minutes} min at {usd_of(estimate.kept_hourly_micros)} an hour at "
        f"most: about {usd_of(most)} in all"
    )
