"""The way to the dialects' routes: one spelling of each address, and the headers that all their answers have."""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tlfif.dialects.addresses import canonical, dialect_of
from tlfif.dialects.refusal import is_worth_repeating

_NOTES = "tlfif.notes"
JOB_HEADER = "x-tlfif-job-id"
IGNORED_HEADER = "x-tlfif-ignored"
"""The fields of a request that nobody here knows."""
MAX_IGNORED = 1000
"""Characters of that header."""


def note(request: Request, *, job_id: str | None = None, ignored: list[str] | None = None) -> None:
    """What the answer's headers are to say: the stored job, the fields that were ignored."""
    notes: dict[str, str] = request.scope.setdefault(_NOTES, {})
    if job_id is not None:
        notes.setdefault(JOB_HEADER, job_id)  # of several answers the first one's, which is the answer's id
    if ignored:
        text = ", ".join(ignored).encode("ascii", "replace").decode()
        notes[IGNORED_HEADER] = "".join(char if char.isprintable() else "?" for char in text)[:MAX_IGNORED]


class DialectEntrance:
    """ASGI middleware. ``x-should-retry: false`` where the request must not be repeated: its job is stored, or it will
    be refused again. Both official SDKs of OpenAI and Anthropic obey it. ``new_id`` makes ``x-request-id``, which
    Anthropic's clients read as ``request-id``."""

    def __init__(self, app: ASGIApp, *, new_id: Callable[[str], str]) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through under its canonical address; complete the head of its answer."""
        if scope["type"] != "http" or dialect_of(scope["path"], scope["method"]) is None:
            await self._app(scope, receive, send)
            return
        notes: dict[str, str] = {}

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers["x-request-id"] = headers["request-id"] = self._new_id("req")
                if not is_worth_repeating(message["status"], is_stored=JOB_HEADER in notes):
                    headers["x-should-retry"] = "false"
                    del headers["retry-after"]
                headers.update(notes)
            await send(message)

        await self._app({**scope, "path": canonical(scope["path"]), _NOTES: notes}, receive, completed)
