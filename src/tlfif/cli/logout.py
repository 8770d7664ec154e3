"""``tlfif logout``: sign out of the home on AWS."""

import argparse
import asyncio

from tlfif.cli.connection import this_home
from tlfif.cli.exit_codes import DONE, NO_ACCESS
from tlfif.cli.output.console import Console
from tlfif.client.profile import aws_profile, load_profiles


def configure(_parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(_args: argparse.Namespace, console: Console) -> int:
    """Sign out; exit 5 where the provider did not confirm it."""
    from tlfif.client.sign_in.signed_in import signed_in_tokens
    from tlfif.client.sign_in.signed_in_tokens import Leaving

    home = this_home()
    left = asyncio.run(signed_in_tokens(home, aws_profile(load_profiles(home))).leave())
    console.line(TEXTS[left.value])
    return NO_ACCESS if left is Leaving.NOT_REACHED else DONE


TEXTS = {
    "nothing": "You were not signed in.",
    "revoked": "You are signed out, here and at the provider.",
    "no_door": "You are signed out on this computer. The provider offers no way to end a sign-in early; it ends there "
    "by itself.",
    "not_reached": "You are signed out on this computer. The provider could not be reached to end the sign-in there, "
    "too: whoever had a copy of it could use it until it ends by itself, 30 days after you signed in unless you set "
    "that otherwise.",
}
"""By :class:`tlfif.client.sign_in.signed_in_tokens.Leaving`, which loads more than help needs."""
