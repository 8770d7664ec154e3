"""CodePipeline's jobs: a push that it has fetched, and the way in which it follows the image until that is tested.

CodePipeline calls the function with a job. The answer "goes on" with a token makes it call again after a while, with a
new job and the same token, which is the image's version (CodePipeline user guide, "Lambda invoke action"). The event
holds credentials: it is never logged.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tlfif.adapters.aws.calls.errors import AWS_ERRORS, Fault, code_of, fault_of, words_of
from tlfif.images.build_order import COMMIT, PUSH, Outcome, ordered_image, outcome_of, sentence_of
from tlfif.images.image import STAGES, Image, Profile, Source
from tlfif.images.image_store import ImageStore
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import TlfifError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

JOB = "CodePipeline.job"
SOURCES = "releases/sources/"
"""Where a builder fetches a commit's files, ``COMMIT.zip``; also in infra/constructs/store.py."""
_AGAIN = "again"
"""The token while there is no image yet, because something that is needed did not answer."""
_OVER = frozenset({"InvalidJobStateException", "JobNotFoundException"})
"""CodePipeline does not wait for the answer any more: somebody stopped the execution, or a newer push came."""
_MOST_WORDS = 2000
_FOR_GOOD = frozenset({Fault.DENIED, Fault.ABSENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What an event says. ``token``: of an earlier answer. ``files``: where the commit's files lie, bucket and key."""

    job_id: str
    token: str | None
    commit: str
    repository: str
    execution: str
    files: tuple[str, str]


class CodePipelineJobs:
    """``pipeline``: its name at CodePipeline. ``profile``: what kind of image a push builds. ``bucket``: the home's."""

    def __init__(
        self,
        codepipeline: Any,
        s3: "S3Client",
        *,
        pipeline: str,
        bucket: str,
        profile: Profile,
        store: ImageStore,
        clock: Clock,
    ) -> None:
        self._codepipeline = codepipeline
        self._s3 = s3
        self._pipeline = pipeline
        self._bucket = bucket
        self._profile = profile
        self._store = store
        self._clock = clock

    async def answer(self, event: Mapping[str, Any]) -> None:
        """Answer the job in ``event``, for which an image is asked where it has none yet. Raises AWS's errors where the
        answer itself cannot be given; the same event then comes again and finds the same image."""
        job_id = str(event[JOB]["id"])
        try:
            job = _read(event[JOB])
        except (LookupError, TypeError, ValueError) as error:
            text = f"This is no order of the home's own pipeline ({type(error).__name__}). Run ./tlfif deploy again."
            await self._failed(job_id, text, "ConfigurationError")
            return
        try:
            image = await self._image(job)
        except TlfifError as error:
            log.warning("images: a push waits: %s: %s", error.code, error.message)
            await self._goes_on(job_id, job.token or _AGAIN, error.message)
        except AWS_ERRORS as error:
            text = f"The commit's files cannot be kept for the build: {code_of(error)}: {words_of(error)}"
            if fault_of(error) in _FOR_GOOD:
                await self._failed(job_id, text, "PermissionError")
            else:
                await self._goes_on(job_id, _AGAIN, text)
        else:
            await self._tell(job_id, image)

    async def _image(self, job: _Job) -> Image:
        if job.token is not None and job.token != _AGAIN:
            return await self._store.get(job.token)
        # The files first: a build that begins finds them.
        await asyncio.to_thread(self._keep_files, job)
        subject = await asyncio.to_thread(self._subject, job.execution)
        source = Source(repository=job.repository, commit=job.commit, subject=subject, asked_by=PUSH)
        return await ordered_image(source, self._profile, store=self._store, clock=self._clock)

    def _keep_files(self, job: _Job) -> None:
        bucket, key = job.files
        self._s3.copy_object(
            Bucket=self._bucket, Key=f"{SOURCES}{job.commit}.zip", CopySource={"Bucket": bucket, "Key": key}
        )

    def _subject(self, execution: str) -> str:
        """The first line of the commit's message; empty where CodePipeline does not say it. It is no part of the job's
        own parameters, into which CodePipeline would put it unquoted."""
        try:
            found = self._codepipeline.get_pipeline_execution(
                pipelineName=self._pipeline, pipelineExecutionId=execution
            )["pipelineExecution"]
            summary = json.loads(found["artifactRevisions"][0]["revisionSummary"])
            return next(iter(str(summary["CommitMessage"]).splitlines()), "")
        except (*AWS_ERRORS, LookupError, TypeError, ValueError) as error:
            log.info("images: no commit message: %s", type(error).__name__)
            return ""

    async def _tell(self, job_id: str, image: Image) -> None:
        said = sentence_of(image)
        match outcome_of(image):
            case Outcome.GOING_ON:
                await self._goes_on(job_id, image.version, said, percent=_percent(image))
            case Outcome.GOOD:
                details = {"summary": said[:_MOST_WORDS], "externalExecutionId": image.version}
                variables = {"version": image.version}
                await self._send(
                    "put_job_success_result", jobId=job_id, executionDetails=details, outputVariables=variables
                )
            case Outcome.BAD:
                await self._failed(job_id, said, "JobFailed", version=image.version)

    async def _goes_on(self, job_id: str, token: str, said: str, *, percent: int = 0) -> None:
        details = {"summary": said[:_MOST_WORDS], "percentComplete": percent}
        await self._send("put_job_success_result", jobId=job_id, continuationToken=token, executionDetails=details)

    async def _failed(self, job_id: str, said: str, kind: str, *, version: str = "none") -> None:
        details = {"type": kind, "message": said[:_MOST_WORDS], "externalExecutionId": version}
        await self._send("put_job_failure_result", jobId=job_id, failureDetails=details)

    async def _send(self, operation: str, **answer: Any) -> None:
        try:
            await asyncio.to_thread(getattr(self._codepipeline, operation), **answer)
        except ClientError as error:
            if code_of(error) not in _OVER:
                raise
            log.info("images: CodePipeline waits no more for %s", answer["jobId"])


def _read(job: Mapping[str, Any]) -> _Job:
    """Raises LookupError, TypeError or ValueError for anything but a job of the home's pipeline."""
    data = job["data"]
    given = json.loads(data["actionConfiguration"]["configuration"]["UserParameters"])
    if not COMMIT.fullmatch(given["commit"]):
        raise ValueError("no commit")
    place = data["inputArtifacts"][0]["location"]["s3Location"]
    return _Job(
        job_id=job["id"],
        token=data.get("continuationToken") or None,
        commit=given["commit"],
        repository=str(given["repository"]),
        execution=str(given["execution"]),
        files=(place["bucketName"], place["objectKey"]),
    )


def _percent(image: Image) -> int:
    return round(100 * STAGES.index(image.stage) / len(STAGES))
