"""The history behind the bridge, with a thread of its own for the disk. A disk error never costs an answer."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tlfif.gui.model.commands import Command, Export, ForgetConversation, ListConversations, LoadConversation
from tlfif.gui.model.messages import (
    ConversationExported,
    ConversationForgotten,
    ConversationLoaded,
    ConversationsListed,
    HistoryProblemFound,
    Message,
    UnfinishedFound,
)
from tlfif.history.history import History, set_aside_text
from tlfif.history.history_export import write_export
from tlfif.kernel.errors import StorageError

T = TypeVar("T")
Emit = Callable[[Message], None]


class Archive:
    """Opened by :meth:`open`; what comes before that waits for it. Where that failed, nothing is kept and
    the owner has been told so once."""

    def __init__(self, path: Path, emit: Emit) -> None:
        self._path = path
        self._emit = emit
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tlfif-history")
        self._history: History | None = None
        self._opened = asyncio.Event()
        self._complained = False

    async def open(self) -> None:
        """Open the file, and report the answers that were still running when the window was closed."""
        try:
            await self._run(self._open_file)
        except StorageError as error:
            self._complain(error)
            return
        finally:
            self._opened.set()
        problem = await self.keep(set_aside_text)
        if problem:
            self._emit(HistoryProblemFound(message=problem, available=True))
        unfinished = await self.keep(lambda history: history.unfinished())
        if unfinished:
            newest = unfinished[-1].conversation_id
            conversation = await self.keep(lambda history: history.conversation(newest))
            if conversation is not None:
                self._emit(UnfinishedFound(conversation=conversation, exchanges=tuple(unfinished)))
        await self.do(ListConversations(query=""))

    async def keep(self, work: Callable[[History], T]) -> T | None:
        """Run ``work`` on the file. None where the disk does not let it; the owner gets one message about that."""
        await self._opened.wait()
        history = self._history
        if history is None:
            return None
        try:
            found = await self._run(lambda: work(history))
        except StorageError as error:
            self._complain(error)
            return None
        self._complained = False
        return found

    async def do(self, command: Command) -> None:
        """The commands that are about the history. Raises StorageError where they ask for what the disk refuses."""
        await self._opened.wait()
        history = self._history
        if history is None:
            return
        match command:
            case ListConversations(query=query):
                found = await self._run(lambda: history.conversations(query))
                self._emit(ConversationsListed(query=query, found=tuple(found)))
            case LoadConversation(conversation_id=wanted):
                kept = await self._run(lambda: history.conversation(wanted))
                if kept is not None:
                    self._emit(ConversationLoaded(conversation=kept))
            case ForgetConversation(conversation_id=None):
                await self._run(history.delete_all)
                self._emit(ConversationForgotten(conversation_id=None))
            case ForgetConversation(conversation_id=str(doomed)):
                await self._run(lambda: history.delete(doomed))
                self._emit(ConversationForgotten(conversation_id=doomed))
            case Export(conversation_id=wanted, path=path):
                kept = await self._run(lambda: history.conversation(wanted))
                if kept is not None:
                    whole = kept
                    await self._run(lambda: write_export(whole, path))
                    self._emit(ConversationExported(path=str(path)))

    async def close(self) -> None:
        """Write everything and close. Nothing is kept after that."""
        await self._run(lambda: None)  # wait for an opening that is under way
        history, self._history = self._history, None
        if history is not None:
            await self._run(history.close)
        self._disk.shutdown(wait=True)

    def _open_file(self) -> None:
        self._history = History(self._path)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)

    def _complain(self, error: StorageError) -> None:
        if not self._complained:
            self._complained = True
            self._emit(HistoryProblemFound(message=error.message, available=False))
