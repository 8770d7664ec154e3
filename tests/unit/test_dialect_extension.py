"""What is said of an answer beside what the other server would say."""

import pytest

from tlfif.control.answers import Bill
from tlfif.dialects.answer import End
from tlfif.dialects.extension import extension

RECEIPT = {"instance_type": "g6.xlarge", "image": "v7", "model": "tinyllama", "total_seconds": 1.0}


def end(bill: Bill | None) -> End:
    return End(finish_reason="stop", prompt_tokens=1, completion_tokens=2, receipt=RECEIPT, bill=bill)


@pytest.mark.requirement("2.4.11")
def test_it_names_the_machine_and_adds_up_what_all_answers_cost() -> None:
    bills = [Bill(job_id=f"job_{n}", place="AWS x", usd=0.001, eur=0.0009, final=n == 0) for n in range(2)]
    assert extension([end(bill) for bill in bills]) == {
        "tlfif": {
            "job_id": "job_0",
            "place": "AWS x",
            "instance_type": "g6.xlarge",
            "image": "v7",
            "model": "tinyllama",
            "cost": {"usd": 0.002, "eur": 0.0018, "final": False},
        }
    }


def test_a_cost_that_nobody_knows_is_null_and_no_bill_is_nothing() -> None:
    known, unknown = Bill(job_id="a", place="AWS x", usd=0.1, eur=0.1), Bill(job_id="b", place="AWS x")
    assert extension([end(known), end(unknown)])["tlfif"]["cost"] is None
    assert extension([end(None)]) == {}
