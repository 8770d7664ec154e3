"""AWS's clients for one region, each made when it is first used.

Made by botocore itself: boto3 makes the same ones, and what it adds a function would load at each start for nothing.
"""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    import boto3


class _Later:
    """Stands for a client that is not made yet: EC2's description alone takes longer to read than most requests need,
    and most of them never speak to EC2."""

    def __init__(self, make: Callable[..., Any], service: str, options: dict[str, Any], turn: Lock) -> None:
        self._make = make
        self._turn = turn
        self._service = service
        self._options = options

    def __getattr__(self, name: str) -> Any:
        with self._turn:
            if "meta" not in self.__dict__:  # which every client has
                client = self._make(self._service, **self._options)
                self.__dict__.update({each: getattr(client, each) for each in dir(client) if not each.startswith("_")})
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None


class AwsClients:
    """Clients of one region, at AWS or at the emulator behind ``endpoint_url``. ``session`` has the rights; None: those
    that botocore finds, which are the function's own."""

    def __init__(self, *, region: str, endpoint_url: str | None, session: "boto3.Session | None" = None) -> None:
        self._make = botocore.session.get_session().create_client if session is None else session.client
        self._turn = Lock()
        self._where = {"region_name": region, "endpoint_url": endpoint_url}

    def make(self, service: str, config: Config) -> Any:
        """The client of a service. The first use makes it, in whichever thread that is; a session makes one at a
        time."""
        return _Later(self._make, service, {**self._where, "config": config}, self._turn)
