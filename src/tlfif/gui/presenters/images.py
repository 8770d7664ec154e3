"""Images: what is in use, what is being built, what waits for a person; and what that person decides."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import BuildImage, Command, DecideOnImage, FollowRepository, LeaveRepository, ReadImageLog
from tlfif.gui.model.images_panel import ImageDecision, ImagesPanel, RepositoryEntry
from tlfif.gui.model.messages import CommandFailed, ImageLogRead, ImagesMissing, ImagesUpdated
from tlfif.gui.model.state import Choice, Press, WindowState
from tlfif.gui.presenters.image_notices import promotable, with_image_notices
from tlfif.gui.presenters.image_questions import NAME, question_of
from tlfif.gui.presenters.image_words import reported, shown_image
from tlfif.gui.presenters.problems import plain, problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step, with_notice, without_notices
from tlfif.images.requests import check_branch, check_commit, check_repository
from tlfif.kernel.errors import InvalidInputError
from tlfif.wire.images import ImageList
from tlfif.wording.images import OPEN

LOG_LINES = 600
"""Kept of the log that is looked at."""
_DECISIONS = frozenset({"DecideOnImage"})
_ANSWERED = {"approve": ("image_offered",), "reject": ("image_offered",), "promote": ("image_approved",)}
"""Notices whose question an act answers."""
_REPOSITORY = frozenset({"BuildImage", "FollowRepository", "LeaveRepository"})


def present_images(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """Reports, and what the owner does."""
    panel = state.images
    match event:
        case ImagesUpdated(images=report, acted=acted):
            changed = _done(panel) if acted else replace(panel, missing="")
            machine = state.machine.view
            running = machine["image"] if machine is not None else None
            changed = reported(changed, report, now=moment.now, here=not state.home.view.on_aws, running=running)
            state = with_image_notices(replace(state, images=changed), panel.report, moment.at)
            return _log(state)
        case ImagesMissing(error=error):
            return Step(replace(state, images=ImagesPanel(missing=plain(error.message), entry=panel.entry)))
        case ImageLogRead(version=version, after=after, log=log):
            if (version, after) != (panel.log_of, panel.log_last):
                return Step(state)
            lines = (*panel.log, *log["lines"])[-LOG_LINES:]
            changed = replace(panel, log=lines, log_last=log["last"], log_ended=log["ended"])
            return Step(replace(state, images=changed))
        case CommandFailed(command=command, error=error) if command in _REPOSITORY:
            entry = replace(panel.entry, problem=plain(error.message))
            return Step(replace(state, images=replace(panel, busy="", entry=entry)))
        case CommandFailed(command=command, error=error) if command in _DECISIONS:
            return Step(with_notice(replace(state, images=replace(panel, busy="")), problem_of(error), moment.at))
        case CommandFailed(command="ReadImageLog"):
            return Step(state)  # the next report asks again
        case _:
            return _pressed(state, event)


def _done(panel: ImagesPanel) -> ImagesPanel:
    """What was asked for is done; where that concerned the repository, its fields show what holds now."""
    entry = replace(panel.entry, editing=panel.entry.editing and panel.busy not in {"follow", "leave"})
    return replace(panel, busy="", missing="", entry=entry)


def _pressed(state: WindowState, event: GuiEvent) -> Step:
    panel = state.images
    match event:
        case intents.ShowTab(name="images", by_notice=by_notice):
            return _log(_chosen(state, "") if by_notice else state, in_front=True)
        case intents.ChooseImage(version=version) if panel.report is not None:
            return _log(_chosen(state, version))
        case intents.TypeRepository(address=address, branch=branch, promotes=promotes):
            entry = RepositoryEntry(address=address, branch=branch, promotes=promotes, editing=True)
            return Step(replace(state, images=replace(panel, entry=entry)))
        case intents.AnswerDialog(choice=choice) if state.dialog is not None and state.dialog.name == NAME:
            act, closed = state.dialog.subject, replace(state, dialog=None)
            return Step(closed) if choice is Choice.KEEP else _do(closed, act)
        case _:
            return _asked(state, event)


def _asked(state: WindowState, event: GuiEvent) -> Step:
    """A button that has something built or decided."""
    panel = state.images
    match event:
        case intents.DecideOnImage(decision=decision) if _can(panel, decision):
            return _ask_or_do(state, decision.value)
        case intents.PressButton(press=Press.APPROVE_IMAGE) if panel.report is not None:
            return _about(state, _offered(panel.report), "approve")
        case intents.PressButton(press=Press.PROMOTE_IMAGE) if panel.report is not None:
            return _about(state, promotable(panel.report), "promote")
        case intents.FollowRepository():
            return _with_repository(state, "follow")
        case intents.BuildImage():
            return _with_repository(state, "build")
        case intents.LeaveRepository():
            return _do(state, "leave")
        case _:
            return Step(state)


def _can(panel: ImagesPanel, decision: ImageDecision) -> bool:
    if decision is ImageDecision.ROLL_BACK:
        return panel.can_roll_back
    return panel.shown is not None and decision in panel.shown.decisions


def _offered(report: ImageList) -> str:
    return next((image["version"] for image in report["images"] if image["state"] == "offered"), "")


def _about(state: WindowState, version: str, act: str) -> Step:
    """The act on a version that a notice names, which is looked at from now on."""
    return _ask_or_do(_chosen(state, version), act) if version else Step(state)


def _chosen(state: WindowState, version: str) -> WindowState:
    """The state in which this version is looked at. While it is the newest, the next new one takes its place."""
    panel = state.images
    rows = panel.report["images"] if panel.report is not None else []
    panel = replace(panel, chosen="" if rows and version == rows[0]["version"] else version)
    return replace(state, images=replace(panel, shown=shown_image(panel)))


def _with_repository(state: WindowState, act: str) -> Step:
    """Check the fields first: a blank address means the repository that is followed already, where there is one,
    and at a home that cannot look into repositories what the last push has brought."""
    entry = state.images.entry
    address, branch = entry.address.strip(), entry.branch.strip()
    followed = state.images.report["watch"] if state.images.report is not None else None
    try:
        if address or (followed is None and state.images.follows):
            check_repository(address, folders=not state.home.view.on_aws)
        if branch:
            (check_branch if state.images.follows else check_commit)(branch)
    except InvalidInputError as error:
        problem = plain(error.message) if address else "Type the address of a Git repository, or a folder's whole path."
        return Step(replace(state, images=replace(state.images, entry=replace(entry, problem=problem))))
    cleared = replace(state, images=replace(state.images, entry=replace(entry, problem="")))
    return _ask_or_do(cleared, act)


def _ask_or_do(state: WindowState, act: str) -> Step:
    if state.images.busy:
        return Step(state)
    question = question_of(state.images, act)
    return _do(state, act) if question is None else Step(replace(state, dialog=question))


def _do(state: WindowState, act: str) -> Step:
    command = _command(state, act)
    if command is None:
        return Step(state)
    busy = replace(state, images=replace(state.images, busy=act))
    return Step(without_notices(busy, *_ANSWERED.get(act, ())), (command,))


def _command(state: WindowState, act: str) -> Command | None:
    panel, entry = state.images, state.images.entry
    address = entry.address.strip()
    match act:
        case "build":
            name = entry.branch.strip() or None
            branch, commit = (name, None) if panel.follows else (None, name)
            return BuildImage(repository=address or None, branch=branch, commit=commit)
        case "follow":
            watch = panel.report["watch"] if panel.report is not None else None
            where = address or (watch["repository"] if watch is not None else "")
            return FollowRepository(repository=where, branch=entry.branch.strip() or None, promotes=entry.promotes)
        case "leave":
            return LeaveRepository()
        case _ if panel.shown is not None:
            image = panel.shown.image
            return DecideOnImage(version=image["version"], decision=ImageDecision(act), profile=image["profile"])
        case _:
            return None


def _log(state: WindowState, *, in_front: bool = False) -> Step:
    """While the tab is in front, read on in the log of the version that is looked at."""
    panel = state.images
    if panel.shown is None:
        return Step(state)
    image = panel.shown.image
    if panel.log_of != image["version"]:
        panel = replace(panel, log=(), log_of=image["version"], log_last=0, log_ended=False)
        state = replace(state, images=panel)
    if not (in_front or state.tab == "images") or (panel.log_ended and image["state"] not in OPEN):
        return Step(state)
    return Step(state, (ReadImageLog(version=image["version"], after=panel.log_last),))
