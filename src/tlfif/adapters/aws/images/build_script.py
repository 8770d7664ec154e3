"""The user data of a builder: a script that makes an image of the machine that it runs on. Pure.

It has no right of its own: what it fetches and what it reports go over two addresses that were signed for exactly that.
"""

import json
import re
import shlex
from dataclasses import dataclass

from tlfif.images.image import Profile

MAX_BYTES = 16384
"""EC2's limit for user data before encoding."""
SAID = "tlfif-image: "
"""How the lines begin that the pipeline's log takes from the console."""
KEPT_LINES = 60

_SCRIPT = r"""#!/bin/bash
# Makes this machine the image @NAME@: fetches the commit, provisions, says what became of it, and switches off.
set -uo pipefail
# The console is opened for each line: whatever asks for a login there hangs up on all that have it open.
exec > >(while IFS= read -r line; do
    printf '%s\n' "$line" >>/run/tlfif-build.log
    printf '%s\n' "$line" >/dev/console
done 2>/dev/null) 2>&1
work=/var/tmp/tlfif-build
step=begin
say() { step=$1; echo "@SAID@$1"; }
finish() {
    status=$?
    echo "@SAID@ended at $step with $status"
    sleep 1 # until the line is in the log
    tail -n @KEPT@ /run/tlfif-build.log | python3 -I -c '
import json, sys
lines = [line.rstrip() for line in sys.stdin.buffer.read().decode("utf-8", "replace").splitlines()]
print(json.dumps({"status": int(sys.argv[1]), "step": sys.argv[2], "lines": lines}))
' "$status" "$step" >/run/tlfif-built.json
    curl -fsS --retry 8 --retry-all-errors -T /run/tlfif-built.json @RESULT_URL@
    if [ "$status" -ne 0 ] && [ @KEEP_MINUTES@ -gt 0 ]; then
        echo "@SAID@kept for @KEEP_MINUTES@ minutes"
        # Only its owner can reach this machine, over EC2's serial console: it has neither a role nor an open port.
        set +e # off it goes, whatever becomes of this
        dropin=/run/systemd/system/serial-getty@ttyS0.service.d
        mkdir -p "$dropin"
        printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --keep-baud 115200 %%I $TERM\n' \
            >"$dropin/look.conf"
        systemctl daemon-reload
        systemctl restart serial-getty@ttyS0
        sleep $((@KEEP_MINUTES@ * 60))
    fi
    systemctl poweroff
}
trap finish EXIT
set -e
say fetch
mkdir -p "$work/inputs"
cd "$work"
curl -fsS --retry 8 --retry-all-errors -o source.zip @SOURCE_URL@
echo "@SHA256@  source.zip" | sha256sum -c -
python3 -I -m zipfile -e source.zip source
cd source
export TLFIF_PROFILE=@PROFILE@ TLFIF_MODEL=@MODEL@ TLFIF_COMMIT=@COMMIT@ TLFIF_INPUTS="$work/inputs"
say wheel
# The wheel names both and needs neither: whatever else is in the commit, the same inputs give the same machine.
: >README.md
: >LICENSE
sh -c '. images/provision/lib.sh && uv build -q --no-config --wheel --build-constraints requirements/build.lock \
    --require-hashes -o "$TLFIF_INPUTS" .' images/provision/wheel
say provision
sh images/provision/provision.sh "$TLFIF_PROFILE"
say clean
sh images/provision/clean.sh
cloud-init clean --logs || true
say done
"""
_PLACE = re.compile("@([A-Z0-9_]+)@")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """What a builder said: the exit status, the last step that it began, and its last lines."""

    status: int
    step: str
    lines: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "BuildResult":
        """Raises ValueError, LookupError or TypeError for anything else than what the script writes."""
        body = json.loads(text)
        return cls(status=int(body["status"]), step=str(body["step"]), lines=tuple(map(str, body["lines"])))


def build_script(
    *,
    profile: Profile,
    model: str,
    commit: str,
    name: str,
    source_url: str,
    sha256: str,
    result_url: str,
    keep_minutes: int = 0,
) -> str:
    """The script; ``model`` is a key of the list of pins; a builder that fails stays on for
    ``keep_minutes``. Raises ValueError where it is too large for user data."""
    given = {
        "NAME": name,
        "SAID": SAID,
        "KEPT": str(KEPT_LINES),
        "KEEP_MINUTES": str(keep_minutes),
        "SHA256": sha256,
        **{
            place: shlex.quote(value)
            for place, value in (
                ("RESULT_URL", result_url),
                ("SOURCE_URL", source_url),
                ("PROFILE", profile.value),
                ("MODEL", model),
                ("COMMIT", commit),
            )
        },
    }
    text = _PLACE.sub(lambda place: given[place[1]], _SCRIPT)
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(f"the builder's script is larger than {MAX_BYTES} bytes")
    return text
