"""The hypervisor with a machine that is none of this computer's processes: QEMU, from a raw disk with its own kernel.

The disk is made of the same folders as a booted root, and of a kernel, which a folder does not need. It needs root to
be made, because its files are root's, and no right at all to be run: QEMU runs as nobody, and its own network has EC2's
metadata service and the emulated AWS in it. The processor is emulated, so all takes some twenty times as long.
"""

import base64
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.aws.emulator import Emulator
from tests.aws.hypervisor import Guest, Hypervisor
from tests.aws.metadata_service import MetadataService, serving_metadata
from tests.images.root import PINS, SYSTEM, absent, minimal_root, overlaid

PACKAGES = ("linux-image-cloud-amd64", "udev")
"""What a computer has, and a root in a folder need not have."""
PROGRAM = "qemu-system-x86_64"
LABEL = "tlfif-root"
HOST = "169.254.1.1"
"""This computer as the machine sees it."""
METADATA = "169.254.169.254"
NETWORK = "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n"
FORWARD = Path(__file__).with_name("forward.py")


def why_not_qemu() -> str:
    """Why nothing can be booted by QEMU here; empty where it can."""
    missing = [*absent(PACKAGES), *(["qemu-system-x86"] if shutil.which(PROGRAM) is None else [])]
    return f"Debian's packages are not installed: {' '.join(missing)}" if missing else ""


def raw_disk(layers: tuple[Path, ...], folder: Path, *, megabytes: int = 2000) -> Path:
    """The disk of an image, in ``folder``, which is in memory."""
    disk = folder / "root.raw"
    minimal_root(folder / "kernel", [*PINS["packages"], *SYSTEM, *PACKAGES])
    with overlaid((*layers, folder / "kernel"), folder / "top") as root:
        network = root / "etc/systemd/network/ethernet.network"
        network.parent.mkdir(parents=True, exist_ok=True)
        network.write_text(NETWORK)
        services = ("systemd-networkd.service", "systemd-networkd-wait-online.service")
        subprocess.run(["systemctl", f"--root={root}", "enable", "--quiet", *services], check=True)
        command = ["mkfs.ext4", "-q", "-F", "-L", LABEL, "-d", str(root), str(disk), f"{megabytes}M"]
        subprocess.run(command, check=True, capture_output=True)
    disk.chmod(0o644)
    return disk


@dataclass(kw_only=True)
class QemuGuest(Guest):
    """An emulated computer; ``belongings`` go with it."""

    belongings: ExitStack = field(default_factory=ExitStack)

    def kill(self) -> None:
        """As a power cut."""
        super().kill()
        self.belongings.close()


class QemuHypervisor(Hypervisor):
    """``disk``: what every instance begins with; what it writes is forgotten."""

    def __init__(self, emulator: Emulator, *, home: str, folder: Path, disk: Path, change: None = None) -> None:
        super().__init__(emulator, home=home, folder=folder, change=change)
        self._port = urlsplit(emulator.endpoint).port
        self._disk = disk
        self.longest_seconds = 900.0

    def _start(self, instance_id: str) -> Guest:
        folder = self._folder / instance_id
        folder.mkdir(parents=True)
        guest = QemuGuest(instance_id=instance_id, mischief=self.mischief, folder=folder)
        service = MetadataService(user_data=self._user_data(instance_id))
        guest.belongings.enter_context(serving_metadata(service))
        answers = f"/usr/bin/python3 -IS {FORWARD} {urlsplit(service.endpoint).port}"
        network = f"user,id=net,net=169.254.0.0/16,host={HOST},dhcpstart=169.254.1.100"
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM]
        words += ["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1536", "-no-reboot", "-nodefaults"]
        words += ["-display", "none", "-serial", "stdio", "-kernel", _boot("vmlinuz"), "-initrd", _boot("initrd.img")]
        words += ["-append", f"root=LABEL={LABEL} rw console=ttyS0 quiet"]
        words += ["-drive", f"file={self._disk},if=virtio,format=raw,snapshot=on"]
        words += ["-netdev", f"{network},guestfwd=tcp:{METADATA}:80-cmd:{answers}", "-device", "virtio-net,netdev=net"]
        with (folder / "console.log").open("wb") as log:
            guest.process = subprocess.Popen(
                words, cwd="/", env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._instances.get_instance(instance_id).console = folder / "console.log"
        self._last_to_be_terminated(guest)
        return guest

    def _user_data(self, instance_id: str) -> bytes:
        """What the control plane wrote, but for AWS's address: the machine's own loopback is another one."""
        told = self._ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
        text = base64.b64decode(told["UserData"]["Value"]).decode()
        return text.replace(f"127.0.0.1:{self._port}", f"{HOST}:{self._port}").encode()


def _boot(kind: str) -> str:
    """This computer's newest kernel for clouds, or what that begins with."""
    return str(max(Path("/boot").glob(f"{kind}-*-cloud-amd64")))
