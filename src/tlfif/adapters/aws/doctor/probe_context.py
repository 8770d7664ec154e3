"""What the doctor's probes of AWS share: read-only requests, each in a daemon thread, and the facts of this run."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config

from tlfif.adapters.aws.calls.clients import DOCTOR_CONFIG
from tlfif.adapters.aws.calls.errors import AwsError, Fault, code_of, fault_of, missing_right, words_of
from tlfif.adapters.aws.calls.reading_calls import ReadingCalls
from tlfif.adapters.daemon_thread import in_daemon_thread
from tlfif.doctor.leftover_verdicts import Priced

MOST_ITEMS = 1000


class DoctorCalls:
    """Clients of one session, each created on first use. ``endpoint_url``: an emulator; None: AWS."""

    def __init__(
        self, session: boto3.Session, *, region: str, endpoint_url: str | None = None, config: Config = DOCTOR_CONFIG
    ) -> None:
        self._session = session
        self._config = config
        self._region = region
        self._endpoint_url = endpoint_url
        self._clients: dict[tuple[str, str], Any] = {}
        self._making = Lock()
        self.reading = ReadingCalls(self._client, most_items=MOST_ITEMS)
        """The same requests without the thread."""

    async def call(self, service: str, operation: str, *, region: str | None = None, **asked: Any) -> dict[str, Any]:
        return await in_daemon_thread(lambda: self.reading.call(service, operation, region=region, **asked))

    async def items(
        self, service: str, operation: str, key: str, *, region: str | None = None, **asked: Any
    ) -> list[dict[str, Any]]:
        """See :meth:`ReadingCalls.items`; at most :data:`MOST_ITEMS`."""
        return await in_daemon_thread(lambda: self.reading.items(service, operation, key, region=region, **asked))

    def _client(self, service: str, region: str | None) -> Any:
        where = region or self._region
        with self._making:  # one session must not create two clients at once
            known = self._clients.get((service, where))
            if known is None:
                make: Callable[..., Any] = self._session.client
                known = make(service, region_name=where, endpoint_url=self._endpoint_url, config=self._config)
                self._clients[service, where] = known
            return known


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeContext:
    """What the probes of the account need. ``home``: the installation's name; ``types``: of machines, None: as the home
    that stands has them; ``now``: with its time zone."""

    calls: DoctorCalls
    account: str
    arn: str
    home: str
    types: tuple[str, ...] | None
    priced: Priced
    now: datetime
    max_run_seconds: float
    paid: bool

    @property
    def region(self) -> str:
        """The region where the home is, or would be."""
        return self.priced.region

    @property
    def partition(self) -> str:
        """The second part of every ARN, after "arn"."""
        return self.arn.split(":")[1]


def reason(error: AwsError, asked: str) -> str:
    """Why ``asked`` (service and operation) could not be answered, in plain words with AWS's code."""
    fault, code, words = fault_of(error), code_of(error), words_of(error)
    if fault is Fault.UNREACHABLE:
        return f"AWS did not answer {asked} ({code})."
    if fault is Fault.DENIED:
        return f"Your key may not ask it: it lacks the right {missing_right(error) or asked} ({code})."
    if fault is Fault.NOT_OPEN:
        return f"AWS has not opened your account for it yet ({code}); a new account is checked within hours."
    page = "<html" in words or "<!doctype" in words.lower()  # not AWS's words: a proxy's page, or a broken service's
    return f"AWS refused {asked} ({code}{': ' + words if words and not page else ''})."
