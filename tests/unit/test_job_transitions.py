"""The job state machine, without any store: which status leads to which, and what every change keeps true."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import LEASE_SECONDS, T0, WAIT_SECONDS, a_new_job, delta, succeeded
from tlfif.jobs import transitions
from tlfif.jobs.events import EventKind
from tlfif.jobs.job_record import JobRecord, first_event, new_record
from tlfif.jobs.jobs import MAX_ATTEMPTS, JobStatus, Lease, LeaseState
from tlfif.jobs.pieces import Piece
from tlfif.jobs.transitions import Change, Transition
from tlfif.kernel.errors import BusyError, ConflictError, IdempotencyConflictError, LeaseLostError, NotFoundError

LEASE = Lease(job_id="job_1", token="lease_1", worker_id="worker_1", attempt=1)
STRANGER = replace(LEASE, token="lease_0")
LATE = T0 + WAIT_SECONDS + LEASE_SECONDS + 1
"""Later than any wait and any lease of these tests."""

QUEUED = new_record(a_new_job(), position=7, now=T0)


def start(record: JobRecord | None) -> Change | None:
    return transitions.start(record, worker_id="worker_1", token="lease_1", lease_seconds=LEASE_SECONDS, now=T0)


def finish(record: JobRecord | None, lease: Lease = LEASE, seq: int = 3, text: str = "Yes.") -> Change | None:
    return transitions.finish(record, lease, seq=seq, rest=Piece(text=text), outcome=succeeded(), now=T0 + 1)


def release(record: JobRecord | None, lease: Lease = LEASE, *, count: bool = True) -> Change:
    return transitions.release(record, lease, reason="drained", count_attempt=count, now=T0 + 1)


def abandon(record: JobRecord | None) -> Change | None:
    return transitions.abandon(record, "worker_1", reason="gone", now=T0 + 1)


def reap(record: JobRecord | None) -> Change | None:
    return transitions.reap(record, now=LATE)


def cancel(record: JobRecord | None) -> Change | None:
    return transitions.cancel(record, "job_1", reason="by hand", now=T0 + 1)


def fail_waiting(record: JobRecord | None) -> Change | None:
    return transitions.fail_waiting(record, code="no_model", message="No such model.", now=T0 + 1)


def after(change: Change | None) -> JobRecord:
    assert change is not None
    return change.after


RUNNING = after(start(QUEUED))
MARKED = after(cancel(RUNNING))
LAST = replace(RUNNING, attempt=MAX_ATTEMPTS)
ENDED = {
    JobStatus.SUCCEEDED: after(finish(RUNNING)),
    JobStatus.FAILED: after(fail_waiting(QUEUED)),
    JobStatus.CANCELLED: after(cancel(QUEUED)),
    JobStatus.EXPIRED: after(reap(QUEUED)),
}
PATHS: dict[Callable[..., Change | None], list[tuple[JobRecord, JobStatus]]] = {
    start: [(QUEUED, JobStatus.RUNNING)],
    cancel: [(QUEUED, JobStatus.CANCELLED), (RUNNING, JobStatus.RUNNING), (LAST, JobStatus.RUNNING)],
    fail_waiting: [(QUEUED, JobStatus.FAILED)],
    finish: [(one, JobStatus.SUCCEEDED) for one in (RUNNING, MARKED, LAST)],
    release: [(RUNNING, JobStatus.QUEUED), (MARKED, JobStatus.CANCELLED), (LAST, JobStatus.FAILED)],
    abandon: [(RUNNING, JobStatus.QUEUED), (MARKED, JobStatus.CANCELLED), (LAST, JobStatus.FAILED)],
    reap: [
        (QUEUED, JobStatus.EXPIRED),
        (RUNNING, JobStatus.QUEUED),
        (MARKED, JobStatus.CANCELLED),
        (LAST, JobStatus.FAILED),
    ],
}
"""Each transition, and the status to which it leads from each record that it changes."""


@pytest.mark.requirement("4.2.1")
@pytest.mark.parametrize("transition", PATHS, ids=lambda one: one.__name__)
def test_each_transition_leads_where_it_must_and_changes_nothing_else(transition: Transition) -> None:
    leads_to = {id(record): status for record, status in PATHS[transition]}
    for record in (QUEUED, RUNNING, MARKED, LAST, *ENDED.values()):
        if id(record) in leads_to:
            assert after(transition(record)).status is leads_to[id(record)]
        elif transition in (finish, release) and (transition is release or record.lease_token != LEASE.token):
            with pytest.raises(LeaseLostError):
                transition(record)
        else:
            assert transition(record) is None


def test_a_job_that_is_not_there_changes_in_no_way() -> None:
    for transition in (start, fail_waiting, abandon, reap):
        assert transition(None) is None
    for by_lease in (finish, release):
        with pytest.raises(LeaseLostError):
            by_lease(None)
    with pytest.raises(NotFoundError):
        cancel(None)
    with pytest.raises(NotFoundError):
        transitions.deletable(None, "job_1")


Step = Callable[[JobRecord], Change | None]
STEPS: list[Step] = [
    start,
    cancel,
    fail_waiting,
    abandon,
    reap,
    lambda record: transitions.extend(record, LEASE, until=LATE),
    lambda record: finish(record, seq=record.last_seq + 1) if record.held_by(LEASE.token) else None,
    lambda record: release(record) if record.held_by(LEASE.token) else None,
    lambda record: release(record, count=False) if record.held_by(LEASE.token) else None,
]


@pytest.mark.requirement("4.2.1")
@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_every_path_keeps_a_job_whole(steps: list[Step]) -> None:
    record, log = QUEUED, [first_event(QUEUED)]
    for step in steps:
        change = step(record)
        if change is not None:
            assert change.before == record
            assert not record.status.is_terminal
            record = change.after
            log += change.events
        assert (record.lease_expires_at is not None) == (record.status is JobStatus.RUNNING)
        assert (record.finished_at is not None) == record.status.is_terminal
        assert record.status is not JobStatus.QUEUED or not (record.cancel_requested or record.lease_token)
        assert 0 <= record.attempt <= MAX_ATTEMPTS
        assert [event.seq for event in log] == list(range(1, record.last_seq + 1))
        ends = [event.kind.value for event in log if event.kind.is_terminal]
        assert ends == ([log[-1].kind.value] if record.status.is_terminal else [])
        assert not ends or ends == [record.status.value]


@given(st.lists(st.booleans(), max_size=8))
def test_only_counted_attempts_use_attempts_up(counted: list[bool]) -> None:
    record, used = QUEUED, 0
    for count in counted:
        record = after(release(after(start(record)), count=count))
        used += count
        if used == MAX_ATTEMPTS:
            assert (record.status, record.error_code) == (JobStatus.FAILED, "attempts_exhausted")
            return
        assert (record.status, record.attempt) == (JobStatus.QUEUED, used)
        assert record.expires_at == T0 + 1 + WAIT_SECONDS  # the wait starts anew


def test_the_last_attempt_says_why_it_failed_and_a_cancel_request_wins_over_it() -> None:
    failed = after(release(LAST))
    assert "drained" in str(failed.error_message)
    assert "again" in str(failed.error_message)
    marked = replace(LAST, cancel_requested=True)
    for count in (True, False):
        assert after(release(marked, count=count)).status is JobStatus.CANCELLED


def test_waiting_too_long_expires() -> None:
    change = reap(QUEUED)
    assert change is not None
    assert change.after.error_code == "expired"
    assert change.events[-1].data["error_message"] == change.after.error_message


def test_time_limits_include_their_last_moment() -> None:
    assert transitions.reap(QUEUED, now=QUEUED.expires_at) is None
    assert transitions.reap(RUNNING, now=T0 + LEASE_SECONDS) is None
    assert start(replace(QUEUED, expires_at=T0)) is not None
    assert start(replace(QUEUED, expires_at=T0 - 1)) is None


def test_an_abandoned_worker_loses_its_own_jobs_only() -> None:
    assert abandon(replace(RUNNING, worker_id="worker_2")) is None


def test_a_claim_gives_the_lease_that_may_write() -> None:
    claimed = RUNNING.claimed(a_new_job().request)
    assert (claimed.lease, claimed.job.attempt, claimed.job.started_at) == (LEASE, 1, T0)
    assert RUNNING.held_by(claimed.lease.token)
    assert not RUNNING.held_by(STRANGER.token)
    with pytest.raises(ValueError, match="does not run"):
        QUEUED.claimed(a_new_job().request)


@pytest.mark.parametrize(
    ("seq", "text", "kinds"),
    [
        (3, "Yes.", [EventKind.DELTA, EventKind.SUCCEEDED]),
        (3, "", [EventKind.SUCCEEDED]),
        (2, "Yes.", [EventKind.SUCCEEDED]),  # this text was written before
    ],
)
def test_the_rest_of_the_text_comes_before_the_end(seq: int, text: str, kinds: list[EventKind]) -> None:
    change = finish(RUNNING, seq=seq, text=text)
    assert change is not None
    assert [event.kind for event in change.events] == kinds
    assert change.after.last_seq == 2 + len(kinds)


def test_finishing_twice_ends_once_and_only_for_the_lease_that_did_it() -> None:
    ended = after(finish(RUNNING))
    assert finish(ended) is None
    for record in (ended, RUNNING, after(release(RUNNING)), ENDED[JobStatus.EXPIRED]):
        with pytest.raises(LeaseLostError):
            finish(record, STRANGER)


def test_a_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="gap"):
        finish(RUNNING, seq=4)
    with pytest.raises(ValueError, match="gap"):
        transitions.fresh_deltas([delta(LEASE, 3, "a"), delta(LEASE, 5, "c")], last_seq=2, now=T0)


@pytest.mark.requirement("4.2.3")
@given(st.lists(st.integers(1, 6), max_size=8))
def test_text_is_appended_once_and_in_order(seqs: list[int]) -> None:
    """Writes that come again, in whatever order, as long as none is left out."""
    last_seq, writes = 2, []
    for seq in seqs:
        if seq <= last_seq + 1:
            last_seq = max(last_seq, seq)
            writes.append(delta(LEASE, seq, str(seq)))
    events = transitions.fresh_deltas(writes, last_seq=2, now=T0)
    assert [(event.seq, event.data["text"]) for event in events] == [(n, str(n)) for n in range(3, last_seq + 1)]


def test_writes_are_sorted_by_lease_in_their_order() -> None:
    one, two, other = delta(LEASE, 3, "a"), delta(LEASE, 4, "b"), delta(STRANGER, 3, "x")
    assert transitions.by_lease([one, other, two]) == {LEASE: [one, two], STRANGER: [other]}


def test_a_heartbeat_extends_the_lease_and_brings_the_cancel_request() -> None:
    extended = transitions.extend(MARKED, LEASE, until=LATE)
    assert extended is not None
    assert extended.after == replace(MARKED, lease_expires_at=LATE)
    assert transitions.lease_state(LEASE, extended.after) == LeaseState(
        job_id="job_1", held=True, cancel_requested=True
    )
    for record in (None, QUEUED, ENDED[JobStatus.SUCCEEDED]):
        assert transitions.extend(record, LEASE, until=LATE) is None
    assert transitions.extend(RUNNING, STRANGER, until=LATE) is None
    assert transitions.lease_state(LEASE, None) == LeaseState(job_id="job_1", held=False)


def test_the_first_reason_for_a_cancel_is_kept() -> None:
    assert (MARKED.cancel_requested, MARKED.cancel_reason) == (True, "by hand")
    assert transitions.cancel(MARKED, "job_1", reason="again", now=T0) is None
    ended = ENDED[JobStatus.CANCELLED]
    assert (ended.cancel_requested, ended.cancel_reason) == (True, "by hand")


def test_workers_are_woken_by_work_and_by_cancel_requests_only() -> None:
    changes = [cancel(RUNNING), release(RUNNING), abandon(RUNNING), reap(RUNNING)]
    assert [change.concerns_workers for change in changes if change] == [True] * 4
    changes = [start(QUEUED), cancel(QUEUED), finish(MARKED), release(MARKED), abandon(LAST), reap(QUEUED)]
    changes.append(transitions.extend(MARKED, LEASE, until=LATE))
    assert [change.concerns_workers for change in changes if change] == [False] * 7


def test_a_reader_waits_while_more_may_come() -> None:
    assert [RUNNING.may_grow(after=seen) for seen in (1, 2, 3)] == [False, True, True]
    assert not ENDED[JobStatus.SUCCEEDED].may_grow(after=9)


def test_submitting_again_gives_the_stored_job_and_a_full_queue_refuses() -> None:
    new = a_new_job("job_2", key="k")
    known = RUNNING.job(new.request)
    assert transitions.admit(new, known=None, queued=9, max_queued=10) is None
    with pytest.raises(BusyError):
        transitions.admit(new, known=None, queued=10, max_queued=10)
    again = transitions.admit(new, known=known, queued=10, max_queued=10)
    assert again is not None
    assert (again.job, again.created) == (known, False)
    with pytest.raises(IdempotencyConflictError):
        transitions.admit(a_new_job("job_2", key="k", prompt="Another"), known=known, queued=0, max_queued=10)


def test_only_an_ended_job_may_be_deleted() -> None:
    for record in ENDED.values():
        assert transitions.deletable(record, "job_1") == record
    for record in (QUEUED, RUNNING):
        with pytest.raises(ConflictError):
            transitions.deletable(record, "job_1")
