# The units of this profile, and the programs of the boot.
. "$(dirname "$0")/lib.sh"
install -d -m 0755 "$opt" "$opt/bin" "$opt/docs" /etc/tlfif
install -m 0755 "$images"/bin/* "$opt/bin/"
[ ! -f "$checkout/docs/reference/machine-image.md" ] || install -m 0644 "$checkout/docs/reference/machine-image.md" "$opt/docs/"
units="tlfif-key.service tlfif-boot.service tlfif-worker.service tlfif-log.service tlfif-boot-guard.timer
tlfif-last-resort.timer $(pin profile.units)"
for unit in $units tlfif-boot-guard.service tlfif-last-resort.service; do
    install -m 0644 "$images/systemd/$unit" "/etc/systemd/system/$unit"
done
model=$(pin model.name)
cat >/etc/tlfif/engine.conf <<CONF
TLFIF_MODEL=$model
TLFIF_MODEL_FILE=$opt/models/$model/$(pin model.file)
TLFIF_SLOTS=$(pin profile.slots)
TLFIF_CONTEXT=$(($(pin profile.slots) * $(pin context_tokens)))
CONF
systemctl enable -q $units
# The journal: on the disk, and readable for the group of tlfif-log and of the worker.
install -d -m 2755 -g systemd-journal /var/log/journal
install -d -m 0755 /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=persistent\nSystemMaxUse=64M\n' >/etc/systemd/journald.conf.d/tlfif.conf
