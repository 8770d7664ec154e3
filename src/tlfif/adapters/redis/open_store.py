"""Opens the job store in a Redis or Valkey server, after a look at whether that server can keep jobs."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from tlfif.adapters.redis.redis_errors import storage_errors
from tlfif.adapters.redis.redis_job_store import RedisJobStore
from tlfif.adapters.redis.redis_server import RedisServer
from tlfif.adapters.redis.store_address import StoreAddress
from tlfif.kernel.clock import Ids
from tlfif.kernel.errors import StorageError

log = logging.getLogger(__name__)

OLDEST = (6, 2)
"""Lua sees full memory before its first write, and ranges may exclude their bounds, since then."""
_MOST_CONNECTIONS = 32
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """What of acknowledged writes the server may lose. ``fsync``: its ``appendfsync``; empty where it does not say."""

    append_only: bool
    fsync: str = ""
    version: str = ""
    policy: str = "noeviction"

    def __str__(self) -> str:
        """The settings that it follows from."""
        fsync = f", appendfsync {self.fsync}" if self.append_only and self.fsync else ""
        return f"version {self.version}, {self.policy}, appendonly {'yes' if self.append_only else 'no'}{fsync}"

    @property
    def warning(self) -> str:
        """What may be lost, as a sentence; empty for nothing."""
        if not self.append_only:
            return (
                "It writes no append-only file (appendonly no): all jobs since its last snapshot are lost when it ends."
            )
        if self.fsync == "always":
            return ""
        if self.fsync == "everysec":
            return (
                "It writes to the disk once a second (appendfsync everysec): a power failure loses up to that second."
            )
        return "It does not write each job to the disk at once (appendfsync): a power failure may lose the newest jobs."


async def open_redis_job_store(address: StoreAddress, ids: Ids) -> RedisJobStore:
    """Open the store. Raises StorageError with code ``store_unreachable``, ``store_password`` or ``store_unfit``."""
    client = _client(address)
    try:
        durability = await _examine(client)
    except BaseException:
        await client.aclose()
        raise
    log.info("jobs are kept in the Redis server %s", address)
    if durability.warning:
        log.warning("%s", durability.warning)
    return RedisJobStore(RedisServer(client), ids)


async def look_at(address: StoreAddress) -> Durability:
    """What the server may lose. Raises as above."""
    client = _client(address)
    try:
        return await _examine(client)
    finally:
        await client.aclose()


def _client(address: StoreAddress) -> Redis:
    retry = Retry(ExponentialBackoff(cap=0.2, base=0.02), 3)
    pool = BlockingConnectionPool.from_url(
        address.url,
        password=address.password(),
        max_connections=_MOST_CONNECTIONS,
        timeout=_ANSWER_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS,
        retry=retry,
    )
    return Redis.from_pool(pool)


async def _examine(client: Redis) -> Durability:
    with storage_errors():
        facts: Mapping[str, Any] = await client.info("everything")
    fault = unfit(facts)
    if fault:
        raise StorageError(f"{fault} Nothing was started.", code="store_unfit", details={"reason": "unfit"})
    try:
        with storage_errors():
            fsync = str((await client.config_get("appendfsync")).get("appendfsync", ""))
    except StorageError:
        fsync = ""  # a service such as ElastiCache does not say
    return Durability(
        append_only=bool(facts.get("aof_enabled")),
        fsync=fsync,
        version=str(facts.get("valkey_version") or facts.get("redis_version")),
        policy=_policy(facts),
    )


def unfit(facts: Mapping[str, Any]) -> str:
    """Why a server whose INFO this is cannot keep jobs; empty where it can."""
    version = tuple(map(int, re.findall(r"\d+", str(facts.get("redis_version", "0")))[:2]))
    if version < OLDEST:
        return f"The Redis server is too old: it is version {facts.get('redis_version')}, and 6.2 is needed."
    if facts.get("cluster_enabled"):
        return "The Redis server is a cluster, which cannot change several jobs in one step. Use one without."
    policy = _policy(facts)
    if policy != "noeviction":
        return (
            f"The Redis server throws away keys when its memory is full (maxmemory-policy {policy}): jobs would "
            "be lost. Set maxmemory-policy noeviction."
        )
    return ""


def _policy(facts: Mapping[str, Any]) -> str:
    return str(facts.get("maxmemory_policy", "noeviction"))
