# TL-FIF itself: a small layer of its own, since most images differ in nothing else.
. "$(dirname "$0")/lib.sh"
wheel=$(ls "$inputs"/tlfif-*.whl 2>/dev/null | tail -n 1)
[ -n "$wheel" ] || fail "the project's wheel is not among the inputs ($inputs/tlfif-*.whl)"
uv pip install -q --no-config --python "$opt/worker/bin/python" --no-index --no-deps --reinstall --compile-bytecode \
    --link-mode copy "$wheel"
install -d -m 0755 /etc/tlfif
python3 -I - "$TLFIF_PROFILE" "$(pin profile.engine)" "$(pin model.name)" "$(pin model.sha256)" \
    "${TLFIF_COMMIT:-}" "$(sha256sum "$wheel" | cut -d ' ' -f 1)" >/etc/tlfif/image.json.part <<'PY'
import json, sys
names = ("profile", "engine", "model", "model_sha256", "commit", "wheel_sha256")
print(json.dumps({"version": 1, **dict(zip(names, sys.argv[1:]))}, indent=2))
PY
mv /etc/tlfif/image.json.part /etc/tlfif/image.json
"$opt/worker/bin/python" -P -c 'import tlfif.entrypoints.instance, tlfif.entrypoints.llama_server' || fail "the worker cannot be loaded"
