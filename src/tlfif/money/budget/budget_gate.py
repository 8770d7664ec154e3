"""Enforces the owner's monthly limit: before a start, before a prompt is accepted, and while a machine runs."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from tlfif.jobs.job_store import JobStore
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import BudgetLockedError, MachineError
from tlfif.machines.machine import Situation, estimate_ready_seconds
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.money.billing_month import Month
from tlfif.money.budget import budget as rules
from tlfif.money.budget.budget import Budget, BudgetLock, BudgetState, Headroom, Reservation, StartDecision
from tlfif.money.budget.budget_ledger import BudgetLedger, BudgetLedgerState
from tlfif.money.budget.budget_limit import check_limit
from tlfif.money.money import MicroUsd
from tlfif.money.prices.pricing import Pricing
from tlfif.money.spend.spans import WORK_PREFIX
from tlfif.money.spend.tariff import Tariff
from tlfif.money.spend.totals import Spending, Totals

HISTORY_STARTS = 5
HISTORY_ANSWERS = 50
ANSWER_FACTOR = 2.0
"""The longest answer is assumed to take this many times the longest of the last 50."""
SHORTEST_ANSWER_SECONDS = 10.0
"""And never less than this; without any history it is the time that a draining machine is given."""
RELEASE_PERCENT = 125
"""A release adds the cost of one start, times this."""
KNOWN_SECONDS = 60.0
"""For every prompt the longest answer is needed: a value this old is good enough. The reservation of a start reads it
again."""
TICK_SECONDS = 5.0
"""The longest time between two ticks of the router; the lock comes that much earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """The budget's status now: what a person set, the month's headroom, and what a start would reserve."""

    budget: Budget
    headroom: Headroom
    start: Reservation


