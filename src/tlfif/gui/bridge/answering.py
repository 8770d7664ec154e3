"""One answer from the prompt to its end: choose the model, send, follow, store, report. Runs in the bridge's loop."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import cast

from tlfif.client.errors import ApiError, ConnectionLostError, NotPossibleError, RefusedError
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.bridge.archive import Archive
from tlfif.gui.bridge.bridging import Bridging, OpenHere
from tlfif.gui.model.commands import Ask
from tlfif.gui.model.messages import (
    AnswerAccepted,
    AnswerDelayed,
    AnswerDropped,
    AnswerExtended,
    AnswerFailed,
    AnswerModelUpdated,
    AnswerPriced,
    AnswerProgressed,
    FallbackChosen,
    Message,
)
from tlfif.gui.presenters.endings import BY_YOU, done_words
from tlfif.gui.presenters.problems import plain
from tlfif.gui.presenters.receipts import brief_of, kept_price_words, receipt_of, waited_for_start
from tlfif.jobs.events import Event, EventKind
from tlfif.kernel.errors import PromptTooLongError, TlfifError
from tlfif.wire.jobs import Asking, FollowUpdate, JobAccepted, JobView, MachineUpdate, ReceiptView
from tlfif.wire.machines import MachineView
from tlfif.wire.models import ModelView
from tlfif.wording.bridge import gave_way_words
from tlfif.wording.receipts import cancelled_because

KEEP_SECONDS = 1.0
"""How often the text so far is stored. The server has all of it, so little can be lost."""

BRIDGE_END_SECONDS = 5.0
"""How long this computer's answer, which nobody needs any more, may take to end."""

EmitAndWait = Callable[[Message], Awaitable[None]]
"""Sends a message to the window; waits while its queue is full."""


