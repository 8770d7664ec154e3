"""A route that takes a request literally: real JSON, every field once, no parameter that it does not know."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from tlfif.kernel.errors import InvalidInputError

MAX_FIELDS = 100
"""Well over what any request has; each unknown field costs time to name."""


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


def parse_json(body: bytes) -> Any:
    """The value that ``body`` is the JSON of.

    Raises InvalidInputError ``json_malformed``, ``repeated_field``.
    """
    try:
        return json.loads(body.decode(), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise _malformed(f"it is not UTF-8 text, from byte {error.start} on") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"there is a mistake at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _malformed("its brackets are nested too deeply") from None
    except ValueError:
        raise _malformed("a number in it has thousands of digits") from None


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


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_FIELDS:
        raise InvalidInputError(
            f"An object in the body has {len(pairs)} fields; no request here has as many.", code="unknown_field"
        )
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInputError(f"The field {_shown(twice)} is there twice. Send it once.", code="repeated_field")
    return found


def _malformed(why: str) -> InvalidInputError:
    return InvalidInputError(f"The body is not valid JSON: {why}.", code="json_malformed")


def _shown(name: str) -> str:
    """A name out of a request, safe and short enough to show."""
    safe = "".join(char if char.isprintable() else "?" for char in name)
    return f"“{safe if len(safe) <= 100 else safe[:100] + '…'}”"
