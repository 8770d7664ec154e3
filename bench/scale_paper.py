"""What the home on AWS costs and meets first at 10, 1,000 and 100,000 prompts an hour, on paper.

``.venv/bin/python -m bench.scale_paper`` prints two tables, out of the program's own numbers: limits of the template,
policy of a machine, price list. What is taken for granted stands in :data:`ANSWER_SECONDS` and below.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from infra.constructs.api import PER_SECOND, RESERVED_CONCURRENCY
from tlfif.jobs.policy import AWS_JOB_POLICY
from tlfif.machines.policy import AWS_MACHINE_POLICY
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import DEFAULT_INSTANCE_TYPE, Item

REGION = "eu-central-1"
ANSWER_SECONDS = 4.0
"""For one answer among as many as the engine makes at once; only an account shows what it is."""
REQUESTS_PER_SECOND = 5
"""Of somebody who follows an answer (``infra/constructs/api.py``)."""
READS = 30
"""Read units for a prompt: accepted, claimed, 16 looks and reads of text by one reader."""
WRITE_TO_READ = 5
"""A write unit costs five read units; the price list has only reads."""
LAMBDA_MICROS_PER_GB_SECOND = 16.67
LAMBDA_MICROS_PER_REQUEST = 0.2
"""From memory, not verified."""
PARTITION_WRITES = 1000
"""Write units a second that one partition key takes."""
TABLE_WRITES = 4000
"""Write units a second that a new on-demand table takes at once."""
QUEUE_WRITES = 4
"""Of a prompt to the key ``QUEUE``: put and taken away, each in a transaction."""
RATES = (10, 1_000, 100_000)
_STORE = Path(__file__).parents[1] / "docs" / "reference" / "aws-store.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """``most``: prompts an hour."""

    name: str
    most: float
    setting: str


def written_units() -> int:
    """Write units of a prompt, as the store's page counts them and a test compares them."""
    found = re.search(r"= (\d+) units written", _STORE.read_text("utf-8"))
    assert found is not None
    return int(found[1])


def requests() -> float:
    """Requests to the API for a prompt."""
    return 1 + REQUESTS_PER_SECOND * ANSWER_SECONDS


def limits() -> list[Limit]:
    """The lowest first."""
    hour, slots = 3600, AWS_MACHINE_POLICY.engine_slots
    found = [
        Limit(
            name=f"the API's rate, {PER_SECOND} requests a second",
            most=PER_SECOND / requests() * hour,
            setting="`PER_SECOND` in `infra/constructs/api.py`; the account's own is 10,000",
        ),
        Limit(
            name=f"the API's functions, {RESERVED_CONCURRENCY} at once",
            most=RESERVED_CONCURRENCY / ANSWER_SECONDS * hour,
            setting="`RESERVED_CONCURRENCY` there, then the account's concurrent executions (1,000; new ones 10)",
        ),
        Limit(
            name=f"one machine, {slots} answers at once",
            most=slots / ANSWER_SECONDS * hour,
            setting="`engine_slots` of `AWS_MACHINE_POLICY`; more machines also need the quota `L-DB2E81BA`",
        ),
        Limit(
            name=f"a new table, {TABLE_WRITES:,} write units a second",
            most=TABLE_WRITES / written_units() * hour,
            setting="DynamoDB's warm throughput of the table; it doubles by itself within 30 minutes",
        ),
        Limit(
            name=f"one partition, {PARTITION_WRITES:,} write units a second (key `QUEUE`)",
            most=PARTITION_WRITES / QUEUE_WRITES * hour,
            setting="none: the queue would have to be split over several keys",
        ),
    ]
    return sorted(found, key=lambda one: one.most)


def dollars(item: Item, instance_type: str | None = None) -> float:
    """A rate of the price list."""
    return BUILT_IN_PRICES.price(item, REGION, instance_type, at_ms=2**50).micros / 1e6


def costs(rate: int) -> tuple[int, dict[str, float]]:
    """Machines, and dollars an hour by item. A machine is on for the whole hour, as prompts come all the time."""
    machines = -(-rate * int(ANSWER_SECONDS) // (3600 * int(AWS_MACHINE_POLICY.engine_slots)))
    read = dollars(Item.TABLE_READ_MILLION) / 1e6
    asked = rate * requests()
    gb_seconds = rate * ANSWER_SECONDS * 0.5
    return machines, {
        "machines": machines * dollars(Item.GPU_HOUR, DEFAULT_INSTANCE_TYPE),
        "DynamoDB": rate * (written_units() * WRITE_TO_READ + READS) * read,
        "API Gateway": asked * dollars(Item.API_MILLION) / 1e6,
        "Lambda": (gb_seconds * LAMBDA_MICROS_PER_GB_SECOND + asked * LAMBDA_MICROS_PER_REQUEST) / 1e6,
        "SQS": rate * 3 * dollars(Item.SQS_MILLION) / 1e6,
    }


def main() -> None:
    """Print both."""
    names = list(costs(1)[1])
    print(f"| prompts an hour | machines | {' | '.join(names)} | together | for 1,000 prompts |")
    print("|" + "---|" * (len(names) + 4))
    for rate in RATES:
        machines, found = costs(rate)
        each = " | ".join(f"${found[name]:.4f}" for name in names)
        total = sum(found.values())
        print(f"| {rate:,} | {machines} | {each} | ${total:.2f} an hour | ${total / rate * 1000:.2f} |")
    print("\n| limit | prompts an hour | what moves it |\n|---|---|---|")
    for one in limits():
        print(f"| {one.name} | {one.most:,.0f} | {one.setting} |")
    seconds = AWS_JOB_POLICY.max_queued / (RATES[-1] / 3600 - AWS_MACHINE_POLICY.engine_slots / ANSWER_SECONDS)
    print(
        f"\nAt {RATES[-1]:,} an hour one machine falls behind: {AWS_JOB_POLICY.max_queued:,} wait in {seconds:.0f} s."
    )


if __name__ == "__main__":
    main()
