"""What a deployment would change against what stands, without changing it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tlfif.deployment.deploy import stack_parameters
from tlfif.deployment.deployment import DeployRequest, Stack
from tlfif.deployment.installation import Installation
from tlfif.deployment.stack_changes import Change

_BUILT_LATER = ("LambdaCodeBucket", "LambdaCodeKey")
"""Parameters that say where the package is; a person knows nothing by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """``changes``: what AWS says that it would do; empty where the home is up to date. ``parameters``: by name, the
    value that stands and the new one. ``same_package``: false where the programs are built anew; only then is it known
    whether they differ."""

    changes: tuple[Change, ...]
    parameters: Mapping[str, tuple[str, str]]
    same_package: bool


async def difference(
    installation: Installation, request: DeployRequest, stack: Stack, *, known_key: str | None
) -> Difference:
    """What deploying ``request`` would change in ``stack``, which must neither move nor be dead.

    ``known_key``: the package that this computer uploaded from the same program, if it knows. AWS prepares the change,
    which is read and dropped: that costs nothing, and the home goes on working. Raises AWS's refusals.
    """
    old = stack.parameters
    key = known_key or f"releases/not-built-yet-{request.release}.zip"
    wanted = await stack_parameters(installation, request, stack, bucket=old.get("LambdaCodeBucket", ""), key=key)
    try:
        changes = await installation.prepare_stack(wanted)
    finally:
        await installation.forget_prepared()
    differing = {name: (old.get(name, ""), value) for name, value in wanted.items() if old.get(name, "") != value}
    return Difference(
        changes=changes or (),
        parameters={name: both for name, both in differing.items() if name not in _BUILT_LATER},
        same_package=key == old.get("LambdaCodeKey"),
    )
