"""``tlfif image``: build, watch, approve, promote and roll back machine images."""

import argparse
import asyncio
import time
from pathlib import Path

from tlfif.cli.arguments import add_json, page_limit
from tlfif.cli.connection import local_server, open_client
from tlfif.cli.exit_codes import DONE, INTERRUPTED, USAGE
from tlfif.cli.following_images import POLL_SECONDS, REMOTE_POLL_SECONDS, ImageFollower, follow_one, follow_watch
from tlfif.cli.interrupts import Interrupts, swallow_cancellation
from tlfif.cli.output.console import Console
from tlfif.cli.output.image_report import end_text, image_text, list_text, log_line, retirement_report
from tlfif.cli.output.progress import agreed
from tlfif.client.tlfif_client import TlfifClient
from tlfif.images.refusals import nothing_kept
from tlfif.images.requests import (
    USUAL_BRANCH,
    check_branch,
    check_commit,
    check_keep_minutes,
    check_repository,
    check_version,
)
from tlfif.kernel.errors import ConflictError, ImageError, InvalidInputError
from tlfif.wire.images import ImageList, ImageLogLine, ImageView, PointerView
from tlfif.wording.images import (
    NO_WAIT,
    estimate_of,
    estimate_text,
    failure_text,
    keeping_broken_text,
    kept_beside,
    promotion_text,
    rejection_text,
    watch_text,
)

EPILOG = """An image is what a machine starts from: system, engine and model, built from one commit and tested together.
It is built, booted and tested before anybody is asked; it is used only once it is promoted. How the parts fit:
docs/howto/images.md. Exit codes: 0 done, 2 wrong use or not possible now, 4 the build failed or was refused, 5 the
server or the repository cannot be reached, 130 Ctrl-C."""
LOG_WAIT_SECONDS = 10.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = EPILOG
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    _configure_building(actions)
    seen = actions.add_parser("list", help="the images, which one is in use, what keeping them costs")
    seen.add_argument("--limit", metavar="N", default="20", help="1 to 100 (default: 20)")
    add_json(seen)
    for name, what in (
        ("show", "one image: its inputs, its tests, what is in it"),
        ("approve", "say yes to an image that passed its tests; nothing starts from it yet"),
        ("reject", "say no; the image is deleted, its record and log stay; ends what --keep-broken keeps"),
        ("promote", "start machines from an approved image from now on; one that runs goes on"),
    ):
        one = actions.add_parser(name, help=what)
        one.add_argument("version", metavar="VERSION", help="such as v3")
        add_json(one)
    back = actions.add_parser("rollback", help="start machines from the image that was promoted before")
    back.add_argument("--profile", metavar="KIND", help="the kind of image (default: this home's usual one)")
    add_json(back)
    gone = actions.add_parser("retire", help="delete an approved image that nothing needs, for good")
    gone.add_argument("version", metavar="VERSION", help="such as v3")
    gone.add_argument("--dry-run", action="store_true", help="only show what would go, and what the kept ones cost")
    gone.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    add_json(gone)
    logs = actions.add_parser("logs", help="the log of an image's build, boot and test")
    logs.add_argument("version", nargs="?", metavar="VERSION", help="such as v3 (default: the newest)")
    logs.add_argument("--follow", action="store_true", help="go on until nothing more is done to it")
    add_json(logs)


