"""The API's function: the same app as on a computer, behind API Gateway and a gate of its own."""

import asyncio
import logging
from functools import cache
from typing import Any

from mangum import Mangum

from tlfif.entrypoints import fastapi_first  # noqa: F401  # before all that imports FastAPI
from tlfif.entrypoints.lambdas import loaded

# isort: split

from tlfif.api.app import create_app
from tlfif.api.signed_in_gate import SignedInGate
from tlfif.bootstrap.aws import aws_authority, aws_container
from tlfif.bootstrap.aws_settings import load_aws_settings

logging.getLogger().setLevel(logging.INFO)


@cache
def _app() -> Mangum:
    """Made by the first request. Mangum runs each request in the thread's current event loop: one loop for all, so that
    what they share is never used from two."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    settings = load_aws_settings()
    container = aws_container(settings)
    return Mangum(SignedInGate(create_app(container, None), authority=aws_authority(settings)), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> Any:
    """One request, as API Gateway's HTTP APIs pass it (payload format 2.0)."""
    return _app()(event, context)


loaded()
