"""``tlfif machine``: see, start and stop the machine that answers."""

import argparse
import asyncio
import time
from collections.abc import Sequence

from tlfif.cli import logs
from tlfif.cli.arguments import add_json, idle_minutes, model_name, page_limit
from tlfif.cli.connection import local_server, open_client
from tlfif.cli.exit_codes import DONE
from tlfif.cli.output.console import Console
from tlfif.cli.output.machine_report import is_remote, machine_lines, refusal_note, waiting_line
from tlfif.cli.output.tables import moment, paragraph, table
from tlfif.client.tlfif_client import TlfifClient
from tlfif.kernel.data_folder import read_server
from tlfif.kernel.errors import MachineError, TlfifError
from tlfif.wire.machines import NO_MACHINE, MachineHistory, MachineView, PastMachineView, StopResult
from tlfif.wire.money import TypeView
from tlfif.wording.figures import how_many, seconds
from tlfif.wording.machines import idle_price_text, model_title, start_price_text

POLL_SECONDS = 0.2
STOP_SECONDS = 20.0
REMOTE_POLL_SECONDS = 2.0
REMOTE_STOP_SECONDS = 180.0
"""On AWS each poll is a request, and EC2 takes up to some minutes to end a machine."""
STARTING = frozenset({"launching", "loading"})
WIDTH = 80


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    status = actions.add_parser("status", help="state, reason, what it waits for; starts nothing")
    add_json(status)
    history = actions.add_parser(
        "history",
        help="the machines so far: why each started and ended",
        description="The machines so far, the newest first: how long each took to be ready, how long it stayed, "
        "why it started and ended.",
    )
    history.add_argument("--limit", metavar="N", default="20", help="1 to 100 (default: 20)")
    add_json(history)
    start = actions.add_parser("start", help="start it without a prompt and wait until it is ready")
    start.add_argument("--model", metavar="NAME", help="the model to load (default: the best one that is here)")
    add_json(start)
    stop = actions.add_parser("stop", help="end it now, whatever runs")
    stop.add_argument(
        "--keep-jobs",
        action="store_true",
        help="keep running and waiting prompts; they continue when you start it again (default: they are cancelled)",
    )
    add_json(stop)
    idle = actions.add_parser(
        "idle-timeout",
        help="how long it stays without work before it shuts down",
        description="How long the machine stays without work before it shuts down. Counts at once, also for a machine "
        "that runs, and is kept for later ones. ./tlfif machine status shows it.",
    )
    idle.add_argument("minutes", metavar="MINUTES", help="0.1 to 240 minutes; there is no “never”")
    add_json(idle)
    read = actions.add_parser(
        "logs",
        help="what it has written down: how it booted, and why it ended",
        description="The newest lines of the machine's log, the oldest of them first; on AWS those of its system, its "
        "engine and its worker, also of machines that are gone. The same as ./tlfif logs machine.",
    )
    logs.configure_reading(read)


def run(args: argparse.Namespace, console: Console) -> int:
    """One of the actions."""
    if args.action == "status":
        return asyncio.run(_status(console, as_json=args.json))
    if args.action == "history":
        return asyncio.run(_history(page_limit(args.limit), console, as_json=args.json))
    if args.action == "start":
        model = model_name(args.model) if args.model is not None else None
        return asyncio.run(_start(model, console, as_json=args.json))
    if args.action == "stop":
        return asyncio.run(_stop(console, keep_jobs=args.keep_jobs, as_json=args.json))
    if args.action == "logs":
        return logs.run(argparse.Namespace(**vars(args), source="machine"), console)
    return asyncio.run(_idle_timeout(idle_minutes(args.minutes), console, as_json=args.json))


def _show(machine: MachineView, console: Console, *, as_json: bool, hourly_usd: float | None = None) -> None:
    console.result(machine, "\n".join(machine_lines(machine, hourly_usd=hourly_usd)), as_json=as_json)


async def _types(client: TlfifClient) -> Sequence[TypeView]:
    """What would be started on AWS, and for how much. None on this computer, and where it is not known."""
    try:
        return () if local_server() is not None else (await client.cost()).get("types", ())
    except TlfifError:
        return ()


async def _hourly_usd(client: TlfifClient, machine: MachineView) -> float | None:
    """What runs on AWS now, an hour. None on this computer, and where it is not known: the state matters more."""
    if not is_remote(machine):
        return None
    try:
        return (await client.cost())["running_usd_per_hour"]
    except TlfifError:
        return None


def _pause(machine: MachineView) -> float:
    return REMOTE_POLL_SECONDS if is_remote(machine) else POLL_SECONDS


