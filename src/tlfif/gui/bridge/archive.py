"""The history behind the bridge, with a thread of its own for the disk. A disk error never costs an answer."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from tlfif.gui.bridge.showing import show, write, write_for_print
from tlfif.gui.model.commands import (
    ArrangeHistory,
    Command,
    Export,
    ForgetConversation,
    KeepBranch,
    ListConversations,
    LoadConversation,
    Print,
)
from tlfif.gui.model.messages import (
    ConversationExported,
    ConversationForgotten,
    ConversationLoaded,
    ConversationsListed,
    HistoryChanged,
    HistoryKept,
    HistoryProblemFound,
    Message,
    UnfinishedFound,
)
from tlfif.history.history import Changes, History, set_aside_text
from tlfif.kernel.deleted_bytes import remove_deleted_bytes
from tlfif.kernel.errors import StorageError

T = TypeVar("T")
SHOWN = 2000
"""Exchanges of one conversation that the window shows."""
LOOK_SECONDS = 1.0
"""How often to look whether another window or a command has changed the list."""
LAST_SECONDS = 0.4
"""How long closing waits for deleted text to be removed from the file."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
"""Between attempts to remove deleted text from the file, while another window writes to it."""
REOPEN_SECONDS = 5.0
"""How often a file that could not be opened is tried again by itself."""
NOT_REMOVED = (
    "The conversation is deleted, but its text is still among the bytes of the file. It goes when the window is opened "
    "again and the disk lets it"
)
Emit = Callable[[Message], None]


