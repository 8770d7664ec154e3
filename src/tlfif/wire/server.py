"""The server process on the wire."""

from typing import Literal

from tlfif.wire.typed_dict import TypedDict


class Health(TypedDict):
    """Alive, and which program."""

    status: Literal["ok"]
    version: str


class ServerView(TypedDict):
    """The server process. ``exits_in_seconds`` is null while something keeps it alive."""

    pid: int
    version: str
    port: int
    uptime_seconds: float
    exits_in_seconds: float | None
