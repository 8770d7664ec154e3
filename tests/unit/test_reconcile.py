"""The router's hands: what a tick does to stores and host, and that doing it twice does no harm."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from tests.builders import MODEL, T0, a_beat, a_machine, a_new_job, claim, submit
from tests.fakes.clock import FakeClock, FakeIds
from tests.fakes.machine_host import FakeMachineHost, Obedience
from tests.fakes.memory_job_store import MemoryJobStore
from tests.fakes.memory_machine_store import MemoryMachineStore
from tests.fakes.model_store import FakeModelStore
from tlfif.control.end_machine import end_machine
from tlfif.control.launched_image import LaunchedImage, LaunchImage
from tlfif.control.reconcile import CONFIRM_SECONDS, ORPHAN_AGE_SECONDS, HeartbeatWatch, Pace, Reconciler
from tlfif.control.scaling import Action, ActionKind
from tlfif.control.start_machine import start_machine
from tlfif.control.stop_machine import stop_machine
from tlfif.jobs.jobs import Job, JobStatus
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.errors import ImageError, InvalidInputError, MachineError, ModelError, StorageError
from tlfif.machines.machine import MachineRecord, MachineState
from tlfif.machines.machine_host import LaunchSpec, Lifetime
from tlfif.machines.policy import MachinePolicy


@dataclass(kw_only=True)
class World:
    """A control plane and everything it touches, in memory."""

    host: FakeMachineHost = field(default_factory=FakeMachineHost)
    models: FakeModelStore = field(default_factory=FakeModelStore)
    clock: FakeClock = field(default_factory=lambda: FakeClock(auto_advance=True))
    jobs: MemoryJobStore = field(default_factory=lambda: MemoryJobStore(FakeIds()))
    machines: MemoryMachineStore = field(default_factory=lambda: MemoryMachineStore(default_idle_timeout=300.0))
    ids: FakeIds = field(default_factory=FakeIds)
    policy: MachinePolicy = field(default_factory=MachinePolicy)

    def __post_init__(self) -> None:
        self.router = self.another_router()

    def another_router(self) -> Reconciler:
        """A control plane as a new process has it: it remembers nothing."""
        return Reconciler(
            jobs=self.jobs,
            machines=self.machines,
            models=self.models,
            host=self.host,
            clock=self.clock,
            ids=self.ids,
            job_policy=JobPolicy(),
            machine_policy=self.policy,
            image="embedded-1",
        )

    async def active(self) -> MachineRecord:
        record = await self.machines.active()
        assert record is not None
        return record

    async def latest(self) -> MachineRecord:
        record = await self.machines.latest()
        assert record is not None
        return record

    async def ready(self) -> MachineRecord:
        """A prompt's machine, launched and ready."""
        await submit(self.jobs)
        await self.router.tick()
        record = await self.active()
        await self.machines.heartbeat(a_beat(record.id), now=self.clock.now())
        await self.machines.heartbeat(a_beat(record.id, state=MachineState.READY, phase=None), now=self.clock.now())
        return await self.active()

    async def status(self, job_id: str = "job_1") -> JobStatus:
        return (await self.jobs.get(job_id)).status


@pytest.mark.parametrize(
    ("said", "by_host", "shown"),
    [
        ("no such file", "", ": no such file"),
        ("no such file", "Client.InternalError", ": no such file"),
        ("", "Client.InternalError", ": Client.InternalError"),
        ("", "", ""),
    ],
)
async def test_a_machine_that_told_nobody_why_it_ended_is_asked_for_its_last_words(
    said: str, by_host: str, shown: str
) -> None:
    world = World()

    async def last_words(machine_id: str) -> str:
        return said

    world.router.last_words = last_words
    await submit(world.jobs)
    await world.router.tick()
    (machine,) = world.host.existing
    machine.exists = False
    world.host.lifetimes[machine.handle] = Lifetime(last_words=by_host)
    await world.router.tick()
    assert (await world.latest()).reason == f"ended before it was ready{shown}"