class Archive:
    """Opened by :meth:`open`; what comes before that waits for it. Where the disk does not let it, nothing is kept and
    the owner has been told so once; the file is opened anew as soon as that is possible."""

    def __init__(self, path: Path, emit: Emit) -> None:
        self._path = path
        self._emit = emit
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tlfif-history")
        self._history: History | None = None
        self._opened = asyncio.Event()
        self._complained = False
        self._closed = False
        self._tried_at = 0.0
        self._told = ""
        self._query = ""
        self._removing: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._first = FileLock(path.with_name("window.lock"), timeout=0, mode=0o600, thread_local=False)

    async def open(self) -> None:
        """Open the file, and report the answers that were still running when the window was closed. Where another
        window is open none of their conversations is shown: that one shows it."""
        try:
            # Before anything of this window is kept: its own prompts are none to be resumed.
            found = await self._run(self._open_and_look)
        except StorageError as error:
            if not self._report_set_aside():
                self._complain(error)
            await self._leave_file()
            return
        finally:
            self._opened.set()
            self._looking = asyncio.create_task(self._look_again())
        self._report_set_aside()
        if await self.keep(lambda history: history.has_deleted_bytes):
            self._remove_deleted_bytes()
        if found is not None:
            self._emit(found)
        await self.do(ListConversations(query=""))

    async def keep(self, work: Callable[[History], T]) -> T | None:
        """Run ``work`` on the file. None where the disk does not let it; the owner gets one message about that."""
        await self._opened.wait()
        try:
            history = await self._at_hand(patient=True)
            if history is None:
                return None
            found, changes = await self._run(lambda: (work(history), history.changes()))
            self._recovered()
            await self._tell(changes, history)
        except StorageError as error:
            if not self._report_set_aside():
                self._complain(error)
            await self._leave_file()
            return None
        return found

    async def _tell(self, changes: Changes, history: History) -> None:
        """Report a list that has changed, and the answers that run in other programs."""
        if changes is Changes.FOREIGN:
            busy = self._removing is not None and not self._removing.done()
            if not busy and await self._run(lambda: history.has_deleted_bytes):
                self._remove_deleted_bytes()  # a command deleted something and found this window in its way
            running = await self._run(history.unfinished)
            if running:
                self._emit(UnfinishedFound(exchanges=tuple(running)))
        if changes is not Changes.NONE:
            self._emit(HistoryChanged(foreign=changes is Changes.FOREIGN))

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.keep(lambda _: None)

    async def do(self, command: Command) -> None:
        """The commands that are about the history. Raises StorageError where they ask for what the disk refuses."""
        if isinstance(command, ListConversations):
            self._query = command.query
        await self._opened.wait()
        try:
            history = await self._at_hand(patient=False)
            if history is not None:
                await self._do(command, history)
                self._recovered()
                await self._tell(await self._run(history.changes), history)
        except StorageError:
            self._report_set_aside()
            await self._leave_file()
            raise

    async def _at_hand(self, *, patient: bool) -> History | None:
        """The open file; opened anew where it is not. ``patient``: not more often than every few seconds, and None in
        between. Raises StorageError."""
        now = asyncio.get_running_loop().time()
        if self._history is None and not self._closed and not (patient and now - self._tried_at < REOPEN_SECONDS):
            self._tried_at = now
            await self._run(self._open_file)
        return self._history

    async def _leave_file(self) -> None:
        """After an error the file is opened anew: what went wrong may have closed it."""
        history, self._history = self._history, None
        if history is not None:
            await self._run(history.close)

    def _recovered(self) -> None:
        if self._complained:
            self._complained = False
            self._emit(HistoryKept())

    async def _do(self, command: Command, history: History) -> None:
        match command:
            case ListConversations(query=query):
                # Nobody waits for a search that was typed on while it waited for the disk.
                found = await self._run(lambda: history.listing(query) if query == self._query else None)
                if found is not None:
                    self._emit(
                        ConversationsListed(
                            query=query, found=found.found, folders=found.folders, deleted=found.deleted
                        )
                    )
            case LoadConversation():
                await self._load(command, history)
            case Print(conversation_id=wanted):
                await self._print(wanted, history)
            case KeepBranch(conversation_id=wanted, tip=tip):
                await self._run(lambda: history.show_branch(wanted, tip))
            case ArrangeHistory(change=change):
                await self._run(lambda: history.arrange(change))
            case ForgetConversation(conversation_id=doomed):
                await self._forget(doomed, history)
            case Export(conversation_id=wanted, path=path):
                kept = await self._run(lambda: history.conversation(wanted))
                if kept is not None:
                    whole = kept
                    await self._run(lambda: write(whole, path))
                    self._emit(ConversationExported(path=str(path)))

    async def _load(self, command: LoadConversation, history: History) -> None:
        wanted = command.conversation_id
        kept = await self._run(lambda: history.conversation(wanted, newest=SHOWN))
        if kept is not None:
            self._emit(ConversationLoaded(conversation=kept, again=command.again))
        elif command.again:
            self._emit(ConversationForgotten(conversation_id=wanted))

    async def _print(self, wanted: str, history: History) -> None:
        kept = await self._run(lambda: history.conversation(wanted))
        if kept is not None:
            path = await self._run(lambda: write_for_print(kept, self._path.parent))
            await show(path.as_uri())

    async def _forget(self, doomed: str | None, history: History) -> None:
        if doomed is None:
            await self._run(history.delete_all)
        elif await self._run(lambda: history.is_marked_deleted(doomed)):
            await self._run(lambda: history.delete(doomed))
        else:
            return  # taken back meanwhile, in another window
        self._remove_deleted_bytes()
        self._emit(ConversationForgotten(conversation_id=doomed))

    async def close(self) -> None:
        """Write everything and close. Nothing is kept after that. Deleted text that is still in the file goes when that
        is opened next."""
        if self._looking is not None:
            self._looking.cancel()
        removing = self._removing
        if removing is not None:
            await asyncio.wait({removing}, timeout=LAST_SECONDS)
            removing.cancel()
        self._closed = True
        self._first.release()
        await self._run(lambda: None)  # wait for an opening that is under way
        history, self._history = self._history, None
        if history is not None:
            await self._run(history.close)
        self._disk.shutdown(wait=True)

    def _is_first(self) -> bool:
        """Whether no other window of this folder is open. From now on this one is."""
        try:
            self._first.acquire()
        except (Timeout, OSError):
            return False
        return True

    def _open_and_look(self) -> UnfinishedFound | None:
        history, first = self._open_file(), self._is_first()
        unfinished = history.unfinished()
        if not unfinished:
            return None
        newest = history.conversation(unfinished[-1].conversation_id, newest=SHOWN) if first else None
        return UnfinishedFound(conversation=newest, exchanges=tuple(unfinished))

    def _open_file(self) -> History:
        self._history = History(self._path)
        return self._history

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
