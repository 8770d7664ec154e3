"""Very long prompts and very many conversations: what is drawn does not grow with them. Counts of work, not times."""

from dataclasses import replace

import pytest

from tests.fakes.gui import Desk
from tests.gui.seat import Seat
from tlfif.gui.look.theme import Look
from tlfif.gui.model import messages
from tlfif.gui.model.state import Conversation, Exchange
from tlfif.gui.views.answer_renderer import LONGEST
from tlfif.gui.views.composer_view import WRAPPED
from tlfif.gui.views.table_columns import fitting
from tlfif.history.listing import ConversationSummary


def longest_line(text: str) -> int:
    return max(map(len, text.split("\n")))


@pytest.mark.parametrize("sign", ["a", "word ", "語", "👨‍👩‍👧"])
def test_a_prompt_in_one_giant_line_is_drawn_in_short_ones_and_copied_as_it_was(
    seat: Seat, desk: Desk, sign: str
) -> None:
    prompt = (sign * 50_000).strip()
    composer, conversation = seat.window.chat.composer, seat.window.chat.conversation
    composer.text.insert("1.0", prompt)
    seat.settle()
    assert str(composer.text.cget("wrap")) == "none"  # wrapping it takes Tk a minute
    seat.focus(composer.text)
    seat.key("<Control-Return>")
    seat.wait(lambda: conversation.is_drawn and desk.core.state.conversation.exchanges, "the prompt is drawn")
    assert longest_line(conversation.text.get("1.0", "end")) <= LONGEST
    assert conversation._renderer.original("1.0", "end").split("\n")[1] == prompt
    assert all(line.endswith(sign.strip()) for line in conversation.text.get("2.0", "12.0").split() if sign != "word ")
    assert str(composer.text.cget("wrap")) == "word"


def test_an_ordinary_line_is_wrapped(seat: Seat) -> None:
    box = seat.window.chat.composer.text
    box.insert("1.0", "a" * WRAPPED)
    seat.settle()
    assert str(box.cget("wrap")) == "word"


@pytest.mark.requirement("1.4.8")
def test_of_five_thousand_conversations_those_in_sight_are_measured_and_drawn(
    seat: Seat, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = seat.window.chat.history.list
    found = tuple(
        ConversationSummary(id=f"c{n}", title=f"Title {n}", created_at=1.0, updated_at=1.0, exchanges=1)
        for n in range(5000)
    )
    measured: list[str] = []

    def counted(line: str, space: int, look: Look, name: str) -> str:
        measured.append(line)
        return fitting(line, space, look, name)

    monkeypatch.setattr("tlfif.gui.views.conversation_rows.fitting", counted)

    def show(*found: ConversationSummary) -> tuple[int, int]:
        """How many lines were measured, and how many things are drawn."""
        measured.clear()
        desk.say(messages.ConversationsListed(query="", found=found))
        seat.settle()
        return len(measured), len(rows.canvas.find_withtag("row"))

    lines, drawn = show(*found)
    assert len(rows.rows) == 5001
    assert 3 < lines < 40
    assert drawn < 60
    assert show(replace(found[4000], exchanges=2), *found[:4000], *found[4001:])[0] == 2, "an answer has ended"
    seat.focus(rows.canvas)
    measured.clear()
    seat.key("<End>")
    assert rows.cursor == "c4999"
    assert len(measured) < 40
    assert len(rows.canvas.find_withtag("row")) < 60


def test_a_long_prompt_counts_for_what_is_drawn_in_one_step(seat: Seat) -> None:
    exchanges = tuple(
        Exchange(id=f"e{n}", conversation_id="c", key=f"k{n}", prompt="word " * 2000, asked_at=1.0) for n in range(5)
    )
    core, old = seat.window.core, seat.window.core.state
    core.state = replace(old, conversation=Conversation(id="c", exchanges=exchanges))
    seat.window.render(old, core.state)
    assert len(seat.window.chat.conversation._drawn) == 1
    seat.wait(lambda: seat.window.chat.conversation.is_drawn, "all is drawn")
