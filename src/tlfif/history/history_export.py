"""A conversation as a file for people (Markdown) or for programs (JSON)."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tlfif.history.branches import path_to
from tlfif.history.kept import KeptConversation, KeptExchange
from tlfif.history.titles import title_of
from tlfif.kernel.errors import StorageError


def write_export(conversation: KeptConversation, path: Path) -> None:
    """Write to ``path``: JSON where its name ends in ``.json``, Markdown otherwise. Raises StorageError."""
    text = as_json(conversation) if path.suffix.casefold() == ".json" else as_markdown(conversation)
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StorageError(
            f"The conversation could not be written to {path} ({error.strerror or error}). Choose another place.",
            code="storage_failed",
        ) from error


def as_json(conversation: KeptConversation) -> str:
    """All that is kept, times as epoch seconds."""
    kept = {name: value for name, value in asdict(conversation).items() if name != "earlier"}
    return json.dumps(kept, ensure_ascii=False, indent=2) + "\n"


def as_markdown(conversation: KeptConversation) -> str:
    """Prompts as quotations, answers as they are, receipts in italics."""
    parts = [f"# {conversation.title}", f"{_day(conversation.created_at)} to {_day(conversation.updated_at)}"]
    shown, others = branches_of(conversation)
    for one in shown:
        parts += _exchange(one)
    prompts = {one.id: title_of(one.prompt) for one in conversation.exchanges}
    for one in others:
        after = prompts.get(one.follows or "")
        parts.append(f"# Another branch, after “{after}”" if after else "# Another branch, from the beginning")
        parts += _exchange(one)
    return "\n\n".join(parts) + "\n"


def branches_of(conversation: KeptConversation) -> tuple[list[KeptExchange], list[KeptExchange]]:
    """The exchanges of the branch that is shown, and the others, each the oldest first."""
    everything = {one.id: one for one in conversation.exchanges}
    tip = conversation.tip if conversation.tip in everything else next(reversed(everything), "")
    path = path_to({name: one.follows for name, one in everything.items()}, tip or "")
    return [everything[name] for name in path], [one for name, one in everything.items() if name not in path]


def _exchange(one: KeptExchange) -> list[str]:
    parts = [f"## Prompt, {_day(one.asked_at)}", "\n".join(f"> {line}" for line in one.prompt.splitlines())]
    if one.reasoning:
        parts += ["## Thinking, before the answer", one.reasoning]
    parts.append("## Answer")
    parts.append(one.answer if one.answer.strip() else "(none)")
    if one.status != "succeeded":
        parts.append(f"*{one.status}{': ' + one.note if one.note else ''}*")
    if one.receipt:
        parts.append(f"*{one.receipt}*")
    if one.cost:
        parts.append(f"*{one.cost}*")
    return parts


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
