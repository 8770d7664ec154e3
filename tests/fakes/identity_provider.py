"""A provider on loopback that lies on request, a keyring in memory, and a browser that does as it is told."""

import base64
import hmac
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "tlfif-desk"


@cache
def signing_key(name: str) -> RSAKey:
    """One RSA key a name and process; making one takes a while."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


@dataclass
class Provider:
    """What it says, and what it was asked. Refresh tokens are good once."""

    url: str = ""
    claims: dict[str, object] = field(default_factory=dict)
    """Stand above the ID token's right claims; None leaves one out."""
    signed_by: str = "right"
    """``right``, ``other`` (an unknown key), ``none`` (alg none), ``hs256`` (with the public key as the secret)."""
    doors: dict[str, object] = field(default_factory=dict)
    """Stand above what discovery says."""
    life: object = 3600
    before: Callable[[str], tuple[int, str] | None] = lambda path: None
    """A status and a body to answer with instead, by path."""
    lost: int = 0
    """Answers of the token door that do not arrive, though it has acted."""
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    alive: set[str] = field(default_factory=lambda: {"refresh-0"})
    made: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def grants(self, kind: str) -> int:
        """How many requests of a kind it had."""
        return sum(one.get("grant_type") == kind for one in self.asked)

    def authorize(self, url: str) -> str:
        """What the provider's page does with the address that the browser opened: back with a code."""
        wanted = dict(parse_qsl(urlsplit(url).query))
        with self.lock:
            code = f"code-{len(self.codes)}"
            self.codes[code] = wanted
        answer = {"code": code, "state": wanted["state"], "iss": self.url}
        return f"{wanted['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str]) -> tuple[int, object]:
        """The token door."""
        with self.lock:
            self.made += 1
            if form.get("grant_type") == "refresh_token":
                if form["refresh_token"] not in self.alive:
                    return 400, {"error": "invalid_grant"}
                self.alive.discard(form["refresh_token"])
                wanted: dict[str, str] = {}
            else:
                found = self.codes.pop(form.get("code", ""), None)
                if found is None or not _fits(form, found):
                    return 400, {"error": "invalid_grant", "error_description": "code is used up"}
                wanted = found
            refresh = f"refresh-{self.made}"
            self.alive.add(refresh)
        answer: dict[str, object] = {
            "access_token": f"access-{self.made}", "token_type": "Bearer", "refresh_token": refresh
        }  # fmt: skip
        if self.life is not None:
            answer["expires_in"] = self.life
        if wanted:
            answer["id_token"] = self._id_token(wanted.get("nonce", ""))
        return 200, answer

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        right: dict[str, object] = {
            "iss": self.url, "aud": CLIENT, "sub": "ada", "email": "ada@example.com", "nonce": nonce,
            "iat": now, "exp": now + 300,
        }  # fmt: skip
        claims = {name: value for name, value in {**right, **self.claims}.items() if value is not None}
        if self.signed_by == "none":
            return f"{_base64({'alg': 'none'})}.{_base64(claims)}."
        if self.signed_by == "hs256":
            head, body = (_base64(part) for part in ({"alg": "HS256", "kid": "right"}, claims))
            public = signing_key("right").as_pem(private=False)  # joserfc refuses to do what an attacker does
            mark = hmac.digest(public, f"{head}.{body}".encode(), "sha256")
            return f"{head}.{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"
        return jwt.encode({"alg": "RS256", "kid": "right"}, claims, signing_key(self.signed_by))

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, object]:
        """Any door."""
        said = self.before(path)
        if said is not None:
            return said
        if path == "/.well-known/openid-configuration":
            found = {
                "issuer": self.url, "authorization_endpoint": f"{self.url}/auth", "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks", "revocation_endpoint": f"{self.url}/revoke",
            }  # fmt: skip
            return 200, {**found, **self.doors}
        if path == "/jwks":
            return 200, {"keys": [signing_key("right").as_dict(private=False)]}
        if path == "/token":
            return self.token(form)
        if path == "/revoke":
            self.alive.discard(form["token"])
            return 200, {}
        return 404, {}


def _base64(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _fits(form: dict[str, str], wanted: dict[str, str]) -> bool:
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    same = form.get("redirect_uri") == wanted["redirect_uri"] and wanted["code_challenge_method"] == "S256"
    return same and create_s256_code_challenge(form["code_verifier"]) == wanted["code_challenge"]


@contextmanager
def serving_provider() -> Iterator[Provider]:
    """Runs it on a port of its own."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            provider.asked.append({**form, "authorization": self.headers.get("Authorization", "")})
            self._answer(form)

        def _answer(self, form: dict[str, str]) -> None:
            path = urlsplit(self.path).path
            status, found = provider.answer(path, form)
            if path == "/token" and provider.lost:
                provider.lost -= 1
                self.close_connection = True
                return
            body = found.encode() if isinstance(found, str) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """It says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class FakeVault:
    """A keyring in memory with the limit of Windows' one; ``locked`` refuses everything."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False
        self.writes = 0

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.writes += 1
        assert len(password.encode("utf-16-le")) <= 2560, "more than Windows takes"
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        del self.kept[service, username]

    def _open(self) -> None:
        if self.locked:
            raise RuntimeError("locked")


class Person:
    """Opens addresses as a browser does, on a thread of its own; ``page`` is what it shows at the end."""

    def __init__(self, follow: Callable[[str], str]) -> None:
        self._follow = follow
        self.opened: list[str] = []
        self.pages: list[str] = []
        self._threads: list[threading.Thread] = []

    def __call__(self, url: str) -> bool:
        self.opened.append(url)
        thread = threading.Thread(target=self._go, args=(self._follow(url),))
        self._threads.append(thread)
        thread.start()
        return True

    def _go(self, url: str) -> None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=20) as page:
            self.pages.append(page.read().decode())

    @property
    def page(self) -> str:
        """The last one, once it is there."""
        for thread in self._threads:
            thread.join()
        return self.pages[-1]
