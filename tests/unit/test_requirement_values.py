"""The figures in the requirement list are those of the program: a phrase made from each value stands in the text."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from dev import requirements as rql
from tests.infra.template import Template
from tlfif.adapters.aws.jobs.dynamo_job_items import TTL_GRACE_SECONDS
from tlfif.adapters.aws.jobs.dynamo_job_notifier import MOST_RECEIVES
from tlfif.adapters.aws.jobs.dynamo_job_texts import INLINE_BYTES
from tlfif.adapters.aws.machines.dead_mans_switch import TARGET
from tlfif.adapters.aws.machines.ec2_machine_host import SEARCH_SECONDS
from tlfif.adapters.aws.machines.ec2_user_data import MAX_BYTES
from tlfif.adapters.aws.sign_in.cognito_authority import LEEWAY_SECONDS
from tlfif.api import ingress
from tlfif.api.cost_views import RECEIPTS
from tlfif.api.dialect_answers import GRACE_SECONDS
from tlfif.api.problems import MAX_FAULTS, RETRY_SECONDS
from tlfif.api.request_body import BODY_SECONDS
from tlfif.bootstrap.aws_images import LONGEST_WORK_SECONDS
from tlfif.bootstrap.settings import Settings
from tlfif.cli import exit_codes
from tlfif.client.connection import (
    ANSWER_SECONDS,
    BACKOFF_SECONDS,
    CONNECT_SECONDS,
    GATEWAY_BACKOFF_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
    TRIES,
)
from tlfif.client.conversation_window import MAX_EXCHANGES
from tlfif.client.following import LONGEST_WAIT_SECONDS, START_WAIT_SECONDS
from tlfif.client.profile import REDIRECT_PORTS
from tlfif.control.reconcile import PURGE_LIMIT
from tlfif.control.scheduled_router import PAUSE_SECONDS
from tlfif.deployment.destroy import DELETE_TRIES, MACHINE_SECONDS
from tlfif.dialects.openai_chat import MOST_CHOICES
from tlfif.doctor.account_verdicts import LEAST_LAMBDA
from tlfif.doctor.checks import ACCOUNT_CHECKS, COMPUTER_CHECKS
from tlfif.doctor.computer_verdicts import (
    CLOCK_NOTICED_SECONDS,
    CLOCK_REFUSED_SECONDS,
    FULL_BYTES,
    JUMP_SECONDS,
    JUMPS_DAYS,
    OLD_PRICE_DAYS,
    TIGHT_BYTES,
)
from tlfif.gui.bridge.watching import LOST_SECONDS, SIGNED_OUT_SECONDS
from tlfif.gui.model.attachments import MAX_FILE_BYTES, MAX_FILES
from tlfif.gui.model.preferences import FONT_RANGE, MAX_CHOSEN, MAX_PERSONAS
from tlfif.gui.model.problem import LABELS, Press
from tlfif.gui.presenters.cost import NO_FIGURE, STALE_SECONDS
from tlfif.gui.presenters.cost_figures import NOT_CHARGED
from tlfif.gui.presenters.elsewhere import MACHINE, READY
from tlfif.gui.presenters.first_page import FIRST, LATER
from tlfif.gui.presenters.status_line import BRIEF
from tlfif.gui.views.budget_card import PRACTICE
from tlfif.gui.views.context import LARGEST_SMALLEST, SMALLEST, USUAL
from tlfif.gui.views.keys_view import key_table
from tlfif.history.arranging import UNDO_SECONDS
from tlfif.history.listing import PAGE
from tlfif.history.titles import NAME_LENGTH, TITLE_LENGTH
from tlfif.images.golden_prompts import GOLDEN_PROMPTS
from tlfif.images.image import STAGES, ImageState
from tlfif.images.pipeline import APPROVAL_SECONDS
from tlfif.images.promotion import MOST_REMEMBERED
from tlfif.images.requests import KEEP_MINUTES
from tlfif.images.retention import KEPT
from tlfif.images.smoke_report import NEEDED_SHARE
from tlfif.images.watch_repository import PATHS, POLL_SECONDS
from tlfif.jobs import limits, tool_limits
from tlfif.jobs.delete_jobs import PAGE as DELETE_PAGE
from tlfif.jobs.events import EventKind
from tlfif.jobs.jobs import MAX_ATTEMPTS, JobStatus
from tlfif.jobs.pieces import MOST_LETTERS
from tlfif.jobs.policy import AWS_JOB_POLICY, USUAL_TEMPERATURE, JobPolicy
from tlfif.jobs.token_estimate import A_MESSAGE
from tlfif.kernel.access import KEY_PREFIX, MOST_KEYS
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.error_codes import ERROR_CODES
from tlfif.machines.machine import MachineState, Phase
from tlfif.machines.machine_types import GPU_QUOTA, MACHINE_TYPES, MOST_DISK_GB, STANDARD_QUOTA, USUAL_TYPES
from tlfif.machines.machine_types import ImageProfile as Kind
from tlfif.machines.policy import (
    AWS_MACHINE_POLICY,
    DEFAULT_IDLE_TIMEOUT_MINUTES,
    MAX_IDLE_TIMEOUT_MINUTES,
    MIN_IDLE_TIMEOUT_MINUTES,
    PROCESSOR_SLOTS,
    MachinePolicy,
)
from tlfif.models.catalogue import MAX_CONTEXT_TOKENS, SMOLLM2, TINYLLAMA, TINYLLAMA_FP16, HubSource, ModelSpec
from tlfif.models.model_store import ModelState
from tlfif.money.amounts import eur, usd, usd_and_eur
from tlfif.money.budget.budget import DRAIN_SECONDS, HEADROOM_PERCENT, WARN_PERCENT
from tlfif.money.budget.budget_limit import DEFAULT_LIMIT_EUR, MAX_LIMIT_EUR, MIN_LIMIT_EUR
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import INCLUDED_MIBS, QUICK_MIBS, REGIONS, running_rates
from tlfif.money.spend.standing_costs import lean_items, total_per_month
from tlfif.wire.models import ModelView
from tlfif.wire.server import ServerView
from tlfif.wording.machines import time_left
from tlfif.worker.machine_life import MAX_ENGINE_FAILURES

PINS = json.loads((Path(__file__).parents[2] / "images" / "pins.json").read_text("utf-8"))
HERE, AWS = MachinePolicy(), AWS_MACHINE_POLICY
JOB, AWS_JOB = JobPolicy(), AWS_JOB_POLICY
FOLDER = DataFolder(Path())
PRESSES = (Press.START_MACHINE, Press.RELEASE_BUDGET, Press.OPEN_COST, Press.SIGN_IN, Press.RECONNECT)
"""What the status line offers."""
AT_MS = 2**43
"""After every built-in price began."""


def between(low: float, high: float) -> str:
    return f"{low:g} to {high:,}" if isinstance(high, int) and high < 2**31 else f"{low:g} to {high:.0f}"


def hours(*, gpu: bool) -> str:
    """The lowest and the highest price of an hour, with address and disk, over the regions."""
    sums = [
        sum(running_rates(BUILT_IN_PRICES, region, name, at_ms=AT_MS)) / 10**6
        for region in REGIONS
        for name, one in MACHINE_TYPES.items()
        if one.has_gpu is gpu
    ]
    return f"{min(sums):.2f} to {max(sums):.2f}"


def months() -> str:
    sums = [total_per_month(lean_items(BUILT_IN_PRICES, region, AT_MS)) / 10**6 for region in REGIONS]
    return f"{min(sums):.2f} to {max(sums):.2f} dollars"


def pins_of(spec: ModelSpec) -> list[str]:
    source = [spec.source.repo, spec.source.revision] if isinstance(spec.source, HubSource) else [spec.source.version]
    return [spec.sha256, f"{spec.size_bytes:,} bytes", spec.file_name, *source] if spec is not SMOLLM2 else source


VALUES: list[tuple[str, str]] = [
    *(("1.1.9", f"**{keys}**") for keys, _ in key_table("Ctrl")),
    *(("1.1.12", f"`{usd(value)}`") for value in (0.03, 0.999, 0.000072, 1234.5)),
    *(("1.1.7", f'"{words}"') for words in BRIEF.values()),
    *(("1.1.7", f"**{LABELS[press]}**") for press in PRESSES),
    ("1.1.7", f'"{time_left(75)}", and "{time_left(0.5)}" below one second'),
    (
        "1.1.10",
        f"opens with {USUAL[0]:,} by {USUAL[1]} points, and can be made as small as {SMALLEST[0]} by {SMALLEST[1]}",
    ),
    ("1.1.10", f"{LARGEST_SMALLEST[0]} by {LARGEST_SMALLEST[1]} at most"),
    ("1.4.15", f'"{FIRST}"'),
    ("1.4.15", f'"{LATER}"'),
    ("1.1.12", f"`{usd_and_eur(0, 0)}`"),
    ("1.1.12", f"`{usd(0.003)}`"),
    ("1.1.12", f"`{eur(20.1234)}`"),
    ("1.4.3", f"`{DataFolder(Path()).history.name}`"),
    ("1.4.8", f"on one line of {TITLE_LENGTH} characters at most"),
    ("1.4.8", f"on one line of {NAME_LENGTH} characters at most"),
    ("1.4.8", f"{PAGE:,} at most"),
    ("1.5.1", f'"No report for {STALE_SECONDS:g} seconds."'),
    *(("1.5.1", name) for name in (PRACTICE, NOT_CHARGED, NO_FIGURE)),
    *((number, f"the last {'five' if RECEIPTS == 5 else RECEIPTS}") for number in ("1.5.1", "6.4.1")),
    ("1.1.4", f"{DEFAULT_IDLE_TIMEOUT_MINUTES:g} minutes unless"),
    ("1.1.4", f"from {between(MIN_IDLE_TIMEOUT_MINUTES, MAX_IDLE_TIMEOUT_MINUTES)}"),
    ("1.4.5", f"For {UNDO_SECONDS:g} seconds after a deletion"),
    ("1.4.9", f"up to {MAX_PERSONAS} are kept"),
    ("1.4.10", f"up to {MAX_FILES}, of {MAX_FILE_BYTES / 1e6:g} MB each"),
    ("1.2.2", f"127.0.0.1:{REDIRECT_PORTS[0]}/callback`, or port {REDIRECT_PORTS[1]} or {REDIRECT_PORTS[2]}"),
    ("1.3.1", f"tried {'three' if TRIES == 3 else TRIES} times"),
    ("1.3.1", "{:g} and {:g} seconds apart".format(*BACKOFF_SECONDS)),
    ("1.3.1", "({:g} and {:g} where a gateway".format(*GATEWAY_BACKOFF_SECONDS)),
    ("1.3.1", f"up to {LONGEST_RETRY_AFTER_SECONDS:g} where it says"),
    ("1.3.1", f"may take {CONNECT_SECONDS:g} seconds and an answer {ANSWER_SECONDS:g}"),
    ("1.3.1", f"(every {LOST_SECONDS:g} seconds, every {SIGNED_OUT_SECONDS:g} while signed out)"),
    ("1.4.2", f"the newest {MAX_EXCHANGES} at most"),
    *(("1.4.14", sentence) for sentence in (READY, MACHINE)),
    ("1.5.5", f"({between(*FONT_RANGE)} points)"),
    ("1.5.5", f"the last {MAX_CHOSEN} conversations"),
    ("1.3.2", "{:g}, {:g} and {:g} seconds on AWS".format(*AWS.expected_phase_seconds.values())),
    ("1.6.2", f"- {exit_codes.USAGE}: wrong use or bad input"),
    ("1.6.2", f"- {exit_codes.JOB_FAILED}: the job failed"),
    ("1.6.2", f"- {exit_codes.NO_MACHINE}: the machine cannot start"),
    ("1.6.2", f"- {exit_codes.NO_ACCESS}: not reachable"),
    *(
        ("1.6.2", f"`{code}`")
        for code, row in ERROR_CODES.items()
        if row.exit in {exit_codes.JOB_FAILED, exit_codes.NO_MACHINE}
    ),
    ("1.6.2", f"{exit_codes.INTERRUPTED} interrupted, {exit_codes.OUTPUT_CLOSED} the reader"),
    ("2.1.2", f"Messages: 1 to {limits.MAX_MESSAGES}"),
    ("2.1.2", f"roles {', '.join(f'`{role}`' for role in limits.ROLES)}"),
    ("2.1.2", f"`max_tokens` {between(*limits.MAX_TOKENS_RANGE).replace(',', '')}, {JOB.default_max_tokens} without"),
    ("2.1.2", f"`temperature` {between(*limits.TEMPERATURE_RANGE)}"),
    ("2.1.2", f"else {USUAL_TEMPERATURE}"),
    ("2.1.2", f"`top_p` and `min_p` {between(*limits.RANGES['top_p'])}"),
    ("2.1.2", f"`top_k` {between(*limits.RANGES['top_k'])}"),
    ("2.1.2", f"both penalties {between(*limits.RANGES['presence_penalty'])}"),
    ("2.1.2", f"`repeat_penalty` {between(*limits.RANGES['repeat_penalty'])}"),
    ("2.1.2", f"`seed` {between(*limits.SEED_RANGE)}"),
    ("2.1.2", f"`stop` up to {limits.MAX_STOPS} texts of up to {limits.MAX_STOP_LETTERS} letters"),
    ("2.1.2", f"up to {limits.MAX_BIASED_TOKENS:,} tokens, {between(*limits.BIAS_RANGE)}"),
    ("2.1.2", f"`logprobs` {between(*limits.LOGPROBS_RANGE)}"),
    ("2.1.2", f"up to {limits.MAX_EMBEDDED:,} texts"),
    ("2.1.2", f"schema of up to {tool_limits.MAX_SCHEMA_BYTES // 1024} KiB"),
    ("2.1.2", f"`tools` up to {tool_limits.MAX_TOOLS}, together up to {tool_limits.MAX_TOOLS_BYTES // 1024} KiB"),
    ("2.1.2", f"`notes` up to {limits.MAX_NOTES_BYTES // 1024} KiB"),
    ("2.1.2", f"`idle_timeout_minutes` {between(MIN_IDLE_TIMEOUT_MINUTES, MAX_IDLE_TIMEOUT_MINUTES)}"),
    ("2.1.2", f"fewer than {limits.MIN_ANSWER_TOKENS} tokens of the {MAX_CONTEXT_TOKENS:,}"),
    ("2.1.2", f"nested {tool_limits.MAX_SCHEMA_DEPTH} deep at most"),
    ("2.1.2", f"divided by {limits.LONGEST_TOKEN_BYTES} where"),
    ("2.1.6", f"`Retry-After: {RETRY_SECONDS}`"),
    ("2.1.6", f"the first {'ten' if MAX_FAULTS == 10 else MAX_FAULTS} with"),
    *(("2.1.7", f"`{state}`") for state in ModelState),
    *(("2.1.7", f"`{name}`") for name in (*ServerView.__annotations__, *ModelView.__annotations__)),
    ("2.1.8", f"{10 * DELETE_PAGE:,} a call"),
    ("2.2.1", f"may be {LEEWAY_SECONDS} seconds past its end"),
    ("2.4.3", f"{ {5: 'five'}[A_MESSAGE] } for each message and tool"),
    ("2.1.5", f"up to S seconds ({between(*limits.WAIT_RANGE)})"),
    ("2.1.5", f"waits of up to {LONGEST_WAIT_SECONDS:g} seconds ({START_WAIT_SECONDS:g} while a machine starts)"),
    ("2.2.5", f"at most {ingress.HEAD_BYTES // 1024} KiB and {ingress.HEAD_FIELDS} lines"),
    ("2.2.5", f"within {ingress.HEAD_SECONDS:g} seconds"),
    ("2.2.5", f"about {ingress.MAX_CONNECTIONS:,} requests"),
    ("2.2.5", f"1 MiB and is there within {BODY_SECONDS:g} seconds"),
    ("2.2.6", f"(`{KEY_PREFIX}…`) for one program, up to {MOST_KEYS}"),
    ("2.2.7", f"At most {JOB.max_queued:,} prompts wait"),
    ("2.4.1", f"`n` up to {MOST_CHOICES}"),
    ("2.4.6", f"cancelled {GRACE_SECONDS:g} seconds after"),
    *(("3.1.1", f"`{state}`" if state in ("no_capacity", "no_quota", "broken") else state) for state in MachineState),
    ("3.1.1", f"at most {AWS.heartbeat_valid_seconds:g} seconds old"),
    ("3.1.3", f"looks again every {PAUSE_SECONDS:g} seconds"),
    ("3.2.3", f"takes over {SEARCH_SECONDS:g} seconds"),
    ("3.2.4", f"every {AWS.no_capacity_pause_seconds:g} seconds"),
    ("3.2.4", f"every {AWS.no_quota_pause_seconds:g} seconds"),
    ("3.2.5", f"{AWS.failed_start_backoff_seconds:g}, {2 * AWS.failed_start_backoff_seconds:g} seconds on AWS"),
    (
        "3.2.5",
        f"({HERE.failed_start_backoff_seconds:g} and {2 * HERE.failed_start_backoff_seconds:g} on your computer)",
    ),
    ("3.2.6", f"{AWS.launch_limit_seconds:g} seconds on AWS and {HERE.launch_limit_seconds:g} on your computer"),
    ("3.2.6", f"does not show {AWS.unseen_limit_seconds:g} seconds after"),
    ("3.3.2", f"has waited {JOB.wait_limit_seconds:,.0f} seconds"),
    ("3.6.1", f"{AWS.control_gone_seconds:g} seconds without a router"),
    ("3.6.2", f"idle {AWS.idle_grace_seconds:g} seconds beyond"),
    ("3.6.2", f"no sign of life for {AWS.heartbeat_valid_seconds:g} seconds"),
    ("3.6.2", f"older than {AWS.max_run_seconds / 3600:g} hours"),
    ("3.6.2", f"at most {AWS.drain_limit_seconds / 60:g} minutes"),
    ("3.6.2", f"{AWS.stop_patience_seconds:g} seconds ({HERE.stop_patience_seconds:g} on your computer)"),
    ("3.6.3", f"`{TARGET}`"),
    ("3.6.3", f"({AWS.max_run_seconds + AWS.drain_limit_seconds:,.0f} seconds)"),
    ("4.1.2", f"more than {INLINE_BYTES:,} bytes"),
    *(("4.2.1", f"`{status}`") for status in JobStatus),
    *(("4.2.3", f"`{kind}`") for kind in EventKind),
    ("4.2.4", f"{JOB.lease_seconds:g} seconds at home and {AWS_JOB.lease_seconds:g} on AWS"),
    ("4.2.4", f"extends it every {JOB.heartbeat_seconds:g}"),
    ("4.2.5", f"claimed at most {MAX_ATTEMPTS} times"),
    ("4.2.6", f"takes {JOB.max_queued:,} waiting jobs"),
    ("3.4.2", f"{AWS.max_run_seconds / 3600:g} h {(AWS.drain_limit_seconds + AWS.stop_patience_seconds) / 60:g} min"),
    ("4.2.7", f"kept for {JOB.retention_seconds / 86400:g} days from its end"),
    ("4.2.7", f"at most {PURGE_LIMIT} jobs a look"),
    ("4.2.7", f"{TTL_GRACE_SECONDS / 86400:g} days later"),
    ("4.2.9", f"or after {'four' if MOST_RECEIVES == 4 else MOST_RECEIVES} receives"),
    ("4.2.10", f"every {JOB.batch_seconds * 1000:g} milliseconds at home and every {AWS_JOB.batch_seconds * 1000:g}"),
    ("4.2.10", f"at most {MOST_LETTERS:,} letters"),
    ("5.1.1", ", ".join(f"`{name}`" for name in USUAL_TYPES)),
    *(("5.1.1", f"`{name}`") for name in (*MACHINE_TYPES, GPU_QUOTA.quota_id, STANDARD_QUOTA.quota_id)),
    ("5.1.1", f"{hours(gpu=True)} dollars an hour with a GPU, {hours(gpu=False)} without"),
    ("5.1.3", f"{QUICK_MIBS} MiB/s ({INCLUDED_MIBS} where a disk is kept)"),
    ("5.1.3", f"{Kind.CPU_LLAMA.disk_gb} GB (`cpu-llama`), {Kind.GPU_LLAMA.disk_gb} (`gpu-llama`) or"),
    ("5.1.3", f"or {Kind.GPU_VLLM.disk_gb} (`gpu-vllm`)"),
    ("5.1.3", f"up to {MOST_DISK_GB}"),
    *(("5.2.1", phrase) for spec in (TINYLLAMA_FP16, TINYLLAMA, SMOLLM2) for phrase in pins_of(spec)),
    ("5.2.1", f"{SMOLLM2.size_bytes:,} bytes"),
    ("5.2.2", f"four bits, {PINS['profiles']['cpu-llama']['slots']} answers at once"),
    ("5.2.2", f"16 bits, {PINS['profiles']['gpu-vllm']['slots']} at once"),
    *(("5.2.3", PINS["base"][name]) for name in ("system", "parameter")),
    ("5.2.3", f"Python {PINS['python']}"),
    ("5.2.3", f"vLLM {PINS['vllm']['version']}"),
    ("5.2.3", PINS["llama.cpp"]["commit"]),
    ("5.2.3", f"uv {PINS['uv']}"),
    *(("5.2.4", f"`{step}`") for profile in PINS["profiles"].values() for step in profile["steps"]),
    ("5.3.1", f"at most {MAX_BYTES:,} bytes"),
    ("5.3.2", f"every {AWS.heartbeat_seconds:g} seconds ({HERE.heartbeat_seconds:g} at home)"),
    ("5.6.1", f"Up to {AWS.engine_slots} answers run together on a GPU, {PROCESSOR_SLOTS} on a processor"),
    ("5.6.4", f"fewer than {limits.MIN_ANSWER_TOKENS} tokens"),
    ("5.6.6", f"After {MAX_ENGINE_FAILURES} deaths in a row"),
    ("5.6.7", f"longer than {JOB.run_limit_seconds:,.0f} seconds"),
    ("5.7.2", f"after {Settings.model_fields['server_idle_exit_seconds'].default:g} seconds"),
    ("6.2.1", f"In euros, {DEFAULT_LIMIT_EUR} unless you set another, from {MIN_LIMIT_EUR} to {MAX_LIMIT_EUR:,}"),
    ("6.2.1", f"warns at {WARN_PERCENT[0]} and {WARN_PERCENT[1]} %"),
    ("6.2.3", f"({DRAIN_SECONDS:g} seconds to finish answers"),
    ("6.2.5", {25: "a quarter of the limit"}[HEADROOM_PERCENT]),
    ("6.7.1", months().removesuffix(" dollars")),
    *(("7.1.1", f"{stage.replace('_', ' ')}") for stage in STAGES),
    *(("7.1.1", f"`{state}`") for state in ImageState),
    ("7.1.3", f"ends {LONGEST_WORK_SECONDS / 60:g} minutes after its launch"),
    ("7.1.5", f"for {KEEP_MINUTES[0]} to {KEEP_MINUTES[-1]} minutes"),
    *(("7.2.1", f"`{path}`") for path in PATHS),
    ("7.2.1", f"every {POLL_SECONDS:g} seconds"),
    ("7.2.3", f"{'ten' if len(GOLDEN_PROMPTS) == 10 else len(GOLDEN_PROMPTS)} English prompts"),
    ("7.2.3", f"At least {NEEDED_SHARE * len(GOLDEN_PROMPTS):g} must"),
    *(("7.2.3", f"- `{one.name}`: {one.prompt} → ") for one in GOLDEN_PROMPTS),
    *(("7.2.3", f"with {one.max_tokens} tokens each") for one in GOLDEN_PROMPTS),
    ("7.2.5", f"the last {'ten' if MOST_REMEMBERED == 10 else MOST_REMEMBERED}, the latest"),
    ("8.6.4", f"(`{FOLDER.token.name}`), sign-in (`{FOLDER.sign_in.name}`), keys (`{FOLDER.access.name}`)"),
    ("8.6.4", f"(`{FOLDER.database.name}`) and past conversations (`{FOLDER.history.name}`)"),
    ("10.6.1", f"{MACHINE_SECONDS / 60:g} minutes at most"),
    ("10.6.1", f"({'three' if DELETE_TRIES == 3 else DELETE_TRIES} tries,"),
    ("10.7.1", f"under {FULL_BYTES / 1e9:g} GB free `fail`, under {TIGHT_BYTES / 1e9:g} GB `warn`"),
    ("10.7.1", f"more than {CLOCK_REFUSED_SECONDS:g} seconds from AWS's `fail`, more than {CLOCK_NOTICED_SECONDS:g}"),
    ("10.7.1", f"more than {JUMP_SECONDS:g} seconds in the last {JUMPS_DAYS} days"),
    ("10.7.1", f"older than {OLD_PRICE_DAYS} days"),
    ("10.7.1", f"fewer than {LEAST_LAMBDA} calls"),
    ("10.7.1", f"older than {AWS.max_run_seconds / 3600:g} hours `fail`"),
    ("7.2.4", f"After {APPROVAL_SECONDS / 86400:g} days without an answer"),
    ("7.3.1", f"the newest {KEPT} of each profile"),
    ("10.7.1", f"({len(COMPUTER_CHECKS)} checks:"),
    ("10.7.1", f"({len(ACCOUNT_CHECKS)}:"),
]
"""Numbers of requirements and what must stand in them. Phases of a start and kinds of event are in other tests, too."""


def template_values(template: Template) -> Iterable[tuple[str, str]]:
    """What the template decides."""
    stage = template.only("AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]
    rate, burst = (stage[f"Throttling{name}Limit"] for name in ("Rate", "Burst"))
    yield "2.2.7", f"{rate} requests a second for all, {burst} at once"
    client = template.only("AWS::Cognito::UserPoolClient")
    yield "1.2.3", f"good for {client['AccessTokenValidity']} minutes"
    yield "1.2.3", f"The refresh token ({client['RefreshTokenValidity']} days)"
    functions = {one["FunctionName"]["Fn::Sub"][12:]: one for one in template.of_type("AWS::Lambda::Function").values()}
    api, router = functions["api"], functions["router"]
    yield "2.3.2", f"{api['MemorySize']} MB, {api['Timeout']} seconds, Python {api['Runtime'].removeprefix('python')}"
    yield "3.1.3", f"{router['MemorySize']} MB, {router['Timeout']} seconds, Python {router['Runtime'][6:]}"
    budget = template.only("AWS::Budgets::Budget")["NotificationsWithSubscribers"]
    for kind, words in (
        ("ACTUAL", "{}, {} and {} % of what is spent"),
        ("FORECASTED", "{} and {} % of what is expected"),
    ):
        told = [one["Notification"] for one in budget]
        yield "6.2.7", words.format(*(one["Threshold"] for one in told if one["NotificationType"] == kind))
    days = {
        rule["Id"]: rule.get("ExpirationInDays")
        for one in template.of_type("AWS::S3::Bucket").values()
        for rule in one["LifecycleConfiguration"]["Rules"]
    }
    yield "4.2.7", f"written {days['jobs']} days ago"
    yield "10.2.1", f"`jobs/` {days['jobs']}"
    yield "10.2.1", f"`releases/sources/` {days['sources']}"
    yield "10.2.1", f"hands over {days['artifacts']}"
    yield "10.2.1", f"`NAME-trail-ACCOUNT-REGION`: {days['trail']}"
    groups = template.of_type("AWS::Logs::LogGroup").values()
    for group in groups:
        yield "10.2.1", f"`{group['LogGroupName']['Fn::Sub'].replace('${HomeName}', 'NAME')}`"
    yield "10.2.1", "(the API's requests): " + "".join(str(days) for days in {one["RetentionInDays"] for one in groups})
    yield "9.1.1", template.only("AWS::EC2::VPC")["CidrBlock"]


@pytest.fixture(scope="module")
def words() -> dict[str, str]:
    return {one.number: one.words for one in rql.read()}


def test_every_figure_is_the_programs(words: dict[str, str]) -> None:
    values = [*VALUES, *template_values(Template.committed())]
    assert [(number, phrase) for number, phrase in values if phrase not in words[number]] == []


def test_each_alarm_stands_in_the_list_with_its_figure(words: dict[str, str]) -> None:
    for alarm in Template.committed().of_type("AWS::CloudWatch::Alarm").values():
        (dimension,) = alarm["Dimensions"]
        silent = alarm["ComparisonOperator"] == "LessThanThreshold"
        assert alarm["TreatMissingData"] == ("breaching" if silent else "notBreaching")
        assert alarm["EvaluationPeriods"] == 1
        how = {"Maximum": "the highest in", "Sum": "the sum of"}[alarm["Statistic"]]
        limit = f"below {alarm['Threshold']}" if silent else f"{alarm['Threshold']} or more"
        name = alarm["AlarmName"]["Fn::Sub"].replace("${HomeName}", "NAME")
        looks_at = f"`{name}`: `{alarm['Namespace']}`, `{alarm['MetricName']}`, `{dimension['Name']}` = "
        assert re.search(
            rf"{re.escape(looks_at)}[^;]+; {how} {alarm['Period'] // 60} minutes is {limit}\b", words["10.9.1"]
        ), looks_at


def test_the_phases_of_a_start_are_told(words: dict[str, str]) -> None:
    assert {phase.value for phase in Phase} == {"launch", "engine_start", "prove"}
    assert "launching, loading, testing" in words["1.3.2"]


@pytest.mark.requirement("8.2.1", "8.2.2", "8.3.1", "8.4.1", "8.4.2")
@pytest.mark.parametrize(
    ("number", "part", "as_others"),
    [
        ("8.2.1", "ApiAppRole", ()),
        ("8.2.2", "RouterTickRole", ("ApiAppRole",)),
        ("8.3.1", "MachineWorker", ("ApiAppRole",)),
        ("8.4.1", "ImagesPipelineRole", ("ApiAppRole", "RouterTickRole")),
        ("8.4.2", "StopsTerminator", ()),
    ],
)
def test_each_right_of_a_role_stands_in_the_list(
    words: dict[str, str], number: str, part: str, as_others: tuple[str, ...]
) -> None:
    """``as_others``: what a role before it has, too, is not repeated there."""
    template = Template.committed()

    def actions(role: str) -> set[str]:
        return {action.split(":")[1] for one in template.role(role).values() for action in one.actions}

    told = set(re.findall(r"`(?:[a-z0-9]+:)?([A-Z][A-Za-z]+)`", words[number]))
    before = set().union(*(actions(role) for role in as_others))
    assert actions(part) - told - before == set()
    assert told - actions(part) <= {"UpdateSchedule", "BatchWriteItem"}, "named as what it may not"
