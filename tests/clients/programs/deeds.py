"""What a client's program is asked to do: each deed is tried, and a line of JSON says how it went."""

import json
import os
import traceback
from collections.abc import Callable
from typing import Any

URL = os.environ["TLFIF_URL"]
KEY = os.environ["TLFIF_KEY"]
MODEL = os.environ["TLFIF_MODEL"]
MARK = "starts over"

_DEEDS: list[tuple[str, Callable[[], Any]]] = []


def deed(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Names what a function tries; it raises where that does not work."""

    def noted(act: Callable[[], Any]) -> Callable[[], Any]:
        _DEEDS.append((name, act))
        return act

    return noted


def must_fail(act: Callable[[], Any], *kinds: type[BaseException]) -> BaseException:
    """The error that ``act`` must end with."""
    try:
        act()
    except kinds as error:
        return error
    raise AssertionError(f"none of {kinds} was raised")


def run() -> None:
    """Try all of them."""
    for name, act in _DEEDS:
        problem = ""
        try:
            act()
        except BaseException as error:  # what a client raises is what is asked here
            traceback.print_exc()
            problem = f"{type(error).__name__}: {error}"[:200] or "?"
        print(json.dumps({"deed": name, "problem": problem}), flush=True)
