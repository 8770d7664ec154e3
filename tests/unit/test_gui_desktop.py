"""Notices and file dialogs of the system: which command shows them, and when."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.gui import Desk, accepted, event, machine_view
from tlfif.gui.desktop.file_dialogs import dialog_command
from tlfif.gui.desktop.system_notices import notice_command
from tlfif.gui.model import commands, intents, messages
from tlfif.jobs.events import EventKind


def only(*names: str) -> Callable[[str], str | None]:
    return lambda name: f"/usr/bin/{name}" if name in names else None


@pytest.mark.parametrize(
    ("system", "programs", "begin"),
    [
        ("linux", ("notify-send", "gdbus"), ["notify-send", "--app-name", "TL-FIF", "TL-FIF", "Ready"]),
        ("linux", ("gdbus",), ["gdbus", "call", "--session"]),
        ("linux", (), []),
        ("darwin", (), ["/usr/bin/osascript", "-e", 'display notification "Ready" with title "TL-FIF"']),
        ("win32", (), ["powershell.exe", "-NoProfile"]),
    ],
)
def test_each_system_has_a_program_for_notices(system: str, programs: tuple[str, ...], begin: list[str]) -> None:
    command = notice_command("Ready", system=system, which=only(*programs))
    assert command[: len(begin)] == begin
    assert bool(command) == bool(begin)
    assert not command or any("Ready" in part for part in command)


def test_a_text_is_never_taken_for_part_of_the_command() -> None:
    assert notice_command('a"b\\', system="darwin")[2] == 'display notification "a\\"b\\\\" with title "TL-FIF"'
    assert "'it''s'" in notice_command("it's", system="win32")[-1]


@pytest.mark.requirement("1.4.15")
@pytest.mark.parametrize(
    ("programs", "save", "wanted"),
    [
        (("zenity", "kdialog"), True, ["zenity", "--save", "--filename=/home/ada/a.md"]),
        (("zenity",), False, ["zenity", "--multiple", "--filename=/home/ada/"]),
        (("kdialog",), True, ["kdialog", "--getsavefilename", "/home/ada/a.md"]),
        (("kdialog",), False, ["kdialog", "--multiple", "--getopenfilename", "/home/ada"]),
        ((), True, []),
    ],
)
def test_the_system_s_own_dialog_where_there_is_one(programs: tuple[str, ...], save: bool, wanted: list[str]) -> None:
    start = Path("/home/ada/a.md" if save else "/home/ada")
    command = dialog_command(save=save, title="Title", start=start, system="linux", which=only(*programs))
    assert [part for part in command if part in wanted] == wanted
    assert dialog_command(save=save, title="Title", start=start, system="win32", which=only(*programs)) == []


def away() -> Desk:
    """Somebody asked and went to another program."""
    desk = Desk()
    desk.hear("off")
    desk.core.press(intents.Send("A secret?"))
    desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted()))
    desk.core.press(intents.WindowLookedAt(False))
    return desk


def told(desk: Desk) -> list[str]:
    return [one.text for one in desk.bridge.all(commands.TellSystem)]


@pytest.mark.requirement("1.4.14")
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (EventKind.SUCCEEDED, ["An answer is ready."]),
        (EventKind.FAILED, ["An answer failed."]),
        (EventKind.CANCELLED, []),
        (EventKind.STARTED, []),
    ],
)
def test_an_answer_is_told_where_nobody_looks_and_without_a_word_of_it(kind: EventKind, says: list[str]) -> None:
    desk = away()
    desk.say(messages.MachineUpdated(machine=machine_view("loading")))
    desk.say(messages.MachineUpdated(machine=machine_view("ready")))
    desk.say(messages.AnswerProgressed(exchange_id=desk.last.id, event=event(2, kind)))
    assert told(desk) == says


@pytest.mark.requirement("1.4.14")
def test_a_machine_is_told_once_and_nothing_to_who_looks_or_does_not_want_it() -> None:
    desk = Desk()
    desk.hear("launching")
    desk.core.press(intents.WindowLookedAt(False))
    for state in ("loading", "ready", "ready"):
        desk.say(messages.MachineUpdated(machine=machine_view(state)))
    assert told(desk) == ["The machine is ready."]
    desk = away()
    desk.core.press(intents.WindowLookedAt(True))
    desk.say(messages.AnswerProgressed(exchange_id=desk.last.id, event=event(2, EventKind.SUCCEEDED)))
    assert told(desk) == []
    desk = away()
    values = desk.core.state.settings.values
    desk.core.press(intents.ChangeSettings(replace(values, notify=False)))
    desk.say(messages.AnswerProgressed(exchange_id=desk.last.id, event=event(2, EventKind.SUCCEEDED)))
    assert told(desk) == []
