"""``tlfif gui``: open the window. ``tlfif`` alone does the same where there is a screen."""

import argparse
from importlib import import_module

from tlfif.cli.exit_codes import NO_ACCESS
from tlfif.cli.output.console import Console
from tlfif.kernel.data_folder import data_folder_from_environment


def configure(_parser: argparse.ArgumentParser) -> None:
    """No arguments: everything is set in the window."""


def run(_args: argparse.Namespace, console: Console) -> int:
    """Open the window until it is closed. Exit 5 with the reason where it cannot open."""
    window = import_module("tlfif.gui.main")  # by name: the layers keep window and commands apart
    reason = str(window.why_not())
    if reason:
        console.note(reason)
        return NO_ACCESS
    return int(window.open_window(data_folder_from_environment()))
