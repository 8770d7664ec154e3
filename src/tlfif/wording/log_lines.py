"""Lines of logs as a person reads them: one sentence a line, no secret, no control character. Prompts are in no log."""

import json
import re
from dataclasses import dataclass

from tlfif.kernel.plain_text import one_line

LONGEST = 2000
"""Characters of one line that are shown."""
HIDDEN = "[hidden]"
_SECRET = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?"  # a JSON web token
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # an AWS access key's id
    r"|(?<![\w-])[\w-]{43}(?![\w-])"  # 32 random bytes: the server's own token
    r"|(?<=bearer )\S+"
    r"|(?:(?<=token)|(?<=secret)|(?<=password)|(?<=signature)|(?<=api_key)|(?<=access_key))[\"']?\s*[=:]\s*[\"']?[^\s\"',&]+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """``at``: epoch seconds, None where the line itself says when; ``source``: which part of TL-FIF wrote it."""

    source: str
    text: str
    at: float | None = None


def shown(raw: str) -> str:
    """``raw`` on one line, as a person may see it. A function's JSON is reduced to its level and its message."""
    text = _sentence(raw)
    return _SECRET.sub(HIDDEN, one_line(text).rstrip())[:LONGEST]


def is_metric(raw: str) -> bool:
    """Whether the line is figures for CloudWatch's metrics and no message."""
    return raw.lstrip().startswith("{") and '"_aws"' in raw


def _sentence(raw: str) -> str:
    try:
        found = json.loads(raw)
    except ValueError:
        return raw
    if not isinstance(found, dict):
        return raw
    parts = [str(found[name]) for name in ("level", "type", "errorType", "message") if found.get(name)]
    if len(parts) > 1 or "message" in found:
        return " ".join(parts)
    return " ".join(f"{name}={value}" for name, value in found.items())
