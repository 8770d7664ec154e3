"""A machine that only says how it would have been; the paper repository's ``tlfif.entrypoints.machine``."""

import json
import pathlib
import sys
import threading

HOW = "good"


def main() -> None:
    """Behave as ``HOW`` says."""
    home = pathlib.Path(sys.argv[sys.argv.index("--home") + 1])
    print("paper machine:", HOW, flush=True)
    if HOW == "dies":
        raise SystemExit("libpaper.so.1: cannot open shared object file")
    if HOW == "never ready":
        threading.Event().wait()
    if HOW == "does not load":
        report(home, error="The model file cannot be used: it is paper.")
        return
    (home / "ready").touch()
    if HOW == "never ends":
        report(home)
        threading.Event().wait()
    if HOW == "killed":
        sys.exit(137)
    if HOW == "nonsense report":
        (home / "report.json").write_text("[{")
        return
    report(home, passed=3 if HOW == "babbles" else 10, idle_end=HOW != "busy")


def report(home: pathlib.Path, *, passed: int = 0, idle_end: bool = False, error: str = "") -> None:
    """Leave a report, whole."""
    answers = ["Paris" if number < passed else "bar bar" for number in range(10)]
    body = {
        "prompts": [{"name": f"p{n}", "passed": n < passed, "answer": answer} for n, answer in enumerate(answers)],
        "tokens_per_second": 9.0,
        "first_token_seconds": 0.1,
        "phase_seconds": {"launch": 0.1},
        "versions": {"paper": "1"},
        "idle_end": idle_end,
        "error": error,
    }
    (home / "report.part").write_text(json.dumps(body))
    (home / "report.part").rename(home / "report.json")


if __name__ == "__main__":
    main()
