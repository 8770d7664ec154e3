"""What ``tlfif doctor`` asks this computer itself."""

import asyncio
import contextlib
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from tlfif.adapters.http.aws_clock import clock_skew
from tlfif.adapters.local.fact_files import read_facts
from tlfif.adapters.local.steady_clock import Step
from tlfif.doctor import checks
from tlfif.doctor import computer_verdicts as verdicts
from tlfif.doctor.checks import Check, Finding, not_asked
from tlfif.doctor.probe import Probe
from tlfif.kernel.data_folder import DataFolder, read_token
from tlfif.kernel.errors import UnavailableError
from tlfif.kernel.outbound import NoWayOutError, certificates, proxy_for
from tlfif.models.model_store import ModelStore
from tlfif.money.prices.prices import DEFAULT_INSTANCE_TYPE, Item, PriceBook

LOOPBACK = "127.0.0.1"
PROXY_SECONDS = 3.0


class PythonProbe(Probe):
    """The running Python."""

    checks: Sequence[Check] = (checks.PYTHON,)

    async def ask(self) -> Sequence[Finding]:
        version = sys.version_info
        return [verdicts.python_version((version.major, version.minor, version.micro))]


class SettingsProbe(Probe):
    """The environment, already read."""

    checks: Sequence[Check] = (checks.SETTINGS,)

    def __init__(self, misspelt: Sequence[str]) -> None:
        self._misspelt = misspelt

    async def ask(self) -> Sequence[Finding]:
        return [verdicts.settings(self._misspelt)]


class FolderProbe(Probe):
    """TL-FIF's folder, its token, and the disk that it is on. Where there is no folder yet, none is made."""

    checks: Sequence[Check] = (checks.FOLDER, checks.TOKEN, checks.DISK)

    def __init__(self, data_folder: DataFolder) -> None:
        self._data_folder = data_folder
        self._root = data_folder.root

    async def ask(self) -> Sequence[Finding]:
        exists = self._root.is_dir()
        near = next(folder for folder in (self._root, *self._root.parents) if folder.is_dir())
        problem = refused = ""
        try:
            self._data_folder.check()
        except UnavailableError as error:
            refused = error.message
        try:
            with tempfile.TemporaryFile(dir=near):  # gone again at once
                pass
        except OSError as error:
            problem = error.strerror or str(error)
        return [
            verdicts.folder(str(self._root), exists=exists, problem=problem, refused=refused),
            verdicts.api_token(
                mode=_mode_of(self._data_folder.token), trusted=read_token(self._data_folder) is not None
            ),
            verdicts.disk_space(shutil.disk_usage(near).free),
        ]


class ModelProbe(Probe):
    """What ``tlfif model list`` knows."""

    checks: Sequence[Check] = (checks.MODELS,)

    def __init__(self, models: ModelStore) -> None:
        self._models = models

    async def ask(self) -> Sequence[Finding]:
        try:
            found = await self._models.list_models()
        finally:
            await self._models.close()
        facts = [
            verdicts.ModelFact(name=one.name, state=str(one.state), problem=one.problem, is_default=one.is_default)
            for one in found
        ]
        return [verdicts.models(facts)]


class LoopbackProbe(Probe):
    """Whether programs of this computer reach each other, and which of ``ports`` are free."""

    checks: Sequence[Check] = (checks.LOOPBACK,)

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports

    async def ask(self) -> Sequence[Finding]:
        problem = ""
        try:
            with socket.socket() as listener:
                listener.bind((LOOPBACK, 0))
                listener.listen()
                with socket.create_connection(listener.getsockname(), timeout=2):
                    pass
        except OSError as error:
            problem = error.strerror or str(error)
        taken = [port for port in self._ports if not _is_free(port)]
        return [verdicts.loopback(problem=problem, taken=taken, ports=self._ports)]


class WayOutProbe(Probe):
    """The settings that every request to ``url`` obeys, and whether anybody listens at the proxy."""

    checks: Sequence[Check] = (checks.WAY_OUT,)

    def __init__(self, url: str) -> None:
        self._url = url

    async def ask(self) -> Sequence[Finding]:
        proxy, problem = None, ""
        try:
            certificates()
            proxy = proxy_for(self._url)
            if proxy is not None:
                async with asyncio.timeout(PROXY_SECONDS):
                    _, writer = await asyncio.open_connection(*proxy.endpoint)
                writer.close()
                await writer.wait_closed()
        except NoWayOutError as error:
            problem = str(error)
        except OSError:  # a time-out, too
            problem = f"nobody answers at the proxy {proxy}. Start it, or unset the variable"
        # AWS's library does not look at ALL_PROXY.
        aws_knows_it = proxy is None or not proxy.is_socks or proxy.variable.lower() == "all_proxy"
        return [verdicts.way_out(proxy=str(proxy or ""), problem=problem, aws_knows_it=aws_knows_it)]


class ClockProbe(Probe):
    """This clock against AWS's, where AWS can be reached at ``address``."""

    checks: Sequence[Check] = (checks.CLOCK,)

    def __init__(self, address: str) -> None:
        self._address = address

    async def ask(self) -> Sequence[Finding]:
        try:
            return [verdicts.clock(await clock_skew(self._address))]
        except (OSError, ValueError) as error:
            return [
                not_asked(checks.CLOCK, f"Compared with AWS's only where AWS can be reached; {self._address}: {error}")
            ]


class ClockJumpProbe(Probe):
    """What the home's clock has noticed; ``steps`` are those of its timeline."""

    checks: Sequence[Check] = (checks.CLOCK_JUMPS,)

    def __init__(self, steps: Sequence[Step], *, now: float, problem: str = "") -> None:
        self._steps = steps
        self._now = now
        self._problem = problem

    async def ask(self) -> Sequence[Finding]:
        if self._problem:
            return [not_asked(checks.CLOCK_JUMPS, self._problem)]
        jumps = [(datetime.fromtimestamp(step.at + step.ahead), step.set_by) for step in self._steps]
        return [verdicts.clock_jumps(jumps, datetime.fromtimestamp(self._now))]


class PriceProbe(Probe):
    """How old the price is that counts most: an hour of the machine tried first. ``problem``: the book's store."""

    checks: Sequence[Check] = (checks.PRICES,)

    def __init__(self, book: PriceBook, *, region: str, now: float, problem: str = "") -> None:
        self._book = book
        self._region = region
        self._now = now
        self._problem = problem

    async def ask(self) -> Sequence[Finding]:
        if self._problem:
            return [not_asked(checks.PRICES, self._problem)]
        price = self._book.price(Item.GPU_HOUR, self._region, DEFAULT_INSTANCE_TYPE, at_ms=int(self._now * 1000))
        return [verdicts.price_book(date.fromisoformat(price.date), date.fromtimestamp(self._now), self._region)]


class FactsProbe(Probe):
    """Whether the facts that came with this version are still young enough. ``now``: epoch seconds."""

    checks: Sequence[Check] = (checks.FACTS,)

    def __init__(self, *, now: float) -> None:
        self._now = now

    async def ask(self) -> Sequence[Finding]:
        return [verdicts.facts(read_facts(), date.fromtimestamp(self._now))]


def _mode_of(path: Path) -> int | None:
    with contextlib.suppress(OSError):
        return None if sys.platform == "win32" else stat.S_IMODE(path.lstat().st_mode)
    return None


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.socket() as listener:
        if sys.platform != "win32":  # there it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        return True
    return False
