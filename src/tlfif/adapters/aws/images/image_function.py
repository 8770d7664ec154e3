"""What the images' function does with an event: a push, the month, an order of a workflow, or the router's look."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tlfif.adapters.aws.images.codepipeline_jobs import JOB, CodePipelineJobs
from tlfif.control.scheduled_images import ScheduledImages
from tlfif.images.build_order import COMMIT, Outcome, ordered_image, outcome_of, rebuild_images, sentence_of
from tlfif.images.image import Image, Profile, Source
from tlfif.kernel.errors import NotFoundError

MOST_WORDS = 200
WORKFLOW = "a workflow"
DISKS = tuple(profile.value for profile in Profile if profile is not Profile.BUNDLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFunction:
    """``profile``: what is built where an order does not say it."""

    scheduled: ScheduledImages
    jobs: CodePipelineJobs
    profile: Profile

    async def handle(self, event: Mapping[str, Any], *, seconds_left: Callable[[], float]) -> dict[str, Any]:
        """Carry out the event and answer it: ``version``, ``outcome`` and ``said`` for ``{"action": "build", …}`` and
        ``{"action": "show", …}``. An order also begins the work; the router's calls go on with it.

        Raises StorageError, ImageError, and AWS's errors where CodePipeline cannot be answered; Lambda then repeats an
        event that nobody waits for.
        """
        action = event.get("action")
        if action == "show":
            return await self._show(event)
        if JOB not in event and action not in ("build", "rebuild"):
            await self.scheduled.run(seconds_left=seconds_left)
            return {}
        answer = await self._order(event)
        await self.scheduled.run(seconds_left=lambda: 0.0)
        return answer

    async def _order(self, event: Mapping[str, Any]) -> dict[str, Any]:
        pipeline = self.scheduled.pipeline
        if JOB in event:
            await self.jobs.answer(event)
            return {}
        if event["action"] == "build":
            return await self._build(event)
        made = await rebuild_images(store=pipeline.store, registry=pipeline.registry, clock=pipeline.clock)
        return {"versions": [image.version for image in made]}

    async def _build(self, event: Mapping[str, Any]) -> dict[str, Any]:
        pipeline = self.scheduled.pipeline
        commit, wanted = str(event.get("commit")), str(event.get("profile", self.profile.value))
        if not COMMIT.fullmatch(commit):
            return _refused("commit_invalid", "A commit is named by its 40 hexadecimal digits.")
        if wanted not in DISKS:
            return _refused("image_profile_unknown", f"The profiles are {', '.join(DISKS)}.")
        source = Source(
            repository=str(event.get("repository", ""))[:MOST_WORDS],
            commit=commit,
            subject=next(iter(str(event.get("subject", "")).splitlines()), "")[:MOST_WORDS],
            asked_by=WORKFLOW,
        )
        image = await ordered_image(source, Profile(wanted), store=pipeline.store, clock=pipeline.clock)
        return _shown(image)

    async def _show(self, event: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return _shown(await self.scheduled.pipeline.store.get(str(event.get("version"))))
        except NotFoundError as error:
            return _refused(error.code, error.message)


def _shown(image: Image) -> dict[str, Any]:
    return {"version": image.version, "outcome": outcome_of(image).value, "said": sentence_of(image)}


def _refused(code: str, why: str) -> dict[str, Any]:
    return {"version": None, "outcome": Outcome.BAD.value, "said": f"[{code}] {why}"}
