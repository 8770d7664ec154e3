"""Fetches a pinned file from the model hub, and resumes after interruptions.

Why the hub's own library is not used: docs/decisions/0002-model-download.md.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import httpx2

from tlfif.adapters.http.host_lookup import Resolver, look_up
from tlfif.adapters.local.models.part_file import PartFile, PartWrongError
from tlfif.kernel.clock import Clock
from tlfif.kernel.errors import ModelError
from tlfif.kernel.outbound import LOOPBACK_HOSTS, SERVER_KEEPS_IT, proxy_for, way_out, why_unreachable
from tlfif.models.catalogue import HubSource, ModelSpec

MAX_REDIRECTS = 5
BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Pauses between attempts that received nothing; after the last one the fetch ends, and its part is kept."""
MAX_RETRY_AFTER_SECONDS = 60.0

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REFUSED_WORDS = {
    401: "it wants a sign-in for this file",
    403: "it does not give this file to everybody",
    404: "it does not have the pinned file",
    410: "it does not have the pinned file any more",
}

logger = logging.getLogger(__name__)


class _SilentError(Exception):
    """No answer, or one that asks to try again later. ``wait``: seconds the hub asked for."""

    def __init__(self, why: str, *, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The hub's answer, its body not read yet. ``offset``: where in the file the body begins."""

    response: httpx2.Response
    offset: int
    etag: str | None


class HubDownload:
    """One hub. Only the request for the file is sent: no token, no name, no statistics."""

    def __init__(
        self,
        *,
        hub_url: str,
        clock: Clock,
        answer_seconds: float,
        stall_seconds: float,
        silence_seconds: float,
        resolver: Resolver,
        block_bytes: int = 1 << 20,
    ) -> None:
        """``answer_seconds``: within which the hub must answer, name look-up and redirects included.
        ``stall_seconds``: without a byte before a try counts as broken. ``silence_seconds``: for how long an
        unreachable hub is not asked again unless by a person.

        Raises ValueError unless ``hub_url`` is https, or http on this computer."""
        self._hub = httpx2.URL(hub_url.rstrip("/"))
        if not self._may_visit(self._hub):
            raise ValueError(f"the hub's address must begin with https: {hub_url}")
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._stall_seconds = stall_seconds
        self._silence_seconds = silence_seconds
        self._resolver = resolver
        self._block_bytes = block_bytes
        self._silent_until: float | None = None
        self._silent_because = ""
        self._clients: dict[str, httpx2.AsyncClient] = {}
        """By host: the way to the server that the hub sends us on to may be another."""

    async def connect(self, spec: ModelSpec, part: PartFile, *, automatic: bool) -> Answer:
        """Request what ``part`` still lacks; the answer must be given to :meth:`receive` or closed. ``automatic``: no
        person asked for it, so a hub that was silent is left alone for a while.

        Raises ModelError (``hub_unreachable``, ``hub_refused``)."""
        if automatic and self._silent_until is not None and self._clock.monotonic() < self._silent_until:
            raise self._unreachable(
                spec, f"{self._silent_because}. That was a few minutes ago, and it was not asked again"
            )
        try:
            answer = await self._ask(spec, part)
        except _SilentError as error:
            self._silent_until = self._clock.monotonic() + self._silence_seconds
            self._silent_because = str(error)
            raise self._unreachable(spec, str(error)) from error
        self._silent_until = None
        return answer

    async def receive(self, spec: ModelSpec, part: PartFile, answer: Answer) -> None:
        """Read the whole file into ``part``, with new requests after interruptions. It is complete but not checked.

        Raises ModelError (``hub_interrupted``, ``hub_refused``, ``disk_full``, ``disk_failed``)."""
        current: Answer | None = answer
        idle_tries = 0
        while True:
            before = part.received
            try:
                if current is None:
                    current = await self._ask(spec, part)
                await self._take_in(spec, part, current)
                return
            except (_SilentError, httpx2.TransportError) as error:
                current = None
                idle_tries = 0 if part.received > before else idle_tries + 1
                if idle_tries >= len(BACKOFF_SECONDS):
                    raise self._interrupted(spec, part) from error
                pause = BACKOFF_SECONDS[idle_tries]
                if isinstance(error, _SilentError) and error.wait is not None:
                    pause = max(pause, error.wait)
                logger.info("fetching %s broke at byte %d: %r", spec.name, part.received, error)
                await self._clock.sleep(pause)

    async def fetch(self, spec: ModelSpec, part: PartFile, answer: Answer, done: Callable[[PartFile], None]) -> None:
        """Receive, check and store; once more from the first byte if a resumed part proves wrong.

        ``done`` is called in a thread with the checked part's file in its place. Raises ModelError."""
        for last_try in (False, True):
            await self.receive(spec, part, answer)
            try:
                await asyncio.to_thread(done, part)
                return
            except PartWrongError as error:
                if last_try or not error.resumed:
                    raise _wrong_file(spec) from error
                await asyncio.to_thread(part.open)
                answer = await self.connect(spec, part, automatic=False)

    async def close(self) -> None:
        """Close the connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def _take_in(self, spec: ModelSpec, part: PartFile, answer: Answer) -> None:
        try:
            if answer.offset != part.received or answer.etag != part.etag:
                await asyncio.to_thread(part.start_over, answer.etag)
            async for block in answer.response.aiter_raw(self._block_bytes):
                if len(block) > part.left:
                    await asyncio.to_thread(part.discard)
                    raise _wrong_file(spec)
                await asyncio.to_thread(part.append, block)
        finally:
            await answer.response.aclose()
        if part.left:
            raise _SilentError("the answer ended early")

    async def _ask(self, spec: ModelSpec, part: PartFile) -> Answer:
        """One request, redirects followed. Raises _SilentError, ModelError."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                answer = await self._request(spec, offset=part.received)
                if answer is None or (answer.offset and answer.etag != part.etag):
                    # The part is longer than the file, or of another version: start over at the first byte.
                    if answer is not None:
                        await answer.response.aclose()
                    answer = await self._request(spec, offset=0)
        except TimeoutError as error:
            raise _SilentError(f"it did not answer within {self._answer_seconds:g} seconds") from error
        except (httpx2.TransportError, httpx2.InvalidURL, OSError) as error:
            raise _SilentError(f"{why_unreachable(error, str(self._hub))}; {SERVER_KEEPS_IT}") from error
        if answer is None:
            raise _SilentError("its answer makes no sense")
        return answer

    async def _request(self, spec: ModelSpec, *, offset: int) -> Answer | None:
        """None: the hub has no byte at ``offset``."""
        response, linked = await self._follow(spec, offset=offset)
        try:
            _check_offer(spec, response, linked)
            if response.status_code == 416:
                await response.aclose()
                return None
            begins = 0
            if response.status_code == 206:
                found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
                if found is None or int(found[1]) != offset:
                    raise _SilentError("its answer makes no sense")
                if int(found[2]) != spec.size_bytes:
                    raise _wrong_offer(spec)
                begins = offset
            etag = linked.get("X-Linked-Etag") or response.headers.get("ETag")
            return Answer(response=response, offset=begins, etag=etag)
        except BaseException:
            await response.aclose()
            raise

    async def _follow(self, spec: ModelSpec, *, offset: int) -> tuple[httpx2.Response, httpx2.Headers]:
        """The final answer, and the hub's own headers that describe the file."""
        source = spec.source
        if not isinstance(source, HubSource):
            raise TypeError(f"{spec.name} does not come from a hub")
        url = self._hub.copy_with(
            path=f"{self._hub.path.rstrip('/')}/{source.repo}/resolve/{source.revision}/" + quote(source.path)
        )
        headers = {"Accept-Encoding": "identity", "User-Agent": "tlfif"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        linked = httpx2.Headers()
        for _ in range(MAX_REDIRECTS + 1):
            if not self._may_visit(url):
                raise _SilentError("it sent us on to an address that is not encrypted")
            if proxy_for(str(url)) is None:
                await look_up(url.host, url.port or 443, self._resolver)
            client = self._client(url)
            response = await client.send(client.build_request("GET", url, headers=headers), stream=True)
            linked.update({k: v for k, v in response.headers.items() if k.lower().startswith("x-linked-")})
            if response.status_code not in _REDIRECTS:
                return response, linked
            await response.aclose()
            url = response.url.join(response.headers.get("Location", ""))
        raise _SilentError("it sent us in circles")

    def _may_visit(self, url: httpx2.URL) -> bool:
        """Whether ``url`` is https, or the hub and it are both on this computer."""
        if url.scheme == "https":
            return bool(url.host)
        return url.scheme == "http" and url.host in LOOPBACK_HOSTS and self._hub.host in LOOPBACK_HOSTS

    def _client(self, url: httpx2.URL) -> httpx2.AsyncClient:
        if url.host not in self._clients:
            self._clients[url.host] = httpx2.AsyncClient(
                timeout=httpx2.Timeout(self._stall_seconds, connect=self._answer_seconds),
                follow_redirects=False,
                **way_out(str(url)),
            )
        return self._clients[url.host]

    def _unreachable(self, spec: ModelSpec, why: str) -> ModelError:
        cause = f"the model hub ({self._hub.host}) cannot be reached: {why}"
        return ModelError(
            f"{spec.title} cannot be fetched now: {cause}. To try again: `./tlfif model pull {spec.name}`.",
            code="hub_unreachable",
            details={"why": cause},
        )

    def _interrupted(self, spec: ModelSpec, part: PartFile) -> ModelError:
        percent = 100 * part.received // spec.size_bytes
        return ModelError(
            f"Fetching {spec.title} broke off at {percent} % and several new tries brought nothing. What was received "
            f"is kept: `./tlfif model pull {spec.name}` goes on from there.",
            code="hub_interrupted",
        )


def _check_offer(spec: ModelSpec, response: httpx2.Response, linked: httpx2.Headers) -> None:
    """Refuse whatever cannot be the pinned file, before the first byte is read. Raises _SilentError, ModelError."""
    status = response.status_code
    if status in _LATER or status >= 500:
        raise _SilentError(f"it answers {status}: come back later", wait=_retry_after(response))
    if status not in (200, 206, 416):
        why = f"the model hub was reached, but {_REFUSED_WORDS.get(status, f'it answers {status}')}"
        raise ModelError(
            f"{spec.title} cannot be fetched: {why}. "
            "Another model answers meanwhile; a newer version of TL-FIF may know a new place.",
            code="hub_refused",
            details={"why": why},
        )
    linked_etag = (linked.get("X-Linked-Etag") or "").strip('"')
    if _SHA256.fullmatch(linked_etag) and linked_etag != spec.sha256:
        raise _wrong_offer(spec)
    sizes = [linked.get("X-Linked-Size"), response.headers.get("Content-Length") if status == 200 else None]
    if any(size is not None and size != str(spec.size_bytes) for size in sizes):
        raise _wrong_offer(spec)


def _retry_after(response: httpx2.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return min(float(text), MAX_RETRY_AFTER_SECONDS) if text.isascii() and text.isdigit() else None


def _wrong_offer(spec: ModelSpec) -> ModelError:
    return ModelError(
        f"{spec.title} was not fetched: what the hub offers is not the file that TL-FIF was tested with "
        "(another size or hash). Nothing was stored.",
        code="hub_refused",
    )


def _wrong_file(spec: ModelSpec) -> ModelError:
    return ModelError(
        f"{spec.title} was fetched, but it is not the file that TL-FIF was tested with, so it was thrown away. "
        f"`./tlfif model pull {spec.name}` tries again.",
        code="hub_refused",
    )