async def _status(console: Console, *, as_json: bool) -> int:
    machine, hourly = NO_MACHINE, None
    server = local_server()
    if server is None or await server.find_or_tell() is not None:
        async with open_client() as client:
            machine = await client.machine()
            hourly = None if as_json else await _hourly_usd(client, machine)
    _show(machine, console, as_json=as_json, hourly_usd=hourly)
    return DONE


async def _history(limit: int, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        history = await client.machine_history(limit=limit)
    console.result(history, history_text(history, now=time.time()), as_json=as_json)
    return DONE


def history_text(history: MachineHistory, *, now: float) -> str:
    """The machines as a table, 80 columns wide; under each one why it started and ended."""
    machines = history["machines"]
    if not machines:
        return "No machine has been started yet."
    rows = [
        (
            moment(one["created_at"], now=now),
            one["state"].replace("_", " "),
            "-" if one["boot_seconds"] is None else seconds(one["boot_seconds"]),
            "-" if one["run_seconds"] is None else seconds(one["run_seconds"]),
            model_title(one["model"]),
        )
        for one in machines
    ]
    head, *lines = table(("STARTED", "STATE", "READY AFTER", "RAN", "MODEL"), rows, width=WIDTH).splitlines()
    shown = [line + _why(one) for line, one in zip(lines, machines, strict=True)]
    return "\n".join([head, *shown])


def _why(machine: PastMachineView) -> str:
    """The reasons on lines of their own; empty where none is known."""
    known = "; ".join(reason for reason in (machine["start_reason"], machine["end_reason"]) if reason)
    return "\n" + paragraph(known, first="  ", indent="  ", width=WIDTH) if known else ""


async def _start(model: str | None, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        if price := start_price_text(await _types(client)):
            console.note(f"{price} To end it at once: ./tlfif machine stop")
        machine, noted = await client.start_machine(model=model), ""
        while machine["state"] in STARTING:
            if (note := refusal_note(machine)) and note != noted:
                console.note(note)
                noted = note
            console.status(waiting_line(machine))
            await asyncio.sleep(_pause(machine))
            machine = await client.machine()
        hourly = None if as_json else await _hourly_usd(client, machine)
    if machine["state"] != "ready":
        raise MachineError(
            _not_started(machine),
            code=machine.get("code")
            or (machine["state"] if machine["state"].startswith("no_") else "machine_not_ready"),
        )
    _show(machine, console, as_json=as_json, hourly_usd=hourly)
    return DONE


def _not_started(machine: MachineView) -> str:
    why = (machine["reason"] or machine["state"]).rstrip(".")
    log = "" if is_remote(machine) else " Read its log, then try again."
    return f"The machine did not start: {why}.{log}"


async def _stop(console: Console, *, keep_jobs: bool, as_json: bool) -> int:
    server = local_server()
    if server is not None and await server.find_or_tell() is None and read_server(server.data_folder) is None:
        # A server that left in order took its machine along. One that died may have left one: it is started to look.
        result: StopResult = {"was_running": False, "cancelled": [], "requeued": [], "machine": NO_MACHINE}
    else:
        async with open_client() as client:
            result = await client.stop_machine(jobs="requeue" if keep_jobs else "cancel")
            result["machine"] = await _until_gone(client, result["machine"], console)
    console.result(result, stop_text(result), as_json=as_json)
    return DONE


async def _until_gone(client: TlfifClient, machine: MachineView, console: Console) -> MachineView:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (REMOTE_STOP_SECONDS if is_remote(machine) else STOP_SECONDS)
    while machine["state"] in {"stopping", "draining"} and loop.time() < deadline:
        console.status("Stopping the machine")
        await asyncio.sleep(_pause(machine))
        try:
            machine = await client.machine()
        except TlfifError:
            break
    console.status("")
    return machine


def stop_text(result: StopResult) -> str:
    """The result for the machine and for the answers."""
    gone = result["machine"]["state"] not in {"stopping", "draining"}
    text = "There was no machine to stop."
    if result["was_running"]:
        text = "The machine is off." if gone else "The machine is being stopped; its end is not confirmed yet."
    if result["cancelled"]:
        text += f" {how_many(len(result['cancelled']), 'running or waiting answer')} cancelled."
    if result["requeued"]:
        kept = how_many(len(result["requeued"]), "prompt")
        text += f" {kept} kept for the next start: ./tlfif machine start. Any new question starts it, too."
    elif result["machine"]["held"]:
        text += " None starts until you ask something or start it: ./tlfif machine start"
    return text


async def _idle_timeout(minutes: float, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        machine = await client.set_idle_timeout(minutes)
        price = idle_price_text(minutes, await _types(client))
    text = f"The machine shuts down after {seconds(minutes * 60)} without work, from now on. {price}".rstrip()
    console.result(machine, paragraph(text), as_json=as_json)
    return DONE
