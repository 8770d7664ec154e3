"""The router's function: once a minute, when a prompt finds no machine, and when a person presses start or stop."""

import asyncio
import logging
from functools import cache
from typing import Any

from tlfif.adapters.aws.machines.router_calls import error_body
from tlfif.bootstrap.aws import aws_container, aws_daily_bill
from tlfif.bootstrap.aws_image_function import aws_image_calls
from tlfif.bootstrap.aws_settings import load_aws_settings
from tlfif.control.scheduled_router import ScheduledRouter
from tlfif.entrypoints.lambdas import loaded
from tlfif.kernel.errors import TlfifError

logging.getLogger().setLevel(logging.INFO)


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


@cache
def _router() -> ScheduledRouter:
    settings = load_aws_settings()
    container = aws_container(settings.model_copy(update={"router_function": ""}))
    calls = aws_image_calls(settings, container)
    return ScheduledRouter(
        reconciler=container.reconciler,
        control=container.control,
        bill=aws_daily_bill(settings, container),
        home=settings.home_name,
        write_line=print,
        wake_images=None if calls is None else calls.wake,
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """``{"action": "start", "model": …}`` returns ``launched`` or ``error``; anything else runs the router. A call of
    the schedule (no ``action``) does the housekeeping as well, and queries the bill once a day."""
    router = _router()
    action = event.get("action")
    if action == "start":
        try:
            return {"launched": _runner().run(router.control.start(event.get("model")))}
        except TlfifError as error:
            return {"error": error_body(error)}
    pace = _runner().run(
        router.run(housekeeping=action is None, seconds_left=lambda: context.get_remaining_time_in_millis() / 1000)
    )
    return {"pace": pace.value}


loaded()
