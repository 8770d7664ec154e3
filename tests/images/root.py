"""A system's root folder as the real image's provisioning makes it, out of this computer's own Debian packages.

The packages that the pins name and what these depend on are copied from where Debian has installed them here, with
nothing else: so what the pins forget is missing in it, and it takes seconds and no network. Then ``images/provision``
runs inside. The result is kept, by a digest of its inputs, outside the checkout.

Opt-in: the same on the image's real base. ``TLFIF_TEST_ROOT`` names a folder with a plain Ubuntu, made by ::

    mmdebstrap --variant=apt --include=systemd-sysv,systemd-resolved,dbus,python3,ca-certificates noble FOLDER \\
        "deb http://archive.ubuntu.com/ubuntu noble main universe"
"""

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from tests.images.units import IMAGES
from tlfif.adapters.local.models.model_wheel import ModelWheel
from tlfif.models.catalogue import SMOLLM2, WheelSource

CHECKOUT = IMAGES.parent
PROFILE, MODEL = "cpu-llama", "smollm2"
PINS = json.loads((IMAGES / "pins.json").read_text())
SYSTEM = ("systemd-sysv", "passwd")
"""What Ubuntu's and Debian's images for AWS have, and the pins need not name."""
NEEDED = (*PINS["packages"], *SYSTEM, "iproute2", "systemd-container")
USRMERGE = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|info|lintian|bug|i18n)/.*")
STEPS = ("packages", "users", "model", "worker", "llama-cpu", "units")
MEMORY = Path("/dev/shm")
OTHER_ROOT = os.environ.get("TLFIF_TEST_ROOT")
_IN_USE: list[TextIO] = []
"""Locks that this process holds until its end."""
UV = Path(sys.executable).parent / "uv"


def why_not() -> str:
    """Why no system can be booted on this computer; empty where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can boot a system in a folder"
    if shutil.which("dpkg-query") is None:
        return "the root is made of Debian's packages (dpkg), which are not here"
    return f"Debian's packages are not installed: {' '.join(absent())}" if absent() else ""


def absent() -> list[str]:
    """Debian's packages that must be installed here first."""
    there = _packages()
    return [name for name in NEEDED if name not in there]


def image_layers() -> tuple[Path, ...]:
    """The folders of a whole image, the uppermost first: TL-FIF of this checkout, and all that is beneath. Made or
    found; nobody writes to them: boots have a folder of their own on top."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tlfif-tests" / "images"
    cache.mkdir(parents=True, exist_ok=True)
    status = Path(OTHER_ROOT or "/", "var/lib/dpkg/status")
    inputs = [*IMAGES.rglob("*"), CHECKOUT / "requirements/runtime.lock", status, Path(__file__)]
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = _kept(cache, "root", inputs, _make_root)
        return _kept(cache, "tlfif", [root / "etc/os-release", *inputs, *_sources()], partial(_make_layer, root)), root


def _kept(cache: Path, kind: str, inputs: list[Path], make: Callable[[Path], None]) -> Path:
    """What was made from these files, or is made now; of each kind one is kept, and those that are in use."""
    digest = hashlib.sha256()
    for path in sorted(inputs):
        if path.is_file():
            digest.update(f"{path.name} {path.stat().st_mode:o} ".encode() + path.read_bytes())
    kept = cache / f"{kind}-{digest.hexdigest()[:16]}"
    in_use = kept.with_suffix(".lock").open("w")
    fcntl.flock(in_use, fcntl.LOCK_SH)
    _IN_USE.append(in_use)
    if not kept.exists():
        _remove(old for old in cache.glob(f"{kind}-*") if old.is_dir() and old != kept)
        part = Path(tempfile.mkdtemp(prefix=f"{kind}-part-", dir=cache))
        make(part / "made")
        (part / "made").rename(kept)
        part.rmdir()
    return kept


def _remove(folders: Iterator[Path]) -> None:
    """Those that no other checkout's tests have in use. Nobody waits: it may take longer than making one."""
    for folder in folders:
        with folder.with_suffix(".lock").open("w") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder.rename(gone := folder.with_name(f"gone-{folder.name}"))
            subprocess.run(["/bin/sh", "-c", 'rm -rf "$1" &', "sh", str(gone)], check=True)


