# NVIDIA's driver, ready-made for Ubuntu's kernel on AWS: nothing is compiled. The only step that differs where Debian
# stands in for Ubuntu. A kernel that comes with it runs from the next boot, which is the candidate's: there
# tlfif-gpu.service proves that both fit together.
. "$(dirname "$0")/lib.sh"
. /etc/os-release
if [ "$ID" != ubuntu ]; then
    echo "provision: $PRETTY_NAME stands in for $(pin base.system): no driver"
    exit 0
fi
install_packages $(pin driver.packages)
apt-mark hold -qq $(pin driver.held) >/dev/null
systemctl enable nvidia-persistenced.service 2>/dev/null || true # static in some versions: tlfif-gpu.service wants it
