"""``tlfif key``: keys for other programs, which may ask the model and read their own answers, nothing else."""

import argparse
import time
from collections.abc import Callable

from tlfif.cli.arguments import add_json
from tlfif.cli.exit_codes import DONE
from tlfif.cli.output.console import Console
from tlfif.cli.output.tables import moment, table
from tlfif.kernel.access import (
    Access,
    Key,
    change_access,
    key_text,
    load_access,
    load_token,
    shown_again,
    with_key,
    without_key,
)
from tlfif.kernel.data_folder import DataFolder, data_folder_from_environment

NONE = "There are no keys. To make one: ./tlfif key add NAME, or ./tlfif connect"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = (
        "A program with a key can ask the model, list models, and read and cancel what it asked itself. It cannot "
        "stop the machine or the server, change the budget, or see what others asked."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    add = actions.add_parser("add", help="make a key, and print it")
    add.add_argument("name", metavar="NAME", help="what you call it, such as the program's name")
    add_json(add)
    listing = actions.add_parser("list", help="their names and when they were made")
    add_json(listing)
    revoke = actions.add_parser("revoke", help="end a key at once, also answers that are under way")
    revoke.add_argument("name", metavar="NAME", help="the key's name")
    add_json(revoke)


def run(args: argparse.Namespace, console: Console) -> int:
    """One of the actions."""
    data_folder = data_folder_from_environment()
    if args.action == "add":
        text = add_key(data_folder, args.name)
        console.result({"name": args.name, "key": text}, text, as_json=args.json)
    elif args.action == "revoke":
        change_access(data_folder, lambda access: without_key(access, args.name))
        console.result(
            {"revoked": args.name}, f"The key {args.name} is good for nothing from now on.", as_json=args.json
        )
    else:
        keys = load_access(data_folder).keys
        found = {"keys": [{"name": key.name, "made_at": key.made_at} for key in keys]}
        console.result(found, _listed(keys), as_json=args.json)
    return DONE


def add_key(data_folder: DataFolder, name: str) -> str:
    """A new key's text. Raises InvalidInputError, StorageError."""
    token = load_token(data_folder)
    return _text_after(data_folder, lambda access: with_key(access, name, token=token, now=time.time()), name, token)


def key_for(data_folder: DataFolder, name: str) -> str:
    """The text of the key of that name, which is made where there is none, and anew where it can no longer be shown.
    Raises as :func:`add_key`."""
    token = load_token(data_folder)

    def ensured(access: Access) -> Access:
        known = access.key(name)
        if known is not None and shown_again(known, token=token) is not None:
            return access
        rest = access if known is None else without_key(access, name)
        return with_key(rest, name, token=token, now=time.time())

    return _text_after(data_folder, ensured, name, token)


def _text_after(data_folder: DataFolder, change: Callable[[Access], Access], name: str, token: str) -> str:
    key = change_access(data_folder, change).key(name)
    return "" if key is None else key_text(token, name, key.salt)


def _listed(keys: tuple[Key, ...]) -> str:
    now = time.time()
    rows = [(key.name, moment(key.made_at, now=now)) for key in keys]
    return table(("NAME", "MADE"), rows) if rows else NONE
