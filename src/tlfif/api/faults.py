"""What is wrong with a request's shape, in plain English: from the validator's findings to codes and sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_FAULTS = 10

_MUST_BE = {
    "int": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a number",
    "bool": "must be true or false",
    "string": "must be text",
    "list": "must be a list",
    "model": "must be a JSON object with named fields",
    "dict": "must be a JSON object with named fields",
}
"""By the first word of the validator's name for the fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding. ``field`` is where (empty: the whole body), ``problem`` ends the sentence that begins with it."""

    code: str
    field: str
    problem: str

    @property
    def sentence(self) -> str:
        """For a person."""
        if self.code == "unknown_field":
            return f"There is no field named “{self.field}”. Remove it or check its spelling."
        return f"{self.field or 'The body'} {self.problem}."


def faults_of(findings: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """The first few findings of the validator, worst left out: a list of thousands helps nobody."""
    return [_fault(finding) for finding in findings[:MAX_FAULTS]]


def _fault(finding: Mapping[str, Any]) -> Fault:
    kind: str = finding["type"]
    where = finding["loc"][1:]
    field = _path(where)
    name = where[-1] if where else ""
    if kind == "missing":
        if not where:
            return Fault("body_missing", "", "is missing: send a JSON object with named fields")
        return Fault("missing_field", field, "is missing")
    if kind == "extra_forbidden":
        return Fault("unknown_field", field, "is not a field of this request")
    if kind == "string_unicode":
        code = {"prompt": "prompt_not_text", "content": "prompt_not_text", "system": "system_not_text"}.get(name)
        return Fault(code or "text_broken", field, "has half of a character in it (a lone surrogate), which is no text")
    if kind in {"literal_error", "enum"}:
        code = {"role": "role_unknown", "status": "status_unknown"}.get(name, "unknown_value")
        return Fault(code, field, f"must be one of {finding['ctx']['expected']}")
    return Fault("wrong_type", field, _MUST_BE.get(kind.partition("_")[0], "is not what is expected here"))


def _path(where: Sequence[int | str]) -> str:
    """``messages[0].content``; only what can be shown, and not all of a very long name."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= 100 else shown[:100] + "…"
