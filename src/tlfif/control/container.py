"""The ports and services that a control plane works with; ``bootstrap`` fills them in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tlfif.control.machine_control import MachineControl
from tlfif.control.reconcile import Reconciler
from tlfif.images.image import Profile
from tlfif.images.image_builder import ImageBuilder
from tlfif.images.image_registry import ImageRegistry
from tlfif.images.image_store import ImageStore
from tlfif.images.source_repository import SourceRepository
from tlfif.jobs.job_store import JobStore
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.clock import Clock, Ids
from tlfif.machines.machine_host import MachineHost
from tlfif.machines.machine_store import MachineStore
from tlfif.machines.machine_types import EngineKind
from tlfif.machines.policy import MachinePolicy
from tlfif.models.model_store import ModelStore
from tlfif.models.personal_models import PersonalModels
from tlfif.money.bill.bill_store import BillStore
from tlfif.money.budget.budget_gate import BudgetGate
from tlfif.money.prices.pricing import Pricing
from tlfif.money.prices.refresh_prices import RefreshReport
from tlfif.money.spend.answer_costs import AnswerCosts
from tlfif.money.spend.ledger import Ledger
from tlfif.money.spend.tariff import Tariff
from tlfif.money.spend.totals import Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What meters and limits spending. ``tariff`` None: this computer, which costs nothing; ``simulated`` is the tariff
    of the simulated AWS cost. ``refresh`` reads the public price lists. ``bills``: what AWS itself has billed; None
    where it bills nothing."""

    ledger: Ledger
    pricing: Pricing
    totals: Totals
    answers: AnswerCosts
    budget: BudgetGate
    tariff: Tariff | None
    simulated: Tariff
    refresh: Callable[[], Awaitable[RefreshReport]]
    bills: BillStore | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """What makes and keeps machine images. ``profiles`` are those that this home can build; the first one is its usual
    one. ``repository`` None: nothing is followed from here."""

    store: ImageStore
    registry: ImageRegistry
    builder: ImageBuilder
    repository: SourceRepository | None
    profiles: tuple[Profile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """Everything the API and the router use; built in one place, passed explicitly, without behaviour.

    ``place`` is where machines run, in words for the owner. ``streams``: whether an answer can be streamed to the
    caller while it is generated. ``longest_wait_seconds``: how long a request may be kept open. ``images`` None: this
    home makes none. ``personal`` None: its machines answer with no personal models. ``model_names``: what other
    programs' names of models mean here. ``gpu_engine``: what machine types with a GPU have. ``close`` closes all.
    """

    jobs: JobStore
    machines: MachineStore
    models: ModelStore
    host: MachineHost
    clock: Clock
    ids: Ids
    job_policy: JobPolicy
    machine_policy: MachinePolicy
    image: str
    place: str
    reconciler: Reconciler
    control: MachineControl
    money: Money
    close: Callable[[], Awaitable[None]]
    images: Images | None = None
    personal: PersonalModels | None = None
    gpu_engine: EngineKind = EngineKind.VLLM
    streams: bool = True
    longest_wait_seconds: float = 3600.0
    model_names: Mapping[str, str] = field(default_factory=dict)
