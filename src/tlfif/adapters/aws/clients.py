"""boto3's clients for one region, each made when it is first used."""

from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config


class _Later:
    """Stands for a client that is not made yet: EC2's description alone takes longer to read than most requests need,
    and most of them never speak to EC2."""

    def __init__(self, session: boto3.Session, service: str, options: dict[str, Any]) -> None:
        self._session = session
        self._service = service
        self._options = options

    def __getattr__(self, name: str) -> Any:
        make: Callable[..., Any] = self._session.client
        client = make(self._service, **self._options)
        self.__dict__.update({each: getattr(client, each) for each in dir(client) if not each.startswith("_")})
        return getattr(client, name)


class AwsClients:
    """Clients of one region, at AWS or at the emulator behind ``endpoint_url``."""

    def __init__(self, *, region: str, endpoint_url: str | None, session: boto3.Session | None = None) -> None:
        self._session = session or boto3.Session()
        self._where = {"region_name": region, "endpoint_url": endpoint_url}

    def make(self, service: str, config: Config) -> Any:
        """The client of a service. Making one is not safe from two threads at once; the first use makes it."""
        return _Later(self._session, service, {**self._where, "config": config})
