"""The requirement list: every line has its proof or says what is missing, and every proof its line."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from dev import requirements as rql
from dev.requirements import Requirement
from tlfif.adapters.aws.jobs import dynamo_job_notifier as notifier
from tlfif.adapters.aws.machines.ec2_user_data import MachineFile
from tlfif.api.problems import problem_of
from tlfif.api.schemas import InferRequest
from tlfif.control.answers import Bill
from tlfif.dialects.answer import End
from tlfif.dialects.extension import extension
from tlfif.doctor.surprises import Effect, surprises_of
from tlfif.jobs.endings import receipt_from
from tlfif.wire.images import ImageView, PointerView
from tlfif.wire.jobs import Accepted, EventList, EventView, JobView
from tlfif.wire.machines import MachineHistory, MachineView, StopResult
from tlfif.wire.money import AdviceView, BudgetView, CostView

RQL_1 = {1: 3, 2: 3, 3: 5, 4: 3, 5: 6, 6: 4, 7: 3, 8: 4, 9: 3, 10: 4, 11: 3}
"""Chapters of the owner's first list, and how many lines each has. 1.1 has six parts."""
GOOD = Requirement(
    number="1.1.1",
    title="A box",
    is_wish=False,
    text="There is one ([1.1.1]).\n\n**Met when:** it is seen.\n\n**Why, and its cost:** to type. Free.",
)
PROOFS = {"1.1.1": ["test_a.py::test_b"]}


@pytest.fixture(scope="module")
def found() -> list[Requirement]:
    return rql.read()


@pytest.mark.requirement("10.10.1")
def test_every_requirement_has_its_proof_and_every_proof_its_requirement(found: list[Requirement]) -> None:
    assert rql.faults(found, rql.read_proofs()) == []


@pytest.mark.requirement("10.10.1")
@pytest.mark.parametrize(
    ("changed", "proofs", "said"),
    [
        (GOOD, {}, "1.1.1: has no proof"),
        (GOOD, {**PROOFS, "9.9.9": ["test_a.py::test_c"]}, "9.9.9 is no requirement: test_a.py::test_c"),
        (replace(GOOD, text=GOOD.text + " See [7.7.7]."), PROOFS, "1.1.1: refers to 7.7.7, which is none"),
        (replace(GOOD, text="It is."), PROOFS, "1.1.1: nobody can tell that it is met"),
        (replace(GOOD, text="**Met when:** so."), PROOFS, "does not say why it is there and what it costs"),
        (replace(GOOD, number="1.1.2"), {"1.1.2": ["t"]}, "1.1.2 does not follow 0.0.0"),
        (
            replace(GOOD, text=GOOD.text + '\n\n**Not built yet:** issue "A".'),
            PROOFS,
            "1.1.1: is not built yet, and test_a.py::test_b proves it",
        ),
        (replace(GOOD, text=GOOD.text + "\n\n**Not built yet:** later."), {}, "1.1.1: which issue is to build it?"),
        (
            replace(GOOD, text=GOOD.text.replace("**Why", "**Only an account proves:** it.\n\n**Why")),
            PROOFS,
            "1.1.1: what only an account proves has its step of the first day",
        ),
    ],
)
def test_what_is_missing_is_said(changed: Requirement, proofs: rql.Proofs, said: str) -> None:
    assert rql.faults([GOOD], PROOFS) == []
    assert said in "\n".join(rql.faults([changed], proofs))


def test_every_line_of_rql_1_stands_at_its_number_and_says_what_became_of_it(found: list[Requirement]) -> None:
    said = rql.sections()
    lines = [f"{chapter}.{line}" for chapter, lines in RQL_1.items() for line in range(1, lines + 1)]
    assert [line for line in lines if not re.match("kept|otherwise|left out", said.get(line, ""))] == []
    assert list(dict.fromkeys(int(number.split(".")[0]) for number in said)) == list(RQL_1)
    assert [section for section, note in said.items() if not note] == [], "each says whether RQL 1 had it"
    assert {f"1.1.{part}" for part in range(1, 7)} <= {one.number for one in found}


def test_it_is_prose_and_lists_and_prints_as_one_text(found: list[Requirement]) -> None:
    done = subprocess.run([sys.executable, "dev/requirements.py"], cwd=rql.ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert re.findall(rf"^### ({rql.NUMBER}) ", done.stdout, re.MULTILINE) == [one.number for one in found]
    assert not re.search(r"^\|", done.stdout, re.MULTILINE), "the owner wants no tables"


EXAMPLES: dict[str, Callable[[str], object]] = {
    "2.1.4": TypeAdapter(JobView).validate_json,
    "2.1.5": TypeAdapter(EventList).validate_json,
    "3.1.1": TypeAdapter(MachineView).validate_json,
    "4.2.3": TypeAdapter(EventView).validate_json,
    "5.3.1": MachineFile.parse,
    "3.4.1": TypeAdapter(MachineHistory).validate_json,
    "3.6.4": TypeAdapter(StopResult).validate_json,
    "6.2.1": TypeAdapter(BudgetView).validate_json,
    "6.4.1": TypeAdapter(CostView).validate_json,
    "6.4.2": TypeAdapter(AdviceView).validate_json,
    "7.1.1": TypeAdapter(ImageView).validate_json,
    "7.2.5": TypeAdapter(PointerView).validate_json,
}
"""What reads a requirement's example; the others are compared with what the program writes, below."""


def test_every_example_is_a_message_of_the_program(found: list[Requirement]) -> None:
    examples = {one.number: one.examples for one in found if one.examples}
    request, answer = examples.pop("2.1.1")
    assert InferRequest.model_validate_json(request).max_tokens
    assert TypeAdapter(Accepted).validate_json(answer, strict=True)["created"]
    (problem,), (call,), (rung,) = (examples.pop(number) for number in ("2.1.6", "3.6.3", "4.2.9"))
    told = json.loads(problem)
    sent = json.loads(problem_of(422, "prompt_empty", told["detail"]).body)
    assert told == {**sent, "title": "Unprocessable Entity"}, "newer Pythons call the status otherwise"
    assert "InstanceIds" in call
    assert json.loads(rung)["kind"] == notifier.SUBMITTED
    assert json.loads(rung).keys() == {"job", "kind"}
    (said,) = (json.loads(text) for text in examples.pop("2.4.11"))
    assert extension([_end(said["tlfif"])]) == said
    assert set(examples) == set(EXAMPLES)
    for number, reads in EXAMPLES.items():
        (text,) = examples[number]
        assert reads(text)
    assert receipt_from(TypeAdapter(JobView).validate_json(examples["2.1.4"][0])["receipt"] or {}).tokens_per_second


def test_the_example_of_a_fact_is_one_that_the_program_reads(found: list[Requirement]) -> None:
    text = next(one.text for one in found if one.number == "10.7.2").split("```toml")[1].split("```")[0]
    (one,) = surprises_of({effect.slug: "surprise = []" for effect in Effect} | {Effect.BREAKS.slug: text})
    assert (one.number, one.requirements) == (20, ("5.2.3",))


def _end(said: dict[str, Any]) -> End:
    bill = Bill(job_id=said["job_id"], place=said["place"], **said["cost"])
    return End(finish_reason="stop", prompt_tokens=1, completion_tokens=1, receipt=said, bill=bill)
