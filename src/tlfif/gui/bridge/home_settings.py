"""The settings of where prompts are answered: choose the home, sign in, sign out. Runs in the bridge's loop."""

import asyncio
from collections.abc import Awaitable, Callable

from tlfif.gui.bridge.homes import Homes
from tlfif.gui.model import commands, messages
from tlfif.gui.model.commands import Command
from tlfif.gui.model.messages import Message
from tlfif.kernel.errors import TlfifError

COMMANDS = (commands.UseHome, commands.SetBridge, commands.SignIn, commands.CancelSignIn, commands.SignOut)


class HomeSettings:
    """``move`` leaves the present server for the one that is chosen by then; ``look`` makes the bridge look at it."""

    def __init__(
        self,
        homes: Homes,
        emit: Callable[[Message], object],
        *,
        move: Callable[[], Awaitable[None]],
        look: Callable[[], object],
    ) -> None:
        self._homes = homes
        self._emit = emit
        self._move = move
        self._look = look
        self._one_move = asyncio.Lock()
        self._signing: asyncio.Future[str] | None = None
        self._left = False

    async def report(self, *, moved: bool = False) -> None:
        """Send a message with the active home."""
        self._emit(messages.HomeUpdated(home=await asyncio.to_thread(self._homes.view), moved=moved))

    async def do(self, command: Command) -> None:
        """One of :data:`COMMANDS`. Raises TlfifError."""
        try:
            match command:
                case commands.UseHome(name=name):
                    await self._use(name)
                case commands.SetBridge(on=on):
                    await asyncio.to_thread(self._homes.set_bridge, on=on)
                    await self.report()
                case commands.SignIn():
                    await self._sign_in()
                case commands.CancelSignIn():
                    if self._signing is not None:
                        self._left = True
                        self._signing.cancel()
                case commands.SignOut():
                    how = await self._homes.sign_out()
                    self._emit(messages.SignedOut(how=how))
                    self._look()
                    await self.report()
        except OSError as error:
            raise TlfifError(
                f"TL-FIF's folder cannot be written ({error.strerror or error}).", code="home_not_usable"
            ) from error

    async def _use(self, name: str) -> None:
        async with self._one_move:
            await asyncio.to_thread(self._homes.choose, name)
            await self._move()

    async def _sign_in(self) -> None:
        if self._signing is not None:
            return  # one is under way, and a second one needs the same ports
        self._signing, self._left = asyncio.ensure_future(self._homes.sign_in(self._waits)), False
        try:
            note = await self._signing
            self._emit(messages.SignedIn(note=note))
            self._look()
            await self.report()
        except asyncio.CancelledError:
            if not self._left:
                raise  # the window is being closed
            self._emit(messages.SignInCancelled())
        finally:
            self._signing = None

    def _waits(self, address: str, opened: bool) -> None:
        self._emit(messages.SignInStarted(address=address, opened=opened))