def _configure_building(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    build = actions.add_parser("build", help="build, boot and test an image now, and wait for the result")
    build.add_argument(
        "repository", nargs="?", metavar="PATH|URL", help="a Git repository (default: the one that is followed)"
    )
    build.add_argument("--branch", metavar="B", help=f"build its newest commit (default: {USUAL_BRANCH})")
    build.add_argument(
        "--commit",
        metavar="HASH",
        help="40 digits (default: the newest commit; on AWS the last that a push has brought)",
    )
    build.add_argument(
        "--keep-broken",
        metavar="MINUTES",
        help="on AWS: keep the machine on which it fails, to look at it: 1 to 120, at its price (default: end it)",
    )
    build.add_argument("--no-wait", action="store_true", help="only ask for it")
    watch = actions.add_parser("watch", help="build an image of each push to a Git repository, and follow live")
    watch.add_argument(
        "repository", nargs="?", metavar="PATH|URL", help="a folder or an address (default: what is followed already)"
    )
    watch.add_argument("--branch", metavar="B", help=f"the branch to follow (default: {USUAL_BRANCH})")
    watch.add_argument(
        "--yes-promote", action="store_true", help="promote each image that passes its tests, without asking"
    )
    watch.add_argument("--off", action="store_true", help="follow no repository any more")
    for one in (build, watch):
        one.add_argument("--profile", metavar="KIND", help="the kind of image (default: this home's usual one)")
        one.add_argument("--yes", action="store_true", help="do not ask, although a build costs money")
        one.add_argument("-v", "--verbose", action="store_true", help="print each line of the log, too")
        add_json(one)


def run(args: argparse.Namespace, console: Console) -> int:
    """One of the actions; everything is checked before anything is asked of the server."""
    version = getattr(args, "version", None)
    if version is not None:
        check_version(version)
    branch = getattr(args, "branch", None)
    if branch is not None:
        check_branch(branch)
    match args.action:
        case "build":
            commit = check_commit(args.commit.strip().lower()) if args.commit is not None else None
            keep = check_keep_minutes(args.keep_broken) if args.keep_broken is not None else None
            return asyncio.run(_build(args, _repository(args.repository), commit, keep, console))
        case "watch":
            return asyncio.run(_watch(args, _watched(args), console))
        case "list":
            return asyncio.run(_list(page_limit(args.limit), console, as_json=args.json))
        case "show":
            return asyncio.run(_show(args.version, console, as_json=args.json))
        case "retire":
            return asyncio.run(_retire(args, console))
        case "logs":
            return asyncio.run(_logs(args, console))
        case _:
            return asyncio.run(_decide(args, console))


def _repository(text: str | None) -> str | None:
    """A folder by its whole path, because the server works in another one; an address as it is."""
    if text is None:
        return None
    is_address = "://" in text or ("@" in text and ":" in text and not Path(text).exists())
    name = text if is_address or not text.strip() else str(Path(text).expanduser().absolute())
    return check_repository(name, folders=True)


def _watched(args: argparse.Namespace) -> str | None:
    given = [args.branch, args.profile, args.yes_promote or None]
    if args.off and (args.repository is not None or any(given)):
        raise InvalidInputError("--off stands alone.", code="usage")
    if args.repository is None and any(given):
        raise InvalidInputError("Say which repository: ./tlfif image watch PATH", code="usage")
    return _repository(args.repository)


def _here() -> bool:
    return local_server() is not None


def _pause() -> float:
    return POLL_SECONDS if _here() else REMOTE_POLL_SECONDS


def _may_cost(
    args: argparse.Namespace, found: ImageList, question: str, console: Console, *, keep: int | None = None
) -> bool:
    """Name what a build takes and costs; ask where it costs money."""
    estimate = estimate_of(found, args.profile)
    text = estimate_text(estimate)
    if keep is not None and estimate is not None:
        if not estimate["kept_usd_per_hour"]:
            raise nothing_kept()
        text += f" {keeping_broken_text(estimate, keep)}"
        if args.yes:
            console.note(text)
    if estimate is None or not estimate["cost_usd"]:
        console.note(text)
        return True
    return agreed(console, f"{text} {question}", yes=args.yes)


async def _build(
    args: argparse.Namespace, repository: str | None, commit: str | None, keep: int | None, console: Console
) -> int:
    async with open_client() as client:
        found = await client.images()
        if not _may_cost(args, found, "Build one?", console, keep=keep):
            return _not_confirmed(console)
        image = await client.build_image(
            repository=repository, branch=args.branch, commit=commit, profile=args.profile, keep_minutes=keep
        )
        if not args.no_wait:
            follower = ImageFollower(client, console, verbose=args.verbose, known=_without(found, image))
            try:
                with Interrupts():
                    image = await follow_one(client, image["version"], follower, pause=_pause())
            except asyncio.CancelledError:
                swallow_cancellation()
                console.note(f"{image['version']} is built on without you. Its log: ./tlfif image logs --follow")
                return INTERRUPTED
    if not args.no_wait:
        _raise_if_failed(image)
    text = f"{image['version']} {end_text(image)}" if not args.no_wait else f"{image['version']} is asked for."
    console.result(image, text, as_json=args.json)
    return DONE


def _without(found: ImageList, image: ImageView) -> ImageList:
    return {**found, "images": [one for one in found["images"] if one["version"] != image["version"]]}


def _raise_if_failed(image: ImageView) -> None:
    failure = image["failure"]
    if failure is not None:
        raise ImageError(
            f"{image['version']} failed: {failure_text(image)} Its log: ./tlfif image logs {image['version']}",
            code=failure["code"],
        )
    if image["state"] == "superseded":
        raise ImageError(f"{image['version']} gave way to a newer commit before its turn.", code="image_superseded")


async def _watch(args: argparse.Namespace, repository: str | None, console: Console) -> int:
    async with open_client() as client:
        if args.off:
            ended = await client.leave_repository()
            was = ended["repository"]
            text = "No repository was followed." if was is None else f"{was} is followed no more. Its images stay."
            console.result(ended, text, as_json=args.json)
            return DONE
        found = await client.images()
        watch = found["watch"]
        if repository is not None:
            if found["follows"]:
                console.note("Its newest commit is built first, then each push that changes what is in an image.")
            if found["follows"] and not _may_cost(args, found, "Follow it?", console):
                return _not_confirmed(console)
            watch = await client.follow_repository(
                repository, branch=args.branch, profile=args.profile, promotes=args.yes_promote
            )
        if watch is None:
            raise InvalidInputError("No repository is followed yet: ./tlfif image watch PATH", code="repository_needed")
        if args.json:
            console.json(watch)
            return DONE
        console.line(watch_text(watch))
        return await _follow(client, found, console, verbose=args.verbose)


async def _follow(client: TlfifClient, known: ImageList, console: Console, *, verbose: bool) -> int:
    console.note("Ctrl-C ends only this view; the repository is followed on.")
    follower = ImageFollower(client, console, verbose=verbose, known=known)
    try:
        with Interrupts():
            await follow_watch(client, follower, console, pause=_pause())
    except asyncio.CancelledError:
        swallow_cancellation()
        console.note("The repository is still followed. To end that: ./tlfif image watch --off")
        return INTERRUPTED
    console.note("The repository is followed no more.")
    return DONE


def _not_confirmed(console: Console) -> int:
    console.note("Not confirmed. Nothing was changed.")
    return USAGE


async def _list(limit: int, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        found = await client.images(limit=limit)
    console.result(found, list_text(found, now=time.time(), here=_here()), as_json=as_json)
    return DONE


async def _show(version: str, console: Console, *, as_json: bool) -> int:
    async with open_client() as client:
        found = await client.image(version)
    console.result(found, image_text(found, now=time.time()), as_json=as_json)
    return DONE


async def _decide(args: argparse.Namespace, console: Console) -> int:
    """Approve, reject, promote or roll back."""
    result: ImageView | PointerView
    async with open_client() as client:
        if args.action == "approve":
            result = await client.decide_on_image(args.version, "approve")
            promote = f"./tlfif image promote {args.version}"
            text = f"{args.version} is approved. Nothing starts from it until it is promoted: {promote}"
        elif args.action == "reject":
            image = (await client.image(args.version))["image"]
            result = await client.decide_on_image(args.version, "reject")
            text = (
                rejection_text(image)
                if image["kept_until"] is None
                else f"The machine on which {args.version} failed is being ended."
            )
        elif args.action == "promote":
            result = await client.promote_image(args.version)
            text = f"{promotion_text(args.version, None)} To go back: ./tlfif image rollback"
        else:
            result = await client.roll_back_image(profile=args.profile)
            text = f"Machines start from {result['version']} again. {NO_WAIT}"
    console.result(result, text, as_json=args.json)
    return DONE


async def _retire(args: argparse.Namespace, console: Console) -> int:
    async with open_client() as client:
        found = await client.images()
        image = (await client.image(args.version))["image"]
        report = retirement_report(image, found)
        if args.dry_run:
            console.result({"image": image, "kept": kept_beside(image, found)}, report, as_json=args.json)
            return DONE
        if image["in_use"]:
            raise ConflictError(
                f"{args.version} is kept: machines start from it. Promote another one first (./tlfif image promote "
                "VERSION). Nothing was changed.",
                code="image_in_use",
            )
        if not agreed(console, f"{report}\nDelete {args.version}?", yes=args.yes or image["state"] == "retired"):
            return _not_confirmed(console)
        image = await client.decide_on_image(args.version, "retire")
    console.result(image, f"{args.version} is being deleted. ./tlfif image list shows what is kept.", as_json=args.json)
    return DONE


async def _logs(args: argparse.Namespace, console: Console) -> int:
    """The log so far, or until nothing more is done to the image; for programs as one object."""
    lines: list[ImageLogLine] = []
    async with open_client() as client:
        version = args.version or await _newest(client)
        log = await client.image_log(version)
        while True:
            lines += log["lines"]
            if not args.json:
                for line in log["lines"]:
                    console.line(log_line(line))
            if log["ended"] or not (log["lines"] or args.follow):
                break
            log = await client.image_log(version, after=log["last"], wait=LOG_WAIT_SECONDS if args.follow else 0)
    if args.json:
        console.json({**log, "lines": lines})
    elif not lines:
        console.note(f"The log of {version} is empty.")
    return DONE


async def _newest(client: TlfifClient) -> str:
    images = (await client.images(limit=1))["images"]
    if not images:
        raise InvalidInputError("There is no image yet. To build one: ./tlfif image build PATH", code="image_not_found")
    return images[0]["version"]
