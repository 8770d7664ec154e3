"""llama.cpp as a service of its own, on a machine without a GPU: ``images/systemd/tlfif-llama.service``.

Takes the place of llama.cpp's own ``llama-server`` (which the image for a GPU has) with the flags of that unit, and the
key from the same variable. Runs until it is asked to end; status 1: llama.cpp refuses the model, and its log says why.
"""

import argparse
import os
import signal
import sys
import threading

from tlfif.entrypoints.engine import open_server

KEY_NAME = "LLAMA_API_KEY"
"""llama.cpp's own variable for it."""


def main() -> None:
    """Serve until SIGTERM."""
    args = arguments()
    config = {
        "model_name": args.alias,
        "model_path": args.model,
        "context_tokens": args.ctx_size // args.parallel,
        "slots": args.parallel,
        "threads": args.threads,
        "batch_tokens": args.batch_size,
        "cache_mib": args.cache_ram,
        "api_key": os.environ[KEY_NAME],
        "port": args.port,
    }
    # In C, because nothing of Python runs while a model is being loaded; and there is nothing to save.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        server = open_server(config)
    except RuntimeError:
        sys.exit(1)  # not at once: llama.cpp writes its log in a thread, which has the reason
    print(f"llama.cpp serves {args.alias} at {server.listening_address}", flush=True)
    threading.Event().wait()


def arguments() -> argparse.Namespace:
    """The command line's, which are the unit's."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--model", required=True)
    parser.add_argument("--alias", required=True)
    parser.add_argument("--host", choices=["127.0.0.1"], required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ctx-size", type=int, required=True)
    parser.add_argument("--parallel", type=int, required=True)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--cache-ram", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=128)
    # Fixed here, or without meaning on a processor.
    parser.add_argument("--n-gpu-layers", choices=["all"])
    parser.add_argument("--sse-ping-interval", choices=["-1"])
    parser.add_argument("--log-verbosity", choices=["1"])
    parser.add_argument("--embeddings", action="store_true")
    parser.add_argument("--pooling", choices=["mean"])
    parser.add_argument("--no-warmup", action="store_true")
    parser.add_argument("--no-ui", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
