"""One prompt from submit to its end, for ``ask`` and ``chat``."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import cast

from tlfif.cli.interrupts import swallow_cancellation
from tlfif.cli.output.console import Console, OutputLostError
from tlfif.cli.output.machine_report import is_remote, refusal_note, waiting_line
from tlfif.cli.output.receipt_report import receipt_line
from tlfif.client.errors import ApiError
from tlfif.client.tlfif_client import TlfifClient
from tlfif.jobs.events import Event, EventKind
from tlfif.jobs.jobs import TERMINAL
from tlfif.kernel.errors import TlfifError
from tlfif.wire.jobs import Accepted, Asking, FollowUpdate, JobAccepted, MachineUpdate, ReceiptView
from tlfif.wire.machines import MachineView
from tlfif.wire.money import CostShareView

CANCEL_SECONDS = 2.0
"""How long to wait for the server to confirm a cancellation."""
CANCEL_POLL_SECONDS = 0.05
REMOTE_CANCEL_SECONDS = 12.0
REMOTE_CANCEL_POLL_SECONDS = 0.5
"""The same on AWS, where each poll is a request and a cancellation reaches the machine within a second or two."""
COST_SECONDS = 2.0
REMOTE_COST_SECONDS = 10.0
"""A function that was not asked for a while takes some seconds to answer."""
STARTED_OVER = "--- started over ---"
"""A line of its own in standard output after text that does not count. The answer begins below the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a prompt ended. ``interrupted``: with Ctrl-C. ``cost`` None: not asked for, or not known."""

    job_id: str | None
    status: str
    text: str = ""
    reasoning: str = ""
    model: str
    machine: MachineView | None = None
    receipt: ReceiptView | None = None
    error_code: str | None = None
    error_message: str | None = None
    interrupted: bool = False
    cost: CostShareView | None = None
    simulated_aws: CostShareView | None = None


@dataclass(slots=True)
class AnswerReader:
    """Prints what comes of a job and, at the end, returns an :class:`Answer`.

    ``show`` False: collects only, as for ``--json``. An answer that starts over cannot be taken back from who reads
    standard output: where that is no terminal, a line of its own, ``STARTED_OVER``, separates the attempts.
    """

    accepted: Accepted
    console: Console
    show: bool = True
    _parts: list[str] = field(default_factory=list)
    _thoughts: list[str] = field(default_factory=list)
    _receipt: ReceiptView | None = None
    _error: tuple[str | None, str | None] = (None, None)
    _noted_held: bool = False
    _noted_refusal: str = ""

    def take(self, update: JobAccepted | FollowUpdate) -> None:
        """One piece of update. Raises OutputLostError."""
        if isinstance(update, MachineUpdate):
            self._wait(update.machine)
        elif isinstance(update, JobAccepted):
            return
        elif update.kind is EventKind.DELTA:
            self._take_text(str(update.data["text"]), str(update.data.get("reasoning", "")))
        elif update.kind is EventKind.RESTARTED:
            self._start_over(str(update.data.get("reason") or "the attempt was lost"))
        elif update.kind.is_terminal:
            self._receipt = cast(ReceiptView | None, update.data.get("receipt"))
            code, message = update.data.get("error_code"), update.data.get("error_message")
            self._error = (str(code) if code else None, str(message) if message else None)

    def _take_text(self, piece: str, reasoning: str) -> None:
        """Reasoning is no part of the answer: a terminal shows that there is some, and ``jobs show`` all of it."""
        if reasoning:
            self._thoughts.append(reasoning)
            self.console.status(f"Thinking ({len(''.join(self._thoughts).split())} words so far)")
        if piece:
            self._parts.append(piece)
            if self.show:
                self.console.text(piece)

    def _wait(self, machine: MachineView) -> None:
        """Show what the prompt waits for: on a terminal always, elsewhere once and only where it waits for the person.
        Print why no machine starts everywhere, once for each reason."""
        line = waiting_line(machine)
        refusal = refusal_note(machine)
        if refusal and refusal != self._noted_refusal:
            self.console.note(refusal)
        self._noted_refusal = refusal or self._noted_refusal
        self.console.status(line)
        if machine["held"] and not self._noted_held and not self.console.is_interactive:
            self.console.note(line)
        self._noted_held = machine["held"]

    def _start_over(self, reason: str) -> None:
        if self._parts and self.show:
            self.console.end_line()
            if not self.console.out_is_terminal:
                self.console.line(STARTED_OVER)
        if self._parts:
            self.console.note(f"— started over: {reason} —")
        self._parts.clear()
        self._thoughts.clear()

    def answer(self, status: str, *, interrupted: bool = False) -> Answer:
        """The answer as it is now."""
        if self.show:
            self.console.end_line()
        self.console.status("")
        return Answer(
            job_id=self.accepted["job_id"],
            status=status,
            text="".join(self._parts),
            reasoning="".join(self._thoughts),
            model=self._receipt["model"] if self._receipt else self.accepted["model"],
            machine=self.accepted["machine"],
            receipt=self._receipt,
            error_code=self._error[0],
            error_message=self._error[1],
            interrupted=interrupted,
        )


async def answer_prompt(
    client: TlfifClient,
    asking: Asking,
    console: Console,
    *,
    show: bool = True,
    on_accepted: Callable[[Accepted], None] = lambda _: None,
) -> Answer:
    """Submit, follow to the end, print as it arrives. Cancelling this task cancels the job.

    Raises ApiError; OutputLostError (the job is cancelled then, too).
    """
    async with aclosing(client.ask(asking)) as update:
        submitting = asyncio.create_task(_acceptance(update))
        try:
            accepted = await asyncio.shield(submitting)
        except asyncio.CancelledError:
            return await _interrupted_submit(client, submitting, str(asking.get("model")))
        on_accepted(accepted)
        reader = AnswerReader(accepted, console, show)
        status = "failed"
        try:
            async for item in update:
                reader.take(item)
                if isinstance(item, Event):
                    status = item.kind.value
        except asyncio.CancelledError:
            swallow_cancellation()
            confirmed = await cancel_job(client, accepted["job_id"], remote=is_remote(accepted["machine"]))
            return reader.answer(confirmed or "running", interrupted=True)
        except OutputLostError:
            await cancel_job(client, accepted["job_id"], remote=is_remote(accepted["machine"]))
            raise
        return reader.answer(status)


async def _acceptance(update: AsyncGenerator[JobAccepted | FollowUpdate, None]) -> Accepted:
    first = await anext(update)
    if not isinstance(first, JobAccepted):
        raise TypeError("the client promises the acceptance first")
    return first.accepted


async def _interrupted_submit(client: TlfifClient, submitting: "asyncio.Task[Accepted]", model: str) -> Answer:
    """The prompt may be stored already: then cancel it, too."""
    swallow_cancellation()
    job_id, status = None, "cancelled"
    with suppress(TimeoutError, ApiError):
        accepted = await asyncio.wait_for(submitting, CANCEL_SECONDS)
        job_id = accepted["job_id"]
        status = await cancel_job(client, job_id, remote=is_remote(accepted["machine"])) or accepted["status"]
    return Answer(job_id=job_id, status=status, model=model, interrupted=True)


async def cancel_job(client: TlfifClient, job_id: str, *, remote: bool = False) -> str | None:
    """Cancel, and wait up to 2 s (12 s for a ``remote`` machine) until the server confirms. Returns the job's status
    then, None where the server did not answer."""
    status: str | None = None
    with suppress(TimeoutError, ApiError):
        async with asyncio.timeout(REMOTE_CANCEL_SECONDS if remote else CANCEL_SECONDS):
            status = (await client.cancel(job_id))["status"]
            while status not in TERMINAL:
                await asyncio.sleep(REMOTE_CANCEL_POLL_SECONDS if remote else CANCEL_POLL_SECONDS)
                status = (await client.job(job_id))["status"]
    return status


async def with_cost(client: TlfifClient, answer: Answer) -> Answer:
    """The answer with what it cost; as it was where that cannot be learnt within 2 s (10 s from AWS): the answer counts
    more."""
    if answer.receipt is None or answer.job_id is None:
        return answer
    try:
        async with asyncio.timeout(REMOTE_COST_SECONDS if is_remote(answer.machine) else COST_SECONDS):
            job = await client.job(answer.job_id)
    except asyncio.CancelledError:  # the person does not want to wait; the answer is complete
        swallow_cancellation()
        return answer
    except (TimeoutError, OSError, TlfifError):
        return answer
    return replace(answer, cost=job.get("cost"), simulated_aws=job.get("simulated_aws"))


def receipt_text(answer: Answer) -> str:
    """The line that names the model; empty where there is no receipt."""
    if answer.receipt is None or answer.machine is None:
        return ""
    place = answer.machine["place"]
    return receipt_line(
        answer.receipt, before=answer.machine, place=place, cost=answer.cost, simulated_aws=answer.simulated_aws
    )


def show_receipt(answer: Answer, console: Console) -> None:
    """That line, on standard error."""
    line = receipt_text(answer)
    if line:
        console.note(line)
