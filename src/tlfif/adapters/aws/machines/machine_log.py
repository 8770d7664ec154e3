"""What a machine on AWS said about its own end, from the log that it sends home (``images/bin/tlfif-log``)."""

import asyncio
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.errors import AWS_ERRORS
from tlfif.kernel.plain_text import one_line

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

WHY = "why: "
"""How the line begins that names a unit which has failed, and its last words."""
LAST_LINES = 50
LETTERS = 300


class MachineLog:
    """The home's log group, which has a stream for each machine."""

    def __init__(self, logs: "CloudWatchLogsClient", *, home: str) -> None:
        self._logs = logs
        self._group = f"/{home}/machine"

    async def last_words(self, machine_id: str) -> str:
        """Why it ended, by itself; empty where nothing of it has arrived, or AWS does not say."""
        try:
            found = await asyncio.to_thread(
                self._logs.get_log_events,
                logGroupName=self._group,
                logStreamName=machine_id,
                limit=LAST_LINES,
                startFromHead=False,
            )
        except AWS_ERRORS:
            return ""
        words = [event["message"].removeprefix(WHY) for event in found["events"] if event["message"].startswith(WHY)]
        return one_line("; ".join(words))[:LETTERS]
