"""What an owner decides about images at deployment: which pushes build one, whether each month does, and which ones
machines are launched from."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tlfif.images.image import Profile
from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_types import EngineKind, check_disk_gb, profiles_of
from tlfif.models.catalogue import CATALOGUE, ON_AWS, find_model

DISKS = tuple(profile for profile in Profile if profile is not Profile.BUNDLE)
"""The profiles that are disks of machines on AWS."""
_CONNECTION = re.compile(
    r"arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]{36}"
)
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoices:
    """None: not said, so it stays as it is. ``connection`` empty: pushes build nothing any more. ``profile``: what a
    push builds. ``gpu_engine``: what machine types with a GPU have, and so which images they are launched from.
    ``disk_gb``: of each machine's disk; 0: as large as its image. ``model``: what images hold.

    Raises InvalidInputError ``connection_invalid``."""

    connection: str | None = None
    repository: str | None = None
    branch: str | None = None
    profile: Profile | None = None
    monthly: bool | None = None
    gpu_engine: EngineKind | None = None
    disk_gb: int | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        for given, pattern, what in (
            (self.connection, _CONNECTION, "a connection's ARN (AWS console, Developer Tools, Settings, Connections)"),
            (self.repository, _REPOSITORY, "OWNER/NAME"),
            (self.branch, _BRANCH, "a branch's name"),
        ):
            if given and not pattern.fullmatch(given):
                raise InvalidInputError(
                    f"{given[:120]!a} is not {what}. Nothing was changed.", code="connection_invalid"
                )
        if self.connection and self.repository is None:
            raise InvalidInputError(
                "Say also which repository the connection is for: --repository OWNER/NAME. Nothing was changed.",
                code="connection_invalid",
            )

    @property
    def parameters(self) -> dict[str, str]:
        """The stack's parameters that were decided."""
        given = {
            "ConnectionArn": self.connection,
            "Repository": self.repository,
            "Branch": self.branch,
            "ImageProfile": None if self.profile is None else self.profile.value,
            "MonthlyRebuild": None if self.monthly is None else ("yes" if self.monthly else "no"),
            "GpuEngine": None if self.gpu_engine is None else self.gpu_engine.value,
            "DiskGb": None if self.disk_gb is None else str(self.disk_gb),
            "Model": self.model,
        }
        return {name: value for name, value in given.items() if value is not None}

    def settled(self, before: Mapping[str, str], types: Iterable[str]) -> "ImageChoices":
        """The same with what machines are launched from filled in, from the stack's parameters ``before`` or at first
        from the defaults, and checked against the machine ``types``. Raises InvalidInputError ``disk_too_small``,
        ``disk_size_invalid``, ``image_model_unknown``."""
        engine = self.gpu_engine or EngineKind(before.get("GpuEngine") or EngineKind.VLLM)
        profiles = profiles_of(types, engine)
        size = int(before.get("DiskGb") or 0) if self.disk_gb is None else self.disk_gb
        model = self.model or before.get("Model") or ON_AWS[0].name
        return replace(
            self,
            gpu_engine=engine,
            disk_gb=check_disk_gb(size, profiles),
            model=check_model(model, [profile.engine for profile in profiles]),
        )


def check_model(name: str, engines: Iterable[EngineKind]) -> str:
    """The catalogue's name of the model ``name``, if images for each of ``engines`` can hold it. Raises
    InvalidInputError ``image_model_unknown``."""
    for engine in engines:
        held = ON_AWS if engine is EngineKind.VLLM else CATALOGUE
        found = find_model(name, held)
        if found is None:
            raise InvalidInputError(
                f"No image with {engine.proper_name} can hold the model {name[:60]!a}; it can hold: "
                f"{', '.join(one.name for one in held)}. Choose one of these, or other machine types or another "
                "engine (--type, --gpu-engine). Nothing was changed.",
                code="image_model_unknown",
            )
        name = found.name
    return name


UNCHANGED = ImageChoices()
"""Nothing was said."""
