"""Builds the CDK app without asking network, account or clock: the same code gives the same bytes."""

from aws_cdk import App, BootstraplessSynthesizer

from infra.stack import HomeStack

STACK = "tlfif"


def build_app(outdir: str) -> App:
    """The app with its one stack, synthesised into ``outdir``.

    Without CDK's own additions (bootstrap version, construct tree, analytics), which the account does not need.
    """
    app = App(
        outdir=outdir,
        analytics_reporting=False,
        tree_metadata=False,
        stack_traces=False,
        builtin_cloud_formation_validation=False,  # cfn-lint does it, in the tests
        context={"aws:cdk:enable-path-metadata": False, "aws:cdk:enable-asset-metadata": False},
    )
    HomeStack(app, STACK, synthesizer=BootstraplessSynthesizer())
    return app
