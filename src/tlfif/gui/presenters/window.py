"""All presenters as one: each receives every event; then the parts that depend on the others are updated."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import Command, Watch
from tlfif.gui.model.messages import AnswerExtended
from tlfif.gui.model.preferences import Preferences
from tlfif.gui.model.state import Connection, Link, Press, SettingsPanel, WindowState
from tlfif.gui.presenters.attaching import present_attaching
from tlfif.gui.presenters.causes import present_causes, with_causes
from tlfif.gui.presenters.chat import present_chat, with_composer
from tlfif.gui.presenters.closing import present_closing
from tlfif.gui.presenters.connection import present_connection
from tlfif.gui.presenters.cost import present_cost, with_live_cost
from tlfif.gui.presenters.deletion import present_deletion
from tlfif.gui.presenters.elsewhere import told_elsewhere
from tlfif.gui.presenters.history import present_history
from tlfif.gui.presenters.home import present_home
from tlfif.gui.presenters.images import present_images
from tlfif.gui.presenters.machine import present_machine
from tlfif.gui.presenters.personas import present_personas
from tlfif.gui.presenters.returned import with_reason
from tlfif.gui.presenters.rights import with_rights
from tlfif.gui.presenters.settings import present_settings
from tlfif.gui.presenters.status_line import CONNECTING, with_status_line
from tlfif.gui.presenters.step import GuiEvent, Moment, Presenter, Step
from tlfif.gui.presenters.versions import present_versions
from tlfif.wording.images import OPEN
from tlfif.wording.machines import is_alive

PRESENTERS: tuple[Presenter, ...] = (
    present_home,
    present_connection,
    present_machine,
    present_cost,
    present_images,
    present_chat,
    present_versions,
    present_attaching,
    present_history,
    present_personas,
    present_settings,
    present_closing,
    present_deletion,
    present_causes,
)
_TAB_OF = {
    Press.OPEN_COST: "cost",
    Press.OPEN_SETTINGS: "settings",
    Press.OPEN_MACHINE: "machine",
    Press.OPEN_IMAGES: "images",
}


def first_state(preferences: Preferences) -> WindowState:
    """The window before the first message."""
    return WindowState(connection=Connection(), status_line=CONNECTING, settings=SettingsPanel(values=preferences))


def present(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """The state after an event, and the commands that follow from it."""
    event = _meant(event)
    if isinstance(event, AnswerExtended) and state.connection.link is Link.CONNECTED:
        # A hundred of them come in a second, and they change nothing but their answer.
        return present_chat(state, event, moment)
    commands: list[Command] = []
    start = state
    for presenter in PRESENTERS:
        step = presenter(state, event, moment)
        state = step.state
        commands += step.commands
    state = with_reason(with_causes(state, start.notices, event), start, event)
    state = with_rights(with_status_line(with_composer(with_live_cost(state, moment.now)), moment.now))
    watch = Watch(
        running=_is_running(state), visible=state.visible, remote=state.home.view.on_aws, images=_at_images(state)
    )
    commands += told_elsewhere(start, state, event)
    if watch != state.watch:
        state = replace(state, watch=watch)
        commands.append(watch)
    return Step(state, tuple(commands))


def _meant(event: GuiEvent) -> GuiEvent:
    """A notice's button as the intent that it stands for."""
    match event:
        case intents.PressButton(press=Press.RETRY, exchange_id=exchange_id) if exchange_id:
            return intents.RetryAnswer(exchange_id)
        case intents.PressButton(press=press) if press in _TAB_OF:
            return intents.ShowTab(_TAB_OF[press], by_notice=True)
        case _:
            return event


def _is_running(state: WindowState) -> bool:
    view = state.machine.view
    queued = view is not None and view["queued"] > 0 and not view["held"]
    return is_alive(view) or queued or state.conversation.is_busy or bool(state.elsewhere)


def _at_images(state: WindowState) -> bool:
    """Whether somebody looks at images, or one is being built."""
    report = state.images.report
    return state.tab == "images" or (report is not None and any(one["state"] in OPEN for one in report["images"]))
