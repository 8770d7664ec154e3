"""Verdicts on this computer: from facts to findings. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tlfif.doctor import checks
from tlfif.doctor.checks import Finding, State, finding
from tlfif.doctor.surprises import Fact, past_date

OLDEST_PYTHON, FIRST_UNTRIED_PYTHON = (3, 11), (3, 15)
"""As in pyproject.toml's ``requires-python``."""
GB = 1_000_000_000
TIGHT_BYTES = 1 * GB
"""The model has 0.67 GB; with less, its download fails half-way."""
FULL_BYTES = GB // 5
"""With less, prompts and answers may not be stored."""
CLOCK_NOTICED_SECONDS = 60.0
CLOCK_REFUSED_SECONDS = 300.0
"""AWS refuses a signed request whose time is off by more than five minutes (Signature Version 4)."""
JUMP_SECONDS = 120.0
"""Network time corrects less without anybody noticing."""
JUMPS_DAYS = 30
OLD_PRICE_DAYS = 90
FACTS_NAMED = 3
"""Of those that are past their date; all are in docs/surprises."""


def python_version(version: tuple[int, int, int]) -> Finding:
    """The Python that runs this program."""
    found = f"Python {'.'.join(map(str, version))} runs this."
    wanted = "3.11 to 3.14"
    if version[:2] < OLDEST_PYTHON:
        return checks.PYTHON.fail(
            f"{found} TL-FIF needs {wanted}.",
            "Install Python 3.12 from python.org (free, some minutes), delete the folder .venv, and start "
            "./tlfif again.",
        )
    if version[:2] >= FIRST_UNTRIED_PYTHON:
        return checks.PYTHON.warn(
            f"{found} TL-FIF was tried with {wanted}.",
            "Install Python 3.12 from python.org beside it (free), delete the folder .venv, and start ./tlfif again.",
        )
    return checks.PYTHON.ok(found)


def settings(misspelt: Sequence[str]) -> Finding:
    """Environment variables that look like settings of TL-FIF and are none, one sentence each."""
    if misspelt:
        return checks.SETTINGS.fail(
            " ".join(misspelt),
            "Correct or unset the variable: until then no command runs, because it would not do what was meant. "
            "Costs nothing.",
        )
    return checks.SETTINGS.ok("No setting is misspelt.")


def folder(path: str, *, exists: bool, problem: str, refused: str = "") -> Finding:
    """The folder of all state. ``problem``: the system's words when a file could not be written; empty: it could.
    ``refused``: why TL-FIF uses it for nothing; empty: it does."""
    if refused:
        return checks.FOLDER.fail(refused, "Do as it says; costs nothing.")
    if problem:
        return checks.FOLDER.fail(
            f"Nothing can be written in {path} ({problem}).",
            "Correct the folder's permissions, or set TLFIF_HOME to another folder. Costs nothing.",
        )
    if not exists:
        return checks.FOLDER.ok(f"{path} will be made at the first question.")
    return checks.FOLDER.ok(f"{path} can be written.")


def api_token(*, mode: int | None, trusted: bool) -> Finding:
    """``mode``: the access rights of the file; None if there is none, or the system has no such rights. ``trusted``:
    what is in it is a token, and nobody else can have put it there."""
    if mode is None:
        return checks.TOKEN.ok("Made when the server first starts, readable by your user only.")
    if not trusted:
        return checks.TOKEN.warn(
            f"What is in the file api-token (mode {mode:04o}) is no token, or other users may have written it; it is "
            "not used.",
            "Nothing: the server writes it anew, within seconds where it runs, otherwise at its next start.",
        )
    if mode & 0o077:
        return checks.TOKEN.warn(
            f"Other users may read the file api-token (mode {mode:04o}), and with it every prompt.",
            "Run ./tlfif serve --stop; the next start makes it private. Where somebody else may have read it, delete "
            "the file before: a new token is made. Costs nothing.",
        )
    return checks.TOKEN.ok(f"Only your user can read it (mode {mode:04o}).")


