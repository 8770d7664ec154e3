"""How good the answers are: a hundred questions with checks, asked through TL-FIF as a program asks."""

import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from bench.questions import QUESTIONS, Question, is_english, leaks_template, loops
from bench.stage import Stage
from tlfif.jobs.events import Event, EventKind, answer_text

SEED = 7
KINDS = ("fact", "sum", "form", "language", "long")
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "quality": {},
    "quality_t0": {"temperature": 0.0},
}
"""The model's own sampling; and always the likeliest word."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answer; ``tokens`` by the engine's count."""

    question: Question
    answer: str
    tokens: int

    @property
    def faults(self) -> list[str]:
        """What is wrong with the answer, whatever was asked."""
        answer = self.answer
        found = {"loop": loops(answer), "leak": leaks_template(answer), "empty": not answer.strip()}
        if self.question.kind != "language":
            found["not_english"] = not is_english(answer)
        return [name for name, is_so in found.items() if is_so]

    @property
    def is_right(self) -> bool:
        """Whether it is right and nothing is wrong with it."""
        return not self.faults and self.question.check(self.answer)


async def quality(stage: Stage, *, model: str, show: bool = False) -> dict[str, Any]:
    """The score of 100, by kind, and the speed, for each of ``VARIANTS``. ``show``: print what was not right."""
    report: dict[str, Any] = {}
    for name, sampling in VARIANTS.items():
        begun = time.perf_counter()
        asked = [await _ask(stage, question, {"model": model, **sampling}) for question in QUESTIONS]
        seconds = time.perf_counter() - begun
        report[f"{name}_score"] = sum(one.is_right for one in asked)
        for kind in KINDS:
            mine = [one for one in asked if one.question.kind == kind]
            report[f"{name}_{kind}"] = f"{sum(one.is_right for one in mine)}/{len(mine)}"
        for fault in ("loop", "leak", "empty", "not_english"):
            report[f"{name}_{fault}"] = sum(fault in one.faults for one in asked)
        report[f"{name}_tokens_per_second"] = round(sum(one.tokens for one in asked) / seconds, 1)
        if show:
            for one in asked:
                if not one.is_right:
                    print(name, one.question.kind, repr(one.question.prompt), one.faults, repr(one.answer[:160]))
    return report


async def _ask(stage: Stage, question: Question, sampling: Mapping[str, Any]) -> Asked:
    body = {
        "messages": [{"role": "user", "content": question.prompt}],
        "max_tokens": question.max_tokens,
        "seed": SEED,
        **sampling,
    }
    events: list[Event] = []
    async with aclosing(stage.client.ask(body)) as updates:  # type: ignore[arg-type]  # variants add any field
        async for update in updates:
            if isinstance(update, Event):
                events.append(update)
    last = events[-1]
    receipt: Any = last.data["receipt"] if last.kind is EventKind.SUCCEEDED else {}
    return Asked(question, answer_text(events), receipt.get("completion_tokens") or 0)
