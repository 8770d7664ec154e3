"""The llama.cpp engine as a process of its own.

Reads one line of JSON from standard input (see ``adapters.local.llama_engine_process``), loads the model, prints one
line of JSON with its address, and lives until standard input ends: an engine never outlives its supervisor.
The imports are few on purpose: this is on the path of every cold start.
"""

import json
import os
import sys

from tlfif.adapters.local.machines.process_priority import lower_priority


def main() -> None:
    """Serve until the supervisor's end of the pipe closes."""
    lower_priority()
    wish = json.loads(sys.stdin.buffer.readline())
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = wish["model_path"]
    params.model_alias = {wish["model_name"]}
    params.n_ctx = wish["context_tokens"] * wish["slots"]
    params.n_parallel = wish["slots"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [wish["api_key"]]
    params.endpoint_slots = True
    params.ui = False
    params.cors_origins = ""
    params.verbosity = 1
    if wish["threads"] is not None:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = wish["threads"]
    params.n_threads_http = wish["slots"] + 2
    params.cache_ram_mib = wish["cache_mib"]
    params.warmup = False
    server = xllamacpp.Server(params)
    # From here on there are threads that keep a dying interpreter alive, deep in a batch: however this ends (the
    # supervisor may be gone already, then its pipes are closed), leave at once. There is nothing to save.
    try:
        sys.stdout.write(json.dumps({"base_url": server.listening_address}) + "\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
