"""One Redis or Valkey server: commits in one step, and who is woken by them."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from tlfif.adapters.local.wakeups import Wakeups
from tlfif.adapters.redis.job_hashes import COUNTER, QUEUE, WAKE, Command, job_key
from tlfif.adapters.redis.redis_errors import storage_errors
from tlfif.jobs.job_record import JobRecord

log = logging.getLogger(__name__)

POSITION = "\0position"
"""Stands in a command of :meth:`RedisServer.accept` for the number that the job gets."""
_RETRY_SECONDS = 0.2
_SCRIPT_HEAD = """
local at = 0
local function take() at = at + 1 return ARGV[at] end
local function run(position)
  while at < #ARGV do
    local command = {}
    for _ = 1, tonumber(take()) do
      local word = take()
      command[#command + 1] = word == '\\0position' and position or word
    end
    redis.call(unpack(command))
  end
end
local mine = take()
"""
_COMMIT = (
    _SCRIPT_HEAD
    + """
for _ = 1, tonumber(take()) do
  local job, seen = take(), take()
  local step = redis.call('HGET', job, 'step')
  if step == mine then return 1 end
  if step ~= seen then return 0 end
end
run()
return 1
"""
)
_ACCEPT = (
    _SCRIPT_HEAD
    + """
local job, known, most, queue, counter = take(), take(), tonumber(take()), take(), take()
local step = redis.call('HGET', job, 'step')
if step then return step == mine and tonumber(redis.call('HGET', job, 'position')) or -1 end
if known ~= '' and redis.call('EXISTS', known) == 1 or redis.call('ZCARD', queue) >= most then return 0 end
local position = redis.call('INCR', counter)
run(tostring(position))
return position
"""
)


class RedisServer:
    """The connection to the server. All methods raise StorageError."""

    def __init__(self, client: Redis) -> None:
        self.wakeups = Wakeups()
        self._client = client
        self._commit = client.register_script(_COMMIT)
        self._accept = client.register_script(_ACCEPT)
        self._listening: asyncio.Task[None] | None = None

    async def ask(self, *commands: Command) -> list[Any]:
        """The answers to reading commands, sent together and answered at one moment."""
        with storage_errors():
            async with self._client.pipeline(transaction=len(commands) > 1) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute()

    async def commit(self, seen: Sequence[JobRecord], commands: Sequence[Command], *, step: str) -> bool:
        """Run ``commands`` in one step, if every job is as it was ``seen``; whether they were run. Asked twice with one
        ``step`` (a JSON text, which the commands write), it runs them once: an answer may be lost on its way."""
        checks = [part for record in seen for part in (job_key(record.id), f'"{record.step}"')]
        return bool(await self._run(self._commit, step, len(seen), *checks, commands=commands))

    async def accept(self, job_id: str, *, known: str, most: int, step: str, commands: Sequence[Command]) -> int:
        """Number a new job and run ``commands``, unless ``known`` exists or ``most`` jobs wait: 0. The id is taken: -1.
        Asked twice as above."""
        return int(await self._run(self._accept, step, job_key(job_id), known, most, QUEUE, COUNTER, commands=commands))

    def listen(self) -> None:
        """Begin to hear what other processes do; those who wait are woken once when it begins."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Close all connections, and end all waits."""
        if self._listening is not None:
            while not self._listening.done():  # the client swallows a cancel that comes while it connects
                self._listening.cancel()
                await asyncio.wait({self._listening}, timeout=_RETRY_SECONDS)
            self._listening = None
        self.wakeups.notify_all()
        await self._client.aclose()

    async def _run(self, script: AsyncScript, step: str, *arguments: str | int, commands: Sequence[Command]) -> Any:
        """The server knows a script by its hash, and is sent it where it does not: after its start."""
        flat = [part for command in commands for part in (len(command), *command)]
        with storage_errors():
            return await script(args=[f'"{step}"', *arguments, *flat])

    async def _listen(self) -> None:
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    await subscription.subscribe(WAKE)
                    while True:
                        message = await subscription.get_message(timeout=None)
                        if message is not None and message["type"] == "message":
                            self.wakeups.notify([message["data"].decode()])
                        elif message is not None:
                            self.wakeups.notify_all()  # subscribed, perhaps again: what came before was not heard
            except (RedisError, OSError) as error:
                log.warning("the Redis server cannot be heard (%s); trying again", type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)
