"""The history behind the bridge, with a thread of its own for the disk. A disk error never costs an answer."""

import asyncio
import sqlite3
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
from tlfif.kernel.deleted_bytes import remove_deleted_bytes
from tlfif.kernel.errors import StorageError

T = TypeVar("T")
SHOWN = 2000
"""Exchanges of one conversation that the window shows."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
"""Between attempts to remove deleted text from the file, while another window writes to it."""
NOT_REMOVED = (
    "The conversation is deleted, but its text is still among the bytes of the file. It goes when the window is opened "
    "again and the disk lets it"
)
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
        self._told = ""
        self._query = ""
        self._removing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the file, and report the answers that were still running when the window was closed."""
        try:
            await self._run(self._open_file)
        except StorageError as error:
            self._complain(error)
            return
        finally:
            self._opened.set()
        self._report_set_aside()
        if await self.keep(lambda history: history.has_deleted_bytes):
            self._remove_deleted_bytes()
        unfinished = await self.keep(lambda history: history.unfinished())
        if unfinished:
            newest = unfinished[-1].conversation_id
            conversation = await self.keep(lambda history: history.conversation(newest, newest=SHOWN))
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
            if not self._report_set_aside():
                self._complain(error)
            return None
        self._complained = False
        return found

    async def do(self, command: Command) -> None:
        """The commands that are about the history. Raises StorageError where they ask for what the disk refuses."""
        if isinstance(command, ListConversations):
            self._query = command.query
        await self._opened.wait()
        history = self._history
        if history is None:
            return
        try:
            await self._do(command, history)
        except StorageError:
            self._report_set_aside()
            raise

    async def _do(self, command: Command, history: History) -> None:
        match command:
            case ListConversations(query=query):
                # Nobody waits for a search that was typed on while it waited for the disk.
                found = await self._run(lambda: history.conversations(query) if query == self._query else None)
                if found is not None:
                    self._emit(ConversationsListed(query=query, found=tuple(found)))
            case LoadConversation(conversation_id=wanted):
                kept = await self._run(lambda: history.conversation(wanted, newest=SHOWN))
                if kept is not None:
                    self._emit(ConversationLoaded(conversation=kept))
            case ForgetConversation(conversation_id=None):
                await self._run(history.delete_all)
                self._remove_deleted_bytes()
                self._emit(ConversationForgotten(conversation_id=None))
            case ForgetConversation(conversation_id=str(doomed)):
                await self._run(lambda: history.delete(doomed))
                self._remove_deleted_bytes()
                self._emit(ConversationForgotten(conversation_id=doomed))
            case Export(conversation_id=wanted, path=path):
                kept = await self._run(lambda: history.conversation(wanted))
                if kept is not None:
                    whole = kept
                    await self._run(lambda: write_export(whole, path))
                    self._emit(ConversationExported(path=str(path)))

    async def close(self) -> None:
        """Write everything and close. Nothing is kept after that. Deleted text that is still in the file goes when that
        is opened next."""
        if self._removing is not None:
            self._removing.cancel()
        await self._run(lambda: None)  # wait for an opening that is under way
        history, self._history = self._history, None
        if history is not None:
            await self._run(history.close)
        self._disk.shutdown(wait=True)

    def _open_file(self) -> None:
        self._history = History(self._path)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)

    def _remove_deleted_bytes(self) -> None:
        """Begin to remove what was deleted from the file, now and not when it suits the database."""
        if self._removing is not None:
            self._removing.cancel()
        self._removing = asyncio.create_task(self._removed())

    async def _removed(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        try:
            while not await asyncio.to_thread(remove_deleted_bytes, self._path, rewrite=True):
                await asyncio.sleep(pause)  # another window is in the way
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        except sqlite3.Error as error:
            self._emit(HistoryProblemFound(message=f"{NOT_REMOVED} ({error}).", available=True))
            return
        await self.keep(lambda history: history.deleted_bytes_removed())

    def _report_set_aside(self) -> bool:
        """Tell the owner once of a file that could not be read; whether there is one to tell of."""
        text = "" if self._history is None else set_aside_text(self._history)
        if not text or text == self._told:
            return False
        self._told = text
        self._emit(HistoryProblemFound(message=text, available=True))
        return True

    def _complain(self, error: StorageError) -> None:
        if not self._complained:
            self._complained = True
            self._emit(HistoryProblemFound(message=error.message, available=False))
