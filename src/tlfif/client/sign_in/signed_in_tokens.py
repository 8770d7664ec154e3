"""Access tokens of the sign-in, renewed when they are about to expire, by one process at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TypeVar

from filelock import FileLock, Timeout

from tlfif.client.endpoint import Sleep
from tlfif.client.errors import ApiError, NotReachableError
from tlfif.client.sign_in.identity_provider import IdentityProvider, signed_out
from tlfif.client.sign_in.token_store import Place, Tokens, TokenStore

POLL_SECONDS = 0.05
LOOK_SECONDS = 30.0
"""So long the sign-in that was read counts, then it is read again: another program may have signed out or in."""
LONGEST_WAIT_SECONDS = 45.0
"""Longest wait for another process that renews: longer than a renewal can take."""

T = TypeVar("T")


class Leaving(StrEnum):
    """How a sign-out ended."""

    NOTHING = "nothing"
    """There was no sign-in."""
    REVOKED = "revoked"
    """The provider has ended the sign-in."""
    NO_ENDPOINT = "no_door"
    """The provider has no endpoint for revoking it; its tokens expire."""
    NOT_REACHED = "not_reached"
    """Removed on this computer, but the provider did not confirm."""


class SignedInTokens:
    """The sign-in of one data folder. Several instances and processes may share its store."""

    def __init__(
        self,
        store: TokenStore,
        provider: IdentityProvider,
        *,
        now: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._store = store
        self._provider = provider
        self._now = now
        self._sleep = sleep
        self._known: Tokens | None = None
        self._looked_at = 0.0
        self._one_task = asyncio.Lock()

    async def access_token(self) -> str:
        """A token that is not about to expire.

        Raises ApiError: ``signed_out``, ``sign_in_unreachable``, ``sign_in_busy``, ``keyring_failed``.
        """
        return await self._fresh(refused=None)

    async def after_refusal(self, refused: str) -> str:
        """Another token than ``refused``, which the server rejected. Raises as :meth:`access_token`."""
        return await self._fresh(refused=refused)

    async def adopt(self, tokens: Tokens) -> Place:
        """Store a new sign-in instead of the old one; returns where it is kept. Raises OSError."""

        async def keep() -> Place:
            self._known = tokens
            return await asyncio.to_thread(self._store.save, tokens)

        async with self._across_processes():
            return await _to_its_end(keep())

    async def leave(self) -> Leaving:
        """Sign out: delete the sign-in here, and revoke it at the provider. Raises AccessDeniedError, OSError."""
        async with self._one_task, self._across_processes():
            return await _to_its_end(self._leave())

    async def _leave(self) -> Leaving:
        tokens = await asyncio.to_thread(self._store.load)
        self._known = None
        await asyncio.to_thread(self._store.delete)
        if tokens is None:
            return Leaving.NOTHING
        if tokens.refresh_token is None:
            return Leaving.NO_ENDPOINT
        try:
            revoked = await self._provider.revoke(tokens.refresh_token)
        except ApiError:
            return Leaving.NOT_REACHED
        return Leaving.REVOKED if revoked else Leaving.NO_ENDPOINT

    async def _fresh(self, refused: str | None) -> str:
        if self._known is not None and self._is_known(self._known, refused):
            return self._known.access_token
        async with self._one_task:
            if self._known is None or not self._is_known(self._known, refused):
                self._known = await self._renewed(refused)
                self._looked_at = self._now()
            return self._known.access_token

    async def _renewed(self, refused: str | None) -> Tokens:
        tokens = await self._stored()
        if self._is_fresh(tokens, refused):
            return tokens
        async with self._across_processes():
            tokens = await self._stored()  # another process may have renewed it meanwhile
            if self._is_fresh(tokens, refused):
                return tokens
            return await _to_its_end(self._refresh(tokens))

    async def _refresh(self, tokens: Tokens) -> Tokens:
        try:
            found = await self._provider.refresh(tokens)
        except ApiError as error:
            if error.code == "signed_out":
                await asyncio.to_thread(self._store.delete)
            raise
        await asyncio.to_thread(self._store.save, found)
        return found

    async def _stored(self) -> Tokens:
        tokens = await asyncio.to_thread(self._store.load)
        if tokens is None:
            raise signed_out("You are not signed in to the home on AWS.")
        return tokens

    def _is_known(self, tokens: Tokens, refused: str | None) -> bool:
        """Whether what was read is good, and was read just now."""
        return 0 <= self._now() - self._looked_at < LOOK_SECONDS and self._is_fresh(tokens, refused)

    def _is_fresh(self, tokens: Tokens, refused: str | None) -> bool:
        return tokens.access_token != refused and self._now() < tokens.renew_at

    @asynccontextmanager
    async def _across_processes(self) -> AsyncIterator[None]:
        """A lock across processes; the system releases it when its holder dies.

        It is polled, because waiting for it in a thread could not be cancelled.
        """
        self._store.data_folder.create()
        lock = FileLock(self._store.data_folder.sign_in_lock, timeout=0, mode=0o600, thread_local=False)
        for _ in range(round(LONGEST_WAIT_SECONDS / POLL_SECONDS)):
            try:
                lock.acquire()
                break
            except Timeout:
                await self._sleep(POLL_SECONDS)
        else:
            raise NotReachableError(
                f"Another TL-FIF program has been at the sign-in for {LONGEST_WAIT_SECONDS:.0f} s. End it, try again.",
                code="sign_in_busy",
            )
        try:
            yield
        finally:
            lock.release()


async def _to_its_end(work: Awaitable[T]) -> T:
    """Complete ``work`` even if this task is cancelled: a used refresh token that is not replaced ends the sign-in."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not warn that it was not
        raise
