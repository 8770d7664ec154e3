"""Holds the owner's monthly limit: before a start, before a prompt is taken, and while a machine runs."""

import asyncio
from dataclasses import dataclass

from tlfif.jobs.job_store import JobStore
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import BudgetLockedError, MachineError
from tlfif.machines.machine import PhaseTiming, Situation, estimate_ready_seconds
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.policy import MachinePolicy
from tlfif.money.billing_month import Month
from tlfif.money.budget import budget as rules
from tlfif.money.budget.budget import Budget, BudgetLock, BudgetState, Reservation, Room, StartDecision
from tlfif.money.budget.budget_ledger import BudgetLedger, BudgetLedgerState
from tlfif.money.budget.budget_limit import check_limit
from tlfif.money.money import MicroUsd
from tlfif.money.prices.pricing import Pricing
from tlfif.money.spend.tariff import Tariff
from tlfif.money.spend.totals import Spending, Totals

HISTORY_STARTS = 5
HISTORY_ANSWERS = 50
ANSWER_FACTOR = 2.0
"""The longest answer is taken to be this many times the longest of the last 50."""
SHORTEST_ANSWER_SECONDS = 10.0
"""And never shorter than this; without any history it is the time a draining machine is given."""
RELEASE_PERCENT = 125
"""A release makes room for one start, and so much of it."""
KNOWN_SECONDS = 60.0
"""With every prompt the longest answer is asked for: what was found this long ago is good enough for that. A start's
own reservation looks anew."""
LOOK_SECONDS = 5.0
"""How far apart the router's looks may be; the lock comes that much earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The budget now: what a person set, and where the month stands."""

    budget: Budget
    room: Room
    start: Reservation