@dataclass(slots=True, kw_only=True)
class BudgetGate:
    """One home's budget. ``tariff`` None: this computer, which costs nothing, so only practice mode can lock;
    ``simulated`` is the tariff of practice mode."""

    ledger: BudgetLedger
    totals: Totals
    pricing: Pricing
    jobs: JobStore
    machines: MachineStore
    clock: Clock
    image: str
    job_policy: JobPolicy
    machine_policy: MachinePolicy
    tariff: Tariff | None
    simulated: Tariff
    tick_seconds: float = TICK_SECONDS

    _lock_seen: tuple[int, float] | None = None
    _longest_seen: tuple[float, float] | None = None

    async def status(self) -> BudgetStatus:
        """The budget's status now. Raises StorageError."""
        state = await self.ledger.state()
        headroom, _ = await self._headroom(state)
        return BudgetStatus(budget=state.budget, headroom=headroom, start=await self._reservation(state.budget))

    async def check_admission(self, *, max_queued: int) -> int:
        """How many prompts may wait: ``max_queued``, or fewer where the headroom is too small for more answers.

        0 under a lock, or where no start fits: only prompts that are stored already are answered then;
        :meth:`too_many_waiting` gives the reason for refusing a new one. Raises StorageError.
        """
        state = await self.ledger.state()
        if self._unlimited(state.budget):
            return max_queued
        headroom, spending = await self._headroom(state)
        if headroom.state is BudgetState.LOCKED or headroom.limit is None:
            return 0
        reservation = await self._reservation(state.budget, known_seconds=KNOWN_SECONDS)
        if _has_machine(state, spending):
            # Enough must be left to end the machine, whatever the prompts have used up.
            kept = max(headroom.committed, self._wind_down(spending))
            more = rules.answers_in_headroom(headroom.limit - headroom.spent - kept, reservation.answer)
            running = (await self.jobs.counts()).running if more is not None and more < max_queued else 0
        else:
            if not rules.headroom_for_start(headroom, reservation).ok:
                return 0
            more = rules.answers_in_headroom((headroom.free or 0) - reservation.total, reservation.answer)
            running = 0
        # The start's own reservation covers the first answer.
        return max_queued if more is None else max(0, min(max_queued, more + 1 - running))

    async def too_many_waiting(self, waiting: int) -> BudgetLockedError:
        """Why no more than ``waiting`` prompts may wait, although the queue is not full. Raises StorageError."""
        state = await self.ledger.state()
        headroom, spending = await self._headroom(state)
        decision = rules.no_headroom_for_answer(headroom, waiting)
        if headroom.state is BudgetState.LOCKED or not _has_machine(state, spending):
            start = rules.headroom_for_start(headroom, await self._reservation(state.budget))
            decision = decision if start.ok else start
        return _refused(decision, headroom)

    async def reserve(self, machine_id: str) -> None:
        """Reserve what a start may cost.

        Raises BudgetLockedError with the figures; MachineError where another start has just reserved the rest: this
        start is not needed, and no prompt fails because of it. StorageError.
        """
        state = await self.ledger.state()
        if self._unlimited(state.budget):
            return
        headroom, _ = await self._headroom(state)
        reservation = await self._reservation(state.budget)
        decision = rules.headroom_for_start(headroom, reservation)
        within = None if headroom.limit is None else headroom.limit - headroom.spent
        if decision.ok and await self.ledger.reserve(machine_id, micros=reservation.total, headroom_micros=within):
            return
        alone = within is not None and reservation.total <= within
        by_a_start = any(not id_.startswith(WORK_PREFIX) for id_ in state.reserved)
        if decision.ok or (alone and by_a_start and headroom.state is not BudgetState.LOCKED):
            raise MachineError("Another start is under way; it has reserved what is left of the month's budget.")
        raise _refused(decision, headroom)

    async def reserve_work(self, work: Mapping[str, MicroUsd], *, what: str) -> None:
        """Reserve for ``what`` (for the owner) what each part of ``work`` may cost, by its id. Raises BudgetLockedError
        with the figures, and has reserved nothing then; StorageError."""
        state = await self.ledger.state()
        if self._unlimited(state.budget):
            return
        headroom, _ = await self._headroom(state)
        within = None if headroom.limit is None else headroom.limit - headroom.spent
        needed = sum(micros for id_, micros in work.items() if id_ not in state.reserved)
        if headroom.state is BudgetState.LOCKED or (headroom.free is not None and needed > headroom.free):
            raise _refused(rules.no_headroom_for_work(headroom, needed, what=what), headroom)
        for id_, micros in work.items():
            if not await self.ledger.reserve(id_, micros=micros, headroom_micros=within):
                for other in work:
                    await self.ledger.release(other)
                raise _refused(rules.no_headroom_for_work(headroom, needed, what=what), headroom)

    async def check_unlocked(self) -> None:
        """Raises BudgetLockedError where the budget is locked, with what is spent and what to do; StorageError."""
        state = await self.ledger.state()
        if self._unlimited(state.budget):
            return
        headroom, _ = await self._headroom(state)
        if headroom.state is BudgetState.LOCKED:
            raise _refused(rules.headroom_for_start(headroom, await self._reservation(state.budget)), headroom)

    async def release_reservation(self, machine_id: str) -> None:
        """Release the reservation of a start that failed. Raises StorageError."""
        await self.ledger.release(machine_id)

    async def watch(self) -> BudgetLock | None:
        """Lock the budget if the limit is reached. Returns the lock in force; None while there is none.

        Raises StorageError.
        """
        state = await self.ledger.state()
        if self._unlimited(state.budget):
            return None
        headroom, spending = await self._headroom(state)
        budget, now_ms = state.budget, self.totals.now_ms()
        reached = bool(spending.running) and rules.must_lock(headroom.spent, self._wind_down(spending), headroom.limit)
        if reached or headroom.state is BudgetState.LOCKED:  # standing costs alone may reach the limit, too
            budget = rules.lock(budget, headroom.month, now_ms)
        # What a person has set meanwhile is not overwritten; the next tick checks it.
        if budget != state.budget and not await self.ledger.set_budget(budget, instead_of=state.budget):
            return None
        if budget.locked_at_ms is None or budget.lock_month != headroom.month:
            self._lock_seen = None
            return None
        return BudgetLock(seconds=self._locked_seconds(budget.locked_at_ms, now_ms), simulated_aws=budget.simulated_aws)

    def _locked_seconds(self, locked_at_ms: int, now_ms: int) -> float:
        """Seconds since the lock, by the clock that does not jump once this process has seen the lock."""
        monotonic = self.clock.monotonic()
        if self._lock_seen is None or self._lock_seen[0] != locked_at_ms:
            self._lock_seen = (locked_at_ms, monotonic - max(0.0, (now_ms - locked_at_ms) / 1000))
        return monotonic - self._lock_seen[1]

    def _wind_down_seconds(self) -> float:
        return rules.DRAIN_SECONDS + self.machine_policy.stop_patience_seconds + self.tick_seconds

    def _wind_down(self, spending: Spending) -> MicroUsd:
        return rules.wind_down_cost(spending.per_hour, self._wind_down_seconds())

    async def set_limit(self, limit: object, *, simulated_aws: bool) -> BudgetStatus:
        """A person sets the limit in EUR per month, or None for no limit.

        Raises InvalidInputError ``budget_invalid``.
        """
        checked = None if limit is None else check_limit(limit)
        state = await self.ledger.state()
        spending = await self.totals.spending(self.simulated if simulated_aws else self.tariff, state=state)
        changed = rules.with_limit(
            state.budget,
            checked,
            spending.total,
            simulated_aws=simulated_aws,
            rate=await self.pricing.rate(),
            month=Month.of(self.totals.now_ms()),
            now_ms=self.totals.now_ms(),
        )
        await self.ledger.set_budget(changed)
        return await self.status()

    async def unlock(self) -> BudgetStatus:
        """A person releases the lock for the rest of the month, up to a higher limit; where nothing is locked but no
        start fits, adds enough for one. Raises StorageError."""
        status = await self.status()
        budget = status.budget
        if not rules.headroom_for_start(status.headroom, status.start).ok:
            budget = rules.lock(budget, status.headroom.month, self.totals.now_ms())
        changed = rules.release(
            budget,
            status.headroom.spent,
            rate=status.headroom.rate,
            month=status.headroom.month,
            now_ms=self.totals.now_ms(),
            # In addition to the reservation of a machine that is still ending, and with a margin for estimates that
            # grow.
            reservation_micros=status.headroom.committed + status.start.total * RELEASE_PERCENT // 100,
        )
        if changed != status.budget:
            await self.ledger.set_budget(changed)
        return await self.status()

    def _unlimited(self, budget: Budget) -> bool:
        """Nothing to enforce: no limit, or this computer without practice mode, where nothing is charged."""
        return budget.limit_eur is None or (self.tariff is None and not budget.simulated_aws)

    def _tariff(self, budget: Budget) -> Tariff:
        return self.simulated if budget.simulated_aws or self.tariff is None else self.tariff

    async def _headroom(self, state: BudgetLedgerState) -> tuple[Headroom, Spending]:
        tariff = self.simulated if state.budget.simulated_aws else self.tariff
        spending = await self.totals.spending(tariff, state=state)
        committed = 0
        if tariff is not None:
            committed = sum(max(0, kept - spending.running.get(id_, 0)) for id_, kept in state.reserved.items())
        now_ms = self.totals.now_ms()
        headroom = rules.verdict(
            state.budget, spending.total, committed, await self.pricing.rate(), Month.of(now_ms), now_ms
        )
        return headroom, spending

    async def _reservation(self, budget: Budget, *, known_seconds: float = 0.0) -> Reservation:
        tariff, book, now_ms = self._tariff(budget), await self.pricing.book(), self.totals.now_ms()
        # At the same time, because a person waits for it.
        (situation, boot_seconds), answer_seconds = await asyncio.gather(
            self.expected_start(), self._longest_answer_seconds(known_seconds)
        )
        return rules.start_reservation(
            tariff.dearest_hourly(book, at_ms=now_ms),
            boot_seconds=boot_seconds,
            idle_seconds=situation.idle_timeout_seconds or self.machine_policy.idle_timeout_seconds,
            answer_seconds=answer_seconds,
            once_micros=tariff.once(book, at_ms=now_ms),
            ending_seconds=self._wind_down_seconds(),
        )

    async def expected_start(self) -> tuple[Situation, float]:
        """The machine's situation, and the seconds that a start is expected to take. Raises StorageError."""
        situation = await self.machines.situation()
        latest = situation.latest  # the next machine is likely to be launched from the same image
        model, image = ("", self.image) if latest is None else (latest.model, latest.image)
        timings = await self.machines.phase_timings(model=model, image=image, limit=HISTORY_STARTS)
        expected = self.machine_policy.expected_phase_seconds
        return situation, estimate_ready_seconds(phase=None, elapsed=0.0, history=timings, expected=expected)

    async def _longest_answer_seconds(self, known_seconds: float) -> float:
        now = self.clock.monotonic()
        if self._longest_seen is not None and now - self._longest_seen[0] < known_seconds:
            return self._longest_seen[1]
        times = await self.jobs.answer_times(limit=HISTORY_ANSWERS)
        took = [time.finished_at - time.started_at for time in times if time.finished_at is not None]
        longest = max(took, default=rules.DRAIN_SECONDS / ANSWER_FACTOR)
        seconds = min(self.job_policy.run_limit_seconds, max(SHORTEST_ANSWER_SECONDS, longest * ANSWER_FACTOR))
        self._longest_seen = (now, seconds)
        return seconds


def _has_machine(state: BudgetLedgerState, spending: Spending) -> bool:
    """Whether a machine runs or is being started; what builds images answers nobody."""
    return any(not id_.startswith(WORK_PREFIX) for id_ in (*state.reserved, *spending.running))


def _refused(decision: StartDecision, headroom: Headroom) -> BudgetLockedError:
    return BudgetLockedError(
        decision.message,
        code=decision.code,
        details={
            "spent_micros": headroom.spent,
            "limit_micros": headroom.limit,
            "free_micros": headroom.free,
            "simulated_aws": headroom.simulated_aws,
            "as_if_aws": headroom.simulated_aws,
        },
    )