class Answering:
    """One exchange. :meth:`cancel` may come at any time, also before the server has named the job."""

    def __init__(
        self,
        exchange_id: str,
        client: TlfifClient,
        archive: Archive,
        emit: EmitAndWait,
        open_here: OpenHere | None = None,
    ) -> None:
        """``open_here``: makes a client of this computer's server, which answers while the machine on AWS starts."""
        self._id = exchange_id
        self._client = client
        self._archive = archive
        self._emit = emit
        self._bridging = Bridging(exchange_id, open_here, emit)
        self._asking: tuple[Asking, str] | None = None
        self._job_id: str | None = None
        self._cancel_asked = False
        self._sent = False
        self._machine: MachineView | None = None
        self._pieces: list[str] = []
        self._kept_seq = 0
        self._seen_seq = 0
        self._kept_at = 0.0

    async def ask(self, command: Ask) -> None:
        """Send a prompt and read its answer to the end. Expected errors become messages and are not raised."""
        await self._archive.keep(
            lambda history: history.add(
                conversation_id=command.conversation_id,
                exchange_id=self._id,
                key=command.key,
                prompt=command.prompt,
                model=command.asking.get("model") or "",
                asked_at=command.asked_at,
                follows=command.follows,
                instead_of=command.instead_of,
                place=command.place,
                setting=command.setting,
            )
        )
        try:
            asking = await self._with_model(command.asking)
            if self._cancel_asked:
                await self._drop()
                return
            self._sent = True
            self._asking = (command.asking, command.key)
            await self._read(self._client.ask(asking, key=command.key))
        except TlfifError as error:
            await self._failed(error)

    async def follow(self, job_id: str, *, after: int) -> None:
        """Go on with an answer that the server has."""
        self._job_id, self._sent = job_id, True
        self._kept_seq = self._seen_seq = after
        try:
            if after == 0:
                job = await self._client.job(job_id)
                await self._keep_acceptance(job_id, job["model"])
            await self._read(self._client.follow(job_id, after=after))
        except TlfifError as error:
            await self._failed(error)

    async def cancel(self) -> None:
        """Cancel it. Raises ApiError where the server could not be reached."""
        self._cancel_asked = True
        await self._bridging.cancel()
        if self._job_id is not None:
            await self._client.cancel(self._job_id)

    async def _read(
        self, source: AsyncGenerator[JobAccepted | FollowUpdate, None] | AsyncGenerator[FollowUpdate, None]
    ) -> None:
        try:
            async with aclosing(source) as items:
                async for item in items:
                    await self._one(item)
            await self._bridging.over(within=BRIDGE_END_SECONDS)
        finally:
            self._bridging.leave()

    async def _one(self, item: JobAccepted | FollowUpdate) -> None:
        if isinstance(item, JobAccepted):
            await self._accepted(item)
        elif isinstance(item, MachineUpdate):
            self._machine = self._machine or item.machine
            await self._emit(AnswerDelayed(exchange_id=self._id, machine=item.machine))
        else:
            await self._take(item)

    async def _accepted(self, item: JobAccepted) -> None:
        self._job_id = item.accepted["job_id"]
        cancel_now = self._cancel_asked  # a later request to cancel knows the job and goes to the server itself
        self._machine = item.accepted["machine"]
        await self._emit(AnswerAccepted(exchange_id=self._id, accepted=item.accepted))
        await self._keep_acceptance(self._job_id, item.accepted["model"])
        if cancel_now:
            await self._client.cancel(self._job_id)
        elif self._asking is not None and item.accepted["created"]:
            asking, key = self._asking
            self._bridging.begin(item.accepted["machine"], asking, key=key)

    async def _keep_acceptance(self, job_id: str, model: str) -> None:
        await self._archive.keep(lambda history: history.accepted(self._id, job_id=job_id, model=model))

    async def _take(self, event: Event) -> None:
        self._seen_seq = event.seq
        if event.kind is EventKind.DELTA:
            text = str(event.data["text"])
            if not text:  # a thinking model's thoughts
                await self._emit(AnswerProgressed(exchange_id=self._id, event=event))
                return
            self._pieces.append(text)
            self._bridging.give_way()
            await self._emit(AnswerExtended(exchange_id=self._id, text=text, seq=event.seq))
            if asyncio.get_running_loop().time() - self._kept_at >= KEEP_SECONDS:
                await self.keep()
            return
        if event.kind is EventKind.RESTARTED:
            self._pieces.clear()
            self._kept_seq = event.seq
            await self._archive.keep(lambda history: history.start_over(self._id, seq=event.seq))
        if event.kind.is_terminal:
            await self._end_bridge(event.kind)
        if event.kind is EventKind.FAILED and event.data.get("error_code") == PromptTooLongError.code:
            # The engine's refusal: the window may ask again with a shorter conversation, so everything is kept before.
            await self._finish(event)
            refusal = RefusedError(str(event.data.get("error_message") or ""), code=PromptTooLongError.code)
            await self._emit(AnswerFailed(exchange_id=self._id, error=refusal, accepted=False))
            return
        await self._emit(AnswerProgressed(exchange_id=self._id, event=event))
        if event.kind.is_terminal:
            await self._finish(event)

    async def _end_bridge(self, kind: EventKind) -> None:
        """An answer that failed on AWS leaves this computer's, which may come to its end."""
        if kind is EventKind.SUCCEEDED:
            self._bridging.give_way()
        elif kind is EventKind.CANCELLED:
            await self._bridging.cancel()
        else:
            await self._bridging.over()

    async def keep(self) -> None:
        """Store the text so far."""
        self._kept_at = asyncio.get_running_loop().time()
        if not self._pieces:
            return
        text, after, seq = "".join(self._pieces), self._kept_seq, self._seen_seq
        self._pieces.clear()
        self._kept_seq = seq
        await self._archive.keep(lambda history: history.append(self._id, text=text, after=after, seq=seq))

    async def _finish(self, event: Event) -> None:
        await self.keep()
        job = await self._whole_job()
        took = cast(ReceiptView | None, event.data.get("receipt"))
        receipt = receipt_of(took, waited=waited_for_start(self._machine, job))
        note = plain(str(event.data.get("error_message") or ""))
        reason = job.get("cancel_reason") if job is not None else None
        if event.kind is EventKind.SUCCEEDED:
            note = done_words(took, cancelled=self._cancel_asked)
        elif event.kind is EventKind.CANCELLED and self._cancel_asked:
            note = BY_YOU
        elif event.kind is EventKind.CANCELLED and not note and reason:
            note = cancelled_because(reason)
        whole = job["answer"] or None if job is not None else None
        lines = [receipt.line] if receipt else []
        if self._bridging.line:
            lines.append(gave_way_words(self._bridging.line))
        await self._archive.keep(
            lambda history: history.finish(
                self._id,
                status=event.kind.value,
                seq=event.seq,
                receipt="\n".join(lines),
                cost=kept_price_words(job) if job is not None else "",
                brief=brief_of(receipt.brief if receipt else "", job),
                note=note,
                code=str(event.data.get("error_code") or ""),
                reasoning=(job.get("reasoning") or "").strip() if job is not None else "",
                answer=self._bridging.text or whole,
            )
        )
        if job is not None:
            await self._emit(AnswerPriced(exchange_id=self._id, job=job))

    async def _whole_job(self) -> JobView | None:
        """The job with its cost; None where the server does not say. The answer itself is here already."""
        if self._job_id is None:
            return None
        try:
            return await self._client.job(self._job_id)
        except ApiError:
            return None

    async def _failed(self, error: TlfifError) -> None:
        await self.keep()
        lost = error.code == "job_not_found"  # deleted at the server: it will not go on
        if lost or (self._job_id is None and not isinstance(error, ConnectionLostError)):
            # Nothing is stored at the server, or nothing that this window could go on with.
            note = plain(error.message)
            await self._archive.keep(
                lambda history: history.finish(self._id, status="failed", seq=0, note=note, code=error.code)
            )
        await self._emit(AnswerFailed(exchange_id=self._id, error=error, accepted=self._job_id is not None))

    async def _drop(self) -> None:
        note = "Cancelled before it was sent."
        await self._archive.keep(lambda history: history.finish(self._id, status="cancelled", seq=0, note=note))
        await self._emit(AnswerDropped(exchange_id=self._id))

    async def _with_model(self, asking: Asking) -> Asking:
        """What to send, with a model that can answer: the chosen one, else the default, else the fallback."""
        if asking.get("model") is not None:
            return asking
        models = await self._client.models()
        default, fallback = models[0], models[-1]
        if default["state"] == "ready" or default["name"] == fallback["name"]:
            return {**asking, "model": default["name"]}
        code, cause = "model_corrupt", ""
        if default["state"] != "corrupt":
            code, cause = await self._fetch(default)
            if not code:
                return {**asking, "model": default["name"]}
        if self._cancel_asked:
            return asking
        await self._emit(
            FallbackChosen(exchange_id=self._id, wanted=default, fallback=fallback, code=code, cause=cause)
        )
        if fallback["state"] in {"absent", "pulling"}:
            await self._fetch(fallback)
        return {**asking, "model": fallback["name"]}

    async def _fetch(self, model: ModelView) -> tuple[str, str]:
        """Fetch a model. Returns an error's code, empty where it is ready then, and the cause in words where that is
        known. Raises ApiError for other faults."""
        latest = model
        try:
            async with aclosing(self._client.pull(model["name"], automatic=True)) as progress:
                async for latest in progress:
                    await self._emit(AnswerModelUpdated(exchange_id=self._id, model=latest))
                    if self._cancel_asked:
                        break
        except NotPossibleError as error:
            return error.code, str(error.details.get("why") or "")
        if latest["state"] == "ready":
            return "", ""
        return "model_corrupt" if latest["state"] == "corrupt" else "pull_failed", ""
