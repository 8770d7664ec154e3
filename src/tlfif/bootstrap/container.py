"""The set of ports that a control plane works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tlfif.application.reconcile import Reconciler
from tlfif.domain.policy import JobPolicy, MachinePolicy
from tlfif.ports.clock import Clock, Ids
from tlfif.ports.job_store import JobStore
from tlfif.ports.machine import MachineHost
from tlfif.ports.machine_store import MachineStore
from tlfif.ports.model_store import ModelStore
from tlfif.ports.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """Everything the API and the router use; built in one place, passed explicitly, without behaviour.

    ``place`` is where machines run, in words for the owner. ``close`` lets go of all of it.
    """

    jobs: JobStore
    machines: MachineStore
    models: ModelStore
    tokenizer: Tokenizer
    host: MachineHost
    clock: Clock
    ids: Ids
    job_policy: JobPolicy
    machine_policy: MachinePolicy
    image: str
    place: str
    reconciler: Reconciler
    close: Callable[[], Awaitable[None]]
