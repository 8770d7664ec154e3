"""Closing the window while a machine runs: stop it, leave it, or stay."""

from dataclasses import replace

from tlfif.gui.model import intents
from tlfif.gui.model.commands import StopMachine
from tlfif.gui.model.messages import CommandFailed, MachineStopped, MachineUpdated
from tlfif.gui.model.state import Choice, Closing, Dialog, WindowState
from tlfif.gui.presenters.cost_words import cost_words
from tlfif.gui.presenters.problems import plain
from tlfif.gui.presenters.step import GuiEvent, Moment, Step
from tlfif.wording.figures import how_many
from tlfif.wording.machines import is_alive

NAME = "closing"


def present_closing(state: WindowState, event: GuiEvent, _moment: Moment) -> Step:
    """The close button and the answers to its question."""
    view = state.machine.view
    match event:
        case intents.CloseWindow():
            if state.closing is Closing.STOPPING or not is_alive(view):
                return Step(replace(state, closing=Closing.CLOSED, dialog=None))
            return Step(replace(state, dialog=closing_question(state)))
        case intents.AnswerDialog(choice=choice) if state.dialog is not None and state.dialog.name == NAME:
            return _chosen(state, choice)
        case MachineUpdated() | MachineStopped() if state.closing is Closing.STOPPING and not is_alive(view):
            return Step(replace(state, closing=Closing.CLOSED, dialog=None))
        case CommandFailed(command="StopMachine", error=error) if state.closing is Closing.STOPPING:
            question = closing_question(state)
            text = f"The machine could not be stopped: {plain(error.message)} {question.text}"
            return Step(replace(state, closing=Closing.OPEN, dialog=replace(question, text=text)))
        case _:
            return Step(state)


def closing_question(state: WindowState) -> Dialog:
    """What is asked, with the price per hour."""
    view = state.machine.view
    running = view["running"] + view["queued"] if view is not None else 0
    minutes = view["idle_timeout_minutes"] if view is not None else None
    ends = f"If you leave it, it shuts down after {minutes:g} min without work." if minutes else ""
    work = f"{how_many(running, 'answer')} under way: leaving keeps it going, stopping cancels it." if running else ""
    parts = ["A machine is still running.", cost_words(state), work, ends]
    leave = f"Leave it (shuts down after {minutes:g} min)" if minutes else "Leave it"
    return Dialog(
        name=NAME,
        title="Close the window?",
        text=" ".join(part for part in parts if part),
        choices=((Choice.STOP, "Stop it and close"), (Choice.LEAVE, leave), (Choice.STAY, "Stay")),
    )


def _chosen(state: WindowState, choice: Choice) -> Step:
    match choice:
        case Choice.STOP:
            waiting = Dialog(
                name=NAME,
                title="Stopping…",
                text="The window closes as soon as the machine is confirmed gone.",
                choices=((Choice.LEAVE, "Close now"), (Choice.STAY, "Stay")),
            )
            return Step(replace(state, closing=Closing.STOPPING, dialog=waiting), (StopMachine(),))
        case Choice.LEAVE:
            return Step(replace(state, closing=Closing.CLOSED, dialog=None))
        case _:
            return Step(replace(state, closing=Closing.OPEN, dialog=None))
