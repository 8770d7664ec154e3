"""A system's root folder as the real image's provisioning makes it, out of this computer's own Debian packages.

The packages that the pins name and what these depend on are copied from where Debian has installed them here, with
nothing else: so what the pins forget is missing in it, and it takes seconds and no network. Then ``images/provision``
runs inside. The result is kept, by a digest of its inputs, outside the checkout.

Opt-in: the same on the image's real base. ``TLFIF_TEST_ROOT`` names a folder with a plain Ubuntu, made by ::

    mmdebstrap --variant=apt --include=systemd-sysv,systemd-resolved,dbus,curl,python3,ca-certificates noble FOLDER \\
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

from tests.images.units import IMAGES
from tlfif.adapters.local.models.model_wheel import ModelWheel
from tlfif.models.catalogue import SMOLLM2, WheelSource

CHECKOUT = IMAGES.parent
PROFILE, MODEL = "cpu-llama", "smollm2"
PINS = json.loads((IMAGES / "pins.json").read_text())
SYSTEM = ("systemd-sysv", "passwd", "curl")
"""What Ubuntu's and Debian's images for AWS have, and the pins need not name."""
NEEDED = (*PINS["packages"], *SYSTEM, "iproute2", "systemd-container")
DPKG, UNITS = "var/lib/dpkg/status", "etc/systemd/system"
USER_DATA, USER_DATA_UNIT = (Path(__file__).with_name(name) for name in ("user-data.sh", "user-data.service"))
USRMERGE = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|info|lintian|bug|i18n)/.*")
STEPS = ("packages", "users", "model", "worker", "llama-cpu", "units")
MEMORY = Path("/dev/shm")
_INPUTS = [*IMAGES.rglob("*"), CHECKOUT / "requirements/runtime.lock"]
OTHER_ROOT = os.environ.get("TLFIF_TEST_ROOT")
UV = Path(sys.executable).parent / "uv"


def why_not() -> str:
    """Why no system can be booted on this computer; empty where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can boot a system in a folder"
    if shutil.which("dpkg-query") is None:
        return "the root is made of Debian's packages (dpkg), which are not here"
    return f"Debian's packages are not installed: {' '.join(absent())}" if absent() else ""


def absent(needed: tuple[str, ...] = NEEDED) -> list[str]:
    """Debian's packages that must be installed here first."""
    there = _packages()
    return [name for name in needed if name not in there]


def image_layers() -> tuple[Path, ...]:
    """The folders of a whole image, the uppermost first: TL-FIF of this checkout, and all that is beneath. Made or
    found; nobody writes to them: boots have a folder of their own on top."""
    with _alone():
        root = _root(_base())
        return _kept("tlfif", [root / DPKG, *_INPUTS, *_sources()], partial(_make_layer, root)), root


def builder_layers() -> tuple[Path, ...]:
    """The folders of the system that an image is made of, likewise: what a builder would fetch and what stands for
    cloud-init, and the base."""
    inputs = [CHECKOUT / "pyproject.toml", *(CHECKOUT / "requirements").glob("*.lock")]
    with _alone():
        base = _base()
        root = _root(base)  # by making it, wheels are fetched
        return _kept("fetched", [root / DPKG, *inputs, Path(__file__), USER_DATA, USER_DATA_UNIT], _make_fetched), base


def _base() -> Path:
    """A plain system, as AWS has it."""
    inputs = [Path(OTHER_ROOT or "/") / DPKG, IMAGES / "pins.json", Path(__file__)]
    return _kept("base", inputs, _make_base)


def _root(base: Path) -> Path:
    """All of an image but TL-FIF."""
    return _kept("root", [base / DPKG, *_INPUTS, Path(__file__)], partial(_make_root, base))


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tlfif-tests" / "images"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


