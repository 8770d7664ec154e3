"""The only owner of threads in the window: one with an event loop that talks to the server, one for the disk.

The window's thread calls ``send``, ``poll`` and ``close`` and never waits for either of them.
"""

import asyncio
import contextlib
import errno
import logging
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tlfif.client.connection import BACKOFF_SECONDS
from tlfif.client.endpoint import Locator, Sleep
from tlfif.client.tlfif_client import TlfifClient
from tlfif.gui.bridge.answering import Answering
from tlfif.gui.bridge.archive import Archive
from tlfif.gui.bridge.files import read_file
from tlfif.gui.bridge.forgetting import forget_at_server
from tlfif.gui.bridge.home_settings import COMMANDS as HOME_COMMANDS
from tlfif.gui.bridge.home_settings import HomeSettings
from tlfif.gui.bridge.homes import Homes
from tlfif.gui.bridge.image_acts import COMMANDS as IMAGE_COMMANDS
from tlfif.gui.bridge.image_acts import act_on_images
from tlfif.gui.bridge.message_queue import MessageQueue
from tlfif.gui.bridge.showing import show
from tlfif.gui.bridge.watching import Watcher
from tlfif.gui.desktop.system_notices import show_notice
from tlfif.gui.markup.code_colours import USUAL, load
from tlfif.gui.markup.inline import parser
from tlfif.gui.model import commands, messages
from tlfif.gui.model.commands import Command
from tlfif.gui.model.messages import Message
from tlfif.gui.model.preferences import Preferences, save_preferences
from tlfif.jobs.events import EventKind
from tlfif.kernel.errors import TlfifError

log = logging.getLogger(__name__)

CLOSE_SECONDS = 2.0
"""How long closing may take before the threads are left to end with the process."""
PAST_MACHINES = 20
LOAD_SECONDS = 0.3

Connector = Callable[[Sleep], TlfifClient]
"""Makes a client that waits with this sleep."""

FORGET_SECONDS = 1.5
"""How much of that for what was deleted just now."""
_DISK = (
    commands.ListConversations,
    commands.LoadConversation,
    commands.ArrangeHistory,
    commands.KeepBranch,
    commands.Print,
    commands.ForgetConversation,
    commands.Export,
)


