"""Errors on the wire: RFC 9457 problem+json with a stable ``code``, also for what is wrong with a request's shape."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Send

from tlfif.dialects.addresses import Dialect, dialect_of
from tlfif.dialects.refusal import Refusal
from tlfif.dialects.refusals import shaped
from tlfif.kernel.error_codes import ERROR_CODES
from tlfif.kernel.errors import (
    AnswerError,
    BusyError,
    ConflictError,
    ImageError,
    InvalidInputError,
    LeaseLostError,
    MachineError,
    ModelError,
    NotAllowedError,
    NotFoundError,
    TlfifError,
    UnavailableError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS: tuple[tuple[type[TlfifError], int], ...] = (
    (NotFoundError, 404),
    (ConflictError, 409),
    (ModelError, 409),
    (BusyError, 429),
    (NotAllowedError, 401),
    (UnavailableError, 503),
    (MachineError, 503),
    (ImageError, 503),
    (LeaseLostError, 409),
    (AnswerError, 500),
    (InvalidInputError, 422),
)
"""By the error's class, for a code that ``ERROR_CODES`` gives no status."""

MAX_FAULTS = 10
RETRY_SECONDS = 5
"""After it a request that was refused as one too many may be sent again."""

_KIND = re.compile(r"(str|int|float|bool|list|dict)(\[.*)?|[A-Z][A-Za-z]+")
"""A type's name in the path of a finding; fields have other ones."""
_MUST_BE = {
    "int": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a number",
    "bool": "must be true or false",
    "string": "must be text",
    "list": "must be a list",
    "model": "must be a JSON object with named fields",
    "dict": "must be a JSON object with named fields",
}
"""By the first word of the validator's name for the fault."""


def refusal_of(error: TlfifError) -> Refusal:
    """An expected error, before it has any dialect's shape."""
    return Refusal(status=status_of(error), code=error.code, message=error.message, details=error.details)


def status_of(error: TlfifError) -> int:
    """The HTTP status of an expected error."""
    known = ERROR_CODES.get(error.code)
    if known is not None and known.status is not None:
        return known.status
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error as it is sent."""

    status: int
    media_type: str
    body: bytes

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What it is sent with: also when to come back, where waiting may help."""
        later = [(b"retry-after", b"%d" % RETRY_SECONDS)] if self.status in {429, 503} else []
        length = (b"content-length", b"%d" % len(self.body))
        return [(b"content-type", self.media_type.encode()), length, *later]


def problem_of(
    status: int,
    code: str,
    detail: str,
    details: Mapping[str, object] | None = None,
    *,
    dialect: Dialect | None = None,
) -> Problem:
    """``details`` become members of their own. In a ``dialect``: as its clients read it."""
    refusal = Refusal(status=status, code=code, message=detail, details=details or {})
    other = shaped(refusal, dialect)
    if other is not None:
        return Problem(status=other.status, media_type="application/json", body=json.dumps(other.body).encode())
    body = {
        **(details or {}),
        "type": f"urn:tlfif:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    return Problem(status=status, media_type=MEDIA_TYPE, body=json.dumps(body).encode())


async def send_problem(send: Send, sent: Problem, *more_headers: tuple[bytes, bytes]) -> None:
    """Answer with a problem outside the app: from a gate or the fault barrier."""
    headers = [*sent.headers, *more_headers]
    await send({"type": "http.response.start", "status": sent.status, "headers": headers})
    await send({"type": "http.response.body", "body": sent.body})


def install(app: FastAPI) -> None:
    """Answer every expected error with a problem; ``api.fault_barrier`` does it for the unexpected ones."""

    @app.exception_handler(TlfifError)
    async def expected(request: Request, error: TlfifError) -> Response:
        status = status_of(error)
        if status >= 500:
            log.warning("api: %s: %s", error.code, error.message)
        return _answer(request, status, error.code, error.message, error.details)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        faults = faults_of(error.errors())
        details: dict[str, object] = {"faults": [{"field": one.field, "problem": one.problem} for one in faults]}
        if dialect_of(request.url.path, request.method) is not None:
            details = {"param": faults[0].field or None}
        return _answer(request, 422, faults[0].code, faults[0].sentence, details)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code, detail = "http_error", "The request could not be answered."
        if error.status_code == 404:
            code, detail = "route_not_found", "There is nothing at this address. /v1/openapi.json lists what there is."
        elif error.status_code == 405:
            takes = ", ".join(_methods(request))
            code, detail = "method_not_allowed", f"This address takes {takes}, not {request.method[:20]}."
            error.headers = {**(error.headers or {}), "Allow": takes}
        response = _answer(request, error.status_code, code, detail, None)
        response.headers.update(error.headers or {})
        return response


def _methods(request: Request) -> list[str]:
    """All that the address takes: the router's own answer names those of one of its routes."""
    return [
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


def _answer(request: Request, status: int, code: str, detail: str, details: Mapping[str, object] | None) -> Response:
    made = problem_of(status, code, detail, details, dialect=dialect_of(request.url.path, request.method))
    headers = {name.decode(): value.decode() for name, value in made.headers}
    return Response(made.body, status_code=made.status, headers=headers)


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding. ``field`` is where (empty: the whole body), ``problem`` ends the sentence that begins with it."""

    code: str
    field: str
    problem: str

    @property
    def sentence(self) -> str:
        """For a person."""
        if self.code == "unknown_field":
            return f"There is no field named “{self.field}”. Remove it or check its spelling."
        return f"{self.field or 'The body'} {self.problem}."


def faults_of(findings: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """The first few findings of the validator, worst left out: a list of thousands helps nobody."""
    return [_fault(finding) for finding in findings[:MAX_FAULTS]]


def _fault(finding: Mapping[str, Any]) -> Fault:
    kind: str = finding["type"]
    where = finding["loc"][1:]
    field = _path(where)
    name = where[-1] if where else ""
    if kind == "missing":
        if not where:
            return Fault("body_missing", "", "is missing: send a JSON object with named fields")
        return Fault("missing_field", field, "is missing")
    if kind == "extra_forbidden":
        return Fault("unknown_field", field, "is not a field of this request")
    if kind == "string_unicode":
        code = {"prompt": "prompt_not_text", "content": "prompt_not_text", "system": "system_not_text"}.get(name)
        return Fault(code or "text_broken", field, "has half of a character in it (a lone surrogate), which is no text")
    if kind in {"literal_error", "enum"}:
        code = {"role": "role_unknown", "status": "status_unknown"}.get(name, "unknown_value")
        return Fault(code, field, f"must be one of {finding['ctx']['expected']}")
    return Fault("wrong_type", field, _MUST_BE.get(kind.partition("_")[0], "is not what is expected here"))


def _path(where: Sequence[int | str]) -> str:
    """``messages[0].content``; only what can be shown, and not all of a very long name."""
    text = ""
    for part in where:
        if isinstance(part, str) and _KIND.fullmatch(part):
            continue  # which one of several kinds was tried
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= 100 else shown[:100] + "…"
