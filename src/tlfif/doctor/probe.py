"""Asking for the facts behind a check of ``tlfif doctor``."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tlfif.doctor.checks import Check, Finding


class Probe(ABC):
    """Answers one or more checks.

    Duties: it changes nothing, anywhere; it costs nothing unless the person asked for that; it may take long and be
    given up by its caller.
    """

    @property
    @abstractmethod
    def checks(self) -> Sequence[Check]:
        """What it answers."""

    @abstractmethod
    async def ask(self) -> Sequence[Finding]:
        """One finding for each of :attr:`checks`.

        A refusal by whoever was asked is a finding too ("not asked", with the reason), no error. What is raised all
        the same is a fault of the probe, and its caller says so.
        """
