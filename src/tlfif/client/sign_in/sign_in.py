"""Signing in: authorization code with PKCE in the system's browser, redirected to loopback (RFC 8252, RFC 7636)."""

import asyncio
import secrets
import threading
import webbrowser
from collections.abc import Callable, Mapping
from typing import Any

from tlfif.client.endpoint import Sleep
from tlfif.client.errors import NotReachableError
from tlfif.client.profile import Profile
from tlfif.client.sign_in.identity_provider import IdentityProvider, Request, refused
from tlfif.client.sign_in.loopback_listener import LoopbackListener, not_ours
from tlfif.client.sign_in.token_store import Tokens

LIMIT_SECONDS = 300.0
"""Limit from opening the page to the redirect."""
OPEN_SECONDS = 1.0
"""A browser that runs in the foreground returns only when it is closed."""

OpenBrowser = Callable[[str], bool]
"""Opens an address for the person; False or an exception if that fails. May take any time."""
Tell = Callable[[str, bool], None]
"""Called with the address, and with whether a browser was opened."""


async def sign_in(
    profile: Profile,
    provider: IdentityProvider,
    *,
    tell: Tell,
    open_browser: OpenBrowser = webbrowser.open,
    sleep: Sleep = asyncio.sleep,
    limit_seconds: float = LIMIT_SECONDS,
) -> Tokens:
    """Let the person sign in and return the tokens, which are stored nowhere yet. Cancelling it leaves nothing behind.

    Raises ApiError: ``sign_in_ports_taken``, ``sign_in_timeout``, ``sign_in_not_ours``, ``sign_in_refused``, and what
    the provider's exchange raises.
    """
    state = secrets.token_urlsafe(32)
    async with LoopbackListener(profile.redirect_ports, state) as listener:
        request = Request(
            redirect_uri=listener.redirect_uri,
            state=state,
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),  # 64 characters; RFC 7636 wants 43 to 128
        )
        url = await provider.authorization_url(request)
        tell(url, await _opened(open_browser, url))
        answer = await _in_time(listener, sleep, limit_seconds)
        return await provider.exchange(code_of(answer, profile), request)


def code_of(answer: Mapping[str, str], profile: Profile) -> str:
    """The code in the redirect. Raises AccessDeniedError if it is not ours, or is a refusal. ``iss`` is RFC 9207's."""
    if answer.get("iss", profile.issuer) != profile.issuer:
        raise not_ours("it comes from another provider")
    if "error" in answer:
        raise refused(answer["error"], answer.get("error_description"))
    if not answer.get("code"):
        raise not_ours("it holds no code")
    return answer["code"]


async def _in_time(listener: LoopbackListener, sleep: Sleep, limit_seconds: float) -> dict[str, str]:
    answer: asyncio.Task[Any] = asyncio.ensure_future(listener.answer())
    limit: asyncio.Task[Any] = asyncio.ensure_future(sleep(limit_seconds))
    try:
        await asyncio.wait({answer, limit}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return dict(answer.result())
    finally:
        answer.cancel()
        limit.cancel()
    raise NotReachableError(
        f"Nobody signed in within {limit_seconds / 60:.0f} minutes. Nothing was changed. Try again: ./tlfif login",
        code="sign_in_timeout",
    )


async def _opened(open_browser: OpenBrowser, url: str) -> bool:
    """Whether a browser opened it. In a daemon thread, because some browsers do not return."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bool] = loop.create_future()

    def say(opened: bool) -> None:
        if not done.done():
            done.set_result(opened)

    def work() -> None:
        try:
            opened = bool(open_browser(url))
        except Exception:  # whatever the cause, the address can be copied by hand
            opened = False
        if not loop.is_closed():
            loop.call_soon_threadsafe(say, opened)

    threading.Thread(target=work, name="browser", daemon=True).start()
    try:
        async with asyncio.timeout(OPEN_SECONDS):  # wait_for of Python 3.11 may swallow Ctrl-C at that moment
            return await done
    except TimeoutError:
        return True
