"""What ``tlfif doctor`` asks the server that keeps jobs, where a setting chooses one."""

from collections.abc import Sequence

from tlfif.adapters.redis.store_address import StoreAddress
from tlfif.doctor import checks
from tlfif.doctor import computer_verdicts as verdicts
from tlfif.doctor.checks import Check, Finding
from tlfif.doctor.probe import Probe
from tlfif.kernel.errors import StorageError


class StoreProbe(Probe):
    """Whether the server can be reached and keep jobs, and what it may lose. ``refused``: why the settings name none
    that could be asked."""

    checks: Sequence[Check] = (checks.STORE,)

    def __init__(self, address: StoreAddress | None, *, refused: str = "") -> None:
        self._address = address
        self._refused = refused

    async def ask(self) -> Sequence[Finding]:
        """See :meth:`Probe.ask`."""
        if self._address is None:
            return [verdicts.job_store(refused=self._refused)]
        from tlfif.adapters.redis.open_store import look_at

        try:
            found = await look_at(self._address)
        except StorageError as error:
            return [verdicts.job_store(server=str(self._address), refused=error.message)]
        return [verdicts.job_store(server=f"{self._address} ({found})", may_lose=found.warning)]
