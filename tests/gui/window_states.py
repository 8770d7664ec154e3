"""States of the window that are worth looking at, each made by what a person and the server do, without a server.

``dev/window_sheet.py`` draws all of them, ``test_pictures.py`` compares some. To add one: a function of the desk with
its name in :data:`STATES`.
"""

from collections.abc import Callable
from dataclasses import replace

from tests.fakes.clock import FakeClock
from tests.fakes.gui import Desk, accepted, cost_view, event, job_view, machine_view, model_view, receipt_view, share
from tests.fakes.image_views import image_list, image_view
from tlfif.client.errors import NotReachableError
from tlfif.gui.model import intents, messages
from tlfif.gui.model.commands import Ask
from tlfif.gui.model.preferences import Persona
from tlfif.history.listing import ConversationSummary, Folder
from tlfif.jobs.events import EventKind
from tlfif.kernel.errors import PromptTooLongError

NOON = 1_795_000_000.0
TITLES = (
    "Plan a week of simple dinners", "What is a cloud computer?", "Letter to the landlord", "Fix a list in Python",
    "Holiday in Norway: what to pack, when to go", "Explain compound interest", "Recipe for rye bread",
)  # fmt: skip
ANSWER = """A **cloud computer** is a machine in somebody else's building that you use over the network.

1. You pay for the time that it runs.
2. It is gone when you stop it.

```python
def cost(hours: float, price: float) -> float:
    return round(hours * price, 2)
```

| Machine | Price an hour |
|---|---|
| g4dn.xlarge | 0.6682 USD |
| c7i.xlarge | 0.2318 USD |

For a question now and then it costs a few cents a day."""
PLAIN = (
    "Rent a machine only while you use it: it starts when you ask, answers, and ends itself a few minutes later. What "
    "is kept in between is a file of a few gigabytes, which costs cents a month."
)


PERSONAS = (
    Persona(name="Editor", system="Correct spelling and grammar. Change nothing else.", temperature=0.2),
    Persona(name="Short answers", system="Answer in one sentence."),
)


def first_run(desk: Desk) -> None:
    """Nothing was ever asked."""
    _server(desk, "off", past=False)


def empty(desk: Desk) -> None:
    """A new conversation beside old ones."""
    _server(desk, "off")


def waiting(desk: Desk) -> None:
    """The machine starts for a prompt."""
    _server(desk, "off")
    _ask(desk, "Which months are the driest in Bergen?", machine=machine_view("launching"))
    desk.hear("loading", phase="engine_start", eta_seconds=42.0, queued=1)
    desk.say(messages.AnswerDelayed(exchange_id=desk.last.id, machine=machine_view("loading", eta_seconds=42.0)))


def answering(desk: Desk) -> None:
    """Words come."""
    _server(desk, "ready")
    _ask(desk, "What is a cloud computer?")
    desk.hear("ready", running=1, cost=cost_view(hourly=0.6682))
    desk.say(messages.AnswerExtended(exchange_id=desk.last.id, text=PLAIN[:90], seq=2))


def answered(desk: Desk) -> None:
    """Two exchanges, with code and a table."""
    _server(desk, "ready")
    _answer(desk, "How do I rent a computer for an hour?", PLAIN)
    _answer(desk, "And what is a cloud computer? Show the sum in Python.", ANSWER)
    desk.hear("ready", idle_seconds_left=262.0)


def too_long(desk: Desk) -> None:
    """A prompt that the model cannot hold."""
    _server(desk, "ready")
    _answer(desk, "How do I rent a computer for an hour?", PLAIN)
    _ask(desk, "Summarise this: " + "lorem ipsum dolor sit amet " * 30, take=False)
    told = "The prompt has 2310 tokens; with 512 kept for the answer, this model's limit is 1536. Shorten the prompt."
    for name in [desk.last.id] * 2:  # once more with a shorter conversation
        desk.say(messages.AnswerFailed(exchange_id=name, error=PromptTooLongError(told), accepted=False))


def with_files(desk: Desk) -> None:
    """A prompt with two files, one of them too long."""
    _server(desk, "ready")
    desk.core.press(intents.ChangeSettings(replace(desk.core.state.settings.values, model="smollm2", persona="Editor")))
    desk.say(messages.FileRead(name="minutes-of-the-meeting.txt", size=900, text="A line of text. " * 50))
    desk.say(messages.FileRead(name="report.md", size=90_000, text="A line of text. " * 5000))
    desk.say(messages.FileRead(name="photo.png", size=10))


def failed(desk: Desk) -> None:
    """An answer that broke off."""
    _server(desk, "ready")
    _ask(desk, "Name three uses of it.")
    desk.say(messages.AnswerExtended(exchange_id=desk.last.id, text="There are three uses", seq=2))
    data = {"error_code": "attempts_exhausted", "error_message": "The machine was lost three times."}
    desk.say(messages.AnswerProgressed(exchange_id=desk.last.id, event=event(3, EventKind.FAILED, **data)))
    desk.hear("broken", reason="the engine ended by itself")


