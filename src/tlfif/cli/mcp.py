"""``tlfif mcp``: the model as a tool of agents, over standard input and output, in the Model Context Protocol."""

import argparse
import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from tlfif import __version__
from tlfif.cli.connection import open_client
from tlfif.cli.exit_codes import DONE
from tlfif.cli.machine import stop_text
from tlfif.cli.output.console import Console
from tlfif.cli.output.cost_report import cost_text
from tlfif.cli.output.machine_report import machine_lines, waiting_line
from tlfif.client.tlfif_client import TlfifClient
from tlfif.jobs.events import Event, EventKind
from tlfif.kernel.errors import TlfifError, UnavailableError
from tlfif.wire.jobs import Asking, JobAccepted, MachineUpdate, MessageView

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context, MCPServer

INSTRUCTIONS = (
    "A private language model of the user's own. On this computer it costs nothing; if the user's home is on AWS, a "
    "question starts a machine that costs money until it has been idle, and the first answer takes minutes."
)
Open = Callable[[], TlfifClient]


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments."""
    parser.epilog = (
        "For programs that speak MCP. Give them this command, with its whole path; it has the tools ask, status, cost "
        'and stop: {"mcpServers": {"tlfif": {"command": "/…/tlfif", "args": ["mcp"]}}}'
    )


def run(_args: argparse.Namespace, _console: Console) -> int:
    """Serve until the other program closes standard input."""
    try:
        server = mcp_server(open_client)
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"The SDK of the Model Context Protocol is not installed ({error.name}). Install it: pipx install "
            "'tlfif[mcp]'",
            code="mcp_missing",
        ) from error
    asyncio.run(server.run_stdio_async())
    return DONE


def mcp_server(open_home: Open) -> "MCPServer":
    """The four tools. ``open_home`` makes a client of the home that commands talk to. Raises ModuleNotFoundError."""
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.types import ToolAnnotations

    server = MCPServer("tlfif", title="TL-FIF", version=__version__, instructions=INSTRUCTIONS, log_level="ERROR")
    reads = ToolAnnotations(read_only_hint=True)

    async def ask(
        prompt: str, context: Context, system: str = "", model: str = "", max_tokens: int | None = None
    ) -> str:
        """Ask the user's private model, and wait for its whole answer. Leave `model` empty for the best one."""
        messages = [MessageView(role="system", content=system)] if system else []
        asking = Asking(
            messages=[*messages, MessageView(role="user", content=prompt)], model=model or None, max_tokens=max_tokens
        )
        async with _home(open_home) as client:
            return await _answer(client, asking, context)

    async def status() -> str:
        """What the machine that answers does now, and how many prompts wait."""
        async with _home(open_home) as client:
            return "\n".join(machine_lines(await client.machine()))

    async def cost() -> str:
        """What it costs: this month, now, and the budget."""
        async with _home(open_home) as client:
            return cost_text(await client.cost(), now=time.time())

    async def stop() -> str:
        """End the machine now, so that it costs nothing more. Prompts that run or wait are kept until it is started."""
        async with _home(open_home) as client:
            return stop_text(await client.stop_machine(jobs="requeue"))

    ends = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)
    asks = ToolAnnotations(read_only_hint=False, destructive_hint=False)
    for tool, kind in ((ask, asks), (status, reads), (cost, reads), (stop, ends)):
        server.tool(annotations=kind, structured_output=False)(tool)
    return server


@asynccontextmanager
async def _home(open_home: Open) -> AsyncIterator[TlfifClient]:
    """A client for one call, with errors as an agent reads them."""
    from mcp.server.mcpserver.exceptions import ToolError

    try:
        async with open_home() as client:
            yield client
    except TlfifError as error:
        raise ToolError(f"{error.message} [{error.code}]") from error


async def _answer(client: TlfifClient, asking: Asking, context: "Context") -> str:
    """The answer; what it waits for is told as progress. An agent that does not want it any more ends the job."""
    parts: list[str] = []
    job_id = ""
    try:
        async with aclosing(client.ask(asking)) as updates:
            async for update in updates:
                if isinstance(update, JobAccepted):
                    job_id = update.accepted["job_id"]
                elif isinstance(update, MachineUpdate):
                    await context.report_progress(0.0, message=waiting_line(update.machine))
                else:
                    _add(parts, update)
    except asyncio.CancelledError:
        if job_id:
            with contextlib.suppress(TlfifError):
                await asyncio.shield(client.cancel(job_id))
        raise
    return "".join(parts)


def _add(parts: list[str], event: Event) -> None:
    """Raises UnavailableError for an end without an answer."""
    if event.kind is EventKind.DELTA:
        parts.append(str(event.data.get("text", "")))
    elif event.kind is EventKind.RESTARTED:
        parts.clear()
    elif event.kind.is_terminal and event.kind is not EventKind.SUCCEEDED:
        message = str(event.data.get("error_message") or f"The prompt ended as {event.kind}.")
        raise UnavailableError(message, code=str(event.data.get("error_code") or f"job_{event.kind}"))
