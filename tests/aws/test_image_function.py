"""The images' function by its events, over the emulator: what each asks for, and what the owner gets by post."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.aws.emulator import REGION, Emulator, aws_session
from tests.aws.fake_codepipeline import codepipeline
from tests.aws.home import made_places
from tests.aws.test_codepipeline_jobs import COMMIT, event
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeBuilder, FakeRegistry
from tests.fakes.memory_image_store import MemoryImageStore
from tests.fakes.memory_price_store import MemoryPriceStore
from tlfif.adapters.aws.images.codepipeline_jobs import CodePipelineJobs
from tlfif.adapters.aws.images.image_function import ImageFunction
from tlfif.bootstrap.aws import aws_container
from tlfif.bootstrap.aws_image_function import (
    aws_image_calls,
    aws_image_function,
    aws_pipeline,
    image_letters,
    rollback_letters,
)
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.control.container import Images
from tlfif.images.image import ImageState, Pointer, Profile
from tlfif.images.run_pipeline import Pipeline
from tlfif.money.prices.pricing import Pricing


@dataclass
class Home:
    """The function of one home; its builder and its records are fakes."""

    emulator: Emulator
    clock: FakeClock = field(default_factory=lambda: FakeClock(auto_advance=True))
    store: MemoryImageStore = field(default_factory=MemoryImageStore)
    registry: FakeRegistry = field(default_factory=FakeRegistry)

    def __post_init__(self) -> None:
        name = self.emulator.unique("home")
        made = {key.lower(): value for key, value in made_places(self.emulator, name).items()}
        self.builder = FakeBuilder(self.registry)
        sns, queue = self._client("sns"), self.emulator.create_queue(self.emulator.unique("box"))
        self.topic = sns.create_topic(Name=f"{name}-alarms")["TopicArn"]
        arn = self.emulator.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
        self.queue = queue
        more = {
            "endpoint_url": self.emulator.endpoint,
            "letters_topic": self.topic,
            "images_function": f"{name}-images",
        }
        self.settings = AwsSettings(AWS_REGION=REGION, **{**made, **more})

    def _client(self, service: str) -> Any:
        return self.emulator.session.client(service, endpoint_url=self.emulator.endpoint)

    def function(self) -> ImageFunction:
        pricing = Pricing(MemoryPriceStore())
        pipeline = Pipeline(
            store=self.store,
            registry=self.registry,
            builder=self.builder,
            clock=self.clock,
            say=image_letters(self.settings, pricing, clock=self.clock, session=aws_session()),
        )
        return aws_image_function(self.settings, pipeline, session=aws_session())

    async def hears(self, **event: Any) -> dict[str, Any]:
        end = self.clock.monotonic() + 55
        return await self.function().handle(event, seconds_left=lambda: end - self.clock.monotonic())

    def letters(self) -> list[tuple[str, str]]:
        """Subjects and texts that came since the last look."""
        found = self.emulator.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(one["Body"]) for one in found]
        return [(body["Subject"], body["Message"]) for body in bodies]


@pytest.fixture
def home(emulator: Emulator) -> Home:
    return Home(emulator)


@pytest.mark.requirement("7.2.9")
async def test_a_workflow_asks_follows_and_the_owner_is_told_once(home: Home) -> None:
    asked = await home.hears(action="build", commit=COMMIT, repository="owner/name", subject="Say\nmore")
    assert asked == {"version": "v1", "outcome": "going_on", "said": "v1 waits for its turn."}
    assert await home.hears(action="build", commit=COMMIT) == {**asked, "said": "v1 is at the stage source."}
    while (await home.hears(action="show", version="v1"))["outcome"] == "going_on":
        await home.hears()
    ((subject, text),) = home.letters()
    assert subject == "TL-FIF: image v1 waits for your approval"
    assert "0f0f0f0f0f Say, asked for by a workflow" in text
    await home.hears()
    assert home.letters() == []


@pytest.mark.requirement("7.2.9")
@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"action": "build"}, "commit_invalid"),
        ({"action": "build", "commit": "main"}, "commit_invalid"),
        ({"action": "build", "commit": COMMIT, "profile": "bundle"}, "image_profile_unknown"),
        ({"action": "show"}, "image_not_found"),
        ({"action": "show", "version": "v9"}, "image_not_found"),
    ],
)
async def test_an_order_that_is_none_makes_nothing(home: Home, order: dict[str, Any], code: str) -> None:
    answer = await home.hears(**order)
    assert (answer["outcome"], answer["version"]) == ("bad", None)
    assert answer["said"].startswith(f"[{code}]")
    assert await home.store.newest(limit=9) == []


async def test_the_month_asks_for_what_is_in_use(home: Home) -> None:
    assert await home.hears(action="rebuild") == {"versions": []}
    await home.hears(action="build", commit=COMMIT, profile="gpu-llama")
    home.registry.pointers[Profile.GPU_LLAMA] = Pointer(profile=Profile.GPU_LLAMA, version="v1")
    for _ in range(3):
        await home.hears()
    assert (await home.store.get("v1")).state is ImageState.OFFERED
    assert await home.hears(action="rebuild") == {"versions": ["v2"]}


async def test_a_push_begins_the_build_at_once(home: Home) -> None:
    home.emulator.s3.put_object(Bucket=home.settings.bucket, Key="tlfif-images/Source/abc1234.zip", Body=b"x")
    with codepipeline() as fake:
        client = home.emulator.session.client("codepipeline", endpoint_url=fake.endpoint)
        jobs = CodePipelineJobs(
            client,
            home.emulator.s3,
            pipeline="tlfif-images",
            bucket=home.settings.bucket,
            profile=Profile.GPU_VLLM,
            store=home.store,
            clock=home.clock,
        )
        function = replace(home.function(), jobs=jobs)
        assert await function.handle(event(1, bucket=home.settings.bucket), seconds_left=lambda: 55.0) == {}
    assert [told["continuationToken"] for _, told in fake.told] == ["v1"]
    image = await home.store.get("v1")
    assert (image.state, image.profile) == (ImageState.UNDER_WAY, Profile.GPU_VLLM)


async def test_a_letter_that_cannot_be_sent_stops_no_image(home: Home) -> None:
    home._client("sns").delete_topic(TopicArn=home.topic)
    await home.hears(action="build", commit=COMMIT)
    for _ in range(3):
        await home.hears()
    assert (await home.store.get("v1")).state is ImageState.OFFERED


async def test_an_image_that_goes_back_by_itself_is_a_letter(home: Home) -> None:
    say = rollback_letters(home.settings, session=aws_session())
    assert say is not None
    await say(Pointer(profile=Profile.CPU_LLAMA, version="v6", note="rolled back by itself: ä\n"))
    ((subject, _),) = home.letters()
    assert subject == "TL-FIF: back to image v6 by itself"


def test_a_home_without_a_topic_writes_nothing(home: Home) -> None:
    bare = home.settings.model_copy(update={"letters_topic": ""})
    assert image_letters(bare, Pricing(MemoryPriceStore()), clock=home.clock) is None
    assert rollback_letters(bare) is None


async def test_router_and_function_work_with_the_images_of_the_same_home(home: Home) -> None:
    container = aws_container(home.settings, session=aws_session())
    none = replace(container, images=None)
    assert aws_image_calls(home.settings, none) is None
    with pytest.raises(ValueError, match="no images"):
        aws_pipeline(home.settings, none)
    images = Images(store=home.store, registry=home.registry, builder=home.builder, repository=None, profiles=())
    whole = replace(container, images=images)
    calls = aws_image_calls(home.settings, whole, session=aws_session())
    assert calls is not None
    assert not await calls.wake()
    assert aws_image_calls(home.settings.model_copy(update={"images_function": ""}), whole) is None
    pipeline = aws_pipeline(home.settings, whole)
    assert (pipeline.store, pipeline.registry, pipeline.builder) == (home.store, home.registry, home.builder)
    assert pipeline.say is not None
