"""What only a Redis server does: it is killed and comes back, its memory is full, it is not fit to keep jobs."""

import os
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.builders import LEASE_SECONDS, MODEL, T0, a_new_job, claim, running, submit
from tests.certificates import company_certificate
from tests.fakes.clock import FakeIds
from tests.redis_process import RedisProcess, needs_redis
from tlfif.adapters.redis.doctor_probe import StoreProbe
from tlfif.adapters.redis.open_store import Durability, open_redis_job_store, unfit
from tlfif.adapters.redis.store_address import StoreAddress, check_store_url
from tlfif.doctor.checks import State
from tlfif.jobs.jobs import JobStatus
from tlfif.kernel.errors import StorageError

pytestmark = needs_redis


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    """A server of this test alone."""
    process = RedisProcess()
    process.start()
    yield process
    process.close()


async def test_what_was_accepted_survives_a_kill_and_the_same_store_goes_on(server: RedisProcess) -> None:
    store = await open_redis_job_store(server.address, FakeIds())
    lease = await running(store)
    server.kill()
    with pytest.raises(StorageError) as refused:
        await store.counts()
    assert refused.value.code == "store_unreachable"
    server.start()
    assert (await store.counts()).running == 1
    assert [event.seq for event in await store.events(lease.job_id, after=0, limit=10)] == [1, 2]
    await store.close()


