# NVIDIA's driver, ready-made for Ubuntu's kernel on AWS: nothing is compiled. The only step that differs where Debian
# stands in for Ubuntu. A kernel that comes with it runs from the next boot, which is the candidate's; there
# tlfif-gpu.service proves that the two belong together.
. "$(dirname "$0")/lib.sh"
. /etc/os-release
if [ "$ID" != ubuntu ]; then
    echo "provision: $PRETTY_NAME stands in for $(pin base.system): no driver"
    exit 0
fi
install_packages $(pin driver.packages)
apt-mark hold -qq $(pin driver.held) >/dev/null
# Ubuntu's daemon does not do what it is named for ("--no-persistence-mode"): the driver would let go of the GPU, and
# take it up again for seconds, at each start of an engine. tlfif-gpu.service wants the daemon, which keeps it running.
install -d -m 0755 /etc/systemd/system/nvidia-persistenced.service.d
cat >/etc/systemd/system/nvidia-persistenced.service.d/tlfif.conf <<'CONF'
[Service]
ExecStart=
ExecStart=/usr/bin/nvidia-persistenced --user nvidia-persistenced --persistence-mode --verbose
CONF
