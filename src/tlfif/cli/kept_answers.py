"""What ``ask`` and ``chat`` keep for the window's past conversations. A disk error never costs an answer."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from tlfif.cli.answering import Answer, receipt_text
from tlfif.cli.output.console import Console
from tlfif.jobs.jobs import TERMINAL
from tlfif.kernel.deleted_bytes import remove_deleted_bytes
from tlfif.kernel.errors import StorageError
from tlfif.wire.jobs import Accepted

if TYPE_CHECKING:
    from tlfif.history.history import History

BY_YOU = "You cancelled it."


class KeptAnswers:
    """One conversation. ``path`` None keeps nothing. The file is used beside the answer, in a thread."""

    def __init__(self, path: Path | None, console: Console) -> None:
        self._path = path
        self._console = console
        self._conversation = _name("c")
        self._exchange = ""
        self._begun: asyncio.Task[None] | None = None

    def new_conversation(self) -> None:
        """What is asked from now on is another one."""
        self._conversation = _name("c")

    def accepted(self, prompt: str, accepted: Accepted) -> None:
        """The server has the prompt: it is in the list from now on, with its answer under way."""
        if self._path is not None:
            if self._begun is None:  # else the same is asked again, in a shorter conversation
                self._exchange = _name("x")
            self._begun = asyncio.create_task(self._begin_after(self._begun, prompt, accepted))

    async def ended(self, answer: Answer) -> None:
        """How it ended, with what it cost where that is known. One that goes on without this command is read on by the
        window."""
        begun, self._begun = self._begun, None
        if begun is None:
            return
        await begun
        if answer.status in TERMINAL:
            await self._do(self._end, answer)

    async def _begin_after(self, before: "asyncio.Task[None] | None", prompt: str, accepted: Accepted) -> None:
        if before is not None:
            await before
        await self._do(self._begin, prompt, accepted)

    async def _do(self, work: Callable[..., None], *values: object) -> None:
        try:
            await asyncio.to_thread(self._with_history, work, *values)
        except StorageError as error:
            self._console.note(f"Not in the window's past conversations: {error.message}")

    def _with_history(self, work: Callable[..., None], *values: object) -> None:
        from tlfif.history.history import History  # while the machine is waited for, and not before the prompt is sent

        if self._path is not None:
            history = History(self._path, quick=True)
            try:
                work(history, *values)
            finally:
                history.close()

    def _begin(self, history: "History", prompt: str, accepted: Accepted) -> None:
        from tlfif.history.listing import COMMAND_LINE

        history.add(
            conversation_id=self._conversation,
            exchange_id=self._exchange,
            key=self._exchange,
            prompt=prompt,
            model=accepted["model"],
            asked_at=time.time(),
            place=accepted["machine"]["place"],
            origin=COMMAND_LINE,
        )
        history.accepted(self._exchange, job_id=accepted["job_id"], model=accepted["model"])

    def _end(self, history: "History", answer: Answer) -> None:
        history.finish(
            self._exchange,
            status=answer.status,
            seq=0,
            receipt=receipt_text(answer).removeprefix("— "),
            note=BY_YOU if answer.interrupted else answer.error_message or "",
            code=answer.error_code or "",
            reasoning=answer.reasoning,
            answer=answer.text,
        )


def forget_kept(path: Path, job_id: str | None) -> int:
    """Delete what commands have kept of a job; of all that have ended where that is None. Returns how many there were.

    Where a window is in the way the text leaves the file a little later, by that window. Raises StorageError."""
    from tlfif.history.history import History

    if not path.exists():
        return 0
    history = History(path, quick=True)
    try:
        deleted = history.delete_of_commands(job_id)
        if deleted and remove_deleted_bytes(path, rewrite=True):
            history.deleted_bytes_removed()
    finally:
        history.close()
    return deleted


def _name(kind: str) -> str:
    return f"{kind}-{uuid4().hex}"
