"""Notifications over SQS that say "look at the table". One that is lost, doubled or late costs waiting time only."""

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
from tlfif.adapters.aws.calls.storage_errors import StorageCalls, reason_of
from tlfif.adapters.daemon_thread import in_daemon_thread
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
MOST_RECEIVES = 4
"""A message is deleted after being received this often, even if its job still waits: a fifth receive would send it to
the dead-letter queue. Workers look at the table anyway."""

_KINDS = frozenset({SUBMITTED, RELEASED, CANCEL})
_JOB_ID = re.compile(r"[0-9A-Za-z_-]{1,80}")
_AT_ONCE = 10  # SendMessageBatch, DeleteMessageBatch and ReceiveMessage: 10 at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message that could be read. ``handle`` deletes it; ``receives`` counts how often it was received."""

    job_id: str
    kind: str
    handle: str
    receives: int


class PollResult(Enum):
    """What a poll of the queue brought."""

    NOTIFIED = "notified"
    EMPTY = "empty"
    FAILED = "failed"


class Notifier:
    """Sends and receives notifications over one queue. A message about a waiting job is deleted only when the job is
    claimed here or found to wait no longer: if this process dies before that, another one receives it.

    ``sender`` and ``poller`` may be one client; the poller's time-out must be longer than ``poll_seconds``.
    ``on_work`` is called from the event loop. Failures of the queue are logged, not raised: the jobs are in the table,
    and workers look there from time to time.
    """

    def __init__(
        self,
        sender: "SQSClient",
        poller: "SQSClient",
        queue_url: str,
        *,
        calls: StorageCalls,
        clock: Clock,
        on_work: Callable[[], None],
        still_waiting: Callable[[Collection[str]], Awaitable[set[str]]],
        poll_seconds: int = LONGEST_POLL_SECONDS,
    ) -> None:
        self._sender = sender
        self._poller = poller
        self._queue_url = queue_url
        self._calls = calls
        self._clock = clock
        self._on_work = on_work
        self._still_waiting = still_waiting
        self._poll_seconds = poll_seconds
        self._poll: asyncio.Task[PollResult] | None = None
        self._kept: dict[str, list[tuple[float, str]]] = {}
        self._background: set[asyncio.Task[None]] = set()

    async def notify(self, kind: str, job_ids: Sequence[str]) -> None:
        """Tell the workers about these jobs."""
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

    def poll(self, seconds: float) -> asyncio.Task[PollResult]:
        """The poll that is under way, or a new one of at most ``seconds``. It goes on if its caller stops waiting; what
        it brings then wakes the next caller."""
        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(self._receive(max(0, min(self._poll_seconds, int(seconds)))))
        return self._poll

    def discard(self, job_ids: Iterable[str]) -> None:
        """These jobs wait no longer: delete their messages, in the background."""
        handles = [handle for job_id in job_ids for _, handle in self._kept.pop(job_id, [])]
        if handles:
            self._run(self._delete(handles))

    async def close(self) -> None:
        """Finish what runs in the background; do not wait for a long poll."""
        if self._poll is not None:
            self._poll.cancel()
            await asyncio.wait({self._poll})
        if self._background:
            await asyncio.wait(self._background)
        self._sender.close()
        self._poller.close()

    async def _receive(self, seconds: int) -> PollResult:
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
            return PollResult.FAILED
        return PollResult.NOTIFIED if self._sort(answer.get("Messages", [])) else PollResult.EMPTY

    def _sort(self, messages: "Sequence[MessageTypeDef]") -> bool:
        """Decide about each message; whether one of them may mean work."""
        oldest = self._clock.monotonic() - VISIBILITY_SECONDS
        self._kept = {
            job_id: fresh
            for job_id, handles in self._kept.items()
            if (fresh := [each for each in handles if each[0] > oldest])
        }
        done: list[str] = []
        again: list[Notification] = []
        is_work = False
        for message in messages:
            received = _notification_from(message)
            if received is None:
                log.warning("message %s in the queue could not be read and was deleted", message.get("MessageId"))
                done.append(message["ReceiptHandle"])
            elif received.kind == CANCEL:
                done.append(received.handle)
                is_work = True
            elif received.receives > 1:
                again.append(received)
            else:
                self._keep(received)
                is_work = True
        if is_work:
            self._on_work()
        if done:
            self._run(self._delete(done))
        if again:
            self._run(self._look_again(again))
        return is_work

    def _keep(self, received: Notification) -> None:
        self._kept.setdefault(received.job_id, []).append((self._clock.monotonic(), received.handle))

    async def _look_again(self, again: Sequence[Notification]) -> None:
        """A message that was received before means work only if its job still waits."""
        waiting = await self._still_waiting({each.job_id for each in again})
        await self._delete(
            [each.handle for each in again if each.job_id not in waiting or each.receives >= MOST_RECEIVES]
        )
        for each in again:
            if each.job_id in waiting:
                if each.receives < MOST_RECEIVES:
                    self._keep(each)
                self._on_work()

    async def _delete(self, handles: Sequence[str]) -> None:
        for start in range(0, len(handles), _AT_ONCE):
            entries: Any = [
                {"Id": str(number), "ReceiptHandle": handle}
                for number, handle in enumerate(handles[start : start + _AT_ONCE])
            ]
            await self._calls(partial(self._sender.delete_message_batch, QueueUrl=self._queue_url, Entries=entries))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._quietly(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    @staticmethod
    async def _quietly(work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StorageError as error:
            log.warning("messages stay in the queue for now (%s)", error.details["reason"])


def _notification_from(message: "MessageTypeDef") -> Notification | None:
    try:
        body = json.loads(message["Body"])
        job_id, kind = body["job"], body["kind"]
        receives = int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id) or str(kind) not in _KINDS:
        return None
    return Notification(job_id=job_id, kind=kind, handle=message["ReceiptHandle"], receives=receives)
