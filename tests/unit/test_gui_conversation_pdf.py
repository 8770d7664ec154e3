"""A conversation as PDF: the branch that is shown, its links, and a word about what could not be drawn."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.test_gui_history_panel import conversation, kept
from tlfif.gui.conversation_pdf import _Page, write_pdf
from tlfif.kernel.errors import StorageError

ANSWER = """# Title

See [the manual](https://docs.example.org/start), **bold** and `code`.

- one
  - deep
- שלום (x)

```python
print("hi")
```

| a | b |
|---|---|
| 1 | 2 |
"""


@pytest.mark.requirement("1.4.15")
def test_a_conversation_is_written_with_everything_that_an_answer_can_have(tmp_path: Path) -> None:
    whole = conversation(kept(answer=ANSWER), kept("x2", prompt="Long\n" * 200, answer="中文"))
    path = tmp_path / "talk.pdf"
    write_pdf(whole, path)
    data = path.read_bytes()
    assert data.startswith(b"%PDF-")
    assert data.count(b"/Type /Page\n") > 3
    assert b"https://docs.example.org/start" in data
    with pytest.raises(StorageError, match="another place"):
        write_pdf(whole, tmp_path / "none" / "talk.pdf")


def test_only_the_branch_that_is_shown_is_in_it(tmp_path: Path) -> None:
    first, second = kept(), replace(kept("x2", prompt="Long\n" * 300), follows=None)
    whole = replace(conversation(first), exchanges=(first, second), tip="x1")
    write_pdf(whole, tmp_path / "one.pdf")
    assert (tmp_path / "one.pdf").read_bytes().count(b"/Type /Page\n") == 1


def test_signs_that_cannot_be_drawn_are_boxes_and_counted() -> None:
    page = _Page()
    page._font("DejaVu", "", 10.0)
    assert page._known("中a文é∑ש") == "\u25a1a\u25a1é∑ש"
    assert page._unknown == 2
