"""Settings, models, tabs, notices."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tlfif.client.errors import NotReachableError
from tlfif.gui.model import intents
from tlfif.gui.model.commands import KeepPreferences, PullModel, ReadModels
from tlfif.gui.model.messages import AnswerModelUpdated, BridgeFailed, CommandFailed, ModelsListed, ModelUpdated
from tlfif.gui.model.model_choices import chosen_model
from tlfif.gui.model.preferences import APPEARANCES, FONT_RANGE, Preferences
from tlfif.gui.model.state import Press, Problem, SettingsPanel, WindowState
from tlfif.gui.presenters.problems import is_signed_out, own_message, problem_of
from tlfif.gui.presenters.step import GuiEvent, Moment, Step, with_notice, without_notices
from tlfif.jobs.limits import check_max_tokens, check_seed, check_temperature, check_text
from tlfif.kernel.errors import InvalidInputError
from tlfif.wording.machines import model_title

TABS = ("chat", "cost", "machine", "images", "settings")
_MINE = frozenset({"KeepPreferences", "PullModel", "ReadModels", "ReadAdvice", "ReadPastMachines"})


def present_settings(state: WindowState, event: GuiEvent, moment: Moment) -> Step:
    """The settings, the models to choose from, the tab in front, the notices."""
    panel = state.settings
    match event:
        case intents.ChangeSettings(values=values):
            kept, problems = checked(values, panel.values)
            commands = (KeepPreferences(preferences=kept),) if kept != panel.values else ()
            return Step(replace(state, settings=replace(panel, values=kept, problems=problems)), commands)
        case intents.FetchModel(name=name):
            return Step(without_notices(state, "fetch_failed"), (PullModel(name=name),))
        case ModelsListed(models=models, personal=personal):
            return _catalogue(replace(state, settings=replace(panel, models=models, personal=personal)), moment)
        case intents.WindowLookedAt(looked_at=True) if panel.models and not state.looked_at:
            return Step(replace(state, looked_at=True), (ReadModels(),))  # a personal one may have come meanwhile
        case ModelUpdated(model=model) | AnswerModelUpdated(model=model):
            return _fetched(state, panel, ModelUpdated(model=model), moment)
        case CommandFailed(error=NotReachableError()):
            return Step(state)  # the status line shows it
        case CommandFailed(error=error) if is_signed_out(error, on_aws=state.home.view.on_aws):
            return Step(state)  # the status line shows this, too
        case CommandFailed(command=command, error=error) if command in _MINE:
            changed = replace(state, settings=replace(panel, fetching=None))
            return Step(with_notice(changed, problem_of(error), moment.at))
        case _:
            return Step(_shown(state, event, moment))


def _shown(state: WindowState, event: GuiEvent, moment: Moment) -> WindowState:
    match event:
        case intents.ShowTab(name=name) if name in TABS:
            return state if name == state.tab else replace(state, tab=name)
        case intents.DismissNotice(code=code):
            return without_notices(state, code)
        case intents.WindowVisible(visible=visible):
            return replace(state, visible=visible)
        case intents.WindowLookedAt(looked_at=looked_at):
            return state if looked_at is state.looked_at else replace(state, looked_at=looked_at)
        case intents.CallbackFailed(text=text) | BridgeFailed(text=text):
            return with_notice(state, own_mistake(text), moment.at)
        case _:
            return state


def _catalogue(state: WindowState, moment: Moment) -> Step:
    """Where this server does not have the chosen model, every prompt would be refused: let TL-FIF choose again."""
    panel = state.settings
    chosen = panel.values.model
    if chosen is None or ":" in chosen or not panel.models or chosen_model(panel, chosen) is not None:
        return Step(state)
    values = replace(panel.values, model=None)
    notice = own_message(
        "model_gone",
        f"{model_title(chosen)} is not where prompts are answered now",
        f"From now on {panel.models[0]['title']} answers.",
        advice="Choose another one in Settings.",
        presses=(Press.OPEN_SETTINGS,),
    )
    changed = replace(state, settings=replace(panel, values=values))
    return Step(with_notice(changed, notice, moment.at), (KeepPreferences(preferences=values),))


def own_mistake(text: str) -> Problem:
    """An error inside TL-FIF, as a notice."""
    return own_message(
        "window_fault",
        "TL-FIF's window made a mistake",
        f"{text}.",
        advice="Your prompts and answers are safe. If it happens again, close the window, open it again and report it.",
    )


def checked(wanted: Preferences, old: Preferences) -> tuple[Preferences, tuple[tuple[str, str], ...]]:
    """The settings that can be kept, field by field, and (field, sentence) of each that cannot."""
    problems = tuple(_problems(wanted))
    bad = {name: getattr(old, name) for name, _ in problems}
    return replace(wanted, **bad), problems


def _problems(wanted: Preferences) -> Iterator[tuple[str, str]]:
    low, high = FONT_RANGE
    if not low <= wanted.font_size <= high:
        yield "font_size", f"The text size must be from {low} to {high} points."
    if wanted.appearance not in APPEARANCES:
        yield "appearance", f"The appearance must be one of {', '.join(APPEARANCES)}."
    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        (
            "temperature",
            lambda: wanted.temperature is None or check_temperature(wanted.temperature, name="The temperature"),
        ),
        ("max_tokens", lambda: check_max_tokens(wanted.max_tokens, name="The longest answer")),
        ("seed", lambda: wanted.seed is None or check_seed(wanted.seed, name="The seed")),
        ("system", lambda: not wanted.system.strip() or check_text(wanted.system, what="system")),
    )
    for name, check in checks:
        try:
            check()
        except InvalidInputError as error:
            yield name, error.message


def _fetched(state: WindowState, panel: SettingsPanel, message: ModelUpdated, moment: Moment) -> Step:
    model = message.model
    models = tuple(model if one["name"] == model["name"] else one for one in panel.models)
    going_on = model["state"] == "pulling"
    changed = replace(state, settings=replace(panel, models=models, fetching=model if going_on else None))
    if going_on or model["state"] == "ready":
        return Step(changed)
    broke = own_message(
        "fetch_failed",
        f"The download of {model['title']} broke off",
        model["problem"] or "The file is not complete.",
        advice="What has arrived is kept. Download it again in Settings; it goes on where it stopped.",
        presses=(Press.OPEN_SETTINGS,),
    )
    return Step(with_notice(changed, broke, moment.at))
