"""``tlfif jobs``: list, show, cancel and delete jobs."""

import argparse
import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import indent

from tlfif.cli.answering import CANCEL_SECONDS, REMOTE_CANCEL_SECONDS, cancel_job
from tlfif.cli.arguments import add_json, job_id, no_such_job, page_limit
from tlfif.cli.connection import local_server, open_client
from tlfif.cli.exit_codes import DONE, NO_ACCESS
from tlfif.cli.kept_answers import forget_kept
from tlfif.cli.output.console import Console
from tlfif.cli.output.receipt_report import parts_line, receipt_line
from tlfif.cli.output.tables import moment, paragraph, table
from tlfif.client.errors import ApiError
from tlfif.jobs.jobs import JobStatus
from tlfif.kernel.data_folder import data_folder_from_environment
from tlfif.kernel.errors import InvalidInputError, StorageError
from tlfif.wire.jobs import JobList, JobView
from tlfif.wording.deleting import promise
from tlfif.wording.machines import HERE, model_title
from tlfif.wording.receipts import cancelled_because

DEFAULT_PAGE = 20
ID_HELP = "the job's id, as ./tlfif jobs list shows it: job_ and 32 more characters"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    listing = actions.add_parser("list", help="the newest first", description="What was asked, the newest first.")
    listing.add_argument("--limit", metavar="N", default=str(DEFAULT_PAGE), help=f"1 to 100 (default: {DEFAULT_PAGE})")
    listing.add_argument("--cursor", metavar="TEXT", help="continue after the last page")
    listing.add_argument("--status", choices=[status.value for status in JobStatus], help="only these")
    add_json(listing)
    show = actions.add_parser("show", help="one job with its answer", description="One job with its answer.")
    show.add_argument("job", metavar="ID", help=ID_HELP)
    add_json(show)
    cancel = actions.add_parser(
        "cancel",
        help="end a job that waits or runs",
        description="End a job that waits or runs. What it has answered so far can still be read.",
    )
    cancel.add_argument("job", metavar="ID", help=ID_HELP)
    add_json(cancel)
    delete = actions.add_parser(
        "delete",
        help="forget prompts and answers at once",
        description="Forget the prompt and the answer of a job that has ended, now and for good. What the window "
        "keeps on this computer is deleted in the window; what ask and chat have kept there goes, too.",
    )
    which = delete.add_mutually_exclusive_group(required=True)
    which.add_argument("job", nargs="?", metavar="ID", help=ID_HELP)
    which.add_argument("--all", action="store_true", help="every job that has ended")
    delete.add_argument("--yes", action="store_true", help="with --all: do not ask")
    add_json(delete)


def run(args: argparse.Namespace, console: Console) -> int:
    """One of the actions."""
    if args.action == "list":
        limit = page_limit(args.limit)
        return asyncio.run(_list(limit, args.cursor, args.status, console, as_json=args.json))
    if args.action == "delete" and args.all:
        return asyncio.run(_delete_all(console, sure=args.yes, as_json=args.json))
    wanted = job_id(args.job)
    if args.action == "delete":
        return asyncio.run(_delete(wanted, console, as_json=args.json))
    if args.action == "show":
        return asyncio.run(_show(wanted, console, as_json=args.json))
    return asyncio.run(_cancel(wanted, console, as_json=args.json))


