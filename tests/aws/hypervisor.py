"""The hypervisor that the emulator lacks: for each instance that EC2 calls running it runs what the image would.

That is ``python -m tlfif.entrypoints.instance`` with a machine file made from the instance's own user data, and a real
llama.cpp engine beside it. When the instance ends, so do its processes, and as long as they need for it EC2 calls the
instance shutting down, not terminated; when the worker ends by itself, the instance is stopped or terminated, as its
"shutdown behaviour" has it. It can be told to misbehave (:class:`Mischief`).
"""

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends

from tests.aws.emulator import ACCESS_KEY, REGION, Emulator
from tlfif.adapters.local.models.model_wheel import ModelWheel
from tlfif.models.catalogue import SMOLLM2, WheelSource

MODEL, CONTEXT_TOKENS = SMOLLM2.name, SMOLLM2.context_tokens

SOURCE = Path(__file__).parents[2] / "src"
MOST_INSTANCES = 8
LONGEST_SECONDS = 110.0
"""No process of a test lives longer, whatever the test forgets."""
LOOK_SECONDS = 0.1
SHUTDOWN_SECONDS = 5.0
ENGINE_KEY = "key-of-this-boot"
CLOSED_PORT = "http://127.0.0.1:9"
LIVING = ("pending", "running")
SHUTTING_DOWN, TERMINATED = (32, "shutting-down"), (48, "terminated")


class Mischief(StrEnum):
    """What goes wrong with the instances that start from now on."""

    NONE = "none"
    NEVER_BOOTS = "never boots"
    NEVER_LOADS = "boots and never loads"
    """The worker runs and waits for an engine that is not there."""
    NEVER_BEATS = "loads and never heartbeats"
    """Its record cannot be written: the table of machines is out of its reach."""
    STUCK = "stuck in stopping"
    """The operating system does not shut down: processes outlive the instance until the test ends."""


def small_model() -> Path:
    """The real model that answers."""
    assert isinstance(SMOLLM2.source, WheelSource)
    found = ModelWheel(pip_command=()).installed(SMOLLM2.source)
    assert found is not None, "install the development requirements: the small model comes with them"
    return found


@dataclass(kw_only=True)
class Guest:
    """One instance's machine. ``process`` is None where it never boots; ``left`` when its instance was seen ended."""

    instance_id: str
    mischief: Mischief
    folder: Path
    born: float = field(default_factory=time.monotonic)
    process: "subprocess.Popen[bytes] | None" = None
    engine: "subprocess.Popen[bytes] | None" = None
    left: float | None = None
    reported: bool = False

    @property
    def alive(self) -> bool:
        """Whether the worker's process is there."""
        return self.process is not None and self.process.poll() is None

    def family(self) -> list[psutil.Process]:
        """The worker and the engine, or all that runs under the one process."""
        found: list[psutil.Process] = []
        for one in (self.process, self.engine):
            if one is not None and one.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process = psutil.Process(one.pid)
                    found += [process, *process.children(recursive=True)]
        return found

    def hang(self) -> None:
        """Both processes stand still, as a machine does whose kernel has locked up."""
        for one in self.family():
            one.suspend()

    def kill(self) -> None:
        """As a power cut; leaves nothing."""
        for one in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        for one in (self.process, self.engine):
            if one is not None:
                one.wait(10)


