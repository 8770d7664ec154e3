# vLLM with all that it needs, by hash. It compiles on the machine, too (Triton): a compiler and Python's headers stay.
. "$(dirname "$0")/lib.sh"
install_packages $(pin vllm/packages)
packages_from vllm.lock "$opt/engine" --compile-bytecode
[ "$("$opt/engine/bin/python" -c 'import importlib.metadata as m; print(m.version("vllm"))')" = "$(pin vllm/version)" ] ||
    fail "requirements/vllm.lock has another vLLM than the pins"
# What it compiles for a type of GPU is kept here, by the first start on each disk: a builder has no GPU to fill it with.
install -d -m 0700 -o tlfif-engine -g tlfif-engine /var/cache/tlfif-engine
