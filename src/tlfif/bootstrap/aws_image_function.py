"""The images' function, the letters to the owner, and the router's half."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.clients import MACHINE_CONFIG, STORE_CONFIG, AwsClients
from tlfif.adapters.aws.images.codepipeline_jobs import CodePipelineJobs
from tlfif.adapters.aws.images.image_calls import ImageCalls
from tlfif.adapters.aws.images.image_function import ImageFunction
from tlfif.adapters.aws.images.sns_letters import SnsLetters
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.control.container import Container
from tlfif.control.scheduled_images import ScheduledImages
from tlfif.images.image import Image, Pointer
from tlfif.images.run_pipeline import Pipeline
from tlfif.kernel.clock import Clock
from tlfif.money.prices.prices import Item
from tlfif.money.prices.pricing import Pricing
from tlfif.wording.image_letters import letter_about, letter_about_rollback

if TYPE_CHECKING:
    import boto3

GIB = 1 << 30


def aws_pipeline(settings: AwsSettings, container: Container) -> Pipeline:
    """The pipeline of the home's images, which writes to the owner. Raises ValueError where it makes none."""
    images = container.images
    if images is None:
        raise ValueError("this home makes no images")
    return Pipeline(
        store=images.store,
        registry=images.registry,
        builder=images.builder,
        clock=container.clock,
        say=image_letters(settings, container.money.pricing, clock=container.clock),
    )


def aws_image_function(
    settings: AwsSettings, pipeline: Pipeline, *, session: "boto3.Session | None" = None
) -> ImageFunction:
    """What the function calls."""
    clients = AwsClients(region=settings.region, endpoint_url=settings.endpoint_url, session=session)
    jobs = CodePipelineJobs(
        clients.make("codepipeline", MACHINE_CONFIG),
        clients.make("s3", MACHINE_CONFIG),
        pipeline=f"{settings.home_name}-images",
        bucket=settings.bucket,
        profile=settings.image_profile,
        store=pipeline.store,
        clock=pipeline.clock,
    )
    return ImageFunction(scheduled=ScheduledImages(pipeline=pipeline), jobs=jobs, profile=settings.image_profile)


def aws_image_calls(
    settings: AwsSettings, container: Container, *, session: "boto3.Session | None" = None
) -> ImageCalls | None:
    """How the router wakes the images' function; None where there is none."""
    if not settings.images_function or container.images is None:
        return None
    clients = AwsClients(region=settings.region, endpoint_url=settings.endpoint_url, session=session)
    return ImageCalls(
        clients.make("lambda", STORE_CONFIG),
        settings.images_function,
        store=container.images.store,
        clock=container.clock,
    )


def image_letters(
    settings: AwsSettings, pricing: Pricing, *, clock: Clock, session: "boto3.Session | None" = None
) -> Callable[[Image], Awaitable[None]] | None:
    """Writes to the owner what became of an image; None where there is no topic."""
    if not settings.letters_topic:
        return None
    post = _post(settings, session)

    async def say(image: Image) -> None:
        size = image.artifact.size_bytes if image.artifact is not None else 0
        book = await pricing.book()
        price = book.price(Item.SNAPSHOT_GB_MONTH, settings.region, at_ms=int(clock.now() * 1000))
        letter = letter_about(image, storage_micros=-(-price.micros * size // GIB))
        if letter is not None:
            await post.send(letter)

    return say


def rollback_letters(
    settings: AwsSettings, *, session: "boto3.Session | None" = None
) -> Callable[[Pointer], Awaitable[None]] | None:
    """Writes to the owner that an image was taken back by itself; None where there is no topic."""
    if not settings.letters_topic:
        return None
    post = _post(settings, session)

    async def say(pointer: Pointer) -> None:
        await post.send(letter_about_rollback(pointer))

    return say


def _post(settings: AwsSettings, session: "boto3.Session | None") -> SnsLetters:
    clients = AwsClients(region=settings.region, endpoint_url=settings.endpoint_url, session=session)
    return SnsLetters(clients.make("sns", STORE_CONFIG), settings.letters_topic)
