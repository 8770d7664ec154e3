"""One run of CDK with cdk-nag beside it."""

from dataclasses import dataclass
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

import infra.synth  # first: it quietens Node
from infra.app import build_app


@dataclass(frozen=True)
class Synthesis:
    """The rendered template, or what cdk-nag found instead of it."""

    text: str
    findings: str


def checked(app: App) -> App:
    """``app``, whose synthesis raises RuntimeError with every finding of the AwsSolutions pack that is not answered."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def synthesise(outdir: Path) -> Synthesis:
    """The home's own app."""
    try:
        return Synthesis(text=infra.synth.render(checked(build_app(str(outdir)))), findings="")
    except RuntimeError as error:
        return Synthesis(text="", findings=str(error))
