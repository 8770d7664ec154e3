"""The control port of the API's function: it stops machines itself, and calls the router's function to start one."""

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from tlfif.adapters.aws.calls.errors import AWS_ERRORS, may_be_executed
from tlfif.control.machine_control import MachineControl, StopResult
from tlfif.kernel import errors
from tlfif.kernel.errors import TlfifError, UnavailableError
from tlfif.machines.machine_store import MachineStore

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

log = logging.getLogger(__name__)

_KINDS: dict[str, type[TlfifError]] = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, TlfifError) and kind is not TlfifError
}


def error_body(error: TlfifError) -> dict[str, Any]:
    """An error as JSON, to be sent from one function to another."""
    return {
        "kind": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "details": dict(error.details),
    }


def error_from(body: dict[str, Any]) -> TlfifError:
    """The inverse of :func:`error_body`."""
    kind = _KINDS.get(str(body.get("kind")), UnavailableError)
    return kind(str(body.get("message")), code=str(body.get("code")), details=body.get("details") or {})


class RouterCalls(MachineControl):
    """``here`` stops machines directly, so that Stop works whatever state the router is in; ``function`` is the
    router's name. ``machines`` has the record of what the router did where its answer is lost."""

    def __init__(self, client: "LambdaClient", function: str, *, here: MachineControl, machines: MachineStore) -> None:
        self._client = client
        self._function = function
        self._here = here
        self._machines = machines

    async def start(self, model: str | None) -> bool:
        """See the port. Where the router does not answer in time it goes on nevertheless: an open record says that it
        has begun a start, or that a machine runs already. Raises UnavailableError ``router_unreachable`` where the
        order certainly did not arrive, ``router_silent`` where that is not known."""
        try:
            answer = await asyncio.to_thread(self._ask, {"action": "start", "model": model})
        except (*AWS_ERRORS, ValueError) as error:
            log.warning("control: the router did not answer an order: %s", type(error).__name__)
            if isinstance(error, AWS_ERRORS) and not may_be_executed(error):
                raise UnavailableError(
                    "The order to start the machine did not arrive. Nothing was started. Press start again.",
                    code="router_unreachable",
                ) from error
            if await self._machines.active() is not None:
                return True
            raise UnavailableError(
                "The order to start the machine was sent, and no answer came. Perhaps a machine is being started: look "
                "in a minute (./tlfif machine), then press start again if there is none. It is never started twice.",
                code="router_silent",
            ) from error
        if "error" in answer:
            raise error_from(answer["error"])
        return bool(answer["launched"])

    async def stop(self, *, requeue: bool) -> StopResult:
        result = await self._here.stop(requeue=requeue)
        await self.nudge()  # it looks until the machine is gone
        return result

    async def nudge(self) -> None:
        try:
            await asyncio.to_thread(self._tell, {"action": "tick"})
        except AWS_ERRORS as error:
            log.warning("control: the router was not woken, it looks by itself each minute: %s", type(error).__name__)

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.invoke(FunctionName=self._function, Payload=json.dumps(order).encode())
        body: object = json.loads(answer["Payload"].read())
        if answer.get("FunctionError") or not isinstance(body, dict) or not body.keys() & {"launched", "error"}:
            raise ValueError("the router failed")
        return body

    def _tell(self, order: dict[str, Any]) -> None:
        self._client.invoke(FunctionName=self._function, InvocationType="Event", Payload=json.dumps(order).encode())
