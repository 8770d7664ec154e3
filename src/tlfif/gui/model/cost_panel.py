"""What the Cost tab shows. Money is in US dollars without VAT unless a name says ``eur``."""

from dataclasses import dataclass

from tlfif.wire.money import AdviceView, AnswerCostView, CostView


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One running figure, never added to another one. ``name`` says which: a running estimate, or "on AWS".

    ``usd`` and ``eur`` are now; ``usd_at_report`` was in the last report. ``text`` is what to show.
    """

    name: str
    usd_at_report: float
    usd_per_hour: float
    usd: float
    eur: float
    text: str
    per_hour_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUndo:
    """The limit before a change, for the button that takes it back until ``until`` (monotonic seconds; 0: the change is
    not confirmed yet). ``limit`` in euros, None: there was none."""

    limit: str | None
    simulated_aws: bool
    until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPanel:
    """The monthly limit. ``fraction`` of it that is spent (may pass 1; None without a limit); ``left_text`` what is
    left now. ``practice``: held against AWS's prices while nothing is charged. ``entry`` is the new limit's field."""

    state: str = "none"
    left_text: str = ""
    sentence: str = ""
    fraction: float | None = None
    left_eur: float | None = None
    limit_eur: float | None = None
    practice: bool = False
    locked: bool = False
    entry: str = ""
    entry_problem: str = ""
    saving: bool = False
    undo: BudgetUndo | None = None
    not_yours: str = ""
    """Why this person may not change it; empty where they may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledPanel:
    """AWS's own figure: its name with the day up to which it holds, the amount, and what it covers or why there is
    none."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPanel:
    """Money. ``real`` is what is owed, ``simulated`` what AWS would have taken: two numbers that are never mixed; each
    is None where there is none. ``billed`` is a third: what AWS itself says, None where it is not asked.
    ``billed_text`` says how the first one stands to it.

    ``stale``: the last report is older than ten seconds although a machine runs.
    """

    updated_at: float | None = None
    report: CostView | None = None
    real: Meter | None = None
    simulated: Meter | None = None
    billed_text: str = ""
    billed: BilledPanel | None = None
    standing_text: str = ""
    """What is kept costs by the month, where machines run on AWS; empty on this computer."""
    formula_text: str = ""
    budget: BudgetPanel = BudgetPanel()
    receipts: tuple[AnswerCostView, ...] = ()
    exchange_text: str = ""
    advice: AdviceView | None = None
    stale: bool = False