async def test_a_full_memory_refuses_with_nothing_half_written_and_goes_on(server: RedisProcess) -> None:
    store = await open_redis_job_store(server.address, FakeIds())
    await submit(store)
    before = server.ask("DBSIZE")
    server.ask("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StorageError) as refused:
        await store.submit(a_new_job("job_2"), now=T0, max_queued=10)
    assert refused.value.code == "storage_full"
    assert server.ask("DBSIZE") == before
    server.ask("CONFIG", "SET", "maxmemory", "0")
    assert (await store.submit(a_new_job("job_2"), now=T0, max_queued=10)).created
    assert (await store.counts()).queued == 2
    await store.close()


async def test_no_job_is_hidden_by_who_writes_between_two_requests(server: RedisProcess) -> None:
    ids = FakeIds()
    store, other = [await open_redis_job_store(server.address, ids) for _ in range(2)]
    accepted = [job.id for job in await submit(store, *(f"job_{number}" for number in range(230)))]
    looked = store._server.look
    leaving: list[str] = []

    async def between(*words: Any, **named: Any) -> Any:
        page = await looked(*words, **named)
        while leaving:  # by place, as many of those behind them would be passed over
            await other.request_cancel(leaving.pop(), reason="owner", now=T0)
        return page

    store._server.look = between  # type: ignore[method-assign]  # where another process gets in between
    leaving += accepted[200:]
    listed = await store.list_jobs(limit=230, status=JobStatus.QUEUED)
    assert {job.id for job in listed.jobs} >= set(accepted[:200])
    leaving += accepted[:100]
    failed = await store.fail_queued(model=MODEL, code="machine_broken", message="It does not start.", now=T0)
    assert failed == accepted[100:200]
    await store.close()
    await other.close()


async def test_a_lease_that_is_extended_while_it_is_looked_at_is_not_taken_away(server: RedisProcess) -> None:
    ids = FakeIds()
    store, other = [await open_redis_job_store(server.address, ids) for _ in range(2)]
    lease = await running(store)
    late = T0 + LEASE_SECONDS + 1
    looked = store._server.look

    async def between(*words: Any, **named: Any) -> Any:
        page = await looked(*words, **named)
        (state,) = await other.heartbeat([lease], lease_seconds=LEASE_SECONDS, now=late)
        assert state.held
        return page

    store._server.look = between  # type: ignore[method-assign]  # where another process gets in between
    assert await store.reap(now=late) == []
    assert (await store.get(lease.job_id)).status is JobStatus.RUNNING
    await store.close()
    await other.close()


async def test_a_beat_a_submit_and_a_page_ask_no_more_than_they_need(server: RedisProcess) -> None:
    store = await open_redis_job_store(server.address, FakeIds())
    await submit(store, *(f"job_{number}" for number in range(8)))
    leases = [job.lease for job in await claim(store, limit=8)]
    await store.heartbeat(leases, lease_seconds=LEASE_SECONDS, now=T0)  # a script's first call sends it, too
    before = asked_for(server)
    states = await store.heartbeat(leases, lease_seconds=LEASE_SECONDS, now=T0 + 1)
    assert all(state.held for state in states)
    assert asked_for(server) - before == {"evalsha": 1, "hmget": 16}  # those of the script
    before = asked_for(server)
    for number in range(150):
        await store.submit(a_new_job(f"of_zoe_{number}", owner="zoe"), now=T0, max_queued=1000)
    assert asked_for(server) - before == {"evalsha": 150}
    before = asked_for(server)
    assert len((await store.list_jobs(limit=5, owner="")).jobs) == 5
    assert len((await store.list_jobs(limit=5, owner="", status=JobStatus.RUNNING)).jobs) == 5
    assert asked_for(server)["hmget"] - before["hmget"] == 2 * 8, "those of others are not read"
    await store.close()


def asked_for(server: RedisProcess) -> Counter[str]:
    """How often the server did what a store asks for, also inside its scripts."""
    stats = server.ask("INFO", "commandstats")
    assert isinstance(stats, dict)
    return Counter({name: stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("exec", "hmget", "evalsha")})


async def test_a_wrong_password_and_a_server_that_throws_keys_away_are_refused(
    server: RedisProcess, tmp_path: Path
) -> None:
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(StorageError) as thrown:
        await open_redis_job_store(server.address, FakeIds())
    server.ask("CONFIG", "SET", "requirepass", "right")
    with pytest.raises(StorageError) as wrong:
        await open_redis_job_store(replace(server.address, password_file=a_password(tmp_path, "wrong")), FakeIds())
    assert (thrown.value.code, wrong.value.code) == ("store_unfit", "store_password")


def a_password(folder: Path, text: str, mode: int = 0o600) -> Path:
    """A file with it."""
    path = folder / "password"
    path.write_text(f"{text}\n")
    path.chmod(mode)
    return path


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_password_comes_from_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    address = StoreAddress(url="redis://127.0.0.1", password_file=a_password(tmp_path, "right"))
    assert address.password() == "right"
    assert StoreAddress.from_json(address.to_json()) == address
    for text, mode in (("right", 0o640), ("right", 0o602), ("", 0o600), ("two\nlines", 0o600), ("x" * 2000, 0o600)):
        a_password(tmp_path, text, mode)
        with pytest.raises(StorageError) as refused:
            address.password()
        assert (refused.value.code, "TLFIF_STORE_PASSWORD_FILE" in refused.value.message) == ("store_password", True)
    (tmp_path / "password").unlink()
    with pytest.raises(StorageError, match="No such file"):
        address.password()


async def test_tls_is_checked_by_the_certificates_of_this_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem, _ = company_certificate(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    both = str(tmp_path / "both.pem")
    tls = ("--tls-cert-file", both, "--tls-key-file", both, "--tls-ca-cert-file", str(pem), "--tls-auth-clients", "no")
    process = RedisProcess("--tls-port", str(port), *tls)
    process.start()
    address = StoreAddress(url=check_store_url(f"rediss://localhost:{port}"))
    try:
        with pytest.raises(StorageError, match=r"certificate is not accepted.*SSL_CERT_FILE") as refused:
            await open_redis_job_store(address, FakeIds())
        assert refused.value.code == "store_unreachable"
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        store = await open_redis_job_store(address, FakeIds())
        assert (await store.counts()).queued == 0
        await store.close()
    finally:
        process.close()


@pytest.mark.requirement("4.1.4")
async def test_the_doctor_says_what_a_server_may_lose(server: RedisProcess) -> None:
    async def told() -> tuple[State, str]:
        (finding,) = await StoreProbe(server.address).ask()
        return finding.state, finding.evidence

    state, evidence = await told()
    assert (state, "noeviction, appendonly yes, appendfsync always" in evidence) == (State.OK, True)
    server.ask("CONFIG", "SET", "appendfsync", "everysec")
    state, evidence = await told()
    assert (state, "a power failure loses up to that second" in evidence) == (State.WARN, True)
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    state, evidence = await told()
    assert (state, "Set maxmemory-policy noeviction" in evidence) == (State.FAIL, True)
    server.kill()
    state, evidence = await told()
    assert (state, "does not answer" in evidence) == (State.FAIL, True)


def test_an_old_server_and_a_cluster_are_unfit_and_each_durability_says_what_it_loses() -> None:
    assert "too old" in unfit({"redis_version": "6.0.16"})
    assert "cluster" in unfit({"redis_version": "7.2.4", "cluster_enabled": 1})
    assert not unfit({"redis_version": "7.2.4", "maxmemory_policy": "noeviction"})
    assert "since its last snapshot" in Durability(append_only=False).warning
    assert "up to that second" in Durability(append_only=True, fsync="everysec").warning
    assert not Durability(append_only=True, fsync="always").warning