def _make_root(root: Path) -> None:
    if OTHER_ROOT:
        subprocess.run(["cp", "-a", OTHER_ROOT, str(root)], check=True)
    else:
        minimal_root(root, [*PINS["packages"], *SYSTEM])
    provision(root, STEPS)


def _make_layer(beneath: Path, layer: Path) -> None:
    """Made in memory: what is to be the top of an overlay must not be in one, as a container's own disk is."""
    with tempfile.TemporaryDirectory(prefix="tlfif-image-", dir=MEMORY) as folder:
        with overlaid((beneath,), Path(folder) / "top") as root:
            provision(root, ("tlfif",), wheel=project_wheel(Path(folder)), TLFIF_COMMIT="0" * 40)
        subprocess.run(["cp", "-a", str(Path(folder) / "top"), str(layer)], check=True)


def provision(root: Path, steps: tuple[str, ...], *, wheel: Path | None = None, **environment: str) -> str:
    """Run these steps of ``images/provision`` in ``root``; returns what they said. Raises AssertionError with it where
    they fail."""
    assert isinstance(SMOLLM2.source, WheelSource)
    model = ModelWheel(pip_command=()).installed(SMOLLM2.source)
    assert model is not None, "install the development requirements: the small model comes with them"
    inputs = {UV: "uv", model: PINS["models"][MODEL]["file"]} | ({wheel: wheel.name} if wheel else {})
    told = {"TLFIF_INPUTS": "/inputs", "TLFIF_MODEL": MODEL, "UV_CACHE_DIR": "/uv", **environment}
    told |= {
        name: value for name, value in os.environ.items() if re.match(r"UV_INDEX|UV_DEFAULT|SSL_|HTTPS?_PROXY", name)
    }
    cache = subprocess.run([UV, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    Path(cache).mkdir(parents=True, exist_ok=True)
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", f"--directory={root}"]
    command.append("--resolv-conf=replace-host")
    command += [f"--bind-ro={IMAGES}:/in/images", f"--bind-ro={CHECKOUT / 'requirements'}:/in/requirements"]
    command += [f"--bind-ro={path}:/inputs/{name}" for path, name in inputs.items()]
    command += [f"--bind={cache}:/uv", *(f"--setenv={name}={value}" for name, value in told.items())]
    words = [*command, "/bin/sh", "/in/images/provision/provision.sh", PROFILE, *steps]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


@contextmanager
def overlaid(layers: tuple[Path, ...], top: Path) -> Iterator[Path]:
    """A folder that shows ``layers``, the uppermost first; what is written there is written to ``top``."""
    with tempfile.TemporaryDirectory(prefix="tlfif-overlay-", dir=top.parent) as folder:
        root, work = Path(folder) / "root", Path(folder) / "work"
        for each in (root, work, top):
            each.mkdir()
        where = f"lowerdir={':'.join(map(str, layers))},upperdir={top},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", where, str(root)], check=True)
        try:
            yield root
        finally:
            subprocess.run(["umount", str(root)], check=True)


def project_wheel(folder: Path, *, changed: dict[str, str] | None = None) -> Path:
    """The project's wheel out of the checkout, the same from the same files. ``changed``: other contents, by path."""
    wheel = folder / "tlfif-0.1.0-py3-none-any.whl"
    info = "tlfif-0.1.0.dist-info"
    files = {str(path.relative_to(CHECKOUT / "src")): path.read_bytes() for path in _sources()}
    files |= {path: text.encode() for path, text in (changed or {}).items()}
    files[f"{info}/METADATA"] = b"Metadata-Version: 2.1\nName: tlfif\nVersion: 0.1.0\n"
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]).encode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return wheel