@contextmanager
def _alone() -> Iterator[None]:
    with (_cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _kept(kind: str, inputs: list[Path], make: Callable[[Path], None]) -> Path:
    """What was made from these files, or is made now; of each kind one is kept, and those that are in use."""
    cache = _cache()
    digest = hashlib.sha256()
    for path in sorted(inputs):
        if path.is_file():
            digest.update(f"{path.name} {path.stat().st_mode:o} ".encode() + path.read_bytes())
    kept = cache / f"{kind}-{digest.hexdigest()[:16]}"
    # In use until this process ends, which closes it: no object of Python's, which would complain of that.
    fcntl.flock(os.open(kept.with_suffix(".lock"), os.O_RDWR | os.O_CREAT), fcntl.LOCK_SH)
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


def _make_base(root: Path) -> None:
    if OTHER_ROOT:
        subprocess.run(["cp", "-a", OTHER_ROOT, str(root)], check=True)
    else:
        minimal_root(root, [*PINS["packages"], *SYSTEM])


def _make_root(base: Path, root: Path) -> None:
    subprocess.run(["cp", "-a", str(base), str(root)], check=True)
    provision(root, STEPS)


def _make_fetched(layer: Path) -> None:
    """``uv``, and all that it has ever fetched for these tests: a builder of the tests has no way out."""
    for name, mode in (("root", 0o700), ("var/tmp", 0o1777), ("var/tmp/tlfif-uv/bin", 0o755)):
        (layer / name).mkdir(parents=True)
        (layer / name).chmod(mode)
    with tempfile.TemporaryDirectory() as folder:  # what a wheel is built with is fetched by building one
        project = Path(folder) / "project"
        (project / "src/tlfif").mkdir(parents=True)
        for name in ("src/tlfif/__init__.py", "README.md", "LICENSE"):
            (project / name).touch()
        shutil.copy(CHECKOUT / "pyproject.toml", project)
        words = ["build", "-q", "--no-config", "--wheel", "--require-hashes", "--out-dir", folder, str(project)]
        constraints = ["--build-constraints", str(CHECKOUT / "requirements/build.lock")]
        subprocess.run([UV, *words, *constraints], env={**os.environ, "UV_CACHE_DIR": str(_wheels())}, check=True)
    (layer / "root/.cache").mkdir()
    subprocess.run(["cp", "-al", str(_wheels()), str(layer / "root/.cache/uv")], check=True)
    shutil.copy2(UV, layer / "var/tmp/tlfif-uv/bin/uv")
    for source, target in ((USER_DATA, "usr/local/sbin/user-data"), (USER_DATA_UNIT, f"{UNITS}/{USER_DATA_UNIT.name}")):
        (layer / target).parent.mkdir(parents=True)
        shutil.copy2(source, layer / target)
    wants = layer / UNITS / "multi-user.target.wants"
    wants.mkdir()
    (wants / USER_DATA_UNIT.name).symlink_to(f"/{UNITS}/{USER_DATA_UNIT.name}")


def _wheels() -> Path:
    """What ``uv`` has fetched."""
    (folder := _cache() / "uv").mkdir(exist_ok=True)
    return folder


def _make_layer(beneath: Path, layer: Path) -> None:
    with in_memory() as memory:
        with overlaid((beneath,), memory / "top") as root:
            provision(root, ("tlfif",), wheel=project_wheel(memory), TLFIF_COMMIT="0" * 40)
        subprocess.run(["cp", "-a", str(memory / "top"), str(layer)], check=True)


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder in memory, for what is to be the top of an overlay: that must not be in one, as a container's own disk
    is. Not ``/dev/shm``, which is as small as 64 MB in a container."""
    with tempfile.TemporaryDirectory(prefix="tlfif-memory-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g,mode=0755", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


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
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", f"--directory={root}"]
    command.append("--resolv-conf=replace-host")
    command += [f"--bind-ro={IMAGES}:/in/images", f"--bind-ro={CHECKOUT / 'requirements'}:/in/requirements"]
    command += [f"--bind-ro={path}:/inputs/{name}" for path, name in inputs.items()]
    command += [f"--bind={_wheels()}:/uv", *(f"--setenv={name}={value}" for name, value in told.items())]
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
    status = root / DPKG
    status.parent.mkdir(parents=True, exist_ok=True)
    paragraphs = Path("/", DPKG).read_text().split("\n\n")
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
        builder_layers()