@dataclass(slots=True, kw_only=True)
class BudgetGate:
    """One home's budget. ``tariff`` None: this computer, where real cost is nothing and only a rehearsal can lock;
    ``as_if`` is what the rehearsal is priced by."""

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
    as_if: Tariff
    look_seconds: float = LOOK_SECONDS

    _lock_seen: tuple[int, float] | None = None
    _longest_seen: tuple[float, float] | None = None

    async def standing(self) -> Standing:
        """The budget with its month. Raises StorageError."""
        state = await self.ledger.state()
        room, _ = await self._room(state)
        return Standing(budget=state.budget, room=room, start=await self._reservation(state.budget))

    async def check_admission(self, *, max_queued: int) -> int:
        """How many prompts may wait: ``max_queued``, or fewer where the budget has no room for more answers.

        0 under a lock, or where no start fits: only a prompt that is stored already is answered then; for a new one
        :meth:`too_many_waiting` says why. Raises StorageError.
        """
        state = await self.ledger.state()
        if self._is_free(state.budget):
            return max_queued
        room, spending = await self._room(state)
        if room.state is BudgetState.LOCKED or room.limit is None:
            return 0
        reservation = await self._reservation(state.budget, known_seconds=KNOWN_SECONDS)
        if state.reserved or spending.running:
            # What ends the machine in order must be left, whatever the prompts have used up.
            kept = max(room.committed, self._wind_down(spending))
            more = rules.answers_in_room(room.limit - room.spent - kept, reservation.answer)
            running = (await self.jobs.counts()).running if more is not None and more < max_queued else 0
        else:
            if not rules.room_for_start(room, reservation).ok:
                return 0
            more = rules.answers_in_room((room.free or 0) - reservation.total, reservation.answer)
            running = 0
        # The start's own reservation covers the first answer.
        return max_queued if more is None else max(0, min(max_queued, more + 1 - running))

    async def too_many_waiting(self, waiting: int) -> BudgetLockedError:
        """Why no more than ``waiting`` prompts may wait, although the queue has room. Raises StorageError."""
        state = await self.ledger.state()
        room, spending = await self._room(state)
        decision = rules.no_room_for_answer(room, waiting)
        if room.state is BudgetState.LOCKED or not (state.reserved or spending.running):
            start = rules.room_for_start(room, await self._reservation(state.budget))
            decision = decision if start.ok else start
        return _refused(decision, room)

    async def reserve(self, machine_id: str) -> None:
        """Set aside what a start may cost.

        Raises BudgetLockedError with the figures; MachineError where another start has just set the rest aside: this
        one is not needed, and no prompt fails for it. StorageError.
        """
        state = await self.ledger.state()
        if self._is_free(state.budget):
            return
        room, _ = await self._room(state)
        reservation = await self._reservation(state.budget)
        decision = rules.room_for_start(room, reservation)
        within = None if room.limit is None else room.limit - room.spent
        if decision.ok and await self.ledger.reserve(machine_id, micros=reservation.total, room_micros=within):
            return
        alone = within is not None and reservation.total <= within
        if decision.ok or (alone and room.state is not BudgetState.LOCKED):
            raise MachineError("Another start is under way; it has set aside what is left of the month's budget.")
        raise _refused(decision, room)

    async def check_unlocked(self) -> None:
        """Raises BudgetLockedError where the budget is locked, with what is spent and what to press; StorageError."""
        state = await self.ledger.state()
        if self._is_free(state.budget):
            return
        room, _ = await self._room(state)
        if room.state is BudgetState.LOCKED:
            raise _refused(rules.room_for_start(room, await self._reservation(state.budget)), room)

    async def release(self, machine_id: str) -> None:
        """The start came to nothing. Raises StorageError."""
        await self.ledger.release(machine_id)

    async def watch(self) -> BudgetLock | None:
        """Lock where the limit is reached. The lock that holds now; None while nothing is locked.

        Raises StorageError.
        """
        state = await self.ledger.state()
        if self._is_free(state.budget):
            return None
        room, spending = await self._room(state)
        budget, now_ms = state.budget, self.totals.now_ms()
        reached = bool(spending.running) and rules.must_lock(room.spent, self._wind_down(spending), room.limit)
        if reached or room.state is BudgetState.LOCKED:  # a limit reached by standing costs is a lock, too
            budget = rules.lock(budget, room.month, now_ms)
        # What a person has set meanwhile is not overwritten; the next tick looks at that.
        if budget != state.budget and not await self.ledger.set_budget(budget, instead_of=state.budget):
            return None
        if budget.locked_at_ms is None or budget.lock_month != room.month:
            self._lock_seen = None
            return None
        return BudgetLock(seconds=self._locked_seconds(budget.locked_at_ms, now_ms), as_if_aws=budget.as_if_aws)

    def _locked_seconds(self, locked_at_ms: int, now_ms: int) -> float:
        """Since the lock, by the clock that does not jump once this process has seen it."""
        monotonic = self.clock.monotonic()
        if self._lock_seen is None or self._lock_seen[0] != locked_at_ms:
            self._lock_seen = (locked_at_ms, monotonic - max(0.0, (now_ms - locked_at_ms) / 1000))
        return monotonic - self._lock_seen[1]

    def _wind_down_seconds(self) -> float:
        return rules.DRAIN_SECONDS + self.machine_policy.stop_patience_seconds + self.look_seconds

    def _wind_down(self, spending: Spending) -> MicroUsd:
        return rules.wind_down_cost(spending.per_hour, self._wind_down_seconds())

    async def set_limit(self, limit: object, *, as_if_aws: bool) -> Standing:
        """A person sets the limit in EUR per month, or None for no limit.

        Raises InvalidInputError ``budget_invalid``.
        """
        checked = None if limit is None else check_limit(limit)
        state = await self.ledger.state()
        spending = await self.totals.spending(self.as_if if as_if_aws else self.tariff, state=state)
        changed = rules.with_limit(
            state.budget,
            checked,
            spending.total,
            as_if_aws=as_if_aws,
            rate=await self.pricing.rate(),
            month=Month.of(self.totals.now_ms()),
            now_ms=self.totals.now_ms(),
        )
        await self.ledger.set_budget(changed)
        return await self.standing()

    async def unlock(self) -> Standing:
        """A person releases the lock for the rest of the month, up to a new mark; where nothing is locked but no start
        fits, makes room for one. Raises StorageError."""
        standing = await self.standing()
        budget = standing.budget
        if not rules.room_for_start(standing.room, standing.start).ok:
            budget = rules.lock(budget, standing.room.month, self.totals.now_ms())
        changed = rules.release(
            budget,
            standing.room.spent,
            rate=standing.room.rate,
            month=standing.room.month,
            now_ms=self.totals.now_ms(),
            # Beside what a machine that is still on its way out has set aside, and with room for estimates that grow.
            reservation_micros=standing.room.committed + standing.start.total * RELEASE_PERCENT // 100,
        )
        if changed != standing.budget:
            await self.ledger.set_budget(changed)
        return await self.standing()

    def _is_free(self, budget: Budget) -> bool:
        """Nothing to hold: no limit, or this computer, where nothing is charged and nothing is rehearsed."""
        return budget.limit_eur is None or (self.tariff is None and not budget.as_if_aws)

    def _tariff(self, budget: Budget) -> Tariff:
        return self.as_if if budget.as_if_aws or self.tariff is None else self.tariff

    async def _room(self, state: BudgetLedgerState) -> tuple[Room, Spending]:
        tariff = self.as_if if state.budget.as_if_aws else self.tariff
        spending = await self.totals.spending(tariff, state=state)
        committed = 0
        if tariff is not None:
            committed = sum(max(0, kept - spending.running.get(id_, 0)) for id_, kept in state.reserved.items())
        now_ms = self.totals.now_ms()
        room = rules.verdict(
            state.budget, spending.total, committed, await self.pricing.rate(), Month.of(now_ms), now_ms
        )
        return room, spending

    async def _reservation(self, budget: Budget, *, known_seconds: float = 0.0) -> Reservation:
        tariff, book, now_ms = self._tariff(budget), await self.pricing.book(), self.totals.now_ms()
        # Side by side, because a person waits for it.
        (situation, timings), answer_seconds = await asyncio.gather(
            self._starts(), self._longest_answer_seconds(known_seconds)
        )
        return rules.start_reservation(
            tariff.dearest_hourly(book, at_ms=now_ms),
            boot_seconds=estimate_ready_seconds(
                phase=None, elapsed=0.0, history=timings, expected=self.machine_policy.expected_phase_seconds
            ),
            idle_seconds=situation.idle_timeout_seconds or self.machine_policy.idle_timeout_seconds,
            answer_seconds=answer_seconds,
            once_micros=tariff.once(book, at_ms=now_ms),
            ending_seconds=self._wind_down_seconds(),
        )

    async def _starts(self) -> tuple[Situation, list[PhaseTiming]]:
        situation = await self.machines.situation()
        model = situation.latest.model if situation.latest is not None else ""
        return situation, await self.machines.phase_timings(model=model, image=self.image, limit=HISTORY_STARTS)

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


def _refused(decision: StartDecision, room: Room) -> BudgetLockedError:
    return BudgetLockedError(
        decision.message,
        code=decision.code,
        details={
            "spent_micros": room.spent,
            "limit_micros": room.limit,
            "free_micros": room.free,
            "as_if_aws": room.as_if_aws,
        },
    )
