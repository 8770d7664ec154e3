"""What only a Redis server does: it is killed and comes back, its memory is full, it is not fit to keep jobs."""

from collections.abc import Iterator

import pytest

from tests.builders import T0, a_new_job, running, submit
from tests.fakes.clock import FakeIds
from tests.redis_process import RedisProcess, needs_redis
from tlfif.adapters.redis.open_store import Durability, open_redis_job_store, unfit
from tlfif.kernel.errors import StorageError

pytestmark = needs_redis


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    """A server of this test alone."""
    process = RedisProcess()
    process.start()
    yield process
    process.remove()


async def test_what_was_accepted_survives_a_kill_and_the_same_store_goes_on(server: RedisProcess) -> None:
    store = await open_redis_job_store(server.url, FakeIds())
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
    store = await open_redis_job_store(server.url, FakeIds())
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


async def test_a_wrong_password_and_a_server_that_throws_keys_away_are_refused(server: RedisProcess) -> None:
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(StorageError) as thrown:
        await open_redis_job_store(server.url, FakeIds())
    server.ask("CONFIG", "SET", "requirepass", "right")
    with pytest.raises(StorageError) as wrong:
        await open_redis_job_store(server.url, FakeIds(), password="wrong")  # of this test's server
    assert (thrown.value.code, wrong.value.code) == ("store_unfit", "store_password")


def test_an_old_server_and_a_cluster_are_unfit_and_each_durability_says_what_it_loses() -> None:
    assert "too old" in unfit({"redis_version": "6.0.16"})
    assert "cluster" in unfit({"redis_version": "7.2.4", "cluster_enabled": 1})
    assert not unfit({"redis_version": "7.2.4", "maxmemory_policy": "noeviction"})
    assert "since its last snapshot" in Durability(append_only=False).warning
    assert "up to that second" in Durability(append_only=True, fsync="everysec").warning
    assert not Durability(append_only=True, fsync="always").warning
