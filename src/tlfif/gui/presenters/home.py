"""Where prompts are answered, and signing in to the home on AWS."""

from dataclasses import replace

from tlfif.client.profile import AWS
from tlfif.gui.model import intents
from tlfif.gui.model.commands import CancelSignIn, SetBridge, SignIn, SignOut, UseHome
from tlfif.gui.model.cost_panel import CostPanel
from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.images_panel import ImagesPanel
from tlfif.gui.model.messages import (
    CommandFailed,
    ConnectionFailed,
    HomeUpdated,
    MachineUpdated,
    SignedIn,
    SignedOut,
    SignInCancelled,
    SignInStarted,
)
from tlfif.gui.model.state import Connection, Exchange, ExchangeStage, HomePanel, Link, MachinePanel, Press, WindowState
from tlfif.gui.presenters.problems import NOT_SIGNED_IN, own_message, plain, problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step
from tlfif.wording.machines import HERE
from tlfif.wording.sign_in import SIGN_IN_CANCELLED, SIGNED_OUT

NO_HOME = (
    "There is no home on AWS yet. Set it up in a terminal first: ./tlfif deploy. No machine starts there before "
    "you have promoted an image."
)


def present_home(state: WindowState, event: GuiEvent, _moment: Moment) -> Step:
    """The choice in Settings, Sign in and Sign out, and the messages about them."""
    panel = state.home
    match event:
        case intents.ChooseHome(name=name):
            return _choose(state, name)
        case intents.SwitchBridge(on=on) if on is not panel.view.bridge:
            return Step(_with(state, problem=""), (SetBridge(on=on),))
        case intents.PressButton(press=Press.SIGN_IN) if not panel.signing:
            return Step(_with(state, signing=True, address="", problem="", note=""), (SignIn(),))
        case intents.PressButton(press=Press.CANCEL_SIGN_IN) if panel.signing:
            return Step(state, (CancelSignIn(),))
        case intents.SignOutNow() if not panel.leaving:
            return Step(_with(state, leaving=True, problem="", note=""), (SignOut(),))
        case HomeUpdated(home=view, moved=moved):
            if moved:
                return Step(_moved(state, view))
            return Step(_with(state, view=view, problem=view.problem or panel.problem))
        case _:
            return Step(_received(state, event))


def _choose(state: WindowState, name: str) -> Step:
    panel = state.home
    if panel.moving or name == panel.view.active:
        return Step(_with(state, problem=""))
    if panel.view.fixed:
        return Step(_with(state, problem=panel.view.fixed))
    if name == AWS and not panel.view.aws_place:
        return Step(_with(state, problem=f"{NO_HOME} {panel.view.price}".strip()))
    return Step(_with(state, moving=name, problem="", note=""), (UseHome(name=name),))


def _received(state: WindowState, event: GuiEvent) -> WindowState:
    panel = state.home
    match event:
        case SignInStarted(address=address, opened=opened):
            note = "" if opened else "No browser could be opened. Copy the address into one on this computer."
            return _with(state, address=address, note=note)
        case SignedIn(note=note):
            changed = _with(state, signing=False, address="", note=note, problem="", view=replace(panel.view, who=""))
            return replace(changed, connection=Connection()) if _shut_out(state) else changed
        case SignInCancelled():
            return _with(state, signing=False, address="", note=SIGN_IN_CANCELLED)
        case SignedOut(how=how):
            view = replace(panel.view, who=None)
            return _with(state, leaving=False, note=SIGNED_OUT[how], view=view)
        case CommandFailed(command="UseHome" | "SetBridge", error=error):
            return _with(state, moving="", problem=plain(error.message))
        case CommandFailed(command="SignIn", error=error):
            return _with(state, signing=False, address="", problem=f"{problem_of(error).title}. {plain(error.message)}")
        case CommandFailed(command="SignOut", error=error):
            return _with(state, leaving=False, problem=plain(error.message))
        case ConnectionFailed(error=error) if error.code == "signed_out" and panel.view.who is not None:
            return _with(state, view=replace(panel.view, who=None))
        case MachineUpdated() if panel.view.on_aws and panel.view.who is None:
            return _with(state, view=replace(panel.view, who=""))  # it answers only who is signed in
        case _:
            return state


def _shut_out(state: WindowState) -> bool:
    problem = state.connection.problem
    return state.connection.link is Link.LOST and problem is not None and problem.code in NOT_SIGNED_IN


def _moved(state: WindowState, view: HomeView) -> WindowState:
    """The window before the first message of the other server. What runs at the previous one continues there."""
    here = tuple(map(left_behind, state.conversation.exchanges))
    away = tuple(map(left_behind, state.elsewhere))
    return replace(
        state,
        home=HomePanel(view=view, note=f"Prompts are answered by {spoken(view)} from now on."),
        connection=Connection(),
        machine=MachinePanel(),
        cost=CostPanel(),
        images=ImagesPanel(),
        conversation=replace(state.conversation, exchanges=here),
        elsewhere=away,
        settings=replace(state.settings, models=(), personal=(), fetching=None),
        notices=tuple(one for one in state.notices if one.problem.code == "history"),
    )


def left_behind(one: Exchange) -> Exchange:
    """An answer under way, shown while the window talks to another place than the answer's."""
    if one.stage.is_over and not one.resumable:
        return one
    where = one.place or HERE
    known = one.job_id is not None
    goes_on = "It goes on there. To read it here, choose that place again in Settings." if known else ""
    left = own_message(
        "left_behind",
        f"This prompt is at {where}" if known else "This prompt was not sent",
        goes_on or "The window switched to another place before the server had it.",
        advice="Try again asks it where prompts are answered now.",
    )
    return replace(one, stage=ExchangeStage.FAILED, status="", problem=left, resumable=known, place=where)


def spoken(view: HomeView) -> str:
    """The active home, in a sentence."""
    return f"your machine on {view.place}" if view.on_aws else HERE


def state_words(panel: HomePanel) -> str:
    """The state of home and sign-in, in a sentence or two."""
    view = panel.view
    if panel.moving:
        return "Switching…"
    if panel.signing:
        return "Waiting up to 5 minutes for the sign-in in your browser."
    if panel.leaving:
        return "Signing out…"
    if view.on_aws:
        who = f"Signed in as {view.who}." if view.who else "Signed in."
        return (
            who
            if view.who is not None
            else "Not signed in. Your home on AWS answers only you and starts nothing until you sign in."
        )
    if not view.aws_place:
        return f"{NO_HOME} {view.price}".strip()
    return "On AWS your prompts are answered by a machine that costs money while it runs."


def button_words(panel: HomePanel) -> str:
    """What the button does now."""
    if panel.signing:
        return "Cancel sign-in"
    return "Sign in" if panel.view.who is None else "Sign out"


def _with(state: WindowState, **changes: object) -> WindowState:
    panel = replace(state.home, **changes)  # type: ignore[arg-type]  # by name
    return state if panel == state.home else replace(state, home=panel)