def lost(desk: Desk) -> None:
    """No server, and a notice."""
    _server(desk, "off")
    told = "No server answers at 127.0.0.1:8765."
    desk.say(messages.ConnectionFailed(error=NotReachableError(told, code="not_reachable")))
    desk.say(messages.HistoryProblemFound(message="Conversations cannot be kept: the disk is full.", available=False))


def closing(desk: Desk) -> None:
    """The question before the window closes."""
    answered(desk)
    desk.core.press(intents.CloseWindow())


def cost(desk: Desk) -> None:
    """The tab Cost."""
    answered(desk)
    desk.core.press(intents.ShowTab("cost"))


def machine(desk: Desk) -> None:
    """The tab Machine."""
    answered(desk)
    desk.core.press(intents.ShowTab("machine"))


def images(desk: Desk) -> None:
    """The tab Images."""
    answered(desk)
    desk.say(messages.ImagesUpdated(images=image_list(image_view(2), image_view(1, "approved"))))
    desk.core.press(intents.ShowTab("images"))


def settings(desk: Desk) -> None:
    """The tab Settings."""
    answered(desk)
    desk.core.press(intents.ShowTab("settings"))


def arranged(desk: Desk) -> None:
    """Past conversations of every kind: answered now, pinned, in folders, of the command line, archived; one that was
    deleted just now."""
    answered(desk)
    _arranged(desk)
    desk.core.press(intents.DeleteConversation("c2"))
    desk.pass_time(8)


def found(desk: Desk) -> None:
    """A search, and the conversation that it found."""
    answered(desk)
    _arranged(desk)
    desk.core.press(intents.SearchHistory("computer"))
    rows = tuple(
        replace(one, snippet=f"…how a computer would {one.title.lower()}…") for one in desk.core.state.history.found[:4]
    )
    desk.say(messages.ConversationsListed(query="computer", found=rows))
    desk.core.press(intents.OpenConversation(desk.core.state.conversation.id))


STATES: dict[str, Callable[[Desk], None]] = {
    state.__name__: state
    for state in (
        first_run, empty, waiting, answering, answered, too_long, with_files, failed, lost, closing, cost, machine,
        images, settings, arranged, found,
    )
}  # fmt: skip


def desk_in(name: str) -> Desk:
    """A desk in the state of that name, on a fixed day."""
    desk = Desk(clock=FakeClock(NOON))
    STATES[name](desk)
    return desk


def _server(desk: Desk, state: str, *, past: bool = True) -> None:
    desk.hear(state, cost=cost_view(hourly=0.6682), pids={"server": 1, "worker": 22, "engine": 33})
    values = desk.core.state.settings.values
    desk.core.press(intents.ChangeSettings(replace(values, begun=past, personas=PERSONAS)))
    desk.say(messages.ModelsListed(models=(model_view("tinyllama", "absent"), model_view("smollm2"))))
    found = tuple(
        ConversationSummary(
            id=f"c{n}", title=title, created_at=NOON - 5e4 * n, updated_at=NOON - 5e4 * n, exchanges=n + 1
        )
        for n, title in enumerate(TITLES)
    )
    desk.say(messages.ConversationsListed(query="", found=found if past else ()))


def _arranged(desk: Desk) -> None:
    """The list with folders and more."""
    was = {one.id: one for one in desk.core.state.history.found}
    changes: dict[str, dict[str, object]] = {
        "c0": {"running": True}, "c1": {"origin": "command line"}, "c3": {"pinned": True}, "c4": {"folder": "f1"},
        "c5": {"folder": "f1"}, "c6": {"archived": True},
    }  # fmt: skip
    rows = tuple(replace(one, **changes.get(name, {})) for name, one in was.items())  # type: ignore[arg-type]  # by name
    folders = (Folder(id="f1", name="House"), Folder(id="f2", name="Work"))
    desk.say(messages.ConversationsListed(query="", found=rows, folders=folders))


def _ask(desk: Desk, prompt: str, *, machine: object = None, take: bool = True) -> None:
    desk.core.press(intents.Send(prompt))
    assert desk.bridge.last(Ask).prompt == prompt
    if take:
        there = machine or machine_view("ready")
        desk.say(messages.AnswerAccepted(exchange_id=desk.last.id, accepted=accepted(machine=there)))


def _answer(desk: Desk, prompt: str, answer: str) -> None:
    _ask(desk, prompt)
    name = desk.last.id
    desk.say(messages.AnswerExtended(exchange_id=name, text=answer, seq=2))
    ended = event(3, EventKind.SUCCEEDED, receipt=receipt_view(queue_seconds=0.0, first_token_seconds=0.4))
    desk.say(messages.AnswerProgressed(exchange_id=name, event=ended))
    nothing = share(usd=0.0, eur=0.0, working_usd=0.0)
    desk.say(
        messages.AnswerPriced(exchange_id=name, job=job_view(cost=nothing, simulated_aws=share(usd=0.0831, eur=0.0723)))
    )
