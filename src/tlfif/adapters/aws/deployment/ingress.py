"""What lets prompts and ticks in: disabled before the home is destroyed, enabled again by the next deployment."""

from collections.abc import Callable, Sequence
from functools import partial

from tlfif.adapters.aws.calls.errors import unless_absent
from tlfif.adapters.aws.deployment.clients import DeploymentClients, Place, ask
from tlfif.kernel.errors import TlfifError

Step = tuple[str, Callable[[], object]]


def _functions(place: Place) -> tuple[str, ...]:
    return (f"{place.home}-router", f"{place.home}-api")


async def disable_ingress(clients: DeploymentClients, place: Place) -> None:
    """Stop the router's schedule, both functions, and the trail that writes into its bucket.

    All four are tried, whatever happens to the others; the first refusal is raised at the end.
    """
    put = clients.functions.put_function_concurrency
    closings: list[Step] = [
        ("events", partial(clients.events.disable_rule, Name=f"{place.home}-minute")),
        ("cloudtrail", partial(clients.cloudtrail.stop_logging, Name=place.home)),
        *(("lambda", partial(put, FunctionName=name, ReservedConcurrentExecutions=0)) for name in _functions(place)),
    ]
    await _each(closings)


async def enable_ingress(clients: DeploymentClients, place: Place) -> None:
    """Enable what an interrupted destroy disabled, and only that: CloudFormation does not notice it."""
    openings: list[Step] = [
        ("events", partial(clients.events.enable_rule, Name=f"{place.home}-minute")),
        ("cloudtrail", partial(clients.cloudtrail.start_logging, Name=place.home)),
        *(("lambda", partial(_let_run, clients, name)) for name in _functions(place)),
    ]
    await _each(openings)


def _let_run(clients: DeploymentClients, name: str) -> None:
    found = clients.functions.get_function_concurrency(FunctionName=name)
    if found.get("ReservedConcurrentExecutions") == 0:
        clients.functions.delete_function_concurrency(FunctionName=name)


async def _each(steps: Sequence[Step]) -> None:
    refused: TlfifError | None = None
    for service, step in steps:
        try:
            await ask(service, partial(unless_absent, step))
        except TlfifError as error:
            refused = refused or error
    if refused is not None:
        raise refused
