"""The hypervisor that boots: each instance is a whole system under a real systemd, from its image's folders.

The disk of an instance is an overlay: the folders of its image beneath, one of its own (in memory) on top. It is alone
in a network where this process answers as EC2's metadata service does at 169.254.169.254, and as AWS at the emulator's
own address. So its user data is what the control plane wrote, byte for byte, and nothing in the system knows that it is
a test.
"""

import base64
import contextlib
import ctypes
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from tests.aws.emulator import Emulator
from tests.aws.hypervisor import MOST_INSTANCES, Guest, Hypervisor
from tests.aws.journey import Aws
from tests.aws.metadata_service import MetadataService, serving_metadata
from tests.images.root import MEMORY
from tlfif.adapters.aws.deployment.log_reader import group_of, read_logs
from tlfif.machines.machine import MachineRecord

METADATA = ("169.254.169.254", 80)
CLONE_NEWNET = 0x40000000
BOOT = """
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$DISK/upper,workdir=$DISK/work" "$DISK/root" || exit 111
exec systemd-nspawn --quiet --boot --directory="$DISK/root" --machine="$NAME" --register=no --keep-unit \\
    --network-namespace-path="$NETWORK" --console=read-only --link-journal=no --resolv-conf=off --timezone=off
"""


@dataclass(kw_only=True)
class BootedGuest(Guest):
    """``disk``: what this instance has written, from / on."""

    disk: Path
    belongings: ExitStack = field(default_factory=ExitStack)

    def kill(self) -> None:
        """As a power cut; its disk and its network go with it."""
        super().kill()
        self.belongings.close()

    def keep_journal(self) -> None:
        """For a test that fails, and for those that look into it: as ``journal.log``."""
        command = ["journalctl", "--directory", str(self.disk / "var/log/journal"), "--output=short-monotonic"]
        with (self.folder / "journal.log").open("wb") as file:
            subprocess.run([*command, "--no-pager", "--quiet"], stdout=file, stderr=file, timeout=30, check=False)


class BootedHypervisor(Hypervisor):
    """``image``: the folders that an instance's disk consists of, the uppermost first; ``images`` has those of
    particular images, by EC2's id. ``change`` may change the user data's content. Where ``keep`` is a folder in memory,
    what an instance has written is kept there when it ends: an image that EC2 makes of it is that, and the folders
    beneath."""

    def __init__(
        self,
        emulator: Emulator,
        *,
        home: str,
        folder: Path,
        image: tuple[Path, ...],
        change: Callable[[dict[str, Any]], None] | None = None,
        keep: Path | None = None,
    ) -> None:
        super().__init__(emulator, home=home, folder=folder, change=change)
        self._emulator = emulator
        self._image = image
        self._keep = keep
        self.images: dict[str, tuple[Path, ...]] = {}

    def _layers(self, image_id: str) -> tuple[Path, ...]:
        made = self._instances.amis.get(image_id)
        if image_id in self.images or self._keep is None or made is None or made.instance_id is None:
            return self.images.get(image_id, self._image)
        return (self._keep / made.instance_id, *self._layers(made.instance.image_id))

    def _start(self, instance_id: str) -> BootedGuest:
        assert len(self.guests) < MOST_INSTANCES, "more instances than any test needs"
        instance = self.record()[instance_id]
        told = self._ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
        user_data = base64.b64decode(told["UserData"]["Value"])
        if self._change is not None:
            content = json.loads(user_data)
            self._change(content)
            user_data = json.dumps(content).encode()
        folder = self._folder / instance_id
        folder.mkdir(parents=True)
        disk = Path(tempfile.mkdtemp(prefix="tlfif-disk-", dir=self._keep or MEMORY))
        guest = BootedGuest(instance_id=instance_id, mischief=self.mischief, folder=folder, disk=disk / "upper")
        guest.belongings.callback(shutil.rmtree, disk, ignore_errors=True)
        if self._keep is not None:
            guest.belongings.callback(shutil.move, guest.disk, self._keep / instance_id)
        guest.belongings.callback(guest.keep_journal)
        network = guest.belongings.enter_context(_network(self._emulator.endpoint, user_data))
        for name in ("upper", "work", "root"):
            (disk / name).mkdir()
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LOWER": ":".join(map(str, self._layers(instance["ImageId"]))),
            "DISK": str(disk),
            "NAME": instance_id,
            "NETWORK": network,
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",  # else systemd's rules about addresses could not be kept to
        }
        with (folder / "console.log").open("wb") as log:
            guest.process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", BOOT],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._instances.get_instance(instance_id).console = folder / "console.log"
        self._last_to_be_terminated(guest)
        return guest


async def logs_of(aws: Aws, record: MachineRecord) -> list[str]:
    """What the machine has sent home, the oldest first."""
    logs = aws.home.emulator.logs
    lines = read_logs(logs, aws.home.name, ("machine",), since=record.created_at, most=2000)
    streams = logs.describe_log_streams(logGroupName=group_of(aws.home.name, "machine"))["logStreams"]
    assert record.id in [stream["logStreamName"] for stream in streams]
    return [line.text for line in lines]


@contextmanager
def _network(endpoint: str, user_data: bytes) -> Iterator[str]:
    """A network that has nothing but this process in it; what is made is a path by which a system can be put there."""
    made: list[Any] = []
    port = urlsplit(endpoint).port
    assert port is not None

    def make() -> None:
        """In a thread of its own, which is in that network until it ends. Its sockets stay there."""
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "no network of its own")
            for words in (["link", "set", "lo", "up"], ["address", "add", f"{METADATA[0]}/32", "dev", "lo"]):
                subprocess.run(["ip", *words], check=True, capture_output=True)
            made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
            made.extend(socket.create_server(place) for place in (METADATA, ("127.0.0.1", port)))
        except (OSError, subprocess.CalledProcessError) as error:
            made.append(error)

    maker = Thread(target=make)
    maker.start()
    maker.join()
    if isinstance(made[-1], Exception):
        raise made[-1]
    namespace, metadata, aws = made
    try:
        with aws, serving_metadata(MetadataService(user_data=user_data), metadata):
            Thread(target=_forward, args=(aws, port), daemon=True).start()
            yield f"/proc/{os.getpid()}/fd/{namespace}"
            with contextlib.suppress(OSError):
                aws.shutdown(socket.SHUT_RDWR)
    finally:
        os.close(namespace)


def _forward(listening: socket.socket, port: int) -> None:
    """Every connection goes on to the emulator, until the socket is shut."""
    with contextlib.suppress(OSError):
        while True:
            inside, _ = listening.accept()
            outside = socket.create_connection(("127.0.0.1", port))
            for source, target in ((inside, outside), (outside, inside)):
                Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
