"""Money on the wire. Amounts are US dollars without VAT unless a name ends in ``_eur``. ``as_if_aws`` is the
old name of ``simulated_aws``, sent for one release."""

from tlfif.wire.typed_dict import TypedDict


class CostShareView(TypedDict):
    """What one answer cost: ``usd`` is the sum of its parts. ``final`` false: the machine still runs, and the idle
    time behind this answer may cost up to ``idle_at_most_usd`` more."""

    usd: float
    eur: float
    boot_usd: float
    working_usd: float
    idle_usd: float
    minimum_usd: float
    start_usd: float
    final: bool
    idle_at_most_usd: float


class DayView(TypedDict):
    """One UTC day on which a machine ran: ``date`` (ISO), hours on, their cost."""

    date: str
    hours: float
    usd: float


class SumsView(TypedDict):
    """A month under one tariff: ``month_to_date`` is ``machines_usd`` + ``standing_usd``.

    ``running_usd_per_hour`` is what runs at this moment, ``standing_usd_per_month`` an idle month of 730 hours,
    ``forecast`` the month's end if the last seven days go on. ``region`` and ``instance_type`` are null for the
    owner's own computer.
    """

    region: str | None
    instance_type: str | None
    month_to_date_usd: float
    month_to_date_eur: float
    machines_usd: float
    standing_usd: float
    running_usd_per_hour: float
    standing_usd_per_month: float
    forecast_usd: float
    forecast_eur: float
    days: list[DayView]


class BudgetView(TypedDict):
    """The limit and where the month stands: ``state`` is none, open, warn_50, warn_80 or locked.

    ``spent``, ``committed`` (set aside by machines that run) and ``free`` are held against the limit; ``free_eur`` is
    null without one. ``start_eur`` is what a start must find free. ``locked_until`` (ISO, UTC) is null while open.
    """

    limit_eur: float | None
    extra_eur: float
    simulated_aws: bool
    as_if_aws: bool
    state: str
    spent_eur: float
    committed_eur: float
    free_eur: float | None
    start_eur: float
    locked_until: str | None
    sentence: str


class ExchangeView(TypedDict):
    """One euro in dollars, of which day and by whom; ``verified`` false: an assumption."""

    usd_per_eur: float
    date: str
    source: str
    verified: bool


class RateView(TypedDict):
    """One price in force: ``usd`` for one ``unit``."""

    item: str
    region: str
    instance_type: str | None
    usd: float
    unit: str
    source: str
    date: str
    verified: bool


class AnswerCostView(TypedDict):
    """An answer among the last ones: when it was accepted (epoch seconds), how it ended, what it took and cost."""

    job_id: str
    created_at: float
    status: str
    model: str
    image: str | None
    instance_type: str | None
    engine: str | None
    attempt: int
    queue_seconds: float | None
    first_token_seconds: float | None
    total_seconds: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: CostShareView
    simulated_aws: CostShareView | None
    as_if_aws: CostShareView | None


class BilledView(TypedDict):
    """What AWS itself says that the whole account costs in ``month``, asked once a day: a figure of its own, which is
    part of no other.

    ``state`` is not_asked, asking, unanswered, failed (``problem`` has the code), nothing_yet or known, of the newest
    question. ``usd`` is without VAT and less ``credits_usd``; it holds up to and with the day ``up_to`` (ISO, UTC) and
    may be from an older question: ``billed_at`` is when it was asked for. Null where there is none. ``title`` and
    ``sentence`` say all of it to a person.
    """

    state: str
    month: str | None
    usd: float | None
    eur: float | None
    credits_usd: float | None
    currency: str
    up_to: str | None
    estimated: bool | None
    billed_at: str | None
    asked_at: str | None
    next_at: str | None
    problem: str | None
    title: str
    sentence: str


class TypeView(TypedDict):
    """A machine type, its engine (vllm or llama) and what an hour of it costs: machine, public address, disk."""

    instance_type: str
    engine: str
    usd_per_hour: float


class CostView(SumsView):
    """What it costs now. The sums at the top are what is really owed; on the owner's own computer they are nothing,
    and ``simulated_aws`` says what AWS would have cost (null where the machines do run on AWS). ``billed`` is AWS's own
    figure, null where AWS bills nothing. ``types``: the machines that are tried, in that order; none on the owner's own
    computer."""

    month: str
    place: str
    vat: str
    since: str
    simulated_aws: SumsView | None
    as_if_aws: SumsView | None
    billed: BilledView | None
    budget: BudgetView
    exchange: ExchangeView
    types: list[TypeView]
    rates: list[RateView]
    receipts: list[AnswerCostView]


class StandingLineView(TypedDict):
    """One line of an idle month. ``section`` is RQL 1's, empty for this design; ``estimated``: the quantity is."""

    label: str
    section: str
    quantity: float
    unit: str
    usd_per_month: float
    estimated: bool
    source: str
    date: str
    verified: bool


class StandingView(TypedDict):
    """An idle month in one region: this design (machines end: ``terminate``; their disk kept: ``standby``), RQL 1 as
    written, and what comes on top of it where it is read literally."""

    region: str
    terminate: list[StandingLineView]
    terminate_usd: float
    standby: list[StandingLineView]
    standby_usd: float
    rql1: list[StandingLineView]
    rql1_usd: float
    rql1_extras: list[StandingLineView]
    rql1_worst_usd: float


class StandingList(TypedDict):
    """Every region asked for. A month is 730 hours; without VAT."""

    vat: str
    regions: list[StandingView]


class IdleOptionView(TypedDict):
    """One idle time-out, replayed over the past prompts."""

    minutes: float
    cost_usd: float
    cold_starts: int
    waited_seconds: float
    sentence: str


class AdviceView(TypedDict):
    """Which idle time-out would have been best; no options and null where there is too little history."""

    region: str
    instance_type: str
    answers: int
    options: list[IdleOptionView]
    recommended_minutes: float | None
    sentence: str


class PriceChangeView(TypedDict):
    """A price that a refresh replaced, or one that it kept and why."""

    item: str
    region: str
    instance_type: str | None
    old_usd: float
    new_usd: float | None
    reason: str


class RefreshView(TypedDict):
    """What a refresh did: ``failed`` names the lists that could not be read, with the reason; their prices stay."""

    changed: list[PriceChangeView]
    kept: list[PriceChangeView]
    unchanged: int
    failed: list[str]
    exchange: ExchangeView
    exchange_problem: str | None