def database(*, exists: bool, damage: str, refused: str = "") -> Finding:
    """``damage``: the first that was found, in SQLite's words; empty if none was. ``refused``: why the server does not
    take a file that is whole; empty where it does."""
    if not exists:
        return checks.DATABASE.ok("Made at the first question.")
    if damage:
        return checks.DATABASE.fail(
            f"tlfif.db is damaged ({damage[:200]}).",
            "./tlfif doctor --set-aside-database keeps it under another name and goes on with a new one. Waiting "
            "prompts, old answers, the month's sum and the budget stay in the old file; past conversations in the "
            "window are kept elsewhere. Costs nothing.",
        )
    if refused:
        return checks.DATABASE.fail(refused, "Do as it says; costs nothing.")
    return checks.DATABASE.ok("SQLite finds no damage.")


def job_store(*, server: str = "", refused: str = "", may_lose: str = "") -> Finding:
    """``server``: what keeps jobs instead of the file, with its version and settings; ``refused``: why it cannot.
    ``may_lose``: what it may lose of that, as a sentence; empty for nothing."""
    if refused:
        return checks.STORE.fail(
            refused,
            "Do as it says, or unset TLFIF_STORE_URL: then jobs are kept in a file here, and those in the server wait "
            "there. Costs nothing.",
        )
    if not server:
        return checks.STORE.ok("The job file. A power failure takes nothing that was accepted.")
    if may_lose:
        return checks.STORE.warn(
            f"{server}. {may_lose}",
            "Set appendonly yes and appendfsync always in the server's redis.conf and restart it: then it loses "
            "nothing, and each prompt waits for its disk. Or leave it, and know it. Costs nothing.",
        )
    return checks.STORE.ok(f"{server}. A power failure takes nothing that was accepted.")


