"""What stands where a conversation will be: three sentences before the first prompt, fewer afterwards."""

from tlfif.gui.model.home_view import HomeView
from tlfif.gui.model.state import WindowState
from tlfif.money.amounts import usd

FIRST, LATER = "A language model of your own", "Ask something"


def welcome(state: WindowState, *, command: str) -> tuple[str, str]:
    """A title and a text. ``command``: what stands on the key that shortcuts go with."""
    values, view = state.settings.values, state.home.view
    key = "Enter" if values.enter_sends else f"{command}+Enter"
    if values.begun:
        return LATER, f"Type a prompt and press {key}. {where_words(view)}."
    what = f"TL-FIF answers with a language model that only you use. {where_words(view)}."
    return FIRST, f"{what}\n\n{_cost(state)}\n\nType a prompt and press {key}; F1 shows all keys."


def where_words(view: HomeView) -> str:
    """Where the typed text goes."""
    return f"What you type goes to your own home on {view.place}" if view.on_aws else "Nothing leaves this computer"


def _cost(state: WindowState) -> str:
    """What it costs, in one sentence; with the price once that is known."""
    machine = "it starts when you ask and ends itself when you are done"
    if not state.home.view.on_aws:
        return f"It costs nothing: the model runs here; {machine}."
    rate = state.cost.real.usd_per_hour if state.cost.real is not None else 0.0
    price = f", {usd(rate)} an hour" if rate else ""
    return f"It costs money only while a machine runs{price}; {machine}."
