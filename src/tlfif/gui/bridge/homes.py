"""The homes that a window can talk to, and the sign-in to the one on AWS. Slow calls: run them outside a loop."""

import importlib
import time
from collections.abc import Callable

from tlfif.client.endpoint import Endpoint, Locator
from tlfif.client.errors import ApiError, NotReachableError
from tlfif.client.local_server import LocalServer, is_locked, last_failure
from tlfif.client.locators import aws_profile_of
from tlfif.client.profile import Profile, aws_profile, load_profiles, set_bridge, use
from tlfif.client.sign_in.signed_in import SignedInEndpoint, signed_in_tokens
from tlfif.client.sign_in.signed_in_tokens import SignedInTokens
from tlfif.client.sign_in.token_store import Place, Tokens, TokenStore, file_warning
from tlfif.gui.model.home_view import HomeView
from tlfif.kernel.data_folder import DataFolder, profile_from_environment
from tlfif.kernel.errors import InvalidInputError, TlfifError
from tlfif.machines.machine_types import USUAL_TYPES
from tlfif.money.amounts import usd_of
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES
from tlfif.money.prices.prices import DEFAULT_REGION, running_rates
from tlfif.money.spend.standing_costs import lean_items, total_per_month

ShowAddress = Callable[[str, bool], None]
"""Called with the address to sign in at, and whether a browser opened it."""


class OnlyFind:
    """A locator that never starts a server."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server

    async def ensure(self) -> Endpoint:
        """The server that runs. Raises NotReachableError where none is found: ``server_silent`` for one that holds the
        folder, else why the last start failed, or ``server_stopped``."""
        running = await self._server.find()
        if running is None:
            if is_locked(self._server.data_folder):
                raise self._server.silent()
            failure = last_failure(self._server.data_folder)
            if failure is not None:
                raise failure
            raise NotReachableError("The background server does not run.", code="server_stopped")
        return running.endpoint

    again = ensure


class Nowhere:
    """The locator of a home that cannot be used."""

    def __init__(self, error: TlfifError) -> None:
        self._error = error

    async def ensure(self) -> Endpoint:
        """Raises what is in the way, as NotReachableError."""
        raise NotReachableError(self._error.message, code=self._error.code)

    again = ensure


class Homes:
    """The homes of one folder, by its ``profile.json``; ``TLFIF_PROFILE`` overrides it."""

    def __init__(self, home: DataFolder) -> None:
        self._home = home
        self._tokens: tuple[Profile, SignedInTokens] | None = None

    def locators(self) -> tuple[Locator, Locator]:
        """The active home's server: one locator that may start it, one that only finds it. Never raises: a home that
        cannot be used has locators that say why."""
        try:
            profile = aws_profile_of(self._home)
        except TlfifError as error:
            return Nowhere(error), Nowhere(error)
        if profile is None:
            server = LocalServer(self._home)
            return server, OnlyFind(server)
        signed_in = SignedInEndpoint(profile, self._tokens_of(profile))
        return signed_in, signed_in

    def view(self) -> HomeView:
        """Where the window talks to, and who is signed in. May ask the keyring."""
        named = profile_from_environment()
        try:
            profiles = load_profiles(self._home)
            aws = profiles.aws
            active = aws_profile_of(self._home)
        except TlfifError as error:
            return HomeView(problem=error.message)
        tokens = None if active is None else self._signed_in(active)
        return HomeView(
            active="computer" if active is None else "aws",
            aws_place="" if aws is None else f"AWS {aws.region}",
            who=None if tokens is None else tokens.who,
            owns=tokens is None or tokens.is_owner,
            fixed="" if named is None else _fixed(named),
            price=price_words() if aws is None else "",
            bridge=profiles.bridge,
        )

    def here(self) -> Locator | None:
        """This computer's server, where it is to answer while the active home's machine starts; else None."""
        try:
            is_wanted = load_profiles(self._home).bridge and aws_profile_of(self._home) is not None
        except TlfifError:
            return None
        return LocalServer(self._home) if is_wanted else None

    def set_bridge(self, *, on: bool) -> None:
        """Whether there is one. Raises TlfifError, OSError."""
        set_bridge(self._home, on=on)

    def choose(self, name: str) -> None:
        """Talk to that home from now on, also at the next start. Raises TlfifError, among them InvalidInputError
        ``profile_fixed`` where the environment says it; OSError."""
        named = profile_from_environment()
        if named is not None and named != name:
            raise InvalidInputError(_fixed(named), code="profile_fixed")
        use(self._home, name)

    async def sign_in(self, show: ShowAddress) -> str:
        """Wait for the person's browser; returns a warning to be shown, or nothing. Cancelling changes nothing.

        Raises ApiError, OSError."""
        profile = aws_profile(load_profiles(self._home))
        signing = importlib.import_module("tlfif.client.sign_in.sign_in")  # loads its own libraries
        provider = importlib.import_module("tlfif.client.sign_in.identity_provider").IdentityProvider(profile)
        tokens = await signing.sign_in(profile, provider, tell=show)
        place = await self._tokens_of(profile).adopt(tokens)
        return file_warning(self._home) if place is Place.FILE else ""

    async def sign_out(self) -> str:
        """How it ended, a value of ``signed_in_tokens.Leaving``. Raises ApiError, OSError."""
        return (await self._tokens_of(aws_profile(load_profiles(self._home))).leave()).value

    def _tokens_of(self, profile: Profile) -> SignedInTokens:
        """The same for all who use that home: a sign-out must be known to each at once."""
        if self._tokens is None or self._tokens[0] != profile:
            self._tokens = (profile, signed_in_tokens(self._home, profile))
        return self._tokens[1]

    def _signed_in(self, profile: Profile) -> Tokens | None:
        try:
            return TokenStore(self._home, profile).load()
        except ApiError:
            return None  # a keyring that does not open: the first request reports it


def _fixed(named: str) -> str:
    return (
        f"TLFIF_PROFILE is set to {named} where this window was started, which overrides the choice here. Close "
        "the window and start it without it to choose."
    )


def price_words() -> str:
    """What a home on AWS costs, as ``deploy --plan`` counts it: list prices of the usual region, without VAT."""
    now_ms = int(time.time() * 1000)
    month = total_per_month(lean_items(BUILT_IN_PRICES, DEFAULT_REGION, now_ms))
    with_gpu, without = (
        usd_of(sum(running_rates(BUILT_IN_PRICES, DEFAULT_REGION, name, at_ms=now_ms)))
        for name in (USUAL_TYPES[0], USUAL_TYPES[-1])
    )
    return (
        f"In {DEFAULT_REGION} it would cost about {usd_of(month)} a month while nobody asks, and for each hour that a "
        f"machine runs about {with_gpu} with a GPU, or {without} without one, which is slower; without VAT."
    )