async def test_nothing_to_do() -> None:
    world = World()
    assert await world.router.tick() is Pace.REST
    assert world.host.launches == 0


async def test_however_many_wait_and_tick_one_machine_starts() -> None:
    world = World()
    await submit(world.jobs, *(f"job_{n}" for n in range(9)))
    routers = [world.another_router() for _ in range(4)]
    busy = await asyncio.gather(*(router.tick() for router in routers))
    assert all(busy)
    for router in routers:
        await router.tick()
    assert world.host.launches == 1
    record = await world.active()
    assert record.handle == world.host.existing[0].handle
    assert record.state is MachineState.LAUNCHING


async def test_the_launch_carries_what_the_machine_needs() -> None:
    world = World()
    await world.machines.set_idle_timeout(77.0)
    await submit(world.jobs)
    await world.router.tick()
    (machine,) = world.host.machines
    assert machine.spec == LaunchSpec(
        machine_id=(await world.active()).id,
        model=MODEL,
        model_path=f"/models/{MODEL}.gguf",
        model_sha256="ab" * 32,
        context_tokens=2048,
        image="embedded-1",
        idle_timeout_seconds=77.0,
    )


@pytest.mark.parametrize(
    "fault",
    [
        ModelError("The file is damaged.", code="model_corrupt"),
        InvalidInputError("There is no file.", code="model_file_invalid"),
    ],
)
async def test_a_model_that_cannot_be_used_fails_its_prompts_and_lets_others_through(fault) -> None:
    world = World(models=FakeModelStore(faults={MODEL: fault}))
    await submit(world.jobs, "job_1", "job_2")
    await submit(world.jobs, "job_3", model="other")
    await world.router.tick()
    for job_id in ("job_1", "job_2"):
        job = await world.jobs.get(job_id)
        assert (job.status, job.error_code, job.error_message) == (JobStatus.FAILED, fault.code, fault.message)
    await world.router.tick()
    assert [m.spec.model for m in world.host.existing] == ["other"]


class Promoted(LaunchedImage):
    """A pointer as the test wants it."""

    def __init__(self, image: LaunchImage | None) -> None:
        self.image = image
        self.told: list[str] = []

    async def next(self) -> LaunchImage:
        if self.image is None:
            raise ImageError("The pointer was altered.", code="image_pointer_invalid")
        return self.image

    async def started(self, machine: MachineRecord) -> None:
        self.told.append(f"{machine.image} is good")

    async def broke(self, machine: MachineRecord, reason: str) -> str:
        self.told.append(f"{machine.image} broke")
        return "; rolled back"


async def test_a_machine_is_launched_from_the_promoted_image_and_tells_what_became_of_it() -> None:
    world = World()
    world.router.launched = promoted = Promoted(LaunchImage(version="v3", ref="v3", note="as a test"))
    record = await world.ready()
    assert (record.image, world.host.existing[0].spec.image_ref) == ("v3", "v3")
    assert record.start_reason == "started for 1 waiting prompt, as a test"
    await world.router.tick()
    assert promoted.told == ["v3 is good"]


async def test_a_machine_that_breaks_before_it_is_ready_ends_with_what_was_done_about_its_image() -> None:
    world = World()
    world.router.launched = promoted = Promoted(LaunchImage(version="v3", ref="v3"))
    await submit(world.jobs)
    await world.router.tick()
    world.host.machines[0].exists = False
    await world.router.tick()
    assert promoted.told == ["v3 broke"]
    assert (await world.latest()).reason == "ended before it was ready; rolled back"


@pytest.mark.parametrize(
    ("model", "code", "told"),
    [
        ("file:/models/mine.gguf", "model_unusable", []),
        ("file:/models/mine.gguf", "", ["v3 broke"]),
        ("stub", "model_unusable", ["v3 broke"]),
    ],
)
async def test_an_image_is_not_to_blame_for_a_persons_own_file(model: str, code: str, told: list[str]) -> None:
    world = World()
    world.router.launched = promoted = Promoted(None)
    broken = Action(kind=ActionKind.CONFIRM_ENDED, reason="broke", end_state=MachineState.BROKEN)
    machine = replace(a_machine(), model=model, code=code, image="v3")
    await world.router._told_of_image(machine, broken, "it cannot be loaded")
    assert promoted.told == told


