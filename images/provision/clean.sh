# Last of all: nothing of this builder in the machines that come from its disk.
. "$(dirname "$0")/lib.sh"
rm -f /etc/ssh/ssh_host_*
cut -d: -f6 /etc/passwd | sort -u | while read -r home; do
    rm -rf "$home/.ssh/authorized_keys" "$home/.bash_history" "$home/.cache"
done
rm -rf /var/tmp/tlfif-* /etc/tlfif/machine.json /var/lib/tlfif-log /var/lib/cloud/instances /var/lib/cloud/instance
rm -rf /var/log/journal/* /var/lib/dhcp/* /var/cache/apt/archives/*.deb /var/lib/systemd/random-seed
find /var/log -type f -exec truncate -s 0 {} +
: >/etc/machine-id # empty, not absent: systemd makes a new one and does not take this for a first boot
rm -f /var/lib/dbus/machine-id
