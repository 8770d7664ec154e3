"""The llama.cpp engine as a process of its own.

Reads one line of JSON from standard input (see ``adapters.engines.llama_engine_process``), loads the model, prints one
line of JSON with its address, and runs until standard input ends: an engine never outlives its supervisor.
It imports little, because each cold start waits for it. A model that llama.cpp refuses ends it with a line that has no
address; why stands in its log.
"""

import ctypes
import importlib
import json
import os
import signal
import sys
from types import ModuleType
from typing import Any

from tlfif.adapters.local.machines.process_priority import lower_priority

WAITING = {"GOMP_SPINCOUNT": "20000"}
"""How long the engine's threads wait for each other in circles, so that another busy program does not bring them to a
stop (``docs/decisions/0001-embedded-machine.md``). Read by GCC's OpenMP, which only Linux's llama.cpp has."""
PR_SET_PDEATHSIG = 1
"""``man 2 prctl``."""
PLACES = {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}
"""Each of them on a core of its own."""


def limit_memory(most_bytes: int) -> None:
    """Keep what this process allocates below ``most_bytes``; the mapped model file does not count. Only Linux can."""
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def end_with_supervisor() -> None:
    """Have Linux end this process with its supervisor: while llama.cpp loads a model, and a hostile one may take for
    ever, nothing here hears that the pipe was closed. (Elsewhere the next server's search for orphans ends it.)"""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def open_server(config: dict[str, Any]) -> Any:
    """llama.cpp with the model loaded, listening on loopback.

    ``config``: ``model_name``, ``model_path``, ``context_tokens`` (of one slot), ``slots``, ``threads`` (None: one a
    core), ``batch_tokens`` (read in one go), ``cache_mib``, ``api_key``, ``port`` (absent: a free one), ``adapters``
    (paths, absent: none; each acts where a request names its number). Raises RuntimeError where llama.cpp refuses the
    model or an adapter; why stands in its log."""
    xllamacpp = _load_llama(WAITING if config["threads"] else WAITING | PLACES)
    params = xllamacpp.CommonParams()
    params.model.path = config["model_path"]
    params.model_alias = {config["model_name"]}
    params.n_ctx = config["context_tokens"] * config["slots"]
    params.n_parallel = config["slots"]
    params.hostnames = ["127.0.0.1"]
    params.port = config.get("port", 0)
    params.api_keys = [config["api_key"]]
    params.endpoint_slots = True
    params.ui = False
    params.cors_origins = ""
    params.verbosity = 1
    if config["threads"] is not None:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["threads"]
    params.n_threads_http = config["slots"] + 2
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.n_batch = params.n_ubatch = config["batch_tokens"]
    params.cache_ram_mib = config["cache_mib"]
    params.warmup = False
    if config.get("adapters"):
        params.lora_adapters = [_silent(xllamacpp, path) for path in config["adapters"]]
        params.lora_init_without_apply = True
    params.sse_ping_interval = -1  # silence for long means that it has hung
    return xllamacpp.Server(params)


def _silent(xllamacpp: ModuleType, path: str) -> Any:
    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path, adapter.scale = path, 0.0
    return adapter


def main() -> None:
    """Serve until the supervisor closes the pipe."""
    end_with_supervisor()
    lower_priority()
    os.putenv("GGML_NO_BACKTRACE", "1")  # else llama.cpp's abort would start a debugger, where there is one
    config = json.loads(sys.stdin.buffer.readline())
    limit_memory(config["memory_bytes"])
    try:
        server = open_server(config)
    except RuntimeError:
        print(json.dumps({}), flush=True)
        sys.exit(1)  # not at once: llama.cpp writes its log in a thread, which has the reason
    # From here on the engine's threads would delay the interpreter's end by a whole batch. However this ends (with the
    # supervisor gone its pipes are closed), exit at once: there is nothing to save.
    try:
        sys.stdout.write(json.dumps({"base_url": server.listening_address}) + "\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()
    finally:
        os._exit(0)


def _load_llama(openmp: dict[str, str]) -> ModuleType:
    """Load llama.cpp, and OpenMP with these variables; a person's own stand above ours."""
    for name, value in openmp.items():
        os.environ.setdefault(name, value)
    cores = os.sched_getaffinity(0) if sys.platform == "linux" else None
    xllamacpp = importlib.import_module("xllamacpp")
    if cores is not None:
        # OpenMP has bound this thread to the first core, and all that serve HTTP would inherit it. Those that compute
        # are bound when they begin to.
        os.sched_setaffinity(0, cores)
    return xllamacpp


if __name__ == "__main__":
    main()