class Bridge:
    """Commands in, messages out. ``connect`` makes a client that may start the server, ``watch`` one that only finds
    it; where there are ``homes`` to choose from, their locators replace both."""

    def __init__(
        self,
        *,
        connect: Connector | None = None,
        watch: Connector | None = None,
        history_path: Path,
        preferences_path: Path,
        homes: Homes | None = None,
        tell_system: Callable[[str], None] = show_notice,
    ) -> None:
        self._fixed = None if connect is None or watch is None else (connect, watch)
        self._homes = homes
        self._tell_system = tell_system
        self._home_settings = (
            HomeSettings(homes, self._emit, move=self._move, look=self._signed) if homes is not None else None
        )
        self._looks = commands.Watch(running=True, visible=True)
        self._preferences_path = preferences_path
        self._loop = asyncio.new_event_loop()
        self._queue = MessageQueue(on_space=lambda: self._call(lambda: self._space.set()))
        self._archive = Archive(history_path, self._emit)
        self._answers: dict[str, Answering] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server_tasks: set[asyncio.Task[None]] = set()
        self._forgets: set[asyncio.Task[None]] = set()
        self._preferences: Preferences | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="tlfif-window-bridge", daemon=True)

    def start(self) -> None:
        """Begin: find or start the server, open the history. Returns at once."""
        self._thread.start()
        self.send(commands.Connect())

    def send(self, command: Command) -> None:
        """Have a command done. After :meth:`close` nothing happens."""
        self._call(lambda: self._accept(command))

    def poll(self, limit: int) -> list[Message]:
        """What has happened since, ``limit`` items at most; never waits. Deltas of an answer come joined."""
        return self._queue.take(limit)

    def close(self) -> None:
        """End the threads; at most two seconds. Answers under way go on at the server."""
        if not self._closed:
            self._call(lambda: self._ending.set())
            self._closed = True
            self._thread.join(CLOSE_SECONDS)

    def _call(self, work: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            if not self._closed:
                self._loop.call_soon_threadsafe(work)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._space, self._ending, self._connected = asyncio.Event(), asyncio.Event(), asyncio.Event()
        # All of it before the loop runs: commands that were sent already are taken in its first round.
        self._enter()
        self._loop.set_exception_handler(self._loop_failed)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    def _enter(self) -> None:
        """Take the server of the active home; nothing is asked yet."""
        connect, watch = self._connectors()
        self._client = connect(self._sleep)
        machine, cost, images = (watch(asyncio.sleep) for _ in range(3))
        self._watcher = Watcher(machine, cost, images, self._emit)
        self._watcher.adjust(self._looks)

    def _connectors(self) -> tuple[Connector, Connector]:
        if self._homes is not None:
            may_start, only_finds = self._homes.locators()
            return _client_maker(may_start), _client_maker(only_finds)
        if self._fixed is None:
            raise ValueError("a bridge needs a server to talk to")
        return self._fixed

    async def _move(self) -> None:
        """Leave the server for the one that is active now. Answers under way continue where they are."""
        for answer in self._answers.values():
            await answer.keep()
        doomed = list(self._server_tasks)
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)
        await self._client.close()
        self._connected.clear()
        self._enter()
        if self._home_settings is not None:
            await self._home_settings.report(moved=True)
        self._spawn_at_server(self._watch_once_connected())
        self._accept(commands.Connect())

    def _signed(self) -> None:
        """Somebody signed in or out: look again at what is possible."""
        self._accept(commands.Connect())
        self._watcher.poke()

    async def _main(self) -> None:
        if self._home_settings is not None:
            await self._home_settings.report()  # first, because everything else depends on the home
        self._spawn(self._archive.open())
        self._spawn_at_server(self._watch_once_connected())
        self._spawn(self._load_what_answers_need())
        await self._ending.wait()
        for answer in self._answers.values():
            await answer.keep()
        if self._forgets:
            await asyncio.wait(self._forgets, timeout=FORGET_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._write_preferences()
        await self._archive.close()
        await self._end_the_rest()
        await self._client.close()
        await asyncio.sleep(0)  # closed sockets leave the loop in its next round

    async def _end_the_rest(self) -> None:
        """What others began beside an answer closes its connections before the loop ends."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _load_what_answers_need(self) -> None:
        """The parser of Markdown and languages of code, before the first answer is drawn, which would wait for them."""
        await asyncio.to_thread(parser)
        for language in USUAL:
            await asyncio.sleep(LOAD_SECONDS)
            await asyncio.to_thread(load, language)

    async def _watch_once_connected(self) -> None:
        await self._connected.wait()
        await self._watcher.run()

    def _accept(self, command: Command) -> None:
        match command:
            case commands.Ask():
                answering = self._answering(command.exchange_id)
                self._spawn_at_server(self._answered(command.exchange_id, answering, answering.ask(command)))
            case commands.Follow():
                if command.exchange_id not in self._answers:
                    answering = self._answering(command.exchange_id)
                    reading = answering.follow(command.job_id, after=command.after)
                    self._spawn_at_server(self._answered(command.exchange_id, answering, reading))
            case commands.Watch():
                self._looks = command
                self._watcher.adjust(command)
            case commands.KeepPreferences(preferences=preferences):
                self._preferences = preferences
                self._spawn(self._write_soon())
            case commands.TellSystem(text=text):
                self._spawn(asyncio.to_thread(self._tell_system, text))
            case commands.ReadFiles(paths=paths):
                self._spawn(self._read_files(paths))
            case commands.ForgetConversation():
                task = self._spawn(self._do(command))
                self._forgets.add(task)
                task.add_done_callback(self._forgets.discard)
            case _ if isinstance(command, (*_DISK, *HOME_COMMANDS, commands.OpenLink)):
                self._spawn(self._do(command))
            case _:
                self._spawn_at_server(self._do(command))

    def _answering(self, exchange_id: str) -> Answering:
        open_here = None if self._homes is None else self._open_here
        answering = Answering(exchange_id, self._client, self._archive, self._emit_and_wait, open_here)
        self._answers[exchange_id] = answering
        return answering

    def _open_here(self) -> TlfifClient | None:
        here = None if self._homes is None else self._homes.here()
        return None if here is None else TlfifClient(here)

    async def _answered(self, exchange_id: str, answering: Answering, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self._connected.wait()  # one opens the connection, the others then share it
            await work
        finally:
            work.close()
            if self._answers.get(exchange_id) is answering:
                del self._answers[exchange_id]
            self._watcher.poke()

    async def _do(self, command: Command) -> None:
        """Run any other command and send a message about its result."""
        try:
            if isinstance(command, HOME_COMMANDS):
                if self._home_settings is not None:
                    await self._home_settings.do(command)
                return
            if isinstance(command, commands.ForgetConversation) and command.at:
                await self._forget_there(command)
            if isinstance(command, commands.OpenLink):
                await show(command.address)
                return
            if isinstance(command, _DISK):
                await self._archive.do(command)
                self._emit(messages.CommandDone(command=type(command).__name__))
                return
            if not isinstance(command, commands.Connect):
                await self._connected.wait()
            await self._ask_server(command)
            self._emit(messages.CommandDone(command=type(command).__name__))
        except TlfifError as error:
            if isinstance(command, commands.Connect):
                self._emit(messages.ConnectionFailed(error=error))
            else:
                self._emit(messages.CommandFailed(command=type(command).__name__, error=error, again=command))
        finally:
            if isinstance(command, commands.Connect):
                self._connected.set()

    async def _ask_server(self, command: Command) -> None:
        """What changes something, after which the watchers look at once; the rest only reads."""
        client = self._client
        match command:
            case commands.Connect():
                machine = await client.machine()
                self._emit(messages.Connected())
                self._emit(messages.MachineUpdated(machine=machine))
            case commands.Cancel(exchange_id=exchange_id, job_id=job_id):
                await self._cancel(exchange_id, job_id)
            case commands.StopMachine(jobs=jobs):
                self._emit(messages.MachineStopped(result=await client.stop_machine(jobs=jobs)))
            case commands.StartMachine(model=model):
                self._emit(messages.MachineUpdated(machine=await client.start_machine(model=model)))
            case commands.SetIdleTimeout(minutes=minutes):
                self._emit(messages.IdleTimeoutSet(machine=await client.set_idle_timeout(minutes)))
            case commands.SetBudget(limit=limit, simulated_aws=simulated_aws):
                self._emit(messages.BudgetChanged(budget=await client.set_budget(limit, simulated_aws=simulated_aws)))
            case commands.UnlockBudget():
                self._emit(messages.BudgetChanged(budget=await client.release_budget()))
            case _ if isinstance(command, IMAGE_COMMANDS):
                await act_on_images(client, command)
                self._emit(messages.ImagesUpdated(images=await client.images(), acted=True))
            case _:
                await self._read_server(command)
                return
        self._watcher.poke()

    async def _forget_there(self, command: commands.ForgetConversation) -> None:
        """Delete at the server first: what fails there is still in the list and can be deleted again."""
        doomed = command.conversation_id
        if doomed is not None and not await self._archive.keep(lambda history: history.is_marked_deleted(doomed)):
            return  # taken back meanwhile, in another window
        jobs = await self._archive.keep(lambda history: history.jobs_of(doomed))
        await self._connected.wait()
        everything = doomed is None
        await forget_at_server(self._client, jobs or (), place=command.at, everything=everything, sleep=asyncio.sleep)

    async def _read_server(self, command: Command) -> None:
        match command:
            case commands.ReadAdvice():
                self._emit(messages.AdviceUpdated(advice=await self._client.idle_advice()))
            case commands.ReadPastMachines():
                past = await self._client.machine_history(limit=PAST_MACHINES)
                self._emit(messages.PastMachinesListed(machines=tuple(past["machines"])))
            case commands.ReadImageLog(version=version, after=after):
                log = await self._client.image_log(version, after=after)
                self._emit(messages.ImageLogRead(version=version, after=after, log=log))
            case commands.ReadModels():
                found = await self._client.all_models()
                self._emit(messages.ModelsListed(models=tuple(found["models"]), personal=tuple(found["personal"])))
            case commands.PullModel(name=name):
                async with contextlib.aclosing(self._client.pull(name)) as progress:
                    async for stage in progress:
                        self._emit(messages.ModelUpdated(model=stage))

    async def _cancel(self, exchange_id: str, job_id: str | None) -> None:
        answering = self._answers.get(exchange_id)
        if answering is not None:
            await answering.cancel()
        elif job_id is not None:
            await self._client.cancel(job_id)

    async def _read_files(self, paths: tuple[Path, ...]) -> None:
        for path in paths:
            self._emit(await asyncio.to_thread(read_file, path))

    async def _write_soon(self) -> None:
        await asyncio.sleep(0.3)
        await asyncio.to_thread(self._write_preferences)

    def _write_preferences(self) -> None:
        """Write the newest settings once, however often they changed."""
        preferences, self._preferences = self._preferences, None
        if preferences is None:
            return
        try:
            save_preferences(self._preferences_path, preferences)
        except OSError as error:
            message = f"The settings could not be kept in {self._preferences_path} ({error.strerror or error})."
            failed = TlfifError(message, code="storage_full" if error.errno == errno.ENOSPC else "storage_failed")
            again = commands.KeepPreferences(preferences=preferences)
            self._emit(messages.CommandFailed(command="KeepPreferences", error=failed, again=again))
        else:
            self._emit(messages.CommandDone(command="KeepPreferences"))

    async def _sleep(self, seconds: float) -> None:
        """The client's pause. Before a retry it sends a message, so that the owner sees why it takes longer."""
        if seconds in BACKOFF_SECONDS:
            self._emit(messages.RetryStarted(attempt=BACKOFF_SECONDS.index(seconds) + 1))
        await asyncio.sleep(seconds)

    def _emit(self, item: Message) -> None:
        self._queue.put(item)

    async def _emit_and_wait(self, item: Message) -> None:
        if isinstance(item, messages.AnswerProgressed) and item.event.kind is EventKind.STARTED:
            self._watcher.poke()  # the machine answers; the last report still showed it starting
        if not self._queue.put(item):
            self._space.clear()
            await self._space.wait()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _spawn_at_server(self, work: Coroutine[Any, Any, None]) -> None:
        """A task that belongs to the present server and ends with it."""
        task = self._spawn(work)
        self._server_tasks.add(task)
        task.add_done_callback(self._server_tasks.discard)

    def _loop_failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error outside of any task becomes a message, too."""
        error = context.get("exception")
        log.error("the window's loop: %s", context.get("message"), exc_info=error)
        self._emit(
            messages.BridgeFailed(text=f"{type(error).__name__}: {error}" if error else str(context.get("message")))
        )

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task of the window failed", exc_info=error)
            self._emit(messages.BridgeFailed(text=f"{type(error).__name__}: {error}"))


def _client_maker(locator: Locator) -> Connector:
    return lambda sleep: TlfifClient(locator, sleep=sleep)
