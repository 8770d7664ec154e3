"""The cloud account that ``tlfif doctor`` asks about."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.doctor.checks import Finding
from tlfif.doctor.probe import Probe


class Account(ABC):
    """An account for which this computer has a key, good or not.

    Duties as :class:`Probe`: nothing is changed and nothing costs money unless the person asked for that.
    """

    @abstractmethod
    async def identify(self) -> Finding:
        """Who AWS says the key is: the finding of the check ``credentials``.

        Its state is fail where AWS refused the key, and not asked where AWS could not be reached; then there is no use
        in asking anything else.
        """

    @abstractmethod
    def probes(self) -> Sequence[Probe]:
        """Every other check of the account. Only after :meth:`identify` came to ok or warn."""
