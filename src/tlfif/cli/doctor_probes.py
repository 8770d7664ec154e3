"""The probes of ``tlfif doctor`` for this computer's own parts: background server, window, profile and sign-in."""

import asyncio
from collections.abc import Callable, Sequence
from importlib import import_module

from tlfif.client.errors import NotReachableError
from tlfif.client.local_server import LocalServer, is_locked
from tlfif.client.locators import aws_profile_of
from tlfif.client.profile import AWS, COMPUTER, Profile, load_profiles
from tlfif.client.sign_in.token_store import TokenStore, Vault, system_vault
from tlfif.doctor import checks
from tlfif.doctor import computer_verdicts as verdicts
from tlfif.doctor.checks import Check, Finding, not_asked
from tlfif.doctor.probe import Probe
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import TlfifError


class ServerProbe(Probe):
    """Whether the background server runs; none is started."""

    checks: Sequence[Check] = (checks.SERVER,)

    def __init__(self, data_folder: DataFolder) -> None:
        self._data_folder = data_folder

    async def ask(self) -> Sequence[Finding]:
        """See :meth:`Probe.ask`."""
        try:
            running = await LocalServer(self._data_folder).find()
        except NotReachableError as error:
            return [not_asked(checks.SERVER, error.message)]
        url = running.address.base_url if running is not None else None
        locked = running is None and is_locked(self._data_folder)
        return [verdicts.server(url=url, locked=locked, log=str(self._data_folder.server_log))]


class WindowProbe(Probe):
    """Whether a window could open; none is opened."""

    checks: Sequence[Check] = (checks.WINDOW,)

    async def ask(self) -> Sequence[Finding]:
        """See :meth:`Probe.ask`."""
        # By name: the import contracts keep window and commands apart, and the window may not be installed.
        return [verdicts.window(str(import_module("tlfif.gui.main").why_not()))]


class ProfileProbe(Probe):
    """What commands talk to, who is signed in there, and where the sign-in is kept."""

    checks: Sequence[Check] = (checks.PROFILE, checks.SIGN_IN, checks.TOKEN_STORAGE)

    def __init__(self, data_folder: DataFolder, *, find_vault: Callable[[], Vault | None] = system_vault) -> None:
        self._data_folder = data_folder
        self._find_vault = find_vault

    async def ask(self) -> Sequence[Finding]:
        """See :meth:`Probe.ask`."""
        problem, profile, active = "", None, False
        try:
            profile = load_profiles(self._data_folder).aws
            active = aws_profile_of(self._data_folder) is not None
        except TlfifError as error:
            problem = error.message
        vault = await asyncio.to_thread(self._find_vault)
        keyring = None if vault is None else str(getattr(vault, "name", type(vault).__name__))
        return [
            verdicts.profile(
                active=AWS if active else COMPUTER, region=profile.region if profile else None, problem=problem
            ),
            await self._sign_in(profile, active=active, vault=vault),
            verdicts.token_storage(keyring=keyring, has_home=profile is not None),
        ]

    async def _sign_in(self, profile: Profile | None, *, active: bool, vault: Vault | None) -> Finding:
        if profile is None:
            return verdicts.sign_in(has_home=False, active=False, who=None, problem="")
        try:
            tokens = await asyncio.to_thread(TokenStore(self._data_folder, profile, find_vault=lambda: vault).load)
        except TlfifError as error:
            return verdicts.sign_in(has_home=True, active=active, who=None, problem=error.message)
        return verdicts.sign_in(has_home=True, active=active, who=None if tokens is None else tokens.who, problem="")


def own_probes(data_folder: DataFolder) -> list[Probe]:
    """All probes of this module."""
    return [ServerProbe(data_folder), WindowProbe(), ProfileProbe(data_folder)]