def disk_space(free_bytes: int) -> Finding:
    """Free space on the folder's disk."""
    found = f"{free_bytes / GB:.1f} GB free where TL-FIF's folder is"
    cure = "Delete what you do not need, or set TLFIF_HOME to a folder on a larger disk. Costs nothing."
    if free_bytes < FULL_BYTES:
        return checks.DISK.fail(f"{found}: prompts and answers may not be storable.", cure)
    if free_bytes < TIGHT_BYTES:
        return checks.DISK.warn(f"{found}: too little to fetch a model of 0.67 GB.", cure)
    return checks.DISK.ok(f"{found}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFact:
    """One model as ``tlfif model list`` knows it: ``state`` is ready, absent, pulling or corrupt."""

    name: str
    state: str
    problem: str = ""
    is_default: bool = False


def models(found: Sequence[ModelFact]) -> Finding:
    """The model files of this computer's machine."""
    ready = [one.name for one in found if one.state == "ready"]
    corrupt = [one for one in found if one.state == "corrupt"]
    if corrupt:
        named = "; ".join(f"{one.name}: {one.problem or 'not the pinned file'}" for one in corrupt)
        return finding(
            checks.MODELS,
            State.WARN if ready else State.FAIL,
            f"Damaged, and not used: {named}",
            f"Fetch it anew: ./tlfif model pull {corrupt[0].name} --force (free; minutes, by your connection).",
        )
    if not ready:
        default = next((one.name for one in found if one.is_default), "tinyllama")
        return checks.MODELS.warn(
            "No model is on this computer yet. The first question fetches one; AWS's machines bring their own.",
            f"To fetch it now: ./tlfif model pull {default} (0.67 GB, free; minutes, by your connection).",
        )
    return checks.MODELS.ok(f"Ready, of the right size: {', '.join(ready)}.")


def server(*, url: str | None, locked: bool, log: str) -> Finding:
    """The background server. Not running is no fault: the next prompt starts it."""
    if url is not None:
        return checks.SERVER.ok(f"Runs and answers at {url}.")
    if locked:
        return checks.SERVER.fail(
            "A server holds the folder but does not answer.",
            f"End it: ./tlfif serve --stop. If it stays, look into {log}. Waiting prompts are kept; costs nothing.",
        )
    return checks.SERVER.ok("Not running; the next question starts it.")


def window(reason: str) -> Finding:
    """``reason``: why no window can be opened, in the window's own words; empty if one can."""
    if not reason:
        return checks.WINDOW.ok("tkinter and a screen are there.")
    return checks.WINDOW.warn(
        " ".join(reason.split("\n\n")[0].split()),
        "The command line does everything the window does. ./tlfif gui says what to install (free).",
    )


def loopback(*, problem: str, taken: Sequence[int], ports: Sequence[int]) -> Finding:
    """Connections inside this computer. ``taken``: which of the sign-in's ``ports`` are in use."""
    if problem:
        return checks.LOOPBACK.fail(
            f"127.0.0.1 does not work here ({problem}).",
            "A firewall or security program blocks connections inside this computer. Allow Python there; it is free.",
        )
    if ports and len(taken) == len(ports):
        return checks.LOOPBACK.warn(
            f"127.0.0.1 works, but all ports of the sign-in are taken: {', '.join(map(str, ports))}.",
            "End a program that uses one of them before ./tlfif login. Costs nothing.",
        )
    free = len(ports) - len(taken)
    return checks.LOOPBACK.ok(f"127.0.0.1 works; {free} of the sign-in's {len(ports)} ports are free.")


def way_out(*, proxy: str, problem: str, aws_knows_it: bool) -> Finding:
    """``proxy``: the one on the way out and the variable that names it, empty without one. ``problem``: why nothing can
    go out; empty if it can. ``aws_knows_it``: whether AWS's library can use that proxy."""
    if problem:
        return checks.WAY_OUT.fail(
            f"Nothing can be fetched and no home on AWS reached: {problem}.",
            "Do as it says, then ./tlfif serve --stop, so that the server starts with it. Costs nothing. A model that "
            "is here answers meanwhile.",
        )
    if proxy and not aws_knows_it:
        return checks.WAY_OUT.warn(
            f"What is fetched goes through the proxy {proxy}; deploy and destroy cannot: AWS's library knows no SOCKS.",
            "Set HTTPS_PROXY to an http:// proxy before ./tlfif deploy, or unset it. Costs nothing.",
        )
    return checks.WAY_OUT.ok(f"Through the proxy {proxy}." if proxy else "No proxy is set.")


def clock(skew_seconds: float) -> Finding:
    """``skew_seconds``: this computer's clock minus AWS's."""
    size = abs(skew_seconds)
    found = f"{size:.0f} s {'ahead of' if skew_seconds > 0 else 'behind'} AWS's clock (Date header of its answer)"
    cure = "Let the system set its clock by itself (date and time settings: automatically). Costs nothing."
    if size > CLOCK_REFUSED_SECONDS:
        return checks.CLOCK.fail(f"{found}: AWS refuses what is over 300 s off.", cure)
    if size > CLOCK_NOTICED_SECONDS:
        return checks.CLOCK.warn(f"{found}; from 300 s on AWS refuses everything.", cure)
    return checks.CLOCK.ok(f"{found}.")


def clock_jumps(jumps: Sequence[tuple[datetime, float]], now: datetime) -> Finding:
    """``jumps``: when the wall clock was set while TL-FIF worked, and by how many seconds (negative: back)."""
    large = [
        (at, seconds) for at, seconds in jumps if abs(seconds) > JUMP_SECONDS and abs((now - at).days) <= JUMPS_DAYS
    ]
    if not large:
        return checks.CLOCK_JUMPS.ok(f"It did not jump while TL-FIF worked (looked back {JUMPS_DAYS} days).")
    at, seconds = large[-1]
    hours, minutes = divmod(round(abs(seconds) / 60), 60)
    times = "once" if len(large) == 1 else f"{len(large)} times, the last time"
    return checks.CLOCK_JUMPS.warn(
        f"This computer's clock was set by more than {JUMP_SECONDS / 60:.0f} minutes {times} on {at:%d %b %Y, %H:%M}: "
        f"{hours} h {minutes} min {'ahead' if seconds > 0 else 'back'}. Waiting, idle time and cost were counted "
        "without the jump; days and months before it may be wrong.",
        "Let the system set its clock by itself (date and time settings: automatically). Costs nothing.",
    )


def price_book(read: date, today: date, region: str) -> Finding:
    """``read``: the date of the hourly price of the machine type that is tried first in ``region``."""
    days = max(0, (today - read).days)
    found = f"The price of a machine in {region} is from {read.isoformat()}, {days} days ago (./tlfif cost prices)"
    if days > OLD_PRICE_DAYS:
        return checks.PRICES.warn(
            f"{found}; AWS may ask something else by now.",
            "Run ./tlfif cost prices --refresh (free, no account needed, up to some minutes).",
        )
    return checks.PRICES.ok(f"{found}.")


def facts(known: Sequence[Fact], today: date) -> Finding:
    """Whether something that this version takes for true must be checked again."""
    due = past_date(known, today)
    newest = max((one.checked for one in known), default=today)
    if not due:
        return checks.FACTS.ok(
            f"{len(known)} facts of AWS and the engines, the newest checked on {newest.isoformat()}."
        )
    named = "; ".join(f"“{one.name}” (checked on {one.checked.isoformat()})" for one in due[:FACTS_NAMED])
    more = f"; and {len(due) - FACTS_NAMED} more" if len(due) > FACTS_NAMED else ""
    return checks.FACTS.warn(
        f"{len(due)} of {len(known)} facts are past their date, so they may not be true any more: {named}{more}.",
        "Bring TL-FIF up to date: a newer version has looked again. Until then look yourself, as docs/surprises says "
        "for each (free, some minutes).",
    )


def profile(*, active: str, region: str | None, problem: str) -> Finding:
    """What commands talk to. ``region``: of the home on AWS; None if there is none."""
    if problem:
        return checks.PROFILE.fail(problem, "Do as it says; costs nothing.")
    if region is None:
        return checks.PROFILE.ok("Commands talk to this computer; there is no home on AWS yet.")
    where = f"the home on AWS in {region}" if active == "aws" else "this computer"
    return checks.PROFILE.ok(f"Commands talk to {where}; the home on AWS is in {region}.")


def sign_in(*, has_home: bool, active: bool, who: str | None, problem: str) -> Finding:
    """``who``: the signed-in person's name; None if nobody is. ``active``: commands talk to AWS now."""
    if not has_home:
        return checks.SIGN_IN.ok("Not needed: there is no home on AWS yet.")
    if problem:
        return checks.SIGN_IN.warn(problem, "Unlock the keyring, then look again. Costs nothing.")
    if who is None:
        return finding(
            checks.SIGN_IN,
            State.FAIL if active else State.WARN,
            "Nobody is signed in to the home on AWS here.",
            "Run ./tlfif login: your browser opens, one minute, costs nothing.",
        )
    return checks.SIGN_IN.ok(f"Signed in{' as ' + who if who else ''}.")


def token_storage(*, keyring: str | None, has_home: bool) -> Finding:
    """``keyring``: the name of the system's keyring; None if there is none that keeps secrets."""
    if keyring is not None:
        return checks.TOKEN_STORAGE.ok(f"In the system's keyring ({keyring}).")
    if not has_home:
        return checks.TOKEN_STORAGE.ok("No keyring here; a sign-in would go to a private file.")
    return checks.TOKEN_STORAGE.warn(
        "No keyring here: the sign-in is in the file sign-in.json, which only your user can read.",
        "Install a keyring (Debian, Ubuntu: sudo apt install gnome-keyring; free), then ./tlfif login again. See also "
        "docs/howto/sign-in.md.",
    )
