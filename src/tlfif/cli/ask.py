"""``tlfif ask``: one prompt, one answer."""

import argparse
import asyncio
import sys
from typing import BinaryIO

from tlfif.cli.answering import Answer, answer_prompt, show_receipt, with_cost
from tlfif.cli.arguments import AnswerOptions, add_answer_options, add_json, answer_options
from tlfif.cli.connection import local_server, open_client
from tlfif.cli.exit_codes import INTERRUPTED, exit_code_of_job
from tlfif.cli.fetching import choose_model
from tlfif.cli.interrupts import Interrupts
from tlfif.cli.kept_answers import KeptAnswers
from tlfif.cli.keyboard import HeldKeys
from tlfif.cli.output.console import Console
from tlfif.client.tlfif_client import TlfifClient
from tlfif.jobs import limits
from tlfif.kernel.data_folder import history_from_environment
from tlfif.kernel.errors import InvalidInputError, TlfifError
from tlfif.wire.jobs import Asking, MessageView

EPILOG = """The answer goes to standard output as it is written, everything else to standard error. Ctrl-C cancels.
If the machine is lost on the way, the answer starts over; in a pipe or a file the line "--- started over ---"
then separates the attempts, and what is above it does not count (--json has the answer alone).
On AWS the machine takes some minutes to start; the waiting line says how long, as learned from earlier starts.
Exit codes: 0 answered, 2 bad input, 3 the answer failed or was cancelled elsewhere, 4 the machine cannot
start (its model is missing, or the budget is locked), 5 the server cannot be reached or you are not signed in,
130 interrupted by you."""
MAX_BYTES = 1024 * 1024
"""The server's limit for a request."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = EPILOG
    parser.add_argument("prompt", metavar="PROMPT", help='what to ask, in quotes; "-" reads it from standard input')
    add_answer_options(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Check everything, then ask."""
    options = answer_options(args)
    prompt = limits.check_text(read_prompt(args.prompt, sys.stdin.buffer if args.prompt == "-" else None))
    return asyncio.run(_ask(prompt, options, console, as_json=args.json))


def read_prompt(argument: str, stdin: BinaryIO | None) -> str:
    """The prompt: the argument, or what standard input holds up to its end.

    Raises InvalidInputError: ``prompt_not_text`` for bytes that are not UTF-8, ``body_too_large`` over 1 MiB.
    """
    if stdin is None:
        return argument
    found = stdin.read(MAX_BYTES + 1)
    if len(found) > MAX_BYTES:
        raise InvalidInputError("The prompt is larger than 1 MiB. Shorten it.", code="body_too_large")
    try:
        return found.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"The prompt is not UTF-8 text (byte {error.start + 1} is none). Convert the file, or type the prompt.",
            code="prompt_not_text",
        ) from None


def opening_words() -> str:
    """The status before anything is sent."""
    return "Starting TL-FIF" if local_server() is not None else "Asking your home on AWS"


def asking_for(messages: list[MessageView], model: str, options: AnswerOptions) -> Asking:
    """What to send."""
    system: list[MessageView] = []
    if options.system is not None:
        system.append({"role": "system", "content": options.system})
    return {
        "messages": [*system, *messages],
        "model": model,
        "max_tokens": options.max_tokens,
        "temperature": options.temperature,
        "seed": options.seed,
        "idle_timeout_minutes": options.idle_timeout,
    }


async def _ask(prompt: str, options: AnswerOptions, console: Console, *, as_json: bool) -> int:
    with HeldKeys() as keys, Interrupts(keys.release):
        try:
            console.status(opening_words())
            async with open_client() as client:
                choice = await choose_model(client, options.model, console)
                console.announce(choice.note)
                asking = asking_for([{"role": "user", "content": prompt}], choice.model, options)
                kept = KeptAnswers(history_from_environment() if options.history else None, console)
                answer = await answer_prompt(
                    client, asking, console, show=not as_json, on_accepted=lambda took: kept.accepted(prompt, took)
                )
                return await _report(client, answer, console, as_json=as_json, kept=kept)
        except asyncio.CancelledError:
            left = TlfifError("Cancelled before anything was sent.", code="interrupted")
            console.error(left, as_json=as_json)
            return INTERRUPTED


async def _report(
    client: TlfifClient, answer: Answer, console: Console, *, as_json: bool, kept: KeptAnswers | None = None
) -> int:
    code = INTERRUPTED if answer.interrupted else exit_code_of_job(answer.status, answer.error_code)
    error = failure_of(answer)
    answer = await with_cost(client, answer)
    if as_json:
        result = await as_object(client, answer)
        if error is not None:
            console.error(error, as_json=True, more=result)
        else:
            console.json(result)
    elif error is None:
        show_receipt(answer, console)
    else:
        console.error(error)
    if answer.interrupted:
        console.note(interrupted_text(answer))
    if kept is not None:
        await kept.ended(answer)
    return code


def failure_of(answer: Answer) -> TlfifError | None:
    """Why there is no whole answer; None where there is one, or where the person ended it with Ctrl-C."""
    if answer.status == "succeeded" or answer.interrupted:
        return None
    if answer.status == "cancelled":
        return TlfifError("The answer was cancelled elsewhere. Ask again if it was not you.", code="cancelled")
    message = answer.error_message or f"The answer ended as {answer.status} and did not say why."
    return TlfifError(message, code=answer.error_code or answer.status)


def interrupted_text(answer: Answer) -> str:
    """What a person reads after Ctrl-C."""
    if answer.status == "cancelled":
        return "You cancelled this answer."
    if answer.status == "succeeded":
        return "You cancelled this answer, but it was complete already."
    return "You cancelled this answer; the server has not confirmed it yet."


async def as_object(client: TlfifClient, answer: Answer) -> dict[str, object]:
    """The answer for programs."""
    try:
        machine = await client.machine()
    except TlfifError:
        found = answer.machine
    else:
        found = machine
    costs = {"cost": answer.cost, "simulated_aws": answer.simulated_aws, "as_if_aws": answer.simulated_aws}
    receipt = answer.receipt and {**answer.receipt, **costs}
    return {
        "job_id": answer.job_id,
        "status": answer.status,
        "answer": answer.text,
        "reasoning": answer.reasoning or None,
        "model": answer.model,
        "machine": found,
        "receipt": receipt,
    }