class Hypervisor:
    """Watches one home's instances. ``change`` may change a machine file's content before the worker reads it."""

    def __init__(
        self,
        emulator: Emulator,
        *,
        home: str,
        folder: Path,
        change: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._ec2 = emulator.ec2
        self._instances = ec2_backends[DEFAULT_ACCOUNT_ID][REGION]
        self._home = home
        self._folder = folder
        self._change = change
        self._events = emulator.session.events
        self._cut: set[str] = set()
        self.mischief = Mischief.NONE
        self.longest_seconds = LONGEST_SECONDS
        self.guests: dict[str, Guest] = {}
        self.faults: list[Exception] = []

    def record(self) -> dict[str, dict[str, Any]]:
        """Every instance of the home as EC2 itself describes it."""
        ours = [{"Name": "tag:tlfif:home", "Values": [self._home]}]
        found = self._ec2.describe_instances(Filters=ours)["Reservations"]
        return {one["InstanceId"]: dict(one) for group in found for one in group["Instances"]}

    def _states(self) -> dict[str, str]:
        """What EC2 calls each instance of the home, read where the emulator keeps it, which is ten times a second."""
        homes = {name: tags.get("tlfif:home") for name, tags in list(self._instances.tags.items())}
        return {one.id: one.state for one in self._instances.all_instances() if homes.get(one.id) == self._home}

    async def run(self) -> None:
        """Look again and again until cancelled. Faults of this harness are kept for the test to see."""
        while True:
            try:
                self._look(self._states())
            except Exception as error:
                self.faults.append(error)
                raise
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self, states: dict[str, str]) -> None:
        for instance_id, state in states.items():
            guest = self.guests.get(instance_id)
            if guest is not None and not guest.alive:
                guest.kill()  # the end of the worker is the machine's, and the engine's with it
            if state in LIVING:
                if guest is None:
                    self.guests[instance_id] = self._start(instance_id)
                elif not guest.alive and guest.process is not None and not guest.reported:
                    guest.reported = True  # it has switched itself off: instance-initiated shutdown
                    stops = self._instances.get_instance(instance_id).instance_initiated_shutdown_behavior == "stop"
                    (self._ec2.stop_instances if stops else self._ec2.terminate_instances)(InstanceIds=[instance_id])
            elif guest is not None and guest.alive:
                self._end(guest)
            elif state == SHUTTING_DOWN[1]:
                self._call(instance_id, TERMINATED)
        for guest in self.guests.values():
            if guest.alive and time.monotonic() - guest.born > self.longest_seconds:
                guest.kill()

    def _call(self, instance_id: str, state: tuple[int, str]) -> None:
        """Have EC2 call the instance so."""
        instance = self._instances.get_instance(instance_id)
        instance._state.code, instance._state.name = state

    def _start(self, instance_id: str) -> Guest:
        assert len(self.guests) < MOST_INSTANCES, "more instances than any test needs"
        folder = self._folder / instance_id
        folder.mkdir(parents=True)
        guest = Guest(instance_id=instance_id, mischief=self.mischief, folder=folder)
        if guest.mischief is Mischief.NEVER_BOOTS:
            return guest
        told = self._ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
        content = json.loads(base64.b64decode(told["UserData"]["Value"]))
        if guest.mischief is Mischief.NEVER_BEATS:
            content["settings"]["state_table"] = "out-of-reach"
        content["settings"]["engine"] = {"kind": "llama", "base_url": CLOSED_PORT}
        if self._change is not None:
            self._change(content)
        if guest.mischief is not Mischief.NEVER_LOADS and content["settings"]["engine"]["base_url"] == CLOSED_PORT:
            content["settings"]["engine"]["base_url"], guest.engine = self._spawn_engine(folder)
        (folder / "machine.json").write_text(json.dumps(content))
        (folder / "engine.env").write_text(f"VLLM_API_KEY={ENGINE_KEY}\n")
        guest.process = self._spawn(folder)
        if guest.mischief is not Mischief.STUCK:
            self._last_to_be_terminated(guest)
        return guest

    def _last_to_be_terminated(self, guest: Guest) -> None:
        """The emulator ends an instance in one step; EC2 shuts its system down first, and the control plane looks at
        both."""
        instance = self._instances.get_instance(guest.instance_id)
        terminate = instance.terminate

        def shut_down() -> Any:
            before = terminate()
            if guest.alive:
                self._call(guest.instance_id, SHUTTING_DOWN)
            return before

        instance.terminate = shut_down

    def _spawn(self, folder: Path) -> "subprocess.Popen[bytes]":
        command = ["--machine-file", "machine.json", "--engine-key-file", "engine.env", "--runtime-dir", "."]
        # On a real instance the rights come from its role.
        rights = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": ACCESS_KEY, "AWS_REGION": REGION}
        return _program(folder, "instance", command, rights, log="worker.log")

    def _spawn_engine(self, folder: Path) -> "tuple[str, subprocess.Popen[bytes]]":
        """The engine's service: where it will listen, and its process."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        flags = {"model": small_model(), "alias": MODEL, "host": "127.0.0.1", "port": port, "ctx-size": CONTEXT_TOKENS}
        command = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
        command += ["--parallel", "1", "--threads", "1"]
        key = {"LLAMA_API_KEY": ENGINE_KEY}
        return f"http://127.0.0.1:{port}", _program(folder, "llama_server", command, key, log="engine.log")

    def _end(self, guest: Guest) -> None:
        """The instance is over: the power button, and the plug where that does not help or was asked for."""
        if guest.mischief is Mischief.STUCK:
            return
        now = time.monotonic()
        if guest.instance_id in self._cut or (guest.left is not None and now - guest.left > SHUTDOWN_SECONDS):
            guest.kill()
        elif guest.left is None:
            guest.left = now
            assert guest.process is not None
            guest.process.send_signal(signal.SIGTERM)

    def _notice_force(self, params: dict[str, Any], **_: object) -> None:
        """Which terminations leave the shutdown out; of clients of the emulator's session only."""
        if str(params.get("SkipOsShutdown", "")).lower() == "true":
            self._cut |= set(params.get("InstanceIds", []))

    def listen(self) -> None:
        """Hear what the control plane asks for; before its clients are made."""
        self._events.register("provide-client-params.ec2.TerminateInstances", self._notice_force)

    def abolish(self) -> None:
        """After a test, whatever its end: leave nothing."""
        self._events.unregister("provide-client-params.ec2.TerminateInstances", self._notice_force)
        for guest in self.guests.values():
            guest.kill()
        living = [name for name, state in self._states().items() if state != TERMINATED[1]]
        if living:
            self._ec2.terminate_instances(InstanceIds=living)

    def logs(self) -> str:
        """What the workers wrote: for a test that fails."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*/*.log")))


def _program(
    folder: Path, name: str, arguments: list[str], environment: dict[str, str], *, log: str
) -> "subprocess.Popen[bytes]":
    """A program of the image, of this checkout."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("TLFIF_", "AWS_"))}
    with (folder / log).open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", f"tlfif.entrypoints.{name}", *arguments],
            cwd=folder,
            env={**clean, "PYTHONPATH": str(SOURCE), **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )


@asynccontextmanager
async def a_hypervisor(
    emulator: Emulator,
    *,
    home: str,
    folder: Path,
    change: Callable[[dict[str, Any]], None] | None = None,
    kind: Callable[..., Hypervisor] = Hypervisor,
) -> AsyncIterator[Hypervisor]:
    """One of this kind, which runs for the length of the block."""
    hypervisor = kind(emulator, home=home, folder=folder, change=change)
    hypervisor.listen()
    running = asyncio.create_task(hypervisor.run())
    try:
        yield hypervisor
        assert not hypervisor.faults, hypervisor.faults
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        hypervisor.abolish()
