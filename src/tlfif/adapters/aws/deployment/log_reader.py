"""The home's logs on AWS, as CloudWatch keeps them. Blocking; changes nothing."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from tlfif.adapters.aws.calls.errors import unless_absent
from tlfif.wording.log_lines import LogLine, is_metric, shown

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

MOST_PAGES = 50
"""Of one log: CloudWatch answers page by page, also with empty ones, the oldest first."""


def group_of(home: str, source: str) -> str:
    """The log group of that part of the home. Raises KeyError for a part that there is not."""
    return {
        "api": f"/aws/lambda/{home}-api",
        "router": f"/aws/lambda/{home}-router",
        "images": f"/aws/lambda/{home}-images",
        "machine": f"/{home}/machine",
        "requests": f"/aws/vendedlogs/{home}/api",
    }[source]


def read_logs(
    logs: "CloudWatchLogsClient", home: str, sources: Sequence[str], *, since: float, most: int
) -> list[LogLine]:
    """The newest ``most`` lines since then (epoch seconds), the oldest first. Raises AWS's errors; a log that does not
    exist has no lines."""
    found = [line for source in sources for line in _read(logs, home, source, since=since, most=most)]
    return sorted(found, key=lambda line: line.at or 0)[-most:]


def _read(logs: "CloudWatchLogsClient", home: str, source: str, *, since: float, most: int) -> list[LogLine]:
    kept: deque[LogLine] = deque(maxlen=most)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group_of(home, source), startTime=int(since * 1000)
    )

    def collect() -> None:
        for page in islice(pages, MOST_PAGES):
            for one in page["events"]:
                if not is_metric(one["message"]):
                    kept.append(LogLine(source=source, text=shown(one["message"]), at=one["timestamp"] / 1000))

    unless_absent(collect)
    return list(kept)
