#!/bin/sh
# Makes this system a machine of TL-FIF: provision.sh PROFILE [STEP...]
#
# Runs the profile's steps (images/pins.json) in their order, or those that are named; each is a script of its own beside
# this one, does nothing twice, and may be run again. As root, in the system that is to become the image: an instance, a
# container, a folder behind chroot. A checkout is needed (images/, requirements/), and:
#
#   TLFIF_INPUTS   a folder of files that need not be fetched: uv (the program), wheels/ (then no index is asked), the
#                  project's wheel tlfif-*.whl, models by their file names. What is pinned is checked wherever it is from.
#   TLFIF_MODEL    another model of the pins than the profile's
#   TLFIF_COMMIT   what the image is made from, for its record
#
# clean.sh is no profile's step: it is run last of all, before the disk is copied.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
: "${1:?usage: provision.sh PROFILE [STEP...]}"
export TLFIF_PROFILE="$1"
shift
. "$here/lib.sh"

[ "$(id -u)" -eq 0 ] || fail "only root can make an image"
steps="$*"
[ -n "$steps" ] || steps=$(pin profile.steps)
for step in $steps; do
    [ -f "$here/$step.sh" ] || fail "there is no step $step"
    echo "provision: $TLFIF_PROFILE: $step"
    sh "$here/$step.sh" || fail "the step $step failed"
done
