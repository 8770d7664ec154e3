"""``tlfif machine``: see, start and stop the machine that answers."""

import argparse
import asyncio

from tlfif.bootstrap.home import read_server
from tlfif.cli.arguments import add_json, idle_minutes, model_name
from tlfif.cli.console import Console
from tlfif.cli.desk import local_server, open_client
from tlfif.cli.exit_codes import DONE
from tlfif.cli.wording import how_many, machine_lines, seconds, waiting_line
from tlfif.client.tlfif_client import TlfifClient
from tlfif.client.wire import NO_MACHINE, MachineView, StopResult
from tlfif.domain.errors import MachineError, TlfifError

POLL_SECONDS = 0.2
STOP_SECONDS = 20.0
STARTING = frozenset({"launching", "loading"})


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    status = actions.add_parser("status", help="state, reason, what it waits for; starts nothing")
    add_json(status)
    start = actions.add_parser("start", help="start it without a prompt and wait until it is ready")
    start.add_argument("--model", metavar="NAME", help="the model to load")
    add_json(start)
    stop = actions.add_parser("stop", help="end it now, whatever runs")
    stop.add_argument(
        "--keep-jobs",
        action="store_true",
        help="keep running and waiting prompts; they go on when you start it again (default: they are cancelled)",
    )
    add_json(stop)
    idle = actions.add_parser("idle-timeout", help="how long it stays without work")
    idle.add_argument("minutes", metavar="MINUTES", help="0.1 to 240")
    add_json(idle)


def run(args: argparse.Namespace, console: Console) -> int:
    """One of the actions."""
    if args.action == "status":
        return asyncio.run(_status(console, as_json=args.json))
    if args.action == "start":
        model = model_name(args.model) if args.model is not None else None
        return asyncio.run(_start(model, console, as_json=args.json))
    if args.action == "stop":
        return asyncio.run(_stop(console, keep_jobs=args.keep_jobs, as_json=args.json))
    return asyncio.run(_idle_timeout(idle_minutes(args.minutes), console, as_json=args.json))


def _show(machine: MachineView, console: Console, *, as_json: bool) -> None:
    if as_json:
        console.json(machine)
    else:
        console.line("\n".join(machine_lines(machine)))


async def _status(console: Console, *, as_json: bool) -> int:
    machine = NO_MACHINE
    if await local_server().find() is not None:
        async with open_client() as client:
            machine = await client.machine()
    _show(machine, console, as_json=as_json)
    return DONE


async def _start(model: str | None, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        machine = await client.start_machine(model=model)
        while machine["state"] in STARTING:
            console.status(waiting_line(machine))
            await asyncio.sleep(POLL_SECONDS)
            machine = await client.machine()
    if machine["state"] != "ready":
        raise MachineError(
            f"The machine did not start: {machine['reason'] or machine['state']}. Look into its log, then try again.",
            code=machine["state"] if machine["state"].startswith("no_") else "machine_not_ready",
        )
    _show(machine, console, as_json=as_json)
    return DONE


async def _stop(console: Console, *, keep_jobs: bool, as_json: bool) -> int:
    server = local_server()
    if await server.find() is None and read_server(server.home) is None:
        # A server that left in order took its machine along. One that died may have left one: it is started to look.
        result: StopResult = {"was_running": False, "cancelled": [], "requeued": [], "machine": NO_MACHINE}
    else:
        async with open_client() as client:
            result = await client.stop_machine(jobs="requeue" if keep_jobs else "cancel")
            result["machine"] = await _until_gone(client, result["machine"], console)
    if as_json:
        console.json(result)
    else:
        console.line(stop_text(result))
    return DONE


async def _until_gone(client: TlfifClient, machine: MachineView, console: Console) -> MachineView:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + STOP_SECONDS
    while machine["state"] in {"stopping", "draining"} and loop.time() < deadline:
        console.status("stopping the machine")
        await asyncio.sleep(POLL_SECONDS)
        try:
            machine = await client.machine()
        except TlfifError:
            break
    console.status("")
    return machine


def stop_text(result: StopResult) -> str:
    """What became of the machine and of the answers."""
    gone = result["machine"]["state"] not in {"stopping", "draining"}
    text = "There was no machine to stop."
    if result["was_running"]:
        text = "The machine is off." if gone else "The machine is being stopped; that it is gone is not confirmed yet."
    if result["cancelled"]:
        text += f" {how_many(len(result['cancelled']), 'running or waiting answer')} cancelled."
    if result["requeued"]:
        text += f" {how_many(len(result['requeued']), 'prompt')} kept for the next start: ./tlfif machine start"
    return text


async def _idle_timeout(minutes: float, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        machine = await client.set_idle_timeout(minutes)
    if as_json:
        console.json(machine)
    else:
        console.line(f"The machine ends itself after {seconds(minutes * 60)} without work, from now on.")
    return DONE
