"""The images' function: called by CodePipeline, the month, a workflow, and the router while an image is made."""

import asyncio
import logging
from functools import cache
from typing import Any

from tlfif.adapters.aws.images.image_function import ImageFunction
from tlfif.bootstrap.aws import aws_container
from tlfif.bootstrap.aws_image_function import aws_image_function, aws_pipeline
from tlfif.bootstrap.aws_settings import load_aws_settings
from tlfif.entrypoints.lambdas import loaded

logging.getLogger().setLevel(logging.INFO)


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


@cache
def _function() -> ImageFunction:
    settings = load_aws_settings()
    return aws_image_function(settings, aws_pipeline(settings, aws_container(settings)))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """See :meth:`ImageFunction.handle`. The event may hold credentials, and is never logged."""
    return _runner().run(_function().handle(event, seconds_left=lambda: context.get_remaining_time_in_millis() / 1000))


loaded()
