"""All checks of the project, run one after the other and summed up: what `./tlfif test` starts in .venv.

Arguments go to pytest: `./tlfif test -k store`.
"""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format", ("-m", "ruff", "format", "--check", ".")),
    ("lint", ("-m", "ruff", "check", ".")),
    ("types", ("-m", "mypy")),
    ("layers", ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")),
    ("tests", ("-m", "pytest", "-n", "2")),
)


def main(argv: list[str]) -> int:
    """Runs every check, also after one has failed; returns 1 if any did."""
    results = []
    for name, command in CHECKS:
        print(f"\n== {name} ==", flush=True)
        started = time.monotonic()
        extra = argv if name == "tests" else []
        code = subprocess.run([sys.executable, *command, *extra], cwd=ROOT, check=False).returncode
        results.append((name, code, time.monotonic() - started))
    print("\n== summary ==")
    for name, code, seconds in results:
        print(f"{name:8} {'ok' if code == 0 else f'FAILED (exit {code})':18} {seconds:6.1f} s")
    return int(any(code for _, code, _ in results))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
