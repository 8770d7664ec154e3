"""The port through which a check of ``tlfif doctor`` gets its facts."""

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