def minimal_root(root: Path, wanted: list[str]) -> None:
    """Copy what dpkg has installed of these packages, of what is essential, and of all that they depend on."""
    packages = _packages()
    chosen = _closure(wanted, packages)
    root.mkdir(mode=0o755)
    for name in USRMERGE:
        if Path("/", name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
    listed = subprocess.run(["dpkg-query", "--listfiles", *sorted(chosen)], capture_output=True, text=True, check=True)
    paths = {
        _real(line) for line in listed.stdout.splitlines() if line.startswith("/") and not LEFT_OUT.fullmatch(line)
    }
    paths |= {str(one) for path in paths if path.endswith(".py") for one in _compiled(Path(path))}
    names = "\0".join(sorted(path[1:] for path in paths if os.path.lexists(path) and path != "/"))
    pack = ["tar", "--create", "--directory=/", "--no-recursion", "--null", "--files-from=-"]
    with subprocess.Popen(pack, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as packing:
        assert packing.stdin is not None
        unpack = ["tar", "--extract", "--keep-directory-symlink", f"--directory={root}"]
        with subprocess.Popen(unpack, stdin=packing.stdout) as unpacking:
            packing.stdin.write(names.encode())
            packing.stdin.close()
    assert (packing.returncode, unpacking.returncode) == (0, 0)
    _settle(root, chosen)


def _compiled(module: Path) -> Iterator[Path]:
    """What Python has compiled of it here: no package's file, and made where a package is installed."""
    return (module.parent / "__pycache__").glob(f"{glob.escape(module.stem)}.*.pyc")


def _settle(root: Path, chosen: set[str]) -> None:
    """What the packages' own scripts do where Debian installs them, as far as a boot needs it."""
    status = root / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True, exist_ok=True)
    paragraphs = Path("/var/lib/dpkg/status").read_text().split("\n\n")
    kept = (one for one in paragraphs if re.sub(r"^Package: (\S+)[\s\S]*", r"\1", one) in chosen)
    status.write_text("".join(f"{one.strip()}\n\n" for one in kept))
    for name in ("proc", "sys", "dev", "run", "tmp", "root", "var/tmp", "etc/systemd/system", "var/lib/dpkg/info"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{name}.master", root / f"etc/{name}")
    (root / "etc/hostname").write_text("machine\n")
    (root / "etc/machine-id").write_text("")
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, capture_output=True)
    subprocess.run(["ldconfig", "-r", str(root)], check=True)
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    shutil.copy(certificates, root / str(certificates)[1:])


def _packages() -> dict[str, dict[str, str]]:
    """What dpkg has installed, by name, with what its paragraphs say."""
    fields = ("Package", "db:Status-Status", "Essential", "Pre-Depends", "Depends", "Provides")
    form = "\t".join(f"${{{field}}}" for field in fields) + "\n"
    shown = subprocess.run(["dpkg-query", "--show", f"--showformat={form}"], capture_output=True, text=True, check=True)
    rows = (dict(zip(fields, line.split("\t"), strict=True)) for line in shown.stdout.splitlines())
    return {row["Package"]: row for row in rows if row["db:Status-Status"] == "installed"}


def _closure(wanted: list[str], packages: dict[str, dict[str, str]]) -> set[str]:
    providers = {
        name: row["Package"] for row in packages.values() for name in _names(row["Provides"]) if name not in packages
    }
    chosen: set[str] = set()
    todo = [*wanted, *(name for name, row in packages.items() if row["Essential"] == "yes")]
    while todo:
        name = todo.pop()
        if name in chosen:
            continue
        chosen.add(name)
        for clause in f"{packages[name]['Pre-Depends']},{packages[name]['Depends']}".split(","):
            here = [
                found for each in _names(clause, "|") if (found := each if each in packages else providers.get(each))
            ]
            todo += here[:1]
    return chosen


def _names(relations: str, separator: str = ",") -> Iterator[str]:
    """``a (>= 1) | b:any`` as a, b."""
    return (re.split(r"[ (:]", each.strip())[0] for each in relations.split(separator) if each.strip())


def _real(path: str) -> str:
    """Where a packaged file is, since /bin and its like have become links."""
    return str(Path(path).parent.resolve() / Path(path).name)


def _sources() -> list[Path]:
    return sorted(
        path for path in (CHECKOUT / "src/tlfif").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["absent"]:
        print(*absent())
    elif not why_not():
        image_layers()
