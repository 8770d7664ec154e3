"""``tlfif login``: sign in to the home on AWS, in the person's own browser."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from tlfif.cli.exit_codes import DONE, INTERRUPTED
from tlfif.cli.interrupts import Interrupts
from tlfif.cli.output.console import Console
from tlfif.client.locators import aws_profile_of
from tlfif.client.profile import aws_profile, load_profiles
from tlfif.kernel.data_folder import data_folder_from_environment
from tlfif.wording.sign_in import SIGN_IN_CANCELLED

if TYPE_CHECKING:
    from tlfif.client.profile import Profile
    from tlfif.kernel.data_folder import DataFolder


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.add_argument("--no-browser", action="store_true", help="only print the address, to be copied into a browser")


def run(args: argparse.Namespace, console: Console) -> int:
    """Sign in, whichever profile is active."""
    data_folder = data_folder_from_environment()
    profile = aws_profile(load_profiles(data_folder))
    code = asyncio.run(_login(data_folder, profile, console, no_browser=args.no_browser))
    if code == DONE and aws_profile_of(data_folder) is None:
        console.note("Your commands still talk to this computer. To change that: ./tlfif profile use aws")
    return code


async def _login(data_folder: "DataFolder", profile: "Profile", console: Console, *, no_browser: bool) -> int:
    # The libraries of signing in are loaded here: no other command needs them.
    import webbrowser

    from tlfif.client.sign_in.identity_provider import IdentityProvider
    from tlfif.client.sign_in.sign_in import sign_in
    from tlfif.client.sign_in.signed_in import signed_in_tokens
    from tlfif.client.sign_in.token_store import Place, file_warning

    def tell(url: str, opened: bool) -> None:
        console.note(opening_text(url, opened=opened))

    with Interrupts():
        try:
            tokens = await sign_in(
                profile,
                IdentityProvider(profile),
                tell=tell,
                open_browser=_nothing if no_browser else webbrowser.open,
            )
            place = await signed_in_tokens(data_folder, profile).adopt(tokens)
        except asyncio.CancelledError:
            console.note(SIGN_IN_CANCELLED)
            return INTERRUPTED
    console.line(f"You are signed in{f' as {tokens.who}' if tokens.who else ''}. To sign out: ./tlfif logout")
    if place is Place.FILE:
        console.note(file_warning(data_folder))
    return DONE


def _nothing(_url: str) -> bool:
    return False


def opening_text(url: str, *, opened: bool) -> str:
    """Where to sign in, with or without a browser that opened by itself."""
    begin = "Your browser opens; sign in there." if opened else "Open this address in a browser on this computer:"
    copy = "If it does not, copy this address:\n" if opened else ""
    return f"{begin} {copy}\n\n  {url}\n\nIt waits 5 minutes. Ctrl-C leaves.".replace("\n\n\n", "\n\n")
