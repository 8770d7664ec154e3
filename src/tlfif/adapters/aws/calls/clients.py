"""AWS's clients for one region, each made when it is first used, and how long each service is waited for.

Made by botocore itself: boto3 makes the same ones, and what it adds a function would load at each start for nothing.
"""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    import boto3


def _config(connect_seconds: float, read_seconds: float, *, tries: int = 1, **more: Any) -> Config:
    """``tries``: how often botocore makes one request at most, with growing pauses of its own."""
    return Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": tries},
        **more,
    )


# With one try, calls are repeated by ``patient_calls``, where the clock is the port's, or not at all.
STORE_CONFIG = _config(2, 4, tcp_keepalive=True)
"""S3 and SQS, for the job store."""
TABLE_CONFIG = STORE_CONFIG.merge(Config(parameter_validation=False, user_agent="tlfif"))
"""DynamoDB, a third quicker: it says itself what is malformed, so botocore need not look first; and botocore puts
together its long name anew for each request."""
POLL_CONFIG = _config(2, 25)
"""SQS, waiting for messages: an answer may take the 20 seconds of a long poll."""
MACHINE_CONFIG = _config(5, 30)
"""EC2 and Scheduler. An answer that takes longer than 30 s counts as lost."""
ROUTER_CONFIG = _config(3, 25)
"""Lambda, calling the router: the API's caller waits less than 30 seconds for all of it."""
BILL_CONFIG = _config(3, 10)
"""Cost Explorer: never repeated, because each try may cost a cent."""
DEPLOYMENT_CONFIG = _config(10, 60, tries=6)
"""Deploying and destroying. A person waits: botocore repeats what is throttled or lost for about half a minute."""
DOCTOR_CONFIG = _config(2, 4, tries=2, max_pool_connections=10)
"""The doctor, which asks everything at once."""


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
