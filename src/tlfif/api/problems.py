"""Errors on the wire: RFC 9457 problem+json with a stable ``code``."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tlfif.api.faults import faults_of
from tlfif.kernel.error_codes import ERROR_CODES
from tlfif.kernel.errors import (
    BusyError,
    ConflictError,
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
    (LeaseLostError, 409),
    (InvalidInputError, 422),
)
"""By the error's class, for a code that ``ERROR_CODES`` gives no status."""

CHAT_PATH = "/v1/chat/completions"


def status_of(error: TlfifError) -> int:
    """The HTTP status of an expected error."""
    known = ERROR_CODES.get(error.code)
    if known is not None and known.status is not None:
        return known.status
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def problem_body(
    status: int, code: str, detail: str, details: Mapping[str, object] | None = None, *, path: str = ""
) -> bytes:
    """The JSON of a problem. ``details`` become members of their own.

    On the OpenAI-compatible ``path`` there is also the member ``error`` that OpenAI's clients look for.
    """
    openai = {}
    if path == CHAT_PATH:
        kind = "invalid_request_error" if status < 500 else "server_error"
        openai = {"error": {"message": detail, "type": kind, "param": None, "code": code}}
    body = {
        **(details or {}),
        **openai,
        "type": f"urn:tlfif:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    return json.dumps(body).encode()


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
        details = {"faults": [{"field": fault.field, "problem": fault.problem} for fault in faults]}
        return _answer(request, 422, faults[0].code, faults[0].sentence, details)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code, detail = "http_error", "The request could not be answered."
        if error.status_code == 404:
            code, detail = "route_not_found", "There is nothing at this address. /v1/openapi.json lists what there is."
        elif error.status_code == 405:
            takes = (error.headers or {}).get("Allow", "another method")
            code, detail = "method_not_allowed", f"This address takes {takes}, not {request.method[:20]}."
        response = _answer(request, error.status_code, code, detail, None)
        response.headers.update(error.headers or {})
        return response


def _answer(request: Request, status: int, code: str, detail: str, details: Mapping[str, object] | None) -> Response:
    body = problem_body(status, code, detail, details, path=request.url.path)
    headers = {"Retry-After": "5"} if status in {429, 503} else None
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)
