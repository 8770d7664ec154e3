"""The way out of this computer: each HTTP client that may leave it takes its proxy and certificates from here.

The settings are those that other programs obey: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY (on macOS and Windows the
system's own, too), SSL_CERT_FILE and SSL_CERT_DIR. One that cannot be used is named, and only keeps from going out.
"""

import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
SERVER_KEEPS_IT = (
    "the background server keeps the proxy and certificates that it was started with (./tlfif serve --stop ends it)"
)
"""For the end of what a server on this computer says: what is corrected in a terminal now is not corrected there."""
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class NoWayOutError(OSError):
    """A setting of this computer keeps requests from leaving it; the text names it and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy, and the variable that names it. ``address`` may hold a password."""

    variable: str
    address: str

    def __str__(self) -> str:
        """As people may see it."""
        return f"{shown_address(self.address)} ({self.variable})"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS instead of HTTP."""
        return self.address.startswith("socks")

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port to connect to."""
        parts = urlsplit(self.address)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]


class WayOut(TypedDict):
    """Arguments of an HTTP client."""

    trust_env: bool
    verify: ssl.SSLContext | bool
    proxy: str | None


def way_out(url: str) -> WayOut:
    """How a client reaches ``url``; plain HTTP to this computer itself needs neither proxy nor certificates.

    Raises NoWayOutError."""
    if urlsplit(url).scheme == "http" and urlsplit(url).hostname in LOOPBACK_HOSTS:
        return WayOut(trust_env=False, verify=False, proxy=None)
    proxy = proxy_for(url)
    return WayOut(trust_env=False, verify=certificates(), proxy=proxy.address if proxy else None)


def proxy_for(url: str) -> Proxy | None:
    """The proxy on the way to ``url``. Raises NoWayOutError where it is set and cannot be used."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in LOOPBACK_HOSTS or proxy_bypass(host):
        return None
    found = getproxies()
    scheme = parts.scheme if found.get(parts.scheme) else "all"
    address = found.get(scheme)
    return _usable(_variable(scheme), address) if address else None


def _variable(scheme: str) -> str:
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    return next((name for name in names if os.environ.get(name)), f"the system's proxy for {scheme}")


def _usable(variable: str, address: str) -> Proxy:
    scheme, _, rest = address.partition("://") if "://" in address else ("http", "", address)
    scheme = "socks5" if scheme.lower() == "socks" else scheme.lower()  # as GNOME writes it
    address = f"{scheme}://{rest}"
    try:
        usable = scheme in _PORTS and bool(urlsplit(address).hostname) and urlsplit(address).port != 0
    except ValueError:
        usable = False
    if not usable:
        raise NoWayOutError(
            f"{variable} is {shown_address(address)}, which is no proxy that can be used: such an address is "
            f"http, https, socks5 or socks5h://HOST:PORT. Correct it, or unset it"
        )
    return Proxy(variable=variable, address=address)


def shown_address(address: str) -> str:
    """``address`` without name and password."""
    scheme, slashes, rest = address.rpartition("://")
    return scheme + slashes + rest.rpartition("@")[2]


def certificates() -> ssl.SSLContext:
    """What the certificates of servers are checked by. Raises NoWayOutError."""
    import httpx2

    for name in _CERTIFICATES:
        path = os.environ.get(name)
        if not path:
            continue
        try:
            if name == "SSL_CERT_FILE":
                return ssl.create_default_context(cafile=path)
            os.scandir(path).close()  # OpenSSL is content with a folder that is not there
            return ssl.create_default_context(capath=path)
        except OSError as error:  # among them ssl.SSLError, for a file without certificates
            raise NoWayOutError(
                f"{name} names {path}, which cannot be read as certificates ({error.strerror or error}). Correct it, "
                "or unset it to use the system's"
            ) from error
    return httpx2.create_ssl_context(trust_env=False)


def why_unreachable(error: BaseException, url: str) -> str:
    """Why ``url`` was not reached, for the end of a sentence: what ``error`` tells that a person could act on."""
    host = urlsplit(url).hostname
    for cause in _causes(error):
        if isinstance(cause, NoWayOutError):
            return str(cause)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"the certificate of {host} is not accepted ({cause.verify_message}). Where a company looks into "
                "connections, set SSL_CERT_FILE to the file of its certificates; also look at this computer's clock"
            )
    try:
        proxy = proxy_for(url)
    except NoWayOutError as unusable:
        return str(unusable)
    if proxy is not None:
        told = f": {error}" if type(error).__name__ == "ProxyError" and str(error).isprintable() else ""
        return f"there is no connection to {host} through the proxy {proxy}{told}"
    return f"there is no connection to {host}; check the internet connection"


def _causes(error: BaseException | None) -> "Iterator[BaseException]":
    """``error`` and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
