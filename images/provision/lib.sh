# What every step begins with: . lib.sh. Needs $TLFIF_PROFILE, which provision.sh sets.
set -eu

images=$(cd "$(dirname "$0")/.." && pwd)
checkout=$(dirname "$images")
inputs=${TLFIF_INPUTS:-/nonexistent}
opt=/opt/tlfif
export DEBIAN_FRONTEND=noninteractive

fail() {
    echo "provision: $*" >&2
    exit 1
}

# The value at a path of the pins, a list's one a line: pin uv, pin profile.steps, pin model.sha256. "profile" and "model"
# are this image's own. A value that is not there is empty.
pin() {
    python3 -I - "$images/pins.json" "$TLFIF_PROFILE" "${TLFIF_MODEL:-}" "$1" <<'PY'
import json, sys
file, profile, model, path = sys.argv[1:]
pins = json.load(open(file))
pins["profile"] = pins["profiles"].get(profile) or sys.exit(f"provision: there is no profile {profile}")
name = model or pins["profile"]["model"]
pins["model"] = {"name": name, **(pins["models"].get(name) or sys.exit(f"provision: there is no model {name}"))}
found = pins
for part in path.split("/"):
    for key in ([part] if part in found else part.split(".")):
        found = found.get(key, "") if isinstance(found, dict) else ""
print(*(found if isinstance(found, list) else [found]), sep="\n")
PY
}

# In the functions below ( ) and not { }: what they set is theirs, and not the step's that calls them.

# Debian's packages, those of them that are not there.
install_packages() (
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends $missing
)

# verified FILE SHA256
verified() (
    is=$(sha256sum "$1" | cut -d ' ' -f 1)
    [ "$is" = "$2" ] || fail "$1 is not the pinned file: its sha256 is $is, and $2 is expected"
)

# fetched NAME URL TARGET: out of the inputs, else over the network, in one step.
fetched() {
    if [ -f "$inputs/$1" ]; then
        cp "$inputs/$1" "$3.part"
    else
        install_packages curl
        curl -fsSL --retry 3 --proto =https -o "$3.part" "$2"
    fi
    chmod 0644 "$3.part"
    mv "$3.part" "$3"
}

# uv ARGUMENTS: the program of the inputs, else the pinned one, whose hashes stand in requirements/dev.lock.
uv() {
    if [ -x "$inputs/uv" ]; then
        "$inputs/uv" "$@"
        return
    fi
    if [ ! -x /var/tmp/tlfif-uv/bin/uv ]; then
        install_packages python3-venv
        python3 -m venv /var/tmp/tlfif-uv
        sed -n "/^uv==$(pin uv) /,/[^\\\\]\$/p" "$checkout/requirements/dev.lock" >/var/tmp/tlfif-uv/uv.lock
        /var/tmp/tlfif-uv/bin/pip install -q --require-hashes --no-deps --only-binary :all: -r /var/tmp/tlfif-uv/uv.lock
    fi
    /var/tmp/tlfif-uv/bin/uv "$@"
}

# packages_from LOCK FOLDER [OPTION...]: an environment of the system's Python with what the lock names, by hash.
packages_from() (
    lock=$checkout/requirements/$1
    folder=$2
    shift 2
    [ -x "$folder/bin/python" ] || uv venv -q --no-config --python /usr/bin/python3 "$folder"
    [ ! -d "$inputs/wheels" ] || set -- --no-index --find-links "$inputs/wheels" "$@"
    uv pip install -q --no-config --python "$folder/bin/python" --require-hashes --no-deps --only-binary :all: \
        --link-mode copy "$@" -r "$lock"
)
