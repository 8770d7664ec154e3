"""What the router's ticks cost in DynamoDB in a month in which nobody asks anything."""

from decimal import Decimal

import pytest

from tests.aws.dynamo_units import Units
from tests.aws.emulator import REGION, Emulator, aws_session
from tests.aws.home import made_places
from tlfif.bootstrap.aws import aws_container
from tlfif.bootstrap.aws_image_function import aws_image_calls
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.control.reconcile import Pace
from tlfif.control.scheduled_router import ScheduledRouter
from tlfif.money.prices.prices import HOURS_PER_MONTH
from tlfif.money.spend.standing_costs import IDLE_READ_MILLIONS

TICKS = HOURS_PER_MONTH * 60


@pytest.mark.requirement("6.7.1")
async def test_the_idle_ticks_of_a_month_cost_what_the_standing_costs_say(emulator: Emulator) -> None:
    places = made_places(emulator, emulator.unique("home"))
    settings = AwsSettings(AWS_REGION=REGION, **{key.lower(): value for key, value in places.items()})
    session = aws_session()
    units = Units(session.events)
    here = settings.model_copy(update={"endpoint_url": emulator.endpoint, "images_function": "images"})
    container = aws_container(here, session=session)
    calls = aws_image_calls(here, container, session=session)
    router = ScheduledRouter(
        reconciler=container.reconciler,
        control=container.control,
        bill=None,
        home=settings.home_name,
        write_line=lambda _: None,
        wake_images=None if calls is None else calls.wake,
    )
    for _ in range(2):  # the function is kept from minute to minute, so most ticks find what the first has read
        units.reset()
        assert await router.run(housekeeping=True, seconds_left=lambda: 50.0) is Pace.REST
    assert units.written == 0
    assert Decimal(units.read * TICKS) / 10**6 == pytest.approx(IDLE_READ_MILLIONS, abs=Decimal("0.005"))
