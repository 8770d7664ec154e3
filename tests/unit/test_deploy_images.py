"""What deploying has to do with images: choices, prices, and the first image."""

import argparse
import re

import pytest

from tests.fakes.aws_account import FakeAccount, FakeInstallation
from tests.fakes.clock import FakeClock
from tests.infra.template import Template
from tlfif.cli.deploy_images import add_image_options, image_choices
from tlfif.deployment.first_image import MOST_SECONDS, build_image
from tlfif.deployment.image_choices import DISKS, ImageChoices
from tlfif.deployment.image_prices import image_prices
from tlfif.images.image import Profile
from tlfif.kernel.errors import InvalidInputError
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import REGIONS

ARN = "arn:aws:codeconnections:eu-central-1:123456789012:connection/0c1f6b1a-2d3e-4f50-8a9b-0123456789ab"
NOW = 1_795_000_000_000


def chosen(*words: str) -> ImageChoices:
    parser = argparse.ArgumentParser()
    add_image_options(parser)
    return image_choices(parser.parse_args(words))


def test_what_was_not_said_stays_as_it_is() -> None:
    assert chosen().parameters == {}


def test_choices_become_parameters_that_the_template_takes() -> None:
    words = ("--connection", ARN, "--repository", "a/b", "--branch", "release/2", "--monthly-rebuild")
    found = chosen(*words, "--image-profile", "gpu-llama").parameters
    assert found == {
        "ConnectionArn": ARN,
        "Repository": "a/b",
        "Branch": "release/2",
        "ImageProfile": "gpu-llama",
        "MonthlyRebuild": "yes",
    }
    known = Template.committed().body["Parameters"]
    for name, value in found.items():
        given = known[name]
        assert (
            re.fullmatch(given["AllowedPattern"], value)
            if "AllowedPattern" in given
            else value in given["AllowedValues"]
        )
    assert known["ImageProfile"]["Default"] == DISKS[0].value == Profile.CPU_LLAMA


def test_pushes_are_switched_off_by_an_empty_connection() -> None:
    assert chosen("--connection", "", "--no-monthly-rebuild").parameters == {
        "ConnectionArn": "",
        "MonthlyRebuild": "no",
    }


@pytest.mark.parametrize(
    "words",
    [
        ("--connection", ARN),
        ("--connection", "github", "--repository", "a/b"),
        ("--connection", ARN, "--repository", "https://github.com/a/b"),
        ("--repository", "b"),
        ("--branch", "a b"),
    ],
)
def test_what_cannot_be_one_is_refused_before_anything_is_made(words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        chosen(*words)
    assert refused.value.code == "connection_invalid"


@pytest.mark.parametrize("region", REGIONS)
def test_an_image_has_a_price_before_it_is_built(region: str) -> None:
    prices = image_prices(BUILT_IN_PRICES, region, at_ms=NOW)
    assert [one.profile for one in prices] == [Profile.CPU_LLAMA, Profile.GPU_LLAMA, Profile.GPU_VLLM]
    assert all(0 < one.build_micros < 1_000_000 for one in prices)
    assert [one.stored_micros for one in prices] == sorted(one.stored_micros for one in prices)
    assert prices[0].build_micros < prices[2].build_micros


async def test_the_first_image_is_followed_to_its_end_and_each_change_said_once() -> None:
    account, said = FakeAccount(clock=FakeClock(auto_advance=True), image_looks=5), []
    end = await build_image(FakeInstallation(account), Profile.CPU_LLAMA, clock=account.clock, report=said.append)
    assert (end.version, end.good, end.going_on) == ("v1", True, False)
    assert said == ["v1: True", "v1: False"]


async def test_nobody_waits_for_ever_for_an_image() -> None:
    account = FakeAccount(clock=FakeClock(auto_advance=True), image_looks=10**6)
    began = account.clock.monotonic()
    end = await build_image(FakeInstallation(account), Profile.CPU_LLAMA, clock=account.clock, report=lambda _: None)
    assert end.going_on
    assert account.clock.monotonic() - began <= MOST_SECONDS + 10
