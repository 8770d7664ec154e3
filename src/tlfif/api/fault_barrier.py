"""The fault barrier, around the whole app: an exception that nobody expected becomes a 500, and the log says where it
was raised, never what it said."""

import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tlfif.api.problems import problem_of, send_problem
from tlfif.dialects.addresses import dialect_of
from tlfif.kernel.redacted_traceback import redacted_traceback

log = logging.getLogger(__name__)

TEXT = "TL-FIF made a mistake. Where is written in the server's log."


class FaultBarrier:
    """ASGI middleware. An exception's message may quote a prompt, so only kinds and places are written down."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app; answer with a problem where it raised before it had begun an answer."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:
            log.error("api: unexpected fault: %s", redacted_traceback(error))  # not its message
            if started:
                return  # the server closes the connection of an answer without an end
            dialect = dialect_of(scope.get("path", ""), scope.get("method", ""))
            await send_problem(send, problem_of(500, "internal_error", TEXT, dialect=dialect))
