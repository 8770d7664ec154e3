"""A push becomes an image by CodePipeline's own events, and CodePipeline is told until that is tested."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.config import Config

from tests.aws.emulator import NO_RETRIES, Emulator
from tests.aws.fake_codepipeline import FakeCodePipeline, codepipeline
from tests.fakes.clock import FakeClock
from tests.fakes.memory_image_store import MemoryImageStore
from tlfif.adapters.aws.images.codepipeline_jobs import SOURCES, CodePipelineJobs
from tlfif.images.image import Failure, Image, ImageState, Profile, Stage
from tlfif.images.image_store import ImageStore
from tlfif.kernel.errors import StorageError

COMMIT = "0f" * 20
EXECUTION = "11111111-2222-3333-4444-555555555555"


def event(number: int, *, bucket: str, token: str | None = None, parameters: object = None) -> dict[str, Any]:
    """As in AWS's guide ("Invoke an AWS Lambda function in a pipeline", example JSON event)."""
    given = {"commit": COMMIT, "repository": "owner/tl-fif", "execution": EXECUTION}
    data = {
        "actionConfiguration": {
            "configuration": {
                "FunctionName": "tlfif-images",
                "UserParameters": json.dumps(given if parameters is None else parameters),
            }
        },
        "inputArtifacts": [
            {
                "location": {
                    "s3Location": {"bucketName": bucket, "objectKey": "tlfif-images/Source/abc1234.zip"},
                    "type": "S3",
                },
                "revision": COMMIT,
                "name": "Source",
            }
        ],
        "outputArtifacts": [],
        "artifactCredentials": {"accessKeyId": "AKIA", "secretAccessKey": "s", "sessionToken": "t"},
    }
    if token is not None:
        data["continuationToken"] = token
    return {
        "CodePipeline.job": {"id": f"00000000-0000-0000-0000-{number:012d}", "accountId": "123456789012", "data": data}
    }


@dataclass
class Push:
    """One push that CodePipeline follows."""

    emulator: Emulator
    codepipeline: FakeCodePipeline
    bucket: str
    store: ImageStore = field(default_factory=MemoryImageStore)
    clock: FakeClock = field(default_factory=FakeClock)
    number: int = 0

    def __post_init__(self) -> None:
        self.emulator.create_bucket(self.bucket)
        self.emulator.s3.put_object(Bucket=self.bucket, Key="tlfif-images/Source/abc1234.zip", Body=b"files")
        self.codepipeline.messages[EXECUTION] = json.dumps({"ProviderType": "GitHub", "CommitMessage": "Say\nmore"})

    async def comes(self, token: str | None = None, **more: Any) -> tuple[str, Mapping[str, Any]]:
        """The answer to the next job."""
        self.number += 1
        self.codepipeline.told.clear()
        await self.jobs.answer(event(self.number, bucket=self.bucket, token=token, **more))
        return self.codepipeline.told[-1] if self.codepipeline.told else ("nothing", {})

    @property
    def jobs(self) -> CodePipelineJobs:
        config = NO_RETRIES.merge(Config(parameter_validation=True))
        client = self.emulator.session.client("codepipeline", endpoint_url=self.codepipeline.endpoint, config=config)
        return CodePipelineJobs(
            client,
            self.emulator.s3,
            pipeline="tlfif-images",
            bucket=self.bucket,
            profile=Profile.CPU_LLAMA,
            store=self.store,
            clock=self.clock,
        )

    async def becomes(self, **changes: Any) -> Image:
        image = (await self.store.newest(limit=1))[0]
        assert await self.store.replace(replace(image, **changes))
        return await self.store.get(image.version)

    def kept(self) -> bytes:
        return self.emulator.s3.get_object(Bucket=self.bucket, Key=f"{SOURCES}{COMMIT}.zip")["Body"].read()


@pytest.fixture(scope="module")
def following() -> Iterator[FakeCodePipeline]:
    with codepipeline() as fake:
        yield fake


@pytest.fixture
def push(emulator: Emulator, following: FakeCodePipeline) -> Push:
    following.__init__(endpoint=following.endpoint)  # type: ignore[misc]  # as new
    return Push(emulator, following, emulator.unique("push"))


