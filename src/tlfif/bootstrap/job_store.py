"""Opens the job store that the settings choose: a file of this computer, or a Redis or Valkey server.

The package redis is loaded only where it is chosen: it takes a sixth of a second.
"""

from tlfif.adapters.redis.store_address import StoreAddress
from tlfif.jobs.job_store import JobStore
from tlfif.kernel.clock import Ids


async def open_job_store(store: StoreAddress, ids: Ids) -> JobStore:
    """The store in the server. Raises StorageError with code ``store_unreachable``, ``store_password`` or
    ``store_unfit``."""
    from tlfif.adapters.redis.open_store import open_redis_job_store

    return await open_redis_job_store(store, ids)
