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
    "image": "build, watch, approve, promote and roll back what machines start from",
    "jobs": "list, show or cancel what was asked",
    "model": "list, download or check models",
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
    "connect": "let other programs use the model: address, key, and the lines for each",
    "key": "make, list or revoke keys for other programs",
    "mcp": "be a tool of agents: ask, status, cost, stop, over standard input and output",
}
CHECKOUT_COMMANDS = {
    "test": ("dev/check.py", "check TL-FIF itself: format, lint, types, layers, tests"),
    "bench": ("bench/run.py", "measure what TL-FIF adds to its engine"),
}
"""What the launcher of a checkout runs by itself, and the script that each needs."""
ACTIONS = {
    "start": "machine start",
    "stop": "machine stop",
    "status": "machine status",
    "history": "machine history",
    "idle-timeout": "machine idle-timeout",
    "list": "jobs list",
    "show": "jobs show",
    "cancel": "jobs cancel",
    "delete": "jobs delete",
    "pull": "model pull",
    "verify": "model verify",
    "prices": "cost prices",
    "set": "budget set",
    "release": "budget release",
    "use": "profile use",
    "build": "image build",
    "watch": "image watch",
    "approve": "image approve",
    "reject": "image reject",
    "promote": "image promote",
    "rollback": "image rollback",
    "retire": "image retire",
    "images": "image list",
    "add": "key add",
    "revoke": "key revoke",
}
"""What a person may take for a command, and where it is. The likeliest of several."""


def main(argv: list[str] | None = None) -> int:
    """Run one command. Exit codes: ``cli/exit_codes.py``."""
    from tlfif.cli.output.console import real_console
    from tlfif.kernel.errors import TlfifError

    arguments = sys.argv[1:] if argv is None else argv
    console = real_console()
    try:
        return _run(arguments, console)
    except (TlfifError, OSError, ImportError, KeyboardInterrupt) as error:
        return _failed(error, console, as_json="--json" in arguments)


def _run(arguments: list[str], console: "Console") -> int:
    first = arguments[0] if arguments else ""
    if first in {"--version", "-V"}:
        console.line(f"tlfif {__version__}")
    elif first in {"--help", "-h", "help"}:
        console.line(help_text())
    elif arguments or _has_window():
        return _command(first or "gui", arguments[1:], console)
    else:
        console.line(f"{introduction()}\nAll commands: {program()} --help\nWhy no window opens here: {program()} gui")
    return 0


def _has_window() -> bool:
    return not import_module("tlfif.gui.main").why_not()  # by name: the layers keep window and commands apart


def _failed(error: BaseException, console: "Console", *, as_json: bool) -> int:
    from tlfif.cli.exit_codes import INTERRUPTED, OUTPUT_CLOSED, exit_code_of
    from tlfif.cli.output.console import OutputLostError, abandon
    from tlfif.kernel.errors import TlfifError

    if isinstance(error, KeyboardInterrupt):
        console.note("You interrupted the command.")
        return INTERRUPTED
    if isinstance(error, OutputLostError):
        abandon(sys.stdout)
        if error.reader_left:
            return OUTPUT_CLOSED
        as_json = False
        error = TlfifError(f"The output cannot be written: {error.strerror or error}.", code="output_failed")
    elif isinstance(error, ImportError):
        _forget_installation()
        error = TlfifError(
            f"A part of TL-FIF cannot be loaded: {error}. The next start mends it.", code="parts_missing"
        )
    elif not isinstance(error, TlfifError):
        error = TlfifError(f"{error}.", code="system_error")
    try:
        console.error(error, as_json=as_json)
    except OutputLostError:
        abandon(sys.stdout)
    return exit_code_of(error)


def _forget_installation() -> None:
    """Remove the launcher's stamps, so that it installs anew."""
    from pathlib import Path

    for stamp in Path(sys.prefix).glob("tlfif-*.stamp"):
        stamp.unlink(missing_ok=True)


def program() -> str:
    """How a person types this command."""
    if not _in_checkout("tlfif"):
        return "tlfif"
    return "py tlfif" if sys.platform == "win32" else "./tlfif"


def introduction() -> str:
    """What this is, and how to begin."""
    return f"""TL-FIF: a private language model that costs money only while it answers.

  {program()} ask "What is a cloud computer?"     one question, one answer
  {program()} chat                                a conversation
"""


def help_text() -> str:
    """All commands."""
    lines = [f"  {name:9} {text}" for name, text in {**COMMANDS, **checkout_commands()}.items()]
    return "\n".join([introduction(), "Commands (each has --help):", *lines, "", "  --version  print the version"])


def checkout_commands() -> dict[str, str]:
    """Commands that only a checkout has; empty for an installed package."""
    return {name: text for name, (script, text) in CHECKOUT_COMMANDS.items() if _in_checkout(script)}


def _in_checkout(file: str) -> bool:
    from pathlib import Path

    return (Path(__file__).absolute().parents[3] / file).is_file()


def _command(name: str, arguments: list[str], console: "Console") -> int:
    from tlfif.cli.arguments import Parser
    from tlfif.kernel.errors import InvalidInputError

    if name not in COMMANDS:
        raise InvalidInputError(f"There is no command {name[:50]!r}. {_guess(name)}", code="usage")
    module = import_module(f"tlfif.cli.{name}")
    parser = Parser(prog=f"{program()} {name}", description=COMMANDS[name])
    module.configure(parser)
    parsed = parser.parse_args(arguments)
    if name != "doctor":  # which names them
        _check_variables()
    return int(module.run(parsed, console))


def _check_variables() -> None:
    """Raises InvalidInputError (code ``settings_invalid``): with a misspelt setting a command would look for another
    server, or start a machine that is limited otherwise than was meant."""
    from tlfif.kernel.data_folder import other_settings

    names = other_settings()
    if names:
        from tlfif.bootstrap.variables import misspelt, settings_fault

        faults = misspelt(names)
        if faults:
            raise settings_fault(faults)


def _guess(name: str) -> str:
    from difflib import get_close_matches

    if name in checkout_commands():
        return f"It belongs to the launcher: ./tlfif {name}"
    close = get_close_matches(name, [*COMMANDS, *ACTIONS], n=1)
    if close:
        return f"Did you mean: {program()} {ACTIONS.get(close[0], close[0])}"
    ask = f' To ask something: {program()} ask "{name[:50]}"' if " " in name.strip() else ""
    return f"All commands: {program()} --help.{ask}"
