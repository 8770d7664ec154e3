"""The machine file of a new instance: /etc/tlfif/machine.json.

It is the instance's user data, byte by byte; the boot scripts copy it from the instance metadata (IMDSv2) at every
boot. Whoever may describe the instance can read it, so it holds nothing secret: permissions come from the instance's
role. JSON, UTF-8, an object with these members::

    version       1
    home          name of the installation
    region        AWS region
    machine_id    the record that this machine belongs to
    instance_type as EC2 names it; absent in files of older control planes
    model, model_path, model_sha256 (null: unknown), context_tokens, image, idle_timeout_seconds,
    image_ref, smoke_test, keep_seconds (may be absent)
                  as in machines.machine_host.LaunchSpec
    ends_after_seconds
                  the dead man's switch terminates the instance this long after its launch
    settings      names of tables, queue and bucket and the policies, as the control plane has them, and the engine
                  that the type decides: ``engine.kind``
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields

from tlfif.kernel.errors import InvalidInputError
from tlfif.machines.machine_host import LaunchSpec

PATH = "/etc/tlfif/machine.json"
VERSION = 1
MAX_BYTES = 16384
"""EC2's limit for user data before encoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFile:
    """The content of the file. ``settings`` must be plain JSON values."""

    home: str
    region: str
    spec: LaunchSpec
    ends_after_seconds: float
    instance_type: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)

    def text(self) -> str:
        """The file's text; the same content gives the same text. Raises ValueError if it is too large for user data."""
        content = {
            "version": VERSION,
            "home": self.home,
            "region": self.region,
            "ends_after_seconds": self.ends_after_seconds,
            "instance_type": self.instance_type,
            "settings": dict(self.settings),
            **asdict(self.spec),
        }
        text = json.dumps(content, sort_keys=True, allow_nan=False)
        if len(text.encode()) > MAX_BYTES:
            raise ValueError(f"the machine's settings are larger than {MAX_BYTES} bytes")
        return text

    @classmethod
    def parse(cls, text: str) -> "MachineFile":
        """The inverse of :meth:`text`. Raises InvalidInputError ``settings_invalid``."""
        try:
            content = json.loads(text)
            if content["version"] != VERSION:
                raise ValueError(f"version {content['version']}")
            return cls(
                home=content["home"],
                region=content["region"],
                ends_after_seconds=float(content["ends_after_seconds"]),
                instance_type=content.get("instance_type"),
                settings=dict(content["settings"]),
                spec=LaunchSpec(
                    **{
                        part.name: content[part.name]
                        for part in fields(LaunchSpec)
                        if part.default is MISSING or part.name in content
                    }
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError(
                f"The file {PATH} cannot be used: {error!r}. Start a new machine; where that does not help, its image "
                "and the control plane are of different versions: run `./tlfif deploy`.",
                code="settings_invalid",
            ) from error
