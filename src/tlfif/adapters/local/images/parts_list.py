"""The packages of a bundle as a CycloneDX document (https://cyclonedx.org/docs/1.6/json/), from their own metadata."""

import contextlib
import importlib.metadata
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_LICENCE_LETTERS = 100


def pins_of(lock: str) -> dict[str, frozenset[str]]:
    """The packages of a lock file: names as the index writes them, and their versions: another one, where Python is."""
    found: dict[str, frozenset[str]] = {}
    for name, version in _PIN.findall(lock):
        found[_normal(name)] = found.get(_normal(name), frozenset()) | {version}
    return found


def installed_otherwise(lock: str) -> list[str]:
    """Packages of a lock that this program's environment has in another version."""
    differ = []
    for name, versions in pins_of(lock).items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # it is for another system
            if importlib.metadata.version(name) not in versions:
                differ.append(name)
    return differ


def packages_folder(environment: Path) -> list[str]:
    """Where a virtual environment has its packages."""
    return [str(found) for found in (*environment.glob("lib/*/site-packages"), *environment.glob("Lib/site-packages"))]


def parts_list(
    *, digest: str, commit: str, built_from: float, lock: str, model: Mapping[str, str], search: list[str] | None
) -> str:
    """The document. ``built_from`` is the commit's time (epoch seconds), so that the same inputs give the same text;
    ``search``: where the packages are installed, None: where this program's are."""
    pins = pins_of(lock)
    found = importlib.metadata.distributions() if search is None else importlib.metadata.distributions(path=search)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(built_from, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "application", "bom-ref": "tlfif", "name": "tlfif", "version": commit},
        },
        "components": [
            {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": model["name"],
                "hashes": [{"alg": "SHA-256", "content": model["sha256"]}],
            },
            *_packages(found, pins),
        ],
    }
    return json.dumps(document, indent=1)


def _packages(
    found: Iterable[importlib.metadata.Distribution], pins: Mapping[str, frozenset[str]]
) -> list[dict[str, object]]:
    parts: dict[str, dict[str, object]] = {}
    for one in found:
        name = _normal(one.metadata["Name"] or "")
        if one.version not in pins.get(name, ()) or name in parts:
            continue
        purl = f"pkg:pypi/{name}@{one.version}"
        part: dict[str, object] = {
            "type": "library", "bom-ref": purl, "name": name, "version": one.version, "purl": purl,
        }  # fmt: skip
        licence = one.metadata["License"] or ""
        if expression := one.metadata["License-Expression"]:
            part["licenses"] = [{"expression": expression}]
        elif licence.isprintable() and 0 < len(licence) <= _LICENCE_LETTERS:
            part["licenses"] = [{"license": {"name": licence}}]
        parts[name] = part
    return [parts[name] for name in sorted(parts)]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
