"""The ports through which the checks of ``tlfif doctor`` get their facts: a probe, and the cloud account."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.doctor.checks import Check, Finding


class Probe(ABC):
    """Answers one or more checks.

    Duties: it changes nothing anywhere; it costs nothing unless the person allowed that. It may take long, and its
    caller may cancel it.
    """

    @property
    @abstractmethod
    def checks(self) -> Sequence[Check]:
        """The checks that it answers."""

    @abstractmethod
    async def ask(self) -> Sequence[Finding]:
        """One finding for each of :attr:`checks`.

        A refusal is a finding too ("not asked", with the reason), not an error. Whatever is raised is a fault of the
        probe, and the caller reports it as one.
        """


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