async def test_an_altered_pointer_fails_the_prompts_that_wait() -> None:
    world = World()
    world.router.launched = Promoted(None)
    await submit(world.jobs)
    await world.router.tick()
    job = await world.jobs.get("job_1")
    assert (job.status, job.error_code) == (JobStatus.FAILED, "image_pointer_invalid")
    assert world.host.launches == 0


@pytest.mark.parametrize(
    ("code", "state", "failures", "pause"),
    [
        ("machine_failed", MachineState.BROKEN, 1, 2.0),
        ("no_capacity", MachineState.NO_CAPACITY, 0, 120.0),
        ("no_quota", MachineState.NO_QUOTA, 0, 900.0),
    ],
)
async def test_a_refused_launch_is_recorded_and_tried_again(
    code: str, state: MachineState, failures: int, pause: float
) -> None:
    world = World(host=FakeMachineHost(refusals=[MachineError("Refused.", code=code)]))
    await world.jobs.submit(a_new_job("job_1", wait_seconds=3600.0), now=T0, max_queued=10)
    await world.router.tick()
    record = await world.latest()
    assert (record.state, record.reason) == (state, "Refused.")
    assert await world.machines.failed_starts() == failures
    world.clock.advance(pause)
    await world.router.tick()
    assert len(world.host.existing) == 1
    assert await world.status() is JobStatus.QUEUED


async def test_a_host_that_always_refuses_fails_the_prompt_and_a_later_one_is_tried_anew() -> None:
    world = World(host=FakeMachineHost(refusals=[MachineError("Refused.")] * 3))
    await submit(world.jobs)
    for _ in range(60):
        await world.router.tick()
        world.clock.advance(1)
    job = await world.jobs.get("job_1")
    assert (job.status, job.error_code) == (JobStatus.FAILED, "machine_broken")
    assert world.host.launches == 3
    await submit(world.jobs, "job_2", now=world.clock.now())
    await world.router.tick()
    assert len(world.host.existing) == 1


async def test_a_machine_that_vanished_gives_its_jobs_back_at_once() -> None:
    world = World()
    record = await world.ready()
    await claim(world.jobs, worker_id=record.id)
    world.host.existing[0].exists = False
    await world.router.tick()
    assert (await world.latest()).ended_at is not None
    job = await world.jobs.get("job_1")
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 1)
    await world.router.tick()
    assert world.host.launches == 2
    assert len(world.host.existing) == 1


async def test_a_deaf_machine_is_forced() -> None:
    world = World(host=FakeMachineHost(obedience=Obedience.DEAF))
    record = await world.ready()
    await world.machines.mark_stopping(record.id, reason="stopped by you", now=world.clock.now())
    await world.router.tick()
    assert world.host.machines[0].forced == 0
    world.clock.advance(world.policy.stop_patience_seconds)
    await world.router.tick()
    assert world.host.machines[0].forced == 1
    await world.router.tick()
    ended = await world.latest()
    assert (ended.state, ended.reason) == (MachineState.OFF, "stopped by you")


async def test_life_is_shown_only_to_a_machine() -> None:
    world = World()
    await world.router.tick()
    assert world.machines._control_seen_at is None  # nothing is written while nothing runs
    record = await world.ready()
    world.clock.advance(5)
    await world.router.tick()
    told = await world.machines.heartbeat(a_beat(record.id), now=world.clock.now())
    assert told.control_seen_at == world.clock.now()


