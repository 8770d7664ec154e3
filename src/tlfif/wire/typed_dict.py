"""The TypedDict that pydantic can read: before Python 3.12 only the one of typing_extensions keeps what it needs."""

import sys

if sys.version_info >= (3, 12):
    from typing import TypedDict
else:
    from typing_extensions import TypedDict

__all__ = ["TypedDict"]
