# Nobody logs in as these. The engine has no way out, and the worker no device.
. "$(dirname "$0")/lib.sh"
for user in tlfif-worker tlfif-engine tlfif-log; do
    id "$user" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin "$user"
done