@pytest.mark.requirement("7.2.1")
async def test_a_push_becomes_an_image_with_its_commit_and_is_followed_until_it_is_offered(push: Push) -> None:
    operation, told = await push.comes()
    (image,) = await push.store.newest(limit=9)
    assert (operation, told["continuationToken"]) == ("PutJobSuccessResult", "v1")
    assert (image.profile, image.source.commit) == (Profile.CPU_LLAMA, COMMIT)
    assert (image.source.repository, image.source.subject, image.source.asked_by) == ("owner/tl-fif", "Say", "a push")
    assert push.kept() == b"files", "where a builder fetches them"

    await push.becomes(state=ImageState.UNDER_WAY, stage=Stage.BOOT)
    operation, told = await push.comes("v1")
    assert told["continuationToken"] == "v1"
    assert told["executionDetails"] == {"summary": "v1 is at the stage boot.", "percentComplete": 40}

    await push.becomes(state=ImageState.OFFERED)
    operation, told = await push.comes("v1")
    assert operation == "PutJobSuccessResult"
    assert "continuationToken" not in told, "with one it would go on"
    assert told["outputVariables"] == {"version": "v1"}
    assert "./tlfif image approve v1" in told["executionDetails"]["summary"]
    assert len(await push.store.newest(limit=9)) == 1


async def test_an_event_that_comes_twice_makes_one_image(push: Push) -> None:
    first = await push.comes()
    push.number -= 1
    assert await push.comes() == first
    assert len(await push.store.newest(limit=9)) == 1


async def test_an_action_that_is_retried_after_a_failure_builds_anew(push: Push) -> None:
    await push.comes()
    failure = Failure(stage=Stage.BUILD, code="image_build_failed", message="pip gave no reason.")
    await push.becomes(state=ImageState.FAILED, failure=failure)
    operation, told = await push.comes("v1")
    assert operation == "PutJobFailureResult"
    assert told["failureDetails"] == {
        "type": "JobFailed",
        "message": "[image_build_failed] pip gave no reason.",
        "externalExecutionId": "v1",
    }
    _, told = await push.comes()
    assert told["continuationToken"] == "v2"


async def test_a_push_that_another_overtakes_is_told_so(push: Push) -> None:
    await push.comes()
    await push.comes(parameters={"commit": "ab" * 20, "repository": "owner/tl-fif", "execution": EXECUTION})
    operation, told = await push.comes("v1")
    assert operation == "PutJobFailureResult"
    assert told["failureDetails"]["message"].startswith("[image_superseded]")


@pytest.mark.parametrize(
    "parameters",
    ["", {"commit": COMMIT}, {"commit": "main", "repository": "a/b", "execution": "x"}, {"commit": 3}, [], "x"],
)
async def test_what_is_no_order_of_ours_is_refused_and_makes_nothing(push: Push, parameters: object) -> None:
    operation, told = await push.comes(parameters=parameters)
    assert (operation, told["failureDetails"]["type"]) == ("PutJobFailureResult", "ConfigurationError")
    assert await push.store.newest(limit=9) == []


async def test_files_that_are_not_there_end_the_job_with_awss_own_words(push: Push) -> None:
    push.emulator.s3.delete_object(Bucket=push.bucket, Key="tlfif-images/Source/abc1234.zip")
    operation, told = await push.comes()
    assert (operation, told["failureDetails"]["type"]) == ("PutJobFailureResult", "PermissionError")
    assert "NoSuchKey" in told["failureDetails"]["message"]
    assert await push.store.newest(limit=9) == []


async def test_a_store_that_does_not_answer_is_asked_again_at_codepipelines_next_call(push: Push) -> None:
    class Down(MemoryImageStore):
        async def unfinished(self) -> list[Image]:
            raise StorageError("The table does not answer.", code="storage_unavailable")

    good, push.store = push.store, Down()
    _, told = await push.comes()
    assert (told["continuationToken"], told["executionDetails"]["summary"]) == ("again", "The table does not answer.")
    push.store = good
    _, told = await push.comes("again")
    assert told["continuationToken"] == "v1"


async def test_a_commit_whose_message_is_not_told_is_built_all_the_same(push: Push) -> None:
    push.codepipeline.messages.clear()
    await push.comes()
    assert (await push.store.get("v1")).source.subject == ""


async def test_codepipeline_that_waits_no_more_is_no_fault(push: Push) -> None:
    push.codepipeline.over = True
    assert await push.comes() == ("nothing", {})
    assert (await push.store.get("v1")).state is ImageState.WAITING, "the image goes on"


async def test_an_answer_that_cannot_be_given_is_given_by_the_repetition(push: Push) -> None:
    push.codepipeline.deaf = 2  # the message, then the answer
    with pytest.raises(Exception, match="InternalFailure"):
        await push.comes()
    push.number -= 1
    _, told = await push.comes()
    assert told["continuationToken"] == "v1"
    assert len(await push.store.newest(limit=9)) == 1
