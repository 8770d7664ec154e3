"""Very long prompts and very many conversations: what is drawn does not grow with them. Counts of work, not times."""

from dataclasses import replace

import pytest

from tests.fakes.gui import Desk
from tests.gui.seat import Seat
from tlfif.gui.model.state import Conversation, Exchange
from tlfif.gui.views.answer_renderer import LONGEST
from tlfif.gui.views.composer_view import WRAPPED
from tlfif.history.history import ConversationSummary


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


def test_only_the_rows_that_differ_are_written_anew(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    view = seat.window.chat.history
    summaries = [
        ConversationSummary(id=f"c{n}", title=f"Title {n}", created_at=1.0, updated_at=1.0, exchanges=1)
        for n in range(200)
    ]

    def show(found: list[ConversationSummary]) -> list[tuple[str, str]]:
        measured: list[tuple[str, str]] = []
        text = view._text

        def counted(lines: tuple[str, str]) -> str:
            measured.append(lines)
            return text(lines)

        with monkeypatch.context() as patch:
            patch.setattr(view, "_text", counted)
            core, old = seat.window.core, seat.window.core.state
            core.state = replace(old, history=replace(old.history, found=tuple(found)))
            seat.window.render(old, core.state)
        assert list(view.tree.get_children()) == [one.id for one in found]
        return measured

    assert len(show(summaries)) == 200
    assert show(list(summaries)) == []
    newest = replace(summaries[150], exchanges=2)
    assert len(show([newest, *summaries[:150], *summaries[151:]])) == 1  # an answer has ended
    assert show(summaries[1:150]) == []  # one is deleted, others are no longer found
    assert len(show([summaries[0], *summaries[60:80], replace(summaries[5], title="Another")])) == 2
    assert len(show(summaries[::-1])) == 179  # 178 new ones, and the old title


def test_a_long_prompt_counts_for_what_is_drawn_in_one_step(seat: Seat) -> None:
    exchanges = tuple(
        Exchange(id=f"e{n}", conversation_id="c", key=f"k{n}", prompt="word " * 2000, asked_at=1.0) for n in range(5)
    )
    core, old = seat.window.core, seat.window.core.state
    core.state = replace(old, conversation=Conversation(id="c", exchanges=exchanges))
    seat.window.render(old, core.state)
    assert len(seat.window.chat.conversation._drawn) == 1
    seat.wait(lambda: seat.window.chat.conversation.is_drawn, "all is drawn")
