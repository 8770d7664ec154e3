"""``tlfif deploy``: create the home on AWS, or update it."""

import argparse
import asyncio
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from tlfif.cli.arguments import add_json
from tlfif.cli.aws_place import add_aws, aws_place
from tlfif.cli.deploy_images import add_image_options, image_choices, offer_image
from tlfif.cli.exit_codes import DONE, INTERRUPTED, USAGE
from tlfif.cli.interrupts import Interrupts
from tlfif.cli.output.console import Console
from tlfif.cli.output.deploy_report import DifferenceReport, plan_object, plan_text
from tlfif.cli.output.progress import Progress, agreed
from tlfif.cli.output.tables import paragraph
from tlfif.deployment.deployment import DeployRequest, budget_usd
from tlfif.kernel.data_folder import data_folder_from_environment
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import INSTANCE_TYPES, USUAL_TYPES, check_instance_types
from tlfif.money.amounts import eur, usd
from tlfif.money.budget.budget_limit import DEFAULT_LIMIT_EUR, check_limit
from tlfif.money.money import ASSUMED_RATE

if TYPE_CHECKING:
    from tlfif.bootstrap.deployment import DeploymentContainer
    from tlfif.deployment.deploy import Deployed
    from tlfif.doctor.checks import Finding
    from tlfif.kernel.data_folder import DataFolder

