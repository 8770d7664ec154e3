"""``tlfif model``: which models there are, fetching and checking them, and personal ones."""

import argparse
import asyncio
from pathlib import Path
from typing import Literal

from tlfif.cli.arguments import add_json, model_name
from tlfif.cli.connection import only_on_this_computer, open_client
from tlfif.cli.exit_codes import DONE, NO_MACHINE
from tlfif.cli.fetching import fetch_model
from tlfif.cli.output.console import Console
from tlfif.cli.output.tables import table
from tlfif.kernel.errors import InvalidInputError
from tlfif.models.catalogue import file_path_of, known_names
from tlfif.wire.models import ModelView, PersonalModelView
from tlfif.wording.figures import size


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    listing = actions.add_parser("list", help="the catalogue, and what of it is on this computer")
    add_json(listing)
    pull = actions.add_parser("pull", help="download a model; continues where a download broke off")
    pull.add_argument("name", metavar="NAME", help=known_names())
    pull.add_argument("--force", action="store_true", help="delete what is here and download it again")
    add_json(pull)
    verify = actions.add_parser("verify", help="read model files through and compare their checksums")
    verify.add_argument("name", metavar="NAME", nargs="?", help="default: every model on this computer")
    add_json(verify)
    add = actions.add_parser("add", help="register a personal model: a LoRA adapter on top of a model")
    add.add_argument("name", metavar="NAME", help="what it is called from now on, for example anna-poems")
    add.add_argument("--adapter", metavar="FILE", required=True, help="the adapter, a GGUF file; a copy is kept")
    add.add_argument("--base", metavar="MODEL", help="the model that it was trained on; default: the default model")
    add.add_argument("--sha256", metavar="HASH", help="refuse the file if its sha256 is another one")
    add_json(add)
    for action, does in (("approve", "let everybody of this home ask it"), ("retire", "have it answer no more")):
        moving = actions.add_parser(action, help=f"{does} (a personal model)")
        moving.add_argument("name", metavar="NAME")
        add_json(moving)


def run(args: argparse.Namespace, console: Console) -> int:
    """One of the actions."""
    if args.action == "list":
        return asyncio.run(_list(console, as_json=args.json))
    if args.action == "add":
        only_on_this_computer("model add")
        return asyncio.run(_add(args, Path(args.adapter).expanduser().absolute(), console))
    if args.action in ("approve", "retire"):
        return asyncio.run(_move(args.name, args.action, console, as_json=args.json))
    name = _catalogue_name(args.name) if args.name is not None else None
    only_on_this_computer(f"model {args.action}")
    if args.action == "verify" or name is None:
        return asyncio.run(_verify(name, console, as_json=args.json))
    return asyncio.run(_pull(name, console, force=args.force, as_json=args.json))


def _catalogue_name(text: str) -> str:
    name = model_name(text)
    if file_path_of(name) is not None:
        raise InvalidInputError(
            "TL-FIF neither downloads nor checks a file of your own; it uses the file as it is.",
            code="model_file_invalid",
        )
    return name


async def _list(console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        found = await client.all_models()
    models, personal = found["models"], found.get("personal", [])  # absent where the home is of an older version
    text = "\n\n".join(filter(None, [list_text(models), personal_text(personal)]))
    console.result({"models": models, "personal": personal}, text, as_json=as_json)
    return DONE


async def _add(args: argparse.Namespace, path: Path, console: Console) -> int:
    base = None if args.base is None else model_name(args.base)
    async with open_client() as client:
        added = await client.add_model(args.name, adapter=str(path), base=base, sha256=args.sha256)
    console.result(
        added,
        f"{added['name']} is registered: rank {added['rank']} on {added['base']}, sha256 {added['sha256']}. "
        f"Ask it: ./tlfif ask --model {added['name']}",
        as_json=args.json,
    )
    return DONE


async def _move(name: str, action: Literal["approve", "retire"], console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        moved = await client.move_model(name, action)
    console.result(moved, f"{moved['name']} is {moved['state']}.", as_json=as_json)
    return DONE


def personal_text(models: list[PersonalModelView]) -> str:
    """Personal models as a table; empty where there are none."""
    rows = [(one["name"], one["state"], size(one["size_bytes"]), one["base"], one["sha256"][:12]) for one in models]
    return table(("PERSONAL MODEL", "STATE", "SIZE", "BASE", "SHA256"), rows) if rows else ""


def list_text(models: list[ModelView]) -> str:
    """The catalogue as a table, with what is wrong below it."""
    rows = [
        (
            model["name"],
            _state(model),
            size(model["size_bytes"]) if model["size_bytes"] else "?",
            model["licence"],
            model["title"] + (" (default)" if model["is_default"] else ""),
        )
        for model in models
    ]
    problems = [f"{model['name']}: {model['problem']}" for model in models if model["problem"]]
    return "\n".join([table(("NAME", "STATE", "SIZE", "LICENCE", "MODEL"), rows), *problems])


def _state(model: ModelView) -> str:
    if model["state"] in {"pulling", "absent"} and model["received_bytes"] and model["size_bytes"]:
        return f"{model['state']} {model['received_bytes'] / model['size_bytes']:.0%}"
    return model["state"]


async def _pull(name: str, console: Console, *, force: bool, as_json: bool) -> int:
    async with open_client() as client:
        try:
            model = await fetch_model(client, name, console, force=force)
        except asyncio.CancelledError:
            console.note(
                f"The download continues in the background: ./tlfif model list. Watch it: ./tlfif model pull {name}"
            )
            raise
    console.result(model, f"{model['title']} is ready.", as_json=as_json)
    return DONE


async def _verify(name: str | None, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        present = [m["name"] for m in await client.models() if m["state"] in {"ready", "corrupt"}]
        checked = []
        for one in present if name is None else [name]:
            console.status(f"Reading {one}")
            checked.append(await client.verify(one))
    if as_json:
        console.json({"models": checked})
    else:
        lines = [_verdict(model) for model in checked]
        console.line("\n".join(lines) if lines else "No model is on this computer yet.")
    return NO_MACHINE if any(model["state"] != "ready" for model in checked) else DONE


def _verdict(model: ModelView) -> str:
    if model["state"] == "ready":
        return f"{model['name']}: correct (sha256 {model['sha256']})"
    return (
        f"{model['name']}: {model['problem'] or model['state']} Download it again: ./tlfif model pull {model['name']}"
    )
