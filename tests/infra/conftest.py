"""The template as it is committed, which needs nothing; and as CDK makes it today, which needs Node."""

import json
import os
import shutil
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from tests.infra.template import Template

if TYPE_CHECKING:
    from tests.infra.synthesis import Synthesis

NO_NODE = "Making the template needs Node 20 or newer (nodejs.org). Deploying does not."


@pytest.fixture(scope="session")
def template() -> Template:
    """What ``tlfif deploy`` sends."""
    return Template.committed()


@pytest.fixture(scope="session")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> "Synthesis":
    """CDK's product of this moment, made once. Without Node: a skip at a desk, a failure in CI."""
    if shutil.which("node") is None:
        if os.environ.get("CI") == "true" or os.environ.get("TLFIF_CI"):
            pytest.fail(NO_NODE)
        pytest.skip(NO_NODE)
    from tests.infra.synthesis import synthesise  # starts Node

    return synthesise(tmp_path_factory.mktemp("synth"))


@pytest.fixture(scope="session")
def service_authorization() -> dict[str, dict[str, dict[str, dict[str, list[str]]]]]:
    """AWS's own list of actions, resources and condition keys by service, as cfn-lint ships it."""
    found: dict[str, dict[str, dict[str, dict[str, list[str]]]]] = json.loads(
        (files("cfnlint.data.AdditionalSpecs") / "Policies.json").read_text("utf-8")
    )
    return found