async def _list(limit: int, cursor: str | None, status: str | None, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        page = await client.jobs(limit=limit, cursor=cursor, status=status)
    options = f" --status {status}" * bool(status) + f" --limit {limit}" * (limit != DEFAULT_PAGE)
    empty = nothing_words(status=status, cursor=cursor)
    console.result(page, list_text(page, now=time.time(), options=options, empty=empty), as_json=as_json)
    return DONE


def nothing_words(*, status: str | None, cursor: str | None) -> str:
    """What an empty page means: nothing at all only where nothing was left out."""
    if cursor:
        return "There are no older ones."
    return f"No job is {status}. All jobs: ./tlfif jobs list" if status else "Nothing has been asked yet."


def list_text(page: JobList, *, now: float, options: str = "", empty: str = "") -> str:
    """The page as a table, 80 columns wide, with the command for the next one, which has the same ``options``.

    ``empty``: what to say where there is no job on it.
    """
    if not page["jobs"]:
        return empty
    rows = [(job["job_id"], job["status"], moment(job["created_at"], now=now), _question(job)) for job in page["jobs"]]
    text = table(("ID", "STATUS", "ASKED", "PROMPT"), rows)
    if page["next_cursor"] is not None:
        text += f"\nOlder ones: ./tlfif jobs list{options} --cursor {page['next_cursor']}"
    return text


def _question(job: JobView) -> str:
    return next((m["content"] for m in reversed(job["messages"]) if m["role"] == "user"), "")


async def _show(wanted: str, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        with _known(wanted):
            job = await client.job(wanted)
    console.result(
        job, job_text(job, now=time.time(), place=HERE if local_server() is not None else "AWS"), as_json=as_json
    )
    return DONE


@contextmanager
def _known(wanted: str) -> Iterator[None]:
    """Raises NotFoundError with the command that lists the ids where there is no such job."""
    try:
        yield
    except ApiError as error:
        if error.code != "job_not_found":
            raise
        raise no_such_job(wanted) from error


def job_text(job: JobView, *, now: float, place: str = HERE) -> str:
    """A job for a person: head, prompt, answer, receipt or reason. ``place``: of the server that was asked."""
    parts = [
        f"{job['job_id']}  {job['status']}  {model_title(job['model'])}  {moment(job['created_at'], now=now)}",
        f"\n> {_question(job)}",
    ]
    if reasoning := job.get("reasoning"):
        parts.append(f"\nThinking, before the answer:\n{indent(reasoning.strip(), '  ')}")
    if job["answer"]:
        parts.append(f"\n{job['answer']}")
    if job["error"] is not None:
        parts.append(f"\n{job['error']['message']} [{job['error']['code']}]")
    if job["status"] == "cancelled" and (reason := job.get("cancel_reason")):
        parts.append(f"\n{cancelled_because(reason)}")
    if job["receipt"] is not None:
        cost, simulated_aws = job.get("cost"), job.get("simulated_aws")
        parts.append(
            "\n" + receipt_line(job["receipt"], before=None, place=place, cost=cost, simulated_aws=simulated_aws)
        )
        counted = simulated_aws or cost
        if counted is not None and counted["usd"] > 0:
            parts.append(paragraph(parts_line(counted, simulated=simulated_aws is not None), first="  ", indent="    "))
    return "\n".join(parts)


async def _cancel(wanted: str, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        with _known(wanted):
            before = await client.job(wanted)
        ended = JobStatus(before["status"]).is_terminal
        status = before["status"] if ended else await cancel_job(client, wanted, remote=local_server() is None)
        job = await client.job(wanted)
    if as_json:
        console.json(job)
    elif ended:
        console.line(f"It had ended already: {status}.")
    elif status == "cancelled":
        console.line("Cancelled.")
    elif JobStatus(job["status"]).is_terminal:
        console.line(f"It ended before it could be cancelled: {job['status']}.")
    else:
        waited = CANCEL_SECONDS if local_server() is not None else REMOTE_CANCEL_SECONDS
        console.note(f"tlfif: The server has not confirmed the end within {waited:.0f} s. [cancel_pending]")
        return NO_ACCESS
    return DONE


async def _delete(wanted: str, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        with _known(wanted):
            await client.delete_job(wanted)
    _forget_kept(wanted, console)
    console.result({"deleted": 1}, f"Deleted for good, prompt and answer. {_promise()}", as_json=as_json)
    return DONE


async def _delete_all(console: Console, *, sure: bool, as_json: bool) -> int:
    if not sure:
        raise InvalidInputError(
            "This deletes every prompt and answer that TL-FIF keeps, for good. If that is what you want: "
            "./tlfif jobs delete --all --yes",
            code="usage",
        )
    async with open_client() as client:
        deleted = await client.delete_jobs()
    _forget_kept(None, console)
    console.result(
        {"deleted": deleted},
        f"Deleted {deleted} prompt{'s' if deleted != 1 else ''} with their answers, for good. {_promise()}",
        as_json=as_json,
    )
    return DONE


def _forget_kept(wanted: str | None, console: Console) -> None:
    try:
        forget_kept(data_folder_from_environment().history, wanted)
    except StorageError as error:
        console.note(f"It may still be in the window's past conversations: {error.message}")


def _promise() -> str:
    return promise(on_aws=local_server() is None)
