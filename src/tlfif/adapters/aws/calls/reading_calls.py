"""Calls that ask AWS something and change nothing. Blocking; raise AWS's errors."""

import re
from collections.abc import Callable
from typing import Any

READING = re.compile(r"(batch_get|describe|get|head|list|simulate)_[a-z_]+")
"""The only operations that may be called."""


class ReadingCalls:
    """``client`` gives the client of a service, in a region where one is named. ``most_items``: of one list; None: all
    that there are."""

    def __init__(self, client: Callable[[str, str | None], Any], *, most_items: int | None = None) -> None:
        self._client = client
        self._most_items = most_items

    def call(self, service: str, operation: str, *, region: str | None = None, **asked: Any) -> dict[str, Any]:
        """AWS's answer. Raises ValueError for an operation that could change something."""
        _check_reading(operation)
        answer: dict[str, Any] = getattr(self._client(service, region), operation)(**asked)
        return answer

    def items(
        self, service: str, operation: str, key: str, *, region: str | None = None, **asked: Any
    ) -> list[dict[str, Any]]:
        """What stands under ``key`` in all pages together. Raises as :meth:`call`."""
        _check_reading(operation)
        pages = self._client(service, region).get_paginator(operation)
        found = pages.paginate(**asked, PaginationConfig={"MaxItems": self._most_items}).build_full_result()
        return list(found.get(key, []))


def _check_reading(operation: str) -> None:
    if not READING.fullmatch(operation):
        raise ValueError(f"{operation} is no reading call")
