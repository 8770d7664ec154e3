# What the units and their programs need of the system.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || install_packages python3 # the pins are read by it
install_packages $(pin packages)
# Nothing on a machine that lives for minutes updates or tidies it.
for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim man-db; do
    ln -sfn /dev/null "/etc/systemd/system/$timer.timer"
done
ln -sfn /dev/null /etc/systemd/system/unattended-upgrades.service
