"""A route that takes a request literally: real JSON, every field once, no parameter that it does not know."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from tlfif.kernel.errors import InvalidInputError

MAX_FIELDS = 100
"""Well over what any request of TL-FIF's own has; each unknown field costs time to name."""
MAX_DEPTH = 100
"""Brackets within brackets: well over what any request, or schema in one, has."""


class ParsedRequest(Request):
    """A request whose body was parsed already: ``value``, None without a body."""

    value: Any = None

    async def json(self) -> Any:
        return self.value


class StrictRoute(APIRoute):
    """Refuses what a lenient reader would guess at: doubled fields, other encodings, misspelt parameters."""

    # Wider than the base's Coroutine, which FastAPI only ever awaits.
    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # see above
        """The route's handler behind the checks. It raises InvalidInputError."""
        handle = super().get_route_handler()
        known = frozenset(field.alias for field in self.dependant.query_params)
        takes_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            check_query(request.query_params.multi_items(), known)
            if takes_body:
                request = await _parsed(request)
            return await handle(request)

        return strict


class LenientRoute(APIRoute):
    """For other programs' dialects: real JSON, whatever its content type is called; parameters that are not known are
    passed over. What becomes of unknown fields is for the dialect to say."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # see above
        """The route's handler behind the checks. It raises InvalidInputError."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def lenient(request: Request) -> Response:
            if takes_body:
                others = [pair for pair in request.scope["headers"] if pair[0] != b"content-type"]
                request.scope["headers"] = [*others, (b"content-type", b"application/json")]
                parsed = ParsedRequest(request.scope, request.receive)
                body = await parsed.body()
                parsed.value = parse_json(body, most_fields=len(body)) if body else None
                request = parsed
            return await handle(request)

        return lenient


def check_query(given: list[tuple[str, str]], known: frozenset[str]) -> None:
    """Every parameter is known and comes once.

    Raises InvalidInputError ``unknown_parameter`` or ``repeated_parameter``.
    """
    seen: set[str] = set()
    for name, _ in given:
        if name not in known:
            offer = f" This address knows: {', '.join(sorted(known))}." if known else " This address takes none."
            raise InvalidInputError(f"There is no parameter {_shown(name)}.{offer}", code="unknown_parameter")
        if name in seen:
            raise InvalidInputError(f"The parameter {name} is given twice. Give it once.", code="repeated_parameter")
        seen.add(name)


def parse_json(body: bytes, *, most_fields: int = MAX_FIELDS) -> Any:
    """The value that ``body`` is the JSON of; no object in it has more than ``most_fields``.

    Raises InvalidInputError ``json_malformed``, ``repeated_field``, ``unknown_field``.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return _once(pairs, most_fields)

    try:
        value = json.loads(body.decode(), object_pairs_hook=once)
    except UnicodeDecodeError as error:
        raise _malformed(f"it is not UTF-8 text, from byte {error.start} on") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"there is a mistake at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise _malformed("a number in it has thousands of digits") from None
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for one in level if isinstance(one, dict | list) for child in _children(one)]
        if not level:
            return value
    raise _too_deep()


def _children(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _too_deep() -> InvalidInputError:
    return _malformed("its brackets are nested too deeply")


async def _parsed(request: Request) -> ParsedRequest:
    parsed = ParsedRequest(request.scope, request.receive)
    body = await parsed.body()
    if not body:
        return parsed
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise InvalidInputError(
            "The body must be JSON, sent with the header Content-Type: application/json.", code="content_type_wrong"
        )
    parsed.value = parse_json(body)
    return parsed


def _once(pairs: list[tuple[str, Any]], most_fields: int) -> dict[str, Any]:
    if len(pairs) > most_fields:
        raise InvalidInputError(
            f"An object in the body has {len(pairs)} fields; no request here has as many.", code="unknown_field"
        )
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise InvalidInputError(f"The field {_shown(twice)} is there twice. Send it once.", code="repeated_field")
    return found


def _malformed(why: str) -> InvalidInputError:
    return InvalidInputError(f"The body is not valid JSON: {why}.", code="json_malformed")


def _shown(name: str) -> str:
    """A name out of a request, safe and short enough to show."""
    safe = "".join(char if char.isprintable() else "?" for char in name)
    return f"“{safe if len(safe) <= 100 else safe[:100] + '…'}”"
