"""A home whose functions run in sandboxes, over a line with faults, under a clock that the test moves.

The machine is on paper, see ``paper_machine.py``.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from werkzeug.test import EnvironBuilder

from tests.aws.afterwards import every_job_has_one_end_and_a_reason, nothing_is_left, the_ledger_is_ec2s
from tests.aws.aws_line import AwsLine
from tests.aws.emulator import ACCESS_KEY, REGION, Emulator
from tests.aws.functions import gateway_event
from tests.aws.home import MODEL, access_token, made_places
from tests.aws.image_cloud import promote_paper_images
from tests.aws.paper_machine import PaperMachine
from tests.aws.rights import API, API_FUNCTION, ROUTER, rights_of, settings_of
from tests.aws.sandboxes import ONE_LOOK_SECONDS, Sandboxes
from tests.builders import a_machine, a_new_job
from tests.contract.test_machine_host import a_spec
from tlfif.bootstrap.aws import aws_container
from tlfif.bootstrap.aws_settings import AwsSettings
from tlfif.jobs.jobs import Job
from tlfif.machines.machine import MachineRecord, MachineState
from tlfif.money.spend.spans import opened

T = TypeVar("T")
WAIT_SECONDS = 3600.0
MINUTE = 60.0
WHOLE_CALL_SECONDS = 60.0
YEAR = 365 * 86400
MOST_ROUNDS = 40
OF_TESTS = ("TLFIF_AWS_KEYS_URL", "TLFIF_AWS_MODEL")
ASK = {"prompt": "Hello", "model": MODEL, "max_tokens": 8}


@dataclass(frozen=True, slots=True)
class Told:
    """The API's answer."""

    status: int
    body: Any


