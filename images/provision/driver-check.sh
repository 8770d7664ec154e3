# After the builder's new start: the kernel that runs is the one that the driver is for. It needs no GPU.
. "$(dirname "$0")/lib.sh"
. /etc/os-release
[ "$ID" = ubuntu ] || exit 0
modinfo -F version nvidia >/dev/null 2>&1 || exit 10
