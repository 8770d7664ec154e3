"""The command ``tlfif``: runs a command's module and turns every expected error into a sentence and an exit code.

Modules are imported only when needed, so that ``--version`` and ``--help`` answer at once.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from tlfif import __version__

if TYPE_CHECKING:
    from tlfif.cli.output.console import Console

COMMANDS = {
    "gui": "open the window",
    "ask": "ask the model and read the answer as it comes",
    "chat": "keep a conversation with the model",
    "machine": "see, start or stop the machine",
    "jobs": "list, show or cancel what was asked",
    "model": "list, fetch or check models",
    "cost": "see what it costs, and what AWS would have cost",
    "budget": "see, set or release the limit per month",
    "login": "sign in to the home on AWS, in your browser",
    "logout": "sign out of it",
    "profile": "see or choose what commands talk to: this computer or AWS",
    "doctor": "look for everything that is known to go wrong, here and in your AWS account",
    "logs": "see what the home has written down about itself, here or on AWS",
    "deploy": "make your home on AWS, or bring it up to date; --plan shows it without an account",
    "destroy": "remove your home from AWS and check that nothing is left",
    "serve": "start, stop or check the background server",
}
CHECKOUT_COMMANDS = {
    "test": ("dev/check.py", "check TL-FIF itself: format, lint, types, layers, tests"),
    "bench": ("bench/run.py", "measure what TL-FIF adds to its engine"),
}
"""What the launcher of a checkout runs by itself, and the script that each needs."""
INTRODUCTION = """TL-FIF: a private language model that costs money only while it answers.

  tlfif ask "What is a cloud computer?"     one question, one answer
  tlfif chat                                a conversation
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command. Exit codes: ``cli/exit_codes.py``."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments:
        return _no_command()
    first = arguments[0]
    if first in {"--version", "-V"}:
        print(f"tlfif {__version__}")
        return 0
    if first in {"--help", "-h", "help"}:
        print(help_text())
        return 0
    return _run(first, arguments[1:])


def help_text() -> str:
    """All commands."""
    lines = [f"  {name:9} {text}" for name, text in {**COMMANDS, **checkout_commands()}.items()]
    return "\n".join([INTRODUCTION, "Commands (each has --help):", *lines, "", "  --version  print the version"])


def checkout_commands() -> dict[str, str]:
    """Commands that only a checkout has; empty for an installed package."""
    from pathlib import Path

    root = Path(__file__).absolute().parents[3]
    return {name: text for name, (script, text) in CHECKOUT_COMMANDS.items() if (root / script).is_file()}


def _no_command() -> int:
    reason = str(import_module("tlfif.gui.main").why_not())  # by name: the layers keep window and commands apart
    if not reason:
        return _run("gui", [])
    print(f"{INTRODUCTION}\nAll commands: tlfif --help\nWhy no window opens here: tlfif gui")
    return 0


def _run(name: str, arguments: list[str]) -> int:
    from tlfif.cli.exit_codes import INTERRUPTED, NO_ACCESS, OUTPUT_CLOSED, exit_code_of
    from tlfif.cli.output.console import OutputLostError, abandon_output, real_console
    from tlfif.kernel.errors import TlfifError

    console = real_console()
    try:
        return _command(name, arguments, console)
    except TlfifError as error:
        try:
            console.error(error, as_json="--json" in arguments)
        except OutputLostError:
            abandon_output()
        return exit_code_of(error)
    except KeyboardInterrupt:
        console.note("You interrupted the command.")
        return INTERRUPTED
    except OutputLostError as error:
        abandon_output()
        if error.reader_left:
            return OUTPUT_CLOSED
        console.note(f"tlfif: The output cannot be written: {error.strerror or error}. [output_failed]")
        return NO_ACCESS
    except OSError as error:
        console.note(f"tlfif: {error}. [system_error]")
        return NO_ACCESS


def _command(name: str, arguments: list[str], console: "Console") -> int:
    from tlfif.cli.arguments import Parser
    from tlfif.kernel.errors import InvalidInputError

    if name not in COMMANDS:
        raise InvalidInputError(f"There is no command {name[:50]!r}. {_guess(name)}", code="usage")
    module = import_module(f"tlfif.cli.{name}")
    parser = Parser(prog=f"tlfif {name}", description=COMMANDS[name])
    module.configure(parser)
    return int(module.run(parser.parse_args(arguments), console))


def _guess(name: str) -> str:
    from difflib import get_close_matches

    if name in checkout_commands():
        return f"It belongs to the launcher: ./tlfif {name}"
    close = get_close_matches(name, COMMANDS, n=1)
    if close:
        return f"Did you mean: tlfif {close[0]}"
    return f'All commands: tlfif --help. To ask something: tlfif ask "{name[:50]}"'
