"""One Redis or Valkey server: commits in one step, and who is woken by them."""

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from tlfif.adapters.local.wakeups import WORK, Wakeups
from tlfif.adapters.redis.job_hashes import COUNTER, DUE, QUEUE, RECORD, WAKE_WORKERS, Command, apart, job_key
from tlfif.adapters.redis.redis_errors import storage_errors
from tlfif.jobs.job_record import JobRecord
from tlfif.jobs.jobs import Lease

log = logging.getLogger(__name__)

POSITION = "\0position"
"""Stands in a command of :meth:`RedisServer.accept` for the number that the job gets."""
_RETRY_SECONDS = 0.2
_SCRIPT_HEAD = """
local asked = cjson.decode(ARGV[1])
local function run(position)
  for _, command in ipairs(asked.commands) do
    for place, word in ipairs(command) do
      if word == '\\0position' then command[place] = position end
    end
    redis.call(unpack(command))
  end
end
"""
"""All that is asked is one JSON text: packing a hundred words apart took the client longer than the server works."""
_COMMIT = (
    _SCRIPT_HEAD
    + """
for _, seen in ipairs(asked.seen) do
  local step = redis.call('HGET', seen[1], 'step')
  if step == asked.step then return 1 end
  if step ~= seen[2] then return 0 end
  if seen[3] and redis.call('HGET', seen[1], 'lease_expires_at') ~= seen[3] then return 0 end
end
run()
return 1
"""
)
_ACCEPT = (
    _SCRIPT_HEAD
    + """
local step = redis.call('HGET', asked.job, 'step')
if step then return step == asked.step and tonumber(redis.call('HGET', asked.job, 'position')) or -1 end
if asked.known ~= '' and redis.call('EXISTS', asked.known) == 1 then return 0 end
if redis.call('ZCARD', asked.queue) >= asked.most then return 0 end
local position = redis.call('INCR', asked.counter)
run(tostring(position))
return position
"""
)
_LOOK = """
local asked, found = cjson.decode(ARGV[1]), {}
local page = redis.call(asked.command, asked.place, asked.first, asked.last, 'WITHSCORES', 'LIMIT', 0, asked.most)
for at = 1, #page, 2 do
  found[#found + 1] = {page[at + 1], redis.call('HMGET', asked.prefix .. page[at], unpack(asked.names))}
end
return found
"""
_EXTEND = """
local asked, found = cjson.decode(ARGV[1]), {}
for place, lease in ipairs(asked.leases) do
  local job = lease[1]
  local held = redis.call('HMGET', job, 'status', 'lease_token')
  found[place] = false
  if held[1] == 'running' and held[2] == lease[3] then
    redis.call('HSET', job, 'lease_expires_at', asked.last)
    redis.call('ZADD', asked.due, asked.last, lease[2])
    found[place] = redis.call('HMGET', job, unpack(asked.record))
  end
end
return found
"""
"""No job's step changes, so a beat disturbs nobody who finishes a job at the same time."""


class RedisServer:
    """The connection to the server. All methods raise StorageError."""

    def __init__(self, client: Redis) -> None:
        self.wakeups = Wakeups()
        self._client = client
        self._commit = client.register_script(_COMMIT)
        self._accept = client.register_script(_ACCEPT)
        self._look = client.register_script(_LOOK)
        self._extend = client.register_script(_EXTEND)
        self._listening: dict[str, asyncio.Task[None]] = {}

    async def ask(self, *commands: Command) -> list[Any]:
        """The answers to reading commands, sent together and answered at one moment."""
        with storage_errors():
            async with self._client.pipeline(transaction=len(commands) > 1) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute()

    async def look(
        self, place: str, first: str, last: str, *, most: int, names: Sequence[str], newest_first: bool = False
    ) -> list[tuple[str, list[bytes | None]]]:
        """Up to ``most`` jobs (all for -1) of a sorted set between two scores, as they are at one moment: each one's
        score and the fields ``names`` of its hash."""
        command = "ZREVRANGEBYSCORE" if newest_first else "ZRANGEBYSCORE"
        asked = {"command": command, "place": place, "first": first, "last": last, "most": most, "names": names}
        found = await self._run(self._look, prefix=job_key(""), **asked)
        return [(score.decode(), row) for score, row in found]

    async def commit(
        self, seen: Sequence[JobRecord], commands: Sequence[Command], *, step: str, beats: bool = False
    ) -> bool:
        """Run ``commands`` in one step, if every job is as it was ``seen``; whether they were run. Asked twice with one
        ``step`` (which the commands write), it runs them once: an answer may be lost on its way. ``beats``: a lease
        that was extended meanwhile is another one, too."""
        checks = [(job_key(one.id), one.step, *([apart(one)["lease_expires_at"]] if beats else [])) for one in seen]
        return bool(await self._run(self._commit, step=step, seen=checks, commands=commands))

    async def accept(self, job_id: str, *, known: str, most: int, step: str, commands: Sequence[Command]) -> int:
        """Number a new job and run ``commands``, unless ``known`` exists or ``most`` jobs wait: 0. The id is taken: -1.
        Asked twice as above."""
        asked = {"job": job_key(job_id), "known": known, "most": most, "queue": QUEUE, "counter": COUNTER}
        return int(await self._run(self._accept, step=step, commands=commands, **asked))

    async def extend(self, leases: Sequence[Lease], *, until: float) -> list[Sequence[bytes | None] | None]:
        """Let each lease that is held last ``until`` then: the values of :data:`RECORD`, None for one that is lost."""
        wanted = [(job_key(lease.job_id), lease.job_id, lease.token) for lease in leases]
        found = await self._run(self._extend, leases=wanted, last=repr(until), due=DUE, record=RECORD)
        return list(found)

    def listen(self, channel: str) -> None:
        """Begin to hear what other processes do; those who wait are woken once when it begins."""
        if channel not in self._listening:
            self._listening[channel] = asyncio.create_task(self._listen(channel))

    async def close(self) -> None:
        """Close all connections, and end all waits."""
        for task in self._listening.values():
            while not task.done():  # the client swallows a cancel that comes while it connects
                task.cancel()
                await asyncio.wait({task}, timeout=_RETRY_SECONDS)
        self._listening.clear()
        self.wakeups.notify_all()
        await self._client.aclose()

    async def _run(self, script: AsyncScript, **asked: object) -> Any:
        """The server knows a script by its hash, and is sent it where it does not: after its start."""
        with storage_errors():
            return await script(args=[json.dumps(asked)])

    async def _listen(self, channel: str) -> None:
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(channel)
                    while True:
                        message = await subscription.get_message(timeout=None)
                        if message is not None and message["type"] == "message":
                            self.wakeups.notify([message["data"].decode()])
                        elif message is not None:
                            self._wake_all(channel)  # subscribed, perhaps again: what came before was not heard
            except (RedisError, OSError) as error:
                log.warning("the Redis server cannot be heard (%s); trying again", type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)

    def _wake_all(self, channel: str) -> None:
        if channel == WAKE_WORKERS:
            self.wakeups.notify([WORK])
        else:
            self.wakeups.notify_readers()