EPILOG = """--plan needs neither an account nor the network; --diff asks AWS what would change in the home that stands.
Both change nothing. What would replace or remove a table, a bucket or the users is refused unless it is named. After an
interruption the same command continues where it stopped. docs/howto/first-day-on-aws.md leads from a new account to the
first answer. Exit codes: 0 done, 2 wrong use or not confirmed, 4 and 5 AWS refused or could not be reached, 130
interrupted."""
_EMAIL = re.compile(r"[^@\s,;]{1,64}@[^@\s,;]+\.[^@\s,;]+")
PROOF = "Say hello in one sentence."
LONGEST_EMAIL = 128
"""Cognito's limit for a user's name."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = EPILOG
    looks = parser.add_mutually_exclusive_group()
    looks.add_argument("--plan", action="store_true", help="only show what would be created and what it costs")
    looks.add_argument("--diff", action="store_true", help="only show what would change in the home that stands")
    add_aws(parser)
    parser.add_argument("--email", metavar="ADDRESS", help="where alarms go, and who signs in")
    parser.add_argument(
        "--budget",
        metavar="EUR",
        help="AWS sends you a mail when the account's month reaches it (default: unchanged; at first "
        f"{eur(DEFAULT_LIMIT_EUR)})",
    )
    parser.add_argument(
        "--keep-account-settings", action="store_true", help="leave disk encryption and S3's public block as they are"
    )
    parser.add_argument(
        "--block-public-buckets",
        action="store_true",
        help="switch S3's public block on although public buckets of yours go offline by it",
    )
    parser.add_argument(
        "--allow-losing",
        action="append",
        default=[],
        metavar="RESOURCE",
        help="let AWS replace or remove this table, bucket or list of users, with what is in it; can be repeated",
    )
    parser.add_argument(
        "--slow-start",
        action="store_true",
        help="where this computer lacks the functions' Python: build them so that they start slowly",
    )
    parser.add_argument(
        "--standby",
        action=argparse.BooleanOptionalAction,
        help="keep the disk of a machine that ends by itself, for a quicker start; costs rent (default: "
        "unchanged; at first no)",
    )
    parser.add_argument(
        "--type",
        action="append",
        metavar="TYPES",
        help=f"types of machine in the order in which they are tried, of {', '.join(INSTANCE_TYPES)}; separated by "
        f"commas, or repeated (default: unchanged; at first {','.join(USUAL_TYPES)})",
    )
    add_image_options(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    add_json(parser)


def types_asked(args: argparse.Namespace) -> tuple[str, ...] | None:
    """The types that were named; None where none was. Raises InvalidInputError ``instance_type_unknown``."""
    return None if args.type is None else check_instance_types(",".join(args.type).split(","))


def run(args: argparse.Namespace, console: Console) -> int:
    """Show the plan; without ``--plan``, ask for confirmation and deploy."""
    from tlfif.bootstrap.deployment_plan import offline_plan, open_journal

    if args.plan:
        data_folder = data_folder_from_environment()
        known = open_journal(data_folder).load()
        region = aws_place(args, data_folder).region
        kept = known.standby if args.standby is None and known is not None else args.standby
        types = types_asked(args) or (known.types if known is not None else ()) or USUAL_TYPES
        images = image_choices(args).settled({}, types)
        plan = offline_plan(
            region, types=types, standby=bool(kept), gpu_engine=images.gpu_engine, disk_gb=images.disk_gb
        )
        console.result(
            plan_object(plan), plan_text(plan, secure_account=not args.keep_account_settings), as_json=args.json
        )
        return DONE
    code, provable = asyncio.run(_deploy(args, console))
    return prove(console, yes=args.yes) if code == DONE and provable and not args.json else code


def prove(console: Console, *, yes: bool, run_command: "Callable[[list[str]], int] | None" = None) -> int:
    """Sign in with the browser and ask one real prompt. Returns that prompt's exit code, or the sign-in's if it failed.

    Does nothing without a terminal: signing in needs a person.
    """
    if run_command is None and not sys.stdin.isatty():
        return DONE
    from tlfif.cli.main import main  # the module that imported this one

    command = run_command or main
    if not agreed(console, "\nSign in and ask the first prompt now, as proof? A machine costs some cents.", yes=yes):
        return DONE
    signed_in = command(["login"])
    return command(["ask", PROOF]) if signed_in == DONE else signed_in


async def _deploy(args: argparse.Namespace, console: Console) -> tuple[int, bool]:
    with Interrupts():
        try:
            return await _deploy_here(args, console)
        except asyncio.CancelledError:
            console.note(
                "You interrupted the command. AWS finishes by itself what it has begun. To continue: ./tlfif deploy. "
                "To remove everything: ./tlfif destroy"
            )
            return INTERRUPTED, False


async def _deploy_here(args: argparse.Namespace, console: Console) -> tuple[int, bool]:
    """The exit code, and whether a prompt can be asked."""
    # Loading AWS's library takes longer than everything else together.
    from tlfif.bootstrap.deployment import check_builds, in_the_way, open_deployment
    from tlfif.bootstrap.deployment_plan import offline_plan
    from tlfif.client.deployed_profile import DeployedProfile
    from tlfif.deployment.deploy import check_deploy

    data_folder = data_folder_from_environment()
    place, request = aws_place(args, data_folder), request_of(args, data_folder)
    console.status("asking AWS whose credentials these are")
    container = await open_deployment(
        data_folder, home=place.home, region=place.region, profile=place.profile, slow_start=args.slow_start
    )
    caller = await check_deploy(
        installation=container.installation,
        journal=container.journal,
        clock=container.clock,
        home=place.home,
        region=place.region,
    )
    if not args.diff:
        check_builds(slow_start=args.slow_start)
    request = await _show(args, console, container, request)
    if args.diff:
        return DONE, False
    whose = f"Account {caller.account_id}, as {caller.who}. Alarms and the first password go to {request.email}; "
    when = f"AWS also sends a mail there when the account's month reaches {usd(request.budget_usd or 0)}."
    console.note("\n" + paragraph(whose + when))
    console.status("checking what could prevent the first answer")
    found = await in_the_way(
        data_folder, home=place.home, region=place.region, profile=place.profile, types=request.types
    )
    warn(console, found)
    question = f"Create this in account {caller.account_id}, {place.region}, as home {place.home}?"
    if not agreed(console, question, yes=args.yes):
        console.note("Not confirmed. Nothing was created.")
        return USAGE, False
    done = await container.deployment(DeployedProfile(data_folder), Progress(console)).run(request, caller)
    console.result(result_object(done), result_text(done, request.email), as_json=args.json)
    if done.image is None or args.build_image:
        prices = offline_plan(request.region).images
        code = await offer_image(args, console, container.installation, prices=prices, clock=container.clock)
        return code, False
    return DONE, True


async def _show(
    args: argparse.Namespace, console: Console, container: "DeploymentContainer", request: DeployRequest
) -> DeployRequest:
    """Show what would be created, and what would change in what stands; returns the request with every value filled in.

    Raises InvalidInputError (code ``change_would_lose``) before anything is changed, unless all is only shown.
    """
    from tlfif.bootstrap.deployment_plan import offline_plan
    from tlfif.deployment.deploy import account_change
    from tlfif.deployment.difference import difference
    from tlfif.deployment.stack_changes import check_losses

    installation = container.installation
    console.status("reading what stands")
    stack = await installation.stack()
    old = stack.parameters if stack is not None and not stack.dead else {}
    request = request.settled(old)
    plan = offline_plan(
        request.region,
        types=request.types or USUAL_TYPES,
        standby=bool(request.standby),
        gpu_engine=request.images.gpu_engine,
        disk_gb=request.images.disk_gb,
    )
    account = await account_change(installation, request)
    if not args.diff:
        console.note(plan_text(plan, secure_account=request.secure_account))
    found = None
    if stack is not None and stack.rests:
        console.status("asking AWS what would change in what stands")
        known = container.journal.load()
        key = known.code_key if known is not None and known.release == request.release else None
        found = await difference(installation, request, stack, known_key=key or None)
    idle = offline_plan(request.region, standby=old.get("Standby") == "yes").idle_micros_per_month
    report = DifferenceReport(home=request.home, stack=stack, found=found, account=account, idle_before=idle, plan=plan)
    if args.diff:
        console.result(report.as_object(), report.text(), as_json=args.json)
        return request
    console.note("\n" + report.text())
    check_losses(found.changes if found is not None else (), request.allow_losing)
    return request


def request_of(args: argparse.Namespace, data_folder: "DataFolder") -> DeployRequest:
    """The request from the command line, completed from this computer's record: its home's region and address, and
    after an interrupted attempt also the choices. What stays open keeps its value on AWS.

    Raises InvalidInputError: ``region_unknown``, ``email_invalid``, ``budget_invalid``, ``instance_type_unknown``.
    """
    from tlfif.bootstrap.deployment import source_fingerprint
    from tlfif.bootstrap.deployment_plan import open_journal

    known, place = open_journal(data_folder).load(), aws_place(args, data_folder)
    email = args.email or (known.email if known is not None else "")
    limit = budget_usd(check_limit(args.budget), ASSUMED_RATE) if args.budget is not None else None
    unfinished = known if known is not None and not known.finished else None
    return DeployRequest(
        home=place.home,
        region=place.region,
        email=email if args.diff and not email else check_email(email),
        budget_usd=unfinished.budget_usd or None if limit is None and unfinished is not None else limit,
        release=source_fingerprint(),
        secure_account=not args.keep_account_settings,
        standby=unfinished.standby if args.standby is None and unfinished is not None else args.standby,
        types=types_asked(args) or (unfinished.types or None if unfinished is not None else None),
        block_public_buckets=args.block_public_buckets,
        allow_losing=tuple(args.allow_losing),
        images=image_choices(args),
    )


def check_email(text: str) -> str:
    """``text`` if it is one e-mail address. Raises InvalidInputError (code ``email_invalid``)."""
    if not text:
        raise InvalidInputError(
            "An e-mail address is needed: alarms go there, and your first password. Add --email you@example.com.",
            code="email_invalid",
        )
    if len(text) > LONGEST_EMAIL or not text.isprintable() or not _EMAIL.fullmatch(text):
        raise InvalidInputError(f"{text[:100]!r} is not one e-mail address.", code="email_invalid")
    return text


def warn(console: Console, findings: "tuple[Finding, ...]") -> None:
    """Print what would prevent the first answer; the home can be created all the same."""
    if not findings:
        return
    console.note("\nThis would prevent your first answer (the home can be created all the same):")
    for one in findings:
        console.note(paragraph(f"{one.check.title}: {one.evidence} {one.cure}", first="  - ", indent="    "))
    console.note("")


def result_object(done: "Deployed") -> dict[str, object]:
    """The result for programs. ``proof``: why no prompt was asked, or how to ask the first one."""
    return {
        "account": done.account_id,
        "region": done.region,
        "api_url": done.outputs.get("ApiUrl"),
        "image": done.image,
        "changed": done.changed,
        "user_invited": done.user_invited,
        "proof": "image_missing" if done.image is None else "sign_in",
    }


def result_text(done: "Deployed", email: str) -> str:
    """The result for a person, with the next steps."""
    lines = [
        f"Your home on AWS {'is ready' if done.changed else 'was up to date'}: {done.outputs.get('ApiUrl', '')}",
        "Your commands and your window talk to it from now on. Back: ./tlfif profile use computer",
        "",
        "Next:",
    ]
    steps = []
    if done.user_invited:
        steps.append(
            f"Two mails are on their way to {email}: confirm the one about alarms, and keep the password of the other."
        )
    steps.append("Sign in: ./tlfif login")
    if done.image is None:
        steps.append(
            "There is no machine image yet [image_missing], so no machine starts on AWS and none costs anything; a "
            "prompt sent there waits until it expires. Build one: ./tlfif deploy --build-image. Then "
            "./tlfif image approve VERSION and ./tlfif image promote VERSION. This computer answers meanwhile: "
            "./tlfif profile use computer."
        )
    else:
        steps.append(
            f'The proof, one real prompt (image {done.image}): ./tlfif ask "{PROOF}" It starts a machine, which costs '
            "some cents."
        )
    lines += [paragraph(step, first=f"  {number}. ", indent="     ") for number, step in enumerate(steps, start=1)]
    return "\n".join(lines)
