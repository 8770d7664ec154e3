"""A machine's two processes without what makes them heavy. The model's name says how they behave.

``deaf``: ignores a polite request. ``clinging``: its engine stays when the worker is gone.
"""

import argparse
import json
import signal
import subprocess
import sys
import threading


def main() -> None:
    """The worker, or with ``--engine`` its engine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home")
    parser.add_argument("--machine-id")
    parser.add_argument("--spec", type=json.loads, default={})
    parser.add_argument("--engine", default="")
    args = parser.parse_args()
    if args.engine:
        sys.stdin.buffer.read()
        if args.engine == "clinging":
            threading.Event().wait()
        return
    behaviour = args.spec["model"]
    if behaviour == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mark = ["--home", args.home, "--machine-id", args.machine_id]
    command = [sys.executable, "-m", "tests.fakes.engine_main", *mark, "--engine", behaviour]
    with subprocess.Popen(command, stdin=subprocess.PIPE):
        print("up", flush=True)  # into the machine's log, where the test looks for it
        threading.Event().wait()


if __name__ == "__main__":
    main()
