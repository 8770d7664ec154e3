"""The search for a free machine, where it takes longer than one launch may: which places are still to be asked.

Kept in the table of states, because the next launch may be another process's.
"""

import logging
from collections.abc import Sequence

from tlfif.adapters.aws.calls.dynamo_table import Delete, DynamoTable, Key, Put
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import StorageError

log = logging.getLogger(__name__)

VALID_SECONDS = 600.0
"""Capacity changes within minutes: an older search is not gone on with."""


class CapacitySearch:
    """A table that fails never keeps a machine from being launched: the search then begins anew. ``of``: what is
    searched for; each has a search of its own."""

    def __init__(self, table: DynamoTable, clock: Clock, *, of: str = "LEFT") -> None:
        self._table = table
        self._clock = clock
        self._key: Key = ("MACHINE#SEARCH", of)

    async def left(self) -> tuple[str, ...]:
        """The places that the last search had no time for; empty where there was none lately."""
        try:
            found = await self._table.get(self._key)
        except StorageError as error:
            log.warning("ec2: the search for a free machine begins anew: %s", error.message)
            return ()
        if found is None or not 0 <= self._clock.now() - found["at"] < VALID_SECONDS:
            return ()
        return tuple(found["places"])

    async def keep(self, places: Sequence[str]) -> None:
        """The next search goes on with these; empty: it begins anew."""
        pk, sk = self._key
        item = {"pk": pk, "sk": sk, "places": list(places), "at": self._clock.now()}
        try:
            await self._table.write(Put(item=item) if places else Delete(key=self._key))
        except StorageError as error:
            log.warning("ec2: how far the search for a free machine came is not kept: %s", error.message)
