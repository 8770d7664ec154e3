"""Files that go along with the next prompt."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.attachments import AttachedFile, why_not_attached
from tlfif.gui.model.commands import ReadFiles
from tlfif.gui.model.messages import FileRead
from tlfif.gui.model.state import WindowState
from tlfif.gui.presenters.returned import without_problem
from tlfif.gui.presenters.step import GuiEvent, Moment, Step


def present_attaching(state: WindowState, event: GuiEvent, _moment: Moment) -> Step:
    """Attached, read, removed."""
    composer = state.composer
    match event:
        case intents.AttachFiles(paths=paths) if paths:
            return Step(replace(state, composer=without_problem(composer)), (ReadFiles(paths=paths),))
        case FileRead():
            return Step(_read(state, event))
        case intents.RemoveFile(name=name):
            left = tuple(one for one in composer.files if one.name != name)
            return Step(replace(state, composer=replace(without_problem(composer), files=left)))
        case _:
            return Step(state)


def _read(state: WindowState, file: FileRead) -> WindowState:
    """With the file, or with the reason; a file of the same name takes the other one's place."""
    composer = state.composer
    others = tuple(one for one in composer.files if one.name != file.name)
    why = file.problem or why_not_attached(name=file.name, size=file.size, text=file.text, there=others)
    if why or file.text is None:
        told = f"{composer.problem} {why}".strip()
        return replace(state, composer=replace(composer, problem=told, presses=(), cause="file"))
    files = (*others, AttachedFile(name=file.name, text=file.text))
    return replace(state, composer=replace(composer, files=files))


def files_words(files: tuple[AttachedFile, ...], holds: int | None) -> tuple[str, bool]:
    """What the files mean for the model, and whether that is too much; ``holds``: its tokens, where they are known."""
    if not files:
        return "", False
    tokens = sum(one.tokens for one in files)
    words = f"About {tokens:,} tokens{' in all' if len(files) > 1 else ''}"
    if holds is not None and tokens > holds:
        return f"{words}: more than the {holds:,} that this model holds with its answer.", True
    return f"{words}." if len(files) > 1 else "", False
