"""The OpenAPI document: adds to FastAPI's what all operations have in common."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tlfif.api.problems import MEDIA_TYPE
from tlfif.api.request_body import OPEN_PATHS
from tlfif.dialects.addresses import dialect_of

BEARER = "bearerAuth"

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457. Programs go by code, people read detail. Some codes add members of their own.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:tlfif:problem:prompt_empty"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "examples": ["prompt_empty"]},
        "detail": {"type": "string", "minLength": 1, "examples": ["The prompt is empty. Type something first."]},
    },
}

PROGRAM_ERROR: dict[str, Any] = {
    "title": "ProgramError",
    "description": "An error as the clients of the dialect read it: OpenAI's and Anthropic's as an object with type "
    "and message, Ollama's as text.",
    "type": "object",
    "required": ["error"],
}

_TEXTS = {
    "400": "The body is not valid JSON.",
    "401": "The token is missing or wrong.",
    "403": "Web pages may not use this API.",
    "404": "There is nothing by that name.",
    "409": "The present state forbids it; the text says what to do first.",
    "413": "The body is larger than 1 MiB.",
    "415": "The body is not sent as JSON.",
    "421": "The Host header is not this server's.",
    "422": "The request is wrong as it stands; nothing was stored.",
    "429": "Too much is waiting; send it again later.",
    "500": "TL-FIF made a mistake.",
    "503": "Something that is needed does not answer.",
}
_ALWAYS = ("403", "413", "421", "422", "500", "503")
_WITH_BODY = ("400", "409", "415")
_DIALECT = ("400", "403", "404", "413", "421", "429", "500", "503")
_IMAGES = "/v1/images"
"""A home that makes none refuses all of them."""
_SUBMITTING = frozenset({"submit_job"})


def install(app: FastAPI) -> None:
    """Add problems and the token to what ``app`` says of itself."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole document."""
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    parts: dict[str, Any] = found.setdefault("components", {})
    schemas: dict[str, Any] = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for shape in (PROBLEM, PROGRAM_ERROR):
        schemas[shape["title"]] = shape
    parts["securitySchemes"] = {
        BEARER: {"type": "http", "scheme": "bearer", "description": "The text of the file api-token."}
    }
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            _complete(path, method.upper(), operation)
    return found


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    dialect = dialect_of(path, method)
    codes = set(_ALWAYS if dialect is None else _DIALECT)
    if path not in OPEN_PATHS:
        codes.add("401")
        operation["security"] = [{BEARER: []}]
    if dialect is None:
        codes |= _own_codes(path, operation)
    operation["responses"].pop("422", None)
    shape, media = (PROBLEM, MEDIA_TYPE) if dialect is None else (PROGRAM_ERROR, "application/json")
    for code in sorted(codes):
        content = {media: {"schema": {"$ref": f"#/components/schemas/{shape['title']}"}}}
        operation["responses"][code] = {"description": _TEXTS[code], "content": content}


def _own_codes(path: str, operation: dict[str, Any]) -> set[str]:
    codes: set[str] = set()
    if "requestBody" in operation:
        codes.update(_WITH_BODY)
    if "{" in path:
        codes.update(("404", "409"))
    if path.startswith(_IMAGES):
        codes.add("409")
    if operation["operationId"] in _SUBMITTING:
        codes.add("429")
    return codes
