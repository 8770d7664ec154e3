"""What a program can compare of what this project believes: ``python dev/facts.py`` names what has changed since the
last time, ``--keep`` keeps the present state (dev/facts.json) as the one to compare with, ``--online`` also asks the
package index for the newest engines.

It reads what is installed: AWS's own descriptions of its services (botocore), EC2's types (moto's copy), the ends of
Lambda's Pythons (cfn-lint's data), the price book, the pins, and the calendar. What it names is to be judged and, where
it counts, entered in src/tlfif/doctor/facts/.
"""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from tlfif.adapters.local.fact_files import read_facts  # noqa: E402  # of this checkout, whichever is installed
from tlfif.doctor.surprises import past_date  # noqa: E402  # likewise
from tlfif.machines.machine_types import MACHINE_TYPES  # noqa: E402  # likewise
from tlfif.money.prices.built_in_prices import BUILT_IN_PRICES  # noqa: E402  # likewise

KEPT = ROOT / "dev" / "facts.json"
PINS = ROOT / "images" / "pins.json"
NOT_EVERYWHERE = ("newest:", "end: Ubuntu")
"""What only the package index or Debian's package knows."""
ENGINES = ("vllm", "xllamacpp", "uv")
PYTHON_ENDS = {"3.11": "2027-10", "3.12": "2028-10", "3.13": "2029-10", "3.14": "2030-10"}
"""The end of security fixes (PEP 664, 693, 719, 745); copied by hand, since nothing installed knows them."""
UBUNTU_CSV = Path("/usr/share/distro-info/ubuntu.csv")
"""Debian's package distro-info-data; where it is missing the end is not compared."""


def collect() -> dict[str, str]:
    """The present state: name and value of each thing that can be compared."""
    return dict([*_services(), *_types(), *_prices(), *_pins(), *_ends()])


def _services() -> Iterator[tuple[str, str]]:
    session = import_module("botocore.session").get_session()
    yield "AWS: streaming behind a REST API", _member(session, "apigateway", "Integration", "responseTransferMode")
    yield "AWS: streaming behind an HTTP API", _member(session, "apigatewayv2", "Integration", "ResponseTransferMode")
    known = session.get_available_services()
    micro = "lambda-microvms"
    calls = session.get_service_model(micro).operation_names if micro in known else ()
    yield "AWS: Lambda MicroVMs", f"{len(calls)} calls" if calls else "no such service"
    ec2 = session.get_service_model("ec2")
    names = ec2.shape_for("InstanceType").enum
    families = sorted({name.split(".")[0] for name in names if re.match(r"g\d", name)})
    yield "AWS: families of GPU types", " ".join(families)
    yield "AWS: fractional GPU types", " ".join(name for name in names if name.startswith("g6f."))
    rate = ec2.shape_for("EbsBlockDevice").members["VolumeInitializationRate"].documentation
    yield "AWS: speed of filling a disk, MiB/s", " to ".join(re.findall(r"\b[123]\d\d\b", rate)[:2])
    at_end = session.get_service_model("scheduler").shape_for("ActionAfterCompletion").enum
    yield "AWS: what a schedule does after it fired", " ".join(at_end)


def _member(session: Any, service: str, shape: str, member: str) -> str:
    found = session.get_service_model(service).shape_for(shape).members.get(member)
    return "no" if found is None else f"yes: {' '.join(found.enum)}"


def _types() -> Iterator[tuple[str, str]]:
    text = gzip.decompress((files("moto") / "ec2" / "resources" / "instance_types.json.gz").read_bytes())
    types = json.loads(text)
    sleeping = [name for name, one in types.items() if one.get("GpuInfo") and one.get("HibernationSupported")]
    yield "EC2: types with a GPU that hibernate", " ".join(sorted(sleeping)) or "none"
    for name in MACHINE_TYPES:
        yield f"EC2: {name}, current generation", str(types.get(name, {}).get("CurrentGeneration", "not in the copy"))


def _prices() -> Iterator[tuple[str, str]]:
    prices = BUILT_IN_PRICES.all()
    yield "prices: the oldest", min(one.date for one in prices)
    yield "prices: the newest", max(one.date for one in prices)
    yield "prices: not verified", str(sum(not one.verified for one in prices))


def _pins() -> Iterator[tuple[str, str]]:
    pins = json.loads(PINS.read_text("utf-8"))
    yield "pin: vllm", pins["vllm"]["version"]
    yield "pin: llama.cpp", pins["llama.cpp"]["commit"]
    yield "pin: uv", pins["uv"]
    yield "pin: driver", " ".join(sorted(set(re.findall(r"-(\d{3})-", " ".join(pins["driver"]["packages"])))))
    yield "pin: system", pins["base"]["system"]
    yield "installed: xllamacpp", version("xllamacpp")


def _ends() -> Iterator[tuple[str, str]]:
    for name, end in PYTHON_ENDS.items():
        yield f"end: Python {name}", end
    lives = json.loads((files("cfnlint") / "data" / "AdditionalSpecs" / "LmbdRuntimeLifecycle.json").read_text("utf-8"))
    yield "end: Python 3.13 in Lambda", lives["python3.13"]["deprecated"]
    system = json.loads(PINS.read_text("utf-8"))["base"]["system"].removeprefix("Ubuntu ")
    rows = UBUNTU_CSV.read_text("utf-8").splitlines() if UBUNTU_CSV.exists() else []
    for row in (line.split(",") for line in rows):
        if row[0].startswith(system):
            yield f"end: Ubuntu {system}", row[5]


def newest() -> dict[str, str]:
    """The newest release of each engine on the package index that pip is set to; empty where it does not answer."""
    found = {}
    for name in ENGINES:
        command = [sys.executable, "-m", "pip", "index", "versions", name, "--disable-pip-version-check"]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        if match := re.match(rf"{name} \((.+?)\)", said):
            found[f"newest: {name}"] = match[1]
    return found


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is new, other or gone. What cannot be seen everywhere is never gone."""
    said = [f"{name}: {value} (new)" for name, value in now.items() if name not in before]
    said += [
        f"{name}: was {before[name]}, is {value}" for name, value in now.items() if before.get(name, value) != value
    ]
    gone = [name for name in before if name not in now and not name.startswith(NOT_EVERYWHERE)]
    return [*said, *(f"{name}: gone (was {before[name]})" for name in gone)]


def ends_soon(now: Mapping[str, str], today: date) -> list[str]:
    """What ends within a year of ``today``, or has."""
    limit = today.replace(year=today.year + 1).isoformat()
    return [f"{name}: {value}" for name, value in now.items() if name.startswith("end:") and value < limit]


def main(argv: list[str]) -> int:
    """Says what has changed, what ends, and which facts are past their date."""
    now = collect() | (newest() if "--online" in argv else {})
    before = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    today = date.today()
    for title, lines in (
        ("Changed since the last time", changes(before, now)),
        ("Ends within a year", ends_soon(now, today)),
        ("Facts past their date", [one.name for one in past_date(read_facts(), today)]),
    ):
        print(f"{title}: {'' if lines else 'nothing'}")
        print("".join(f"  {line}\n" for line in lines), end="")
    if "--keep" in argv:
        kept = {name: value for name, value in before.items() if name.startswith(NOT_EVERYWHERE)} | now
        KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