class FunctionHome:
    """``line`` is between the functions and AWS, where each has its role's ``rights``; the test's own looks go past
    it."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.name = emulator.unique("home")
        places = made_places(emulator, self.name)
        self.line = AwsLine(emulator, kill=lambda: self._sandboxes.kill())
        self.settings = AwsSettings(AWS_REGION=REGION, **{key.lower(): value for key, value in places.items()})
        own = {f"TLFIF_AWS_{key}": value for key, value in places.items()}
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": ACCESS_KEY, "AWS_REGION": REGION}
        environment = {**keys, **own, "AWS_ENDPOINT_URL": self.line.url, "TLFIF_AWS_ISSUER": self.line.url}
        # Where the emulator is, and what the tests change, the stack does not write.
        environment["SANDBOX_OF_API"] = " ".join({*settings_of(API_FUNCTION), *OF_TESTS})
        self._environment, self._folder = environment, folder
        self._sandboxes = Sandboxes(environment, folder / "functions.log")
        self._runner = asyncio.Runner()
        here = self.settings.model_copy(update={"endpoint_url": emulator.endpoint})
        self._box = aws_container(here, session=emulator.session)
        self.machine = PaperMachine(self._box, emulator, run=self.run, now=self.now, instances=self.instances)
        self.ahead = 0.0
        self.rights = {role: rights_of(role) for role in (API, ROUTER)}
        self.used: dict[str, set[str]] = {role: set() for role in self.rights}

    def new(self) -> None:
        """Everything as on the first day. What the test before left running is ended."""
        self.line.begin(None)
        self.line.faults.clear()
        self.line.heard.clear()
        self.rights = {role: rights_of(role) for role in (API, ROUTER)}
        self.used = {role: set() for role in self.rights}
        self.line.nudges, self.line.deaf = 0, False
        self.ahead = 0.0
        places, aws = self.settings, self.emulator
        for table, create in ((places.jobs_table, aws.create_jobs_table), (places.state_table, aws.create_state_table)):
            aws.dynamodb.delete_table(TableName=table)
            create(table)
        promote_paper_images(aws, self.name, places.state_table)
        old = [one["InstanceId"] for one in self.instances()]
        if old:
            aws.ec2.terminate_instances(InstanceIds=old)
            aws.ec2.delete_tags(Resources=old, Tags=[{"Key": "tlfif:home"}])
        for name in self.schedules():
            aws.scheduler.delete_schedule(Name=name, GroupName=self.name)

    def close(self) -> None:
        """End the functions and the line."""
        self._sandboxes.close()
        self.line.close()
        if "_second_router" in self.__dict__:
            line, sandboxes = self._second_router
            sandboxes.close()
            line.close()
        self.run(self._box.close())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do ``work`` in the test's own loop."""
        return self._runner.run(work)

    def now(self) -> float:
        """The time that the functions and the machine have."""
        return time.time() + self.ahead

    # The functions

    def api(
        self, method: str, path: str, body: Any = None, *, key: str = "", lives: int | None = None, token: str = ""
    ) -> Told | None:
        """One request by Anna; None where its sandbox was killed."""
        headers = {"Authorization": f"Bearer {token or self.token()}"} | ({"Idempotency-Key": key} if key else {})
        content = b"" if body is None else json.dumps(body).encode()
        environ = EnvironBuilder(
            path, method=method, headers=headers, data=content, content_type="application/json" if content else None
        ).get_environ()
        self.line.begin(lives)
        self.line.rights, self.line.used = self.rights[API], self.used[API]
        ended = self._sandboxes.call("api", gateway_event(environ, content), ahead=self.ahead)
        self.ahead = ended.ahead
        if ended.killed:
            return None
        (told,) = ended.results
        raw = base64.b64decode(told["body"]) if told.get("isBase64Encoded") else told["body"]
        return Told(told["statusCode"], json.loads(raw) if raw else None)

    def token(self, user: str = "anna", **changed: Any) -> str:
        """A sign-in, valid for longer than any test."""
        return access_token(self.line.url, user, **{"exp": int(time.time()) + YEAR, **changed})

    def tick(
        self, *, lives: int | None = None, copies: int = 1, seconds: float = ONE_LOOK_SECONDS, **event: Any
    ) -> bool:
        """The minute's call of the router, in new sandboxes. False where one was killed."""
        self.line.begin(lives)
        self.line.rights, self.line.used = self.rights[ROUTER], self.used[ROUTER]
        order = event or {"source": "aws.events"}
        ended = self._sandboxes.call("router", order, ahead=self.ahead, seconds=seconds, copies=copies)
        self.ahead = ended.ahead
        return not ended.killed

    @contextmanager
    def router_within_reach(self) -> Iterator[None]:
        """For the length of the block an order of the API to the router is carried out, while the API waits: by a
        router with a line of its own, which dies with nobody."""
        line, sandboxes = self._second_router
        line.rights, line.used = self.rights[ROUTER], self.used[ROUTER]

        def carry_out(order: Mapping[str, Any]) -> object:
            (told,) = sandboxes.call("router", order, ahead=self.ahead).results
            return told

        self.line.router = carry_out
        try:
            yield
        finally:
            self.line.router = None

    @cached_property
    def _second_router(self) -> tuple[AwsLine, Sandboxes]:
        line = AwsLine(self.emulator, kill=lambda: None)
        return line, Sandboxes({**self._environment, "AWS_ENDPOINT_URL": line.url}, self._folder / "router.log")

    def submit(self, **more: Any) -> str:
        """A prompt is accepted; returns the job's id."""
        told = self.api("POST", "/v1/infer", ASK, **more)
        assert told is not None
        assert told.status == 202, told
        return str(told.body["job_id"])

    # What the functions would have done, where a test is about something later; a sixth of the time

    def stored(self, *, key: str | None = None) -> str:
        """A prompt of Anna's was accepted; returns the job's id."""
        job_id, now = self._box.ids.new_id("job"), self.now()
        job = a_new_job(
            job_id, key=key and f"anna/{key}", now=now, wait_seconds=WAIT_SECONDS, model=MODEL, owner="anna"
        )
        self.run(self._box.jobs.submit(job, now=now, max_queued=9))
        return job_id

    def launched(self, *, confirmed: bool = True) -> None:
        """A machine was launched; where it is not ``confirmed``, every answer was lost and its record is closed."""
        self.run(self._launched(confirmed=confirmed))

    async def _launched(self, *, confirmed: bool) -> None:
        box, now = self._box, self.now()
        record = a_machine(box.ids.new_id("machine"), model=MODEL, image=self.settings.image, created_at=now)
        assert await box.money.ledger.reserve(record.id, micros=100_000, headroom_micros=None)
        assert await box.machines.create_intent(record)
        handle = await box.host.launch(replace(a_spec(record.id), model=MODEL, image=record.image))
        if not confirmed:
            await box.machines.mark_ended(record.id, state=MachineState.BROKEN, reason="AWS did not answer", now=now)
            return
        await box.machines.commit_launch(record.id, handle=handle)
        told = await box.host.lifetime(handle)
        assert told is not None
        assert told.instance_type is not None
        assert told.began_at is not None
        at_ms = int(told.began_at * 1000)
        span = opened(machine_id=record.id, instance_type=told.instance_type, region=REGION, at_ms=at_ms)
        await box.money.ledger.open_span(span)

    # Looking

    def instances(self) -> list[dict[str, Any]]:
        """Every instance of the home as EC2 itself describes it."""
        ours = [{"Name": "tag:tlfif:home", "Values": [self.name]}]
        found = self.emulator.ec2.describe_instances(Filters=ours)["Reservations"]
        return [dict(one) for group in found for one in group["Instances"]]

    def schedules(self) -> list[str]:
        """The schedules of the dead man's switches that are set."""
        return [one["Name"] for one in self.emulator.scheduler.list_schedules(GroupName=self.name)["Schedules"]]

    def reverse_the_queue(self) -> None:
        """Its messages come in the order of yesterday's news: the last one first."""
        sqs, queue = self.emulator.sqs, self.settings.queue_url
        found: list[Any] = []
        while more := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            found += more
        for one in reversed(found):
            sqs.send_message(QueueUrl=queue, MessageBody=one["Body"])

    def jobs(self) -> list[Job]:
        """All jobs, newest first."""
        return list(self.run(self._box.jobs.list_jobs(limit=100)).jobs)

    def machines(self) -> list[MachineRecord]:
        """All machines, newest first."""
        return self.run(self._box.machines.history(limit=100))

    # Time goes by

    def settle(
        self,
        machine: Callable[[], object] | None = None,
        *,
        every: float = MINUTE,
        routers: int = 1,
        clock_off: float = 0.0,
        lives: int | None = None,
    ) -> None:
        """Time goes by, with a new router ``every`` so many seconds, until nothing moves any more.

        ``machine`` is what one that runs does in between; None: its work, and goes. ``routers`` look at once; their
        clocks are ``clock_off`` seconds off; each dies after as many changes as it has ``lives``.
        """
        for _ in range(MOST_ROUNDS):
            self.ahead += every + clock_off
            self.line.heard.clear()
            # Who frees what was set aside for a start that never was has to look for longer than a moment.
            in_order = self.machine.active() is not None or not self.run(self._box.money.ledger.state()).reserved
            seconds = ONE_LOOK_SECONDS if in_order else WHOLE_CALL_SECONDS
            whole = self.tick(seconds=seconds, copies=routers, lives=lives)
            assert whole or lives
            self.ahead -= clock_off
            if self.machine.record() is not None:
                (machine or self.machine.works)()
            elif whole and "TerminateInstances" not in self.line.heard and self._rests():
                return
        raise AssertionError((self.machines(), self.jobs(), self._sandboxes.log.read_text()[-2000:]))

    def _rests(self) -> bool:
        waits = any(not job.status.is_terminal for job in self.jobs())
        runs = any(one["State"]["Name"] != "terminated" for one in self.instances())
        state = self.run(self._box.money.ledger.state())
        return not (waits or runs or self.schedules() or state.reserved) and self.machine.active() is None

    def afterwards(self) -> list[Job]:
        """What must hold after every fault. Returns all jobs."""
        instances = self.instances()

        async def look() -> list[Job]:
            jobs = await every_job_has_one_end_and_a_reason(self._box)
            await nothing_is_left(self._box, instances, self.schedules())
            await the_ledger_is_ec2s(self._box.money.ledger, instances)
            return jobs

        return self.run(look())


@contextmanager
def a_function_home(emulator: Emulator, folder: Path) -> Iterator[FunctionHome]:
    """One for the length of the block."""
    home = FunctionHome(emulator, folder)
    try:
        yield home
    finally:
        home.close()
