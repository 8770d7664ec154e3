"""The doorbell: messages that say "look at the table". A lost, doubled or late one changes nothing but waiting time."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from tlfif.adapters.aws.calls.errors import AWS_ERRORS
from tlfif.adapters.aws.calls.patient_calls import in_daemon_thread
from tlfif.adapters.aws.calls.storage_errors import StorageCalls, reason_of
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import StorageError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

log = logging.getLogger(__name__)

SUBMITTED = "submitted"
RELEASED = "released"
CANCEL = "cancel"
LONGEST_POLL_SECONDS = 20
"""ReceiveMessage's own limit."""
VISIBILITY_SECONDS = 30.0
"""How long the queue hides a message that was received; as in the stack."""
LAST_RING = 4
"""A message received so often is deleted though its job waits: a fifth time and it would count as dead. Whoever claims
looks at the table anyway."""

_KINDS = frozenset({SUBMITTED, RELEASED, CANCEL})
_JOB_ID = re.compile(r"[0-9A-Za-z_-]{1,80}")
_AT_ONCE = 10  # SendMessageBatch, DeleteMessageBatch and ReceiveMessage: 10 at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """A message that could be read. ``handle`` deletes it; ``times`` counts how often it was received."""

    job_id: str
    kind: str
    handle: str
    times: int


class Heard(Enum):
    """What a poll brought."""

    NEWS = "news"
    NOTHING = "nothing"
    FAILURE = "failure"


class Doorbell:
    """One queue. A ring for a waiting job is kept until the job is claimed here or found to wait no longer, so that it
    comes again to somebody else where this process dies.

    ``sender`` and ``poller`` may be one client; the poller's time-out must be longer than ``poll_seconds``.
    ``on_news`` is called from the event loop. Nothing here raises but for faults of the program: the table holds
    the truth, and whoever waits for work looks there from time to time.
    """

    def __init__(
        self,
        sender: "SQSClient",
        poller: "SQSClient",
        queue_url: str,
        *,
        calls: StorageCalls,
        clock: Clock,
        on_news: Callable[[], None],
        still_waiting: Callable[[Collection[str]], Awaitable[set[str]]],
        poll_seconds: int = LONGEST_POLL_SECONDS,
    ) -> None:
        self._sender = sender
        self._poller = poller
        self._queue_url = queue_url
        self._calls = calls
        self._clock = clock
        self._on_news = on_news
        self._still_waiting = still_waiting
        self._poll_seconds = poll_seconds
        self._poll: asyncio.Task[Heard] | None = None
        self._kept: dict[str, list[tuple[float, str]]] = {}
        self._errands: set[asyncio.Task[None]] = set()

    async def ring(self, kind: str, job_ids: Sequence[str]) -> None:
        """Tell whoever waits for work. A failure is logged and no more: the jobs are stored, and will be found."""
        for start in range(0, len(job_ids), _AT_ONCE):
            entries: Any = [
                {"Id": str(number), "MessageBody": json.dumps({"job": job_id, "kind": kind})}
                for number, job_id in enumerate(job_ids[start : start + _AT_ONCE])
            ]
            try:
                await self._calls(partial(self._sender.send_message_batch, QueueUrl=self._queue_url, Entries=entries))
            except StorageError as error:
                log.warning("the queue took no message (%s); jobs are found without it", error.details["reason"])
                return

    def listen(self, seconds: float) -> asyncio.Task[Heard]:
        """The poll that is under way, or a new one of at most ``seconds``. It goes on when nobody waits for it any
        more, and what it brings then is news for the next who waits."""
        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(self._receive(max(0, min(self._poll_seconds, int(seconds)))))
        return self._poll

    def answered(self, job_ids: Iterable[str]) -> None:
        """These jobs wait no longer: what rang for them is deleted, soon and in the background."""
        handles = [handle for job_id in job_ids for _, handle in self._kept.pop(job_id, [])]
        if handles:
            self._run(self._delete(handles))

    async def close(self) -> None:
        """Finish what is quick; leave a long poll behind."""
        if self._poll is not None:
            self._poll.cancel()
            await asyncio.wait({self._poll})
        if self._errands:
            await asyncio.wait(self._errands)
        self._sender.close()
        self._poller.close()

    async def _receive(self, seconds: int) -> Heard:
        try:
            answer = await in_daemon_thread(
                partial(
                    self._poller.receive_message,
                    QueueUrl=self._queue_url,
                    MaxNumberOfMessages=_AT_ONCE,
                    WaitTimeSeconds=seconds,
                    MessageSystemAttributeNames=["ApproximateReceiveCount"],
                )
            )
        except AWS_ERRORS as error:
            log.warning("the queue gave no messages (%s)", reason_of(error))
            return Heard.FAILURE
        return Heard.NEWS if self._sort(answer.get("Messages", [])) else Heard.NOTHING

    def _sort(self, messages: "Sequence[MessageTypeDef]") -> bool:
        """What to do about each message; whether one is news."""
        oldest = self._clock.monotonic() - VISIBILITY_SECONDS
        self._kept = {
            job_id: fresh
            for job_id, handles in self._kept.items()
            if (fresh := [each for each in handles if each[0] > oldest])
        }
        done: list[str] = []
        again: list[Ring] = []
        news = False
        for message in messages:
            ring = _ring_from(message)
            if ring is None:
                log.warning("message %s in the queue could not be read and was deleted", message.get("MessageId"))
                done.append(message["ReceiptHandle"])
            elif ring.kind == CANCEL:
                done.append(ring.handle)
                news = True
            elif ring.times > 1:
                again.append(ring)
            else:
                self._keep(ring)
                news = True
        if news:
            self._on_news()
        if done:
            self._run(self._delete(done))
        if again:
            self._run(self._look_again(again))
        return news

    def _keep(self, ring: Ring) -> None:
        self._kept.setdefault(ring.job_id, []).append((self._clock.monotonic(), ring.handle))

    async def _look_again(self, rings: Sequence[Ring]) -> None:
        """Messages that come once more are news only where their job still waits."""
        waiting = await self._still_waiting({ring.job_id for ring in rings})
        await self._delete([r.handle for r in rings if r.job_id not in waiting or r.times >= LAST_RING])
        for ring in rings:
            if ring.job_id in waiting:
                if ring.times < LAST_RING:
                    self._keep(ring)
                self._on_news()

    async def _delete(self, handles: Sequence[str]) -> None:
        for start in range(0, len(handles), _AT_ONCE):
            entries: Any = [
                {"Id": str(number), "ReceiptHandle": handle}
                for number, handle in enumerate(handles[start : start + _AT_ONCE])
            ]
            await self._calls(partial(self._sender.delete_message_batch, QueueUrl=self._queue_url, Entries=entries))

    def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._quietly(errand))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    @staticmethod
    async def _quietly(errand: Coroutine[Any, Any, None]) -> None:
        try:
            await errand
        except StorageError as error:
            log.warning("messages stay in the queue for now (%s)", error.details["reason"])


def _ring_from(message: "MessageTypeDef") -> Ring | None:
    try:
        body = json.loads(message["Body"])
        job_id, kind = body["job"], body["kind"]
        times = int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id) or str(kind) not in _KINDS:
        return None
    return Ring(job_id=job_id, kind=kind, handle=message["ReceiptHandle"], times=times)
