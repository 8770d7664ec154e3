# llama.cpp on the processor: the wheel of the worker's environment, behind the name of llama.cpp's own server.
. "$(dirname "$0")/lib.sh"
install -d -m 0755 "$opt/engine" "$opt/engine/bin"
cat >"$opt/engine/bin/llama-server" <<'SH'
#!/bin/sh
exec /opt/tlfif/worker/bin/python -P -m tlfif.entrypoints.llama_server "$@"
SH
chmod 0755 "$opt/engine/bin/llama-server"
