"""AWS's clients for one region, each created on first use, and the time-outs for each service.

The clients come from botocore directly: boto3's are the same, and importing boto3 would lengthen every cold start.
"""

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    import boto3


def _config(connect_seconds: float, read_seconds: float, *, tries: int = 1, **more: Any) -> Config:
    """``tries``: how often botocore sends one request at most, with exponential back-off."""
    return Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": tries},
        **more,
    )


# With one try, ``patient_calls`` repeats the call, using the clock port; or nothing does.
STORE_CONFIG = _config(2, 4, tcp_keepalive=True)
"""S3 and SQS, for the job store."""
TABLE_CONFIG = STORE_CONFIG.merge(Config(parameter_validation=False, user_agent="tlfif"))
"""DynamoDB. Saves a third of the time per request: DynamoDB validates parameters itself, and botocore builds its long
user agent anew for each request."""
POLL_CONFIG = _config(2, 25)
"""SQS long polls, which may take 20 seconds to answer."""
MACHINE_CONFIG = _config(3, 15)
"""EC2, Scheduler and the machines' log. After 15 s the answer counts as lost: a launch's time is limited, and it is
asked for again by the same token."""
ROUTER_CONFIG = _config(2, 23)
"""Lambda, to call the router. The API must answer within 30 seconds in total, and reads the machine's record where the
router has not answered."""
BILL_CONFIG = _config(3, 10)
"""Cost Explorer. Never repeated: each request may cost $0.01."""
DEPLOYMENT_CONFIG = _config(10, 60, tries=6)
"""``deploy`` and ``destroy``: botocore repeats throttled or lost requests for about half a minute."""
DOCTOR_CONFIG = _config(2, 4, tries=2, max_pool_connections=10)
"""The doctor, which sends all its requests at the same time."""


class _Later:
    """A client that is created on first use: loading EC2's service description alone takes longer than most requests,
    and most of them never use EC2.

    It is kept only if it has credentials. botocore gives a client those that it finds when it creates it: one created
    while the metadata service did not answer would never have any."""

    def __init__(self, make: Callable[[], Any], credentials: Callable[[], Any], turn: Lock) -> None:
        self._make = make
        self._credentials = credentials
        self._turn = turn

    def __getattr__(self, name: str) -> Any:
        with self._turn:
            if "meta" not in self.__dict__:  # an attribute of every client
                complete = self._credentials() is not None  # before: what is found from here on, the client has too
                client = self._make()
                if not complete:
                    return getattr(client, name)
                self.__dict__.update({each: getattr(client, each) for each in dir(client) if not each.startswith("_")})
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None


class AwsClients:
    """Clients of one region, at AWS or at the emulator behind ``endpoint_url``. ``session`` provides the credentials;
    None: botocore finds them, inside Lambda the function's own."""

    def __init__(self, *, region: str, endpoint_url: str | None, session: "boto3.Session | None" = None) -> None:
        self._make: Callable[..., Any]
        self._credentials: Callable[[], Any]
        if session is None:
            found = botocore.session.get_session()
            self._make, self._credentials = found.create_client, found.get_credentials
        else:
            self._make, self._credentials = session.client, session.get_credentials
        self._turn = Lock()
        self._where = {"region_name": region, "endpoint_url": endpoint_url}

    def make(self, service: str, config: Config) -> Any:
        """The client of ``service``, created on first use, in whichever thread that is. One session creates one client
        at a time."""
        return _Later(partial(self._make, service, **self._where, config=config), self._credentials, self._turn)
