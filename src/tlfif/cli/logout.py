"""``tlfif logout``: sign out of the home on AWS."""

import argparse
import asyncio

from tlfif.cli.exit_codes import DONE, NO_ACCESS
from tlfif.cli.output.console import Console
from tlfif.client.profile import aws_profile, load_profiles
from tlfif.kernel.data_folder import data_folder_from_environment
from tlfif.wording.sign_in import SIGNED_OUT


def configure(_parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(_args: argparse.Namespace, console: Console) -> int:
    """Sign out; exit 5 where the provider did not confirm it."""
    from tlfif.client.sign_in.signed_in import signed_in_tokens
    from tlfif.client.sign_in.signed_in_tokens import Leaving

    home = data_folder_from_environment()
    left = asyncio.run(signed_in_tokens(home, aws_profile(load_profiles(home))).leave())
    console.line(SIGNED_OUT[left.value])
    return NO_ACCESS if left is Leaving.NOT_REACHED else DONE
