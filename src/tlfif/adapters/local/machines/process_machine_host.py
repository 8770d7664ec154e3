"""Runs a machine as a group of processes on this computer."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import psutil

from tlfif.adapters.local.bundle import Bundle
from tlfif.adapters.local.process_start import SAME_START_SECONDS, process_start
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.data_folder import open_private
from tlfif.kernel.errors import MachineError
from tlfif.machines.machine_host import LaunchSpec, MachineHost, ObservedMachine
from tlfif.machines.policy import MachinePolicy

MACHINE_MODULE = "tlfif.entrypoints.machine"
ENGINE_MODULE = "tlfif.entrypoints.engine"
HOME_FLAG = "--home"
MACHINE_FLAG = "--machine-id"
STORE_FLAG = "--store"
"""A program from before it refuses to start, so it cannot look for jobs elsewhere."""


class ProcessMachineHost(MachineHost):
    """Starts the worker in a process group of its own; the engine is the worker's child.

    A handle is ``<process id>:<start time>``: a process id alone is reused by the system. ``clock_offset``: of the
    home's :class:`~tlfif.adapters.local.steady_clock.SteadyClock`, by which machines count time, too. ``bundles``: the
    folder with the images; a machine without an image runs this program itself. ``store``: where jobs are kept, if not
    in the home's own file; no secret.
    """

    def __init__(
        self,
        home: Path,
        *,
        job_policy: JobPolicy,
        machine_policy: MachinePolicy,
        clock_offset: Callable[[], float],
        bundles: Path | None = None,
        store: Mapping[str, str] | None = None,
    ) -> None:
        self._store = store
        self._home = home
        self._bundles = bundles
        self._clock_offset = clock_offset
        self._policies = {"job": asdict(job_policy), "machine": asdict(machine_policy)}
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._latest: tuple[str, str] = ("", "")
        self._launching = threading.Lock()

    async def launch(self, spec: LaunchSpec) -> str:
        return await asyncio.to_thread(self._launch, spec)

    def _launch(self, spec: LaunchSpec) -> str:
        with self._launching:
            # A process that has just started has no command line yet to be found by, so it is remembered as well.
            if self._latest[0] == spec.machine_id and _worker(self._latest[1]) is not None:
                return self._latest[1]
            for found in self._find_all():
                if found.machine_id == spec.machine_id:
                    return found.handle
            handle = self._start(spec)
            self._latest = (spec.machine_id, handle)
            return handle

    def _start(self, spec: LaunchSpec) -> str:
        python, environment = self._program(spec)
        command = [
            python,
            "-P",
            "-m",
            MACHINE_MODULE,
            *mark(self._home, spec.machine_id),
            "--spec",
            json.dumps({**asdict(spec), "policies": self._policies, "clock_offset": self._clock_offset()}),
            *([STORE_FLAG, json.dumps(self._store)] if self._store else []),
        ]
        logs = self._home / "logs"
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP
        try:
            logs.mkdir(parents=True, exist_ok=True)
            with open_private(logs / "machine.log") as log:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    close_fds=True,
                    env=environment,
                    # A group, so that no Ctrl-C reaches it. Not a session: Linux shares the cores among sessions first,
                    # and the server's would then wait for the engine's.
                    process_group=None if sys.platform == "win32" else 0,
                    creationflags=flags,
                )
            started = process_start(psutil.Process(child.pid))
        except (OSError, psutil.Error) as error:
            raise MachineError(f"The machine's process could not be started: {error}") from error
        self._children[child.pid] = child
        return f"{child.pid}:{started:.3f}"

    def _program(self, spec: LaunchSpec) -> tuple[str, dict[str, str] | None]:
        """The interpreter and its environment (None: this process's own), by the image."""
        if spec.image_ref is None or self._bundles is None:
            return sys.executable, None
        bundle = Bundle(self._bundles / spec.image_ref)
        if not bundle.exists:
            raise MachineError(f"The files of image {spec.image} are gone. Promote another one: ./tlfif image list")
        return bundle.python, bundle.environment

    async def alive(self, handle: str) -> bool:
        pid, _ = _parse(handle)
        child = self._children.get(pid)
        if child is not None and child.poll() is not None:
            del self._children[pid]
        if _worker(handle) is not None:
            return True
        # The worker is gone; an engine of its group may be left. It ends when its pipe closes, but check.
        return bool(await asyncio.to_thread(_group_members, pid))

    async def lifetime(self, handle: str) -> None:
        """See the port; a computer keeps no record of processes that are gone."""

    async def terminate(self, handle: str, *, force: bool) -> None:
        await asyncio.to_thread(self._terminate, handle, force)

    def _terminate(self, handle: str, force: bool) -> None:
        pid, _ = _parse(handle)
        worker = _worker(handle)
        members = _group_members(pid)
        if worker is not None:
            with contextlib.suppress(psutil.Error):
                members += worker.children(recursive=True)
            if not force:
                # Without force the worker gives its jobs back and ends its engine.
                members = []
            # The worker first: it would start a new engine for a dead one.
            members.insert(0, worker)
        for process in members:
            with contextlib.suppress(psutil.Error):
                process.kill() if force else process.terminate()

    async def find_all(self) -> list[ObservedMachine]:
        return await asyncio.to_thread(self._find_all)

    def _find_all(self) -> list[ObservedMachine]:
        workers: list[ObservedMachine] = []
        engines: list[ObservedMachine] = []
        home = str(self._home)
        for process in psutil.process_iter(["pid", "cmdline", "status"]):
            command = process.info["cmdline"] or []
            if not _is_part(command) or _after(command, HOME_FLAG) != home:
                continue
            if process.info["status"] == psutil.STATUS_ZOMBIE:
                continue
            try:
                handle = f"{process.pid}:{process_start(process):.3f}"
            except psutil.Error:
                continue  # it has ended meanwhile
            one = ObservedMachine(handle=handle, machine_id=_after(command, MACHINE_FLAG))
            (workers if MACHINE_MODULE in command else engines).append(one)
        # An engine belongs to its worker; one without a worker is listed by itself.
        known = {worker.machine_id for worker in workers}
        return workers + [engine for engine in engines if engine.machine_id not in known]


def mark(home: Path, machine_id: str) -> tuple[str, ...]:
    """Arguments that identify a machine's processes."""
    return (HOME_FLAG, str(home), MACHINE_FLAG, machine_id)


def _is_part(command: list[str]) -> bool:
    return MACHINE_MODULE in command or ENGINE_MODULE in command


def _after(command: list[str], flag: str) -> str | None:
    with contextlib.suppress(ValueError, IndexError):
        return command[command.index(flag) + 1]
    return None


def _parse(handle: str) -> tuple[int, float]:
    pid, _, started = handle.partition(":")
    return int(pid), float(started)


def _worker(handle: str) -> psutil.Process | None:
    """The process behind the handle; None where it is gone, a zombie, or another process with the same number."""
    pid, started = _parse(handle)
    try:
        process = psutil.Process(pid)
        if abs(process_start(process) - started) > SAME_START_SECONDS or process.status() == psutil.STATUS_ZOMBIE:
            return None
    except psutil.Error:
        return None
    return process


def _group_members(group: int) -> list[psutil.Process]:
    """Running machine processes of a process group, without its leader. Windows has no groups; there the pipe is
    enough.

    Only our own modules count, because the number of a group that is gone is used again.
    """
    if sys.platform == "win32":
        return []
    members = []
    for pid in psutil.pids():
        if pid == group:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(pid) != group:
                continue
            process = psutil.Process(pid)
            command = process.cmdline()
            # Without a command line it has only just started.
            if process.status() != psutil.STATUS_ZOMBIE and (not command or _is_part(command)):
                members.append(process)
    return members