class TestAnIntentLeftBehind:
    """A control plane died between the intent and the handle."""

    async def left_behind(self, *, launched: bool) -> World:
        world = World()
        await submit(world.jobs)
        record = a_machine(created_at=world.clock.now())
        assert await world.machines.create_intent(record)
        if launched:
            spec = LaunchSpec(
                machine_id=record.id,
                model=MODEL,
                model_path="p",
                model_sha256=None,
                context_tokens=2048,
                image="embedded-1",
                idle_timeout_seconds=300.0,
            )
            await world.host.launch(spec)
        return world

    async def test_it_may_be_another_ones_launch_under_way(self) -> None:
        world = await self.left_behind(launched=False)
        await world.router.tick()
        world.clock.advance(CONFIRM_SECONDS - 0.1)
        await world.router.tick()
        assert world.host.launches == 0

    @pytest.mark.parametrize("launched", [True, False])
    async def test_the_launch_is_finished_under_the_same_id(self, launched: bool) -> None:
        world = await self.left_behind(launched=launched)
        world.clock.advance(CONFIRM_SECONDS)
        await world.router.tick()
        record = await world.active()
        assert record.id == "machine_1"
        assert [m.machine_id for m in world.host.existing] == ["machine_1"]
        assert record.handle == world.host.existing[0].handle

    async def test_a_clock_that_jumped_back_does_not_block_it(self) -> None:
        world = await self.left_behind(launched=False)
        world.clock.jump(-3600)
        await world.router.tick()
        assert (await world.active()).handle is not None

    @pytest.mark.parametrize("launched", [True, False])
    async def test_one_that_was_stopped_meanwhile_is_not_started(self, launched: bool) -> None:
        world = await self.left_behind(launched=launched)
        await stop_machine(requeue=True, jobs=world.jobs, machines=world.machines, host=world.host, clock=world.clock)
        for _ in range(4):
            world.clock.advance(CONFIRM_SECONDS)
            await world.router.tick()
        assert world.host.existing == []
        assert (await world.latest()).ended_at is not None
        assert world.host.launches == int(launched)

    async def test_one_that_lived_and_is_gone_is_closed(self) -> None:
        world = await self.left_behind(launched=True)
        await world.machines.heartbeat(a_beat("machine_1"), now=world.clock.now())
        world.host.existing[0].exists = False
        world.clock.advance(CONFIRM_SECONDS)
        await world.router.tick()
        assert (await world.machines.history(limit=9))[-1].ended_at is not None

    async def test_a_model_that_is_gone_closes_it(self) -> None:
        world = await self.left_behind(launched=False)
        world.models.faults[MODEL] = ModelError("Gone.", code="model_absent")
        world.clock.advance(CONFIRM_SECONDS)
        await world.router.tick()
        assert (await world.latest()).state is MachineState.BROKEN
        world.clock.advance(60)
        await world.router.tick()
        assert (await world.jobs.get("job_1")).error_code == "model_absent"


