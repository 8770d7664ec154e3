"""A function's process, as Lambda runs one: fresh, told everything by its environment, one call at a time.

Calls come as lines of JSON on standard input, answers go out the same way; whatever the function prints goes to
standard error, which is its log.
"""

import importlib
import json
import os
import sys
import time
from typing import Any


class Context:
    """What Lambda hands to a handler beside the event."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(max(0.0, self._until - time.monotonic()) * 1000)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module, _, name = sys.argv[1].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        call = json.loads(line)
        answer: dict[str, Any]
        try:
            answer = {"result": handler(call["event"], Context(call["seconds"]))}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
