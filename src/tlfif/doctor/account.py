"""The port to the cloud account that ``tlfif doctor`` examines."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.doctor.checks import Finding
from tlfif.doctor.probe import Probe


class Account(ABC):
    """An account for which this computer has a key, valid or not.

    Duties as :class:`Probe`: nothing is changed, and nothing costs money unless the person allowed that.
    """

    @abstractmethod
    async def identify(self) -> Finding:
        """Whose key AWS says it is: the finding of the check ``credentials``.

        Its state is ``fail`` if AWS refused the key, and ``not asked`` if AWS could not be reached; then nothing else
        can be asked.
        """

    @abstractmethod
    def probes(self) -> Sequence[Probe]:
        """Every other check of the account. Only after :meth:`identify` returned ``ok`` or ``warn``."""