class TestOrphans:
    """Machines that carry our mark but belong to no open record."""

    @staticmethod
    async def stray(world: World, machine_id: str) -> str:
        return await world.host.launch(replace(TestOrphans.SPEC, machine_id=machine_id))

    SPEC = LaunchSpec(
        machine_id="",
        model=MODEL,
        model_path="p",
        model_sha256=None,
        context_tokens=2048,
        image="embedded-1",
        idle_timeout_seconds=300.0,
    )

    @pytest.mark.requirement("3.6.5")
    async def test_seen_once_suspected_seen_twice_ended(self) -> None:
        world = World()
        handle = await self.stray(world, "machine_lost")
        assert await world.router.sweep_orphans() == []
        assert await world.host.alive(handle)
        assert await world.router.sweep_orphans() == [handle]
        assert not await world.host.alive(handle)
        assert await world.router.sweep_orphans() == []

    async def test_our_own_is_no_orphan(self) -> None:
        world = World()
        await world.ready()
        stray = await self.stray(world, "machine_lost")
        await world.router.sweep_orphans()
        assert await world.router.sweep_orphans() == [stray]
        assert len(world.host.existing) == 1

    async def test_what_ended_by_itself_is_forgotten(self) -> None:
        world = World()
        await self.stray(world, "machine_a")
        await world.router.sweep_orphans()
        world.host.existing[0].exists = False
        second = await self.stray(world, "machine_b")
        assert await world.router.sweep_orphans() == []
        assert await world.router.sweep_orphans() == [second]

    async def test_one_whose_record_is_closed(self) -> None:
        world = World(host=FakeMachineHost(obedience=Obedience.DEAF))
        record = await world.ready()
        await world.jobs.request_cancel("job_1", reason="x", now=T0)
        await world.machines.mark_ended(record.id, state=MachineState.OFF, reason="by mistake", now=T0)
        await world.router.sweep_orphans()
        assert await world.router.sweep_orphans() == [world.host.machines[0].handle]

    async def test_one_that_was_thought_never_to_have_started_is_in_its_record(self) -> None:
        """So that its time is metered, which somebody pays for."""
        world = World()
        await world.machines.create_intent(a_machine("machine_1"))
        await world.machines.mark_ended("machine_1", state=MachineState.BROKEN, reason="no answer", now=T0)
        handle = await self.stray(world, "machine_1")
        await world.router.sweep_orphans()
        assert await world.router.sweep_orphans() == [handle]
        (record,) = await world.machines.history(limit=5)
        assert (record.handle, record.state, record.reason) == (handle, MachineState.BROKEN, "no answer")

    async def test_a_store_that_fails_keeps_nothing_from_its_end(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        world = World()
        handle = await self.stray(world, "machine_1")

        async def fails(machine_id: str, *, handle: str) -> None:
            raise StorageError("The disk is full.")

        monkeypatch.setattr(world.machines, "commit_launch", fails)
        await world.router.sweep_orphans()
        assert await world.router.sweep_orphans() == [handle]
        assert not await world.host.alive(handle)
        assert "will not be metered" in caplog.text


class TestAPerson:
    """What the buttons do."""

    async def stop(self, world: World, *, requeue: bool):
        return await stop_machine(
            requeue=requeue, jobs=world.jobs, machines=world.machines, host=world.host, clock=world.clock
        )

    async def start(self, world: World) -> bool:
        return await start_machine(None, world.router)

    @pytest.mark.parametrize("write", ["set_held", "mark_stopping"])
    async def test_a_full_disk_keeps_no_machine_running(self, write: str, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        await world.ready()

        async def full(*_: object, **__: object) -> None:
            raise StorageError("The disk is full.", details={"reason": "disk_full"})

        monkeypatch.setattr(world.machines, write, full)
        with pytest.raises(StorageError, match="The machine was ended, but that could not be stored") as told:
            await self.stop(world, requeue=False)
        assert told.value.details["reason"] == "disk_full"
        assert world.host.existing == []

    async def test_stop_now(self) -> None:
        world = World()
        record = await world.ready()
        await claim(world.jobs, worker_id=record.id, limit=1)
        await submit(world.jobs, *(f"more_{n}" for n in range(150)))
        result = await self.stop(world, requeue=False)
        assert result.was_running
        assert len(result.cancelled) == 151
        assert world.host.existing == []
        assert {await world.status(job_id) for job_id in result.cancelled} == {JobStatus.CANCELLED}
        await world.router.tick()
        ended = await world.latest()
        assert (ended.state, ended.reason) == (MachineState.OFF, "stopped by you")
        assert await world.router.tick() is Pace.REST

    async def test_the_machine_is_asked_before_the_prompts_are_cancelled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A function on AWS may end in the middle of a thousand: what costs money is over by then, and stays so."""
        world = World()
        record = await world.ready()
        await claim(world.jobs, worker_id=record.id, limit=1)
        await submit(world.jobs, "more_1")

        async def killed(job_id: str, *, reason: str, now: float) -> Job:
            assert not await world.host.alive(record.handle or "")
            raise StorageError(f"{job_id}, {reason}, {now}")

        with monkeypatch.context() as patched:
            patched.setattr(world.jobs, "request_cancel", killed)
            with pytest.raises(StorageError):
                await self.stop(world, requeue=False)
        for _ in range(3):
            await world.router.tick()
        assert world.host.launches == 1, "the prompts that are left start nothing"
        await self.stop(world, requeue=False)
        assert {await world.status(job_id) for job_id in ("job_1", "more_1")} == {JobStatus.CANCELLED}
        assert not await world.machines.held()

    async def test_stop_and_keep(self) -> None:
        world = World()
        record = await world.ready()
        await claim(world.jobs, worker_id=record.id)
        assert (await self.stop(world, requeue=True)).requeued == ("job_1",)
        for _ in range(3):
            await world.router.tick()
        assert world.host.launches == 1
        assert await world.status() is JobStatus.QUEUED
        assert await self.start(world)
        assert world.host.launches == 2

    @pytest.mark.parametrize(("requeue", "status"), [(True, JobStatus.QUEUED), (False, JobStatus.CANCELLED)])
    async def test_a_stop_while_a_large_model_file_is_read_starts_nothing(
        self, requeue: bool, status: JobStatus
    ) -> None:
        world = World()
        await submit(world.jobs)
        world.models.while_reading = lambda: self.stop(world, requeue=requeue)
        await world.router.tick()
        assert await world.machines.history(limit=1) == []
        assert world.host.launches == 0
        assert await world.status() is status
        world.models.while_reading = None
        await world.router.tick()
        assert world.host.launches == 0
        assert await self.start(world)

    async def test_stop_where_nothing_runs(self) -> None:
        world = World()
        assert not (await self.stop(world, requeue=False)).was_running

    async def test_start_twice(self) -> None:
        world = World()
        assert await asyncio.gather(self.start(world), self.start(world)) in ([True, False], [False, True])
        assert not await self.start(world)
        assert world.host.launches == 1

    async def test_start_forgets_failures(self) -> None:
        world = World(host=FakeMachineHost(refusals=[MachineError("Refused.")] * 2))
        await submit(world.jobs)
        await world.router.tick()
        with pytest.raises(MachineError):
            await self.start(world)
        assert await world.machines.failed_starts() == 1, "the one before was forgiven"


class TestTheServerEnds:
    async def test_without_a_machine(self) -> None:
        assert await end_machine(World().router, reason="the server was stopped", limit_seconds=10)

    async def test_with_one_that_obeys(self) -> None:
        world = World()
        await world.ready()
        assert await end_machine(world.router, reason="the server was stopped", limit_seconds=10)
        assert await world.machines.active() is None
        assert world.host.machines[0].asked == 1
        assert world.host.launches == 1, "the waiting prompt starts nothing any more"

    async def test_with_one_that_does_not(self) -> None:
        world = World(host=FakeMachineHost(obedience=Obedience.DEAF))
        await world.ready()
        assert await end_machine(world.router, reason="the server was stopped", limit_seconds=10)
        assert (world.host.machines[0].asked, world.host.machines[0].forced) == (1, 1)

    async def test_with_one_that_nothing_ends(self) -> None:
        world = World(policy=MachinePolicy(stop_patience_seconds=1e6), host=FakeMachineHost(obedience=Obedience.DEAF))
        await world.ready()
        assert not await end_machine(world.router, reason="the server was stopped", limit_seconds=10)


def test_the_age_of_a_heartbeat_is_measured_by_change() -> None:
    watch = HeartbeatWatch()
    beaten = replace(a_machine(), heartbeat_at=T0)
    assert watch.age(None, 5.0) is None
    assert watch.age(a_machine(), 10.0) is None, "before the first"
    assert watch.age(beaten, 20.0) == 0.0
    assert watch.age(beaten, 50.0) == 30.0
    assert watch.age(replace(beaten, heartbeat_at=T0 - 600), 51.0) == 0.0, "the clock jumped back: still a new one"
    assert watch.age(replace(beaten, id="machine_2"), 60.0) == 0.0


@pytest.mark.requirement("3.3.2")
async def test_a_prompt_that_waited_too_long_expires_without_a_machine() -> None:
    world = World()
    await world.machines.set_held(True)
    await world.jobs.submit(a_new_job(wait_seconds=60), now=T0, max_queued=9)
    await world.router.tick()
    assert await world.status() is JobStatus.QUEUED
    world.clock.advance(61)
    await world.router.tick()
    assert await world.status() is JobStatus.EXPIRED


class TestAHostThatIsFarAway:
    """A cloud shows new machines late, and does not always answer."""

    async def test_a_machine_that_is_not_shown_yet_is_not_gone(self) -> None:
        world = World()
        await submit(world.jobs)
        await world.router.tick()
        handle = world.host.machines[0].handle
        world.host.invisible.add(handle)
        world.clock.advance(world.policy.unseen_limit_seconds - 1)
        await world.router.tick()
        assert (await world.active()).state is MachineState.LAUNCHING
        assert world.host.launches == 1
        world.clock.advance(2)
        await world.router.tick()
        assert await world.machines.active() is None
        assert (await world.latest()).state is MachineState.BROKEN

    async def test_a_host_that_does_not_answer_has_not_said_gone(self) -> None:
        world = World()
        record = await world.ready()
        world.host.silent = True
        world.clock.advance(10)
        await world.router.tick()
        assert (await world.active()).id == record.id

    async def test_an_order_that_is_not_taken_is_given_again(self) -> None:
        world = World(host=FakeMachineHost(obedience=Obedience.DEAF))
        record = await world.ready()
        world.host.silent = True
        result = await stop_machine(
            requeue=False, jobs=world.jobs, machines=world.machines, host=world.host, clock=world.clock
        )
        assert result.was_running
        assert await world.status() is JobStatus.CANCELLED
        world.clock.advance(world.policy.stop_patience_seconds + 1)
        await world.router.tick()
        assert (await world.active()).id == record.id
        world.host.silent = False
        await world.router.tick()
        await world.router.tick()
        assert await world.machines.active() is None

    async def test_an_old_stray_is_ended_at_first_sight(self) -> None:
        world = World()
        young = await TestOrphans.stray(world, "machine_young")
        old = await TestOrphans.stray(world, "machine_old")
        now = world.clock.now()
        world.host.lifetimes[young] = Lifetime(began_at=now - ORPHAN_AGE_SECONDS + 1)
        world.host.lifetimes[old] = Lifetime(began_at=now - ORPHAN_AGE_SECONDS - 1)
        assert await world.router.sweep_orphans() == [old]

    async def test_a_second_machine_of_the_same_record_is_ended(self) -> None:
        world = World()
        record = await world.ready()
        first = world.host.machines[0]
        double = replace(first, handle="double:0.000", spec=first.spec)
        world.host.machines.append(double)
        now = world.clock.now()
        for one in (first, double):
            world.host.lifetimes[one.handle] = Lifetime(began_at=now)
        await world.router.sweep_orphans()
        assert await world.router.sweep_orphans() == [double.handle]
        assert (await world.active()).handle == record.handle == first.handle

    @pytest.mark.parametrize(("apart", "limit"), [(900.0, 960.0), (None, 10**6)])
    async def test_a_silent_machine_is_ended_by_routers_that_never_watched(
        self, apart: float | None, limit: float
    ) -> None:
        """On AWS each tick may come to a new process. Where machine and router share one clock, which may jump, what
        was not watched does not count."""
        world = World(policy=MachinePolicy(clocks_apart_seconds=apart, max_run_seconds=10**7))
        await world.ready()
        world.clock.advance(limit - 1.0)
        await world.another_router().tick()
        assert (await world.active()).state is MachineState.READY
        world.clock.advance(2.0)
        await world.another_router().tick()
        assert ((await world.active()).state is MachineState.READY) is (apart is None)
