"""The llama.cpp engine as a process of its own.

Reads one line of JSON from standard input (see ``adapters.engines.llama_engine_process``), loads the model, prints one
line of JSON with its address, and runs until standard input ends: an engine never outlives its supervisor.
It imports little, because each cold start waits for it. A model that llama.cpp refuses ends it with a line that has no
address; why stands in its log.
"""

import json
import os
import sys

from tlfif.adapters.local.machines.process_priority import lower_priority


def limit_memory(most_bytes: int) -> None:
    """Keep what this process allocates below ``most_bytes``; the mapped model file does not count. Only Linux can."""
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def main() -> None:
    """Serve until the supervisor closes the pipe."""
    lower_priority()
    os.putenv("GGML_NO_BACKTRACE", "1")  # else llama.cpp's abort would start a debugger, where there is one
    config = json.loads(sys.stdin.buffer.readline())
    limit_memory(config["memory_bytes"])
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config["model_path"]
    params.model_alias = {config["model_name"]}
    params.n_ctx = config["context_tokens"] * config["slots"]
    params.n_parallel = config["slots"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [config["api_key"]]
    params.endpoint_slots = True
    params.ui = False
    params.cors_origins = ""
    params.verbosity = 1
    if config["threads"] is not None:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["threads"]
    params.n_threads_http = config["slots"] + 2
    params.cache_ram_mib = config["cache_mib"]
    params.warmup = False
    params.sse_ping_interval = -1  # silence for long means that it has hung
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        print(json.dumps({}), flush=True)
        os._exit(1)
    # From here on the engine's threads would delay the interpreter's end by a whole batch. However this ends (with the
    # supervisor gone its pipes are closed), exit at once: there is nothing to save.
    try:
        sys.stdout.write(json.dumps({"base_url": server.listening_address}) + "\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
