"""What only an owner of the home may press. Others see why before they press, and the home refuses them in any case."""

from dataclasses import replace

from tlfif.gui.model.state import Press, StopButton, WindowState

OWNERS_PRESSES = frozenset({Press.RELEASE_BUDGET, Press.UNDO_BUDGET, Press.APPROVE_IMAGE, Press.PROMOTE_IMAGE})
NOT_YOURS = "Only an owner of this home may {}."
STOP = NOT_YOURS.format("stop its machine; it shuts down when it is idle")
IDLE = NOT_YOURS.format("change this")
BUDGET = NOT_YOURS.format("change its budget")
IMAGES = NOT_YOURS.format("decide about its images")


def allowed(presses: tuple[Press, ...], *, owns: bool) -> tuple[Press, ...]:
    """Those of a text's buttons that may be pressed."""
    return presses if owns else tuple(press for press in presses if press not in OWNERS_PRESSES)


def with_rights(state: WindowState) -> WindowState:
    """The state as this person may use it; the same object for an owner, and where nothing is to be changed."""
    if state.home.view.owns:
        return state
    machine, cost, images = state.machine, state.cost, state.images
    stop = StopButton(label=machine.stop.label, hint=STOP)
    idle = replace(machine.idle, range_text=IDLE, not_yours=IDLE)
    shown = None if images.shown is None else replace(images.shown, decisions=frozenset())
    notices = tuple(
        replace(one, problem=replace(one.problem, presses=allowed(one.problem.presses, owns=False)))
        for one in state.notices
    )
    wanted = replace(
        state,
        machine=replace(machine, stop=stop, idle=idle),
        cost=replace(cost, budget=replace(cost.budget, not_yours=BUDGET)),
        images=replace(images, shown=shown, can_roll_back=False, not_yours=IMAGES),
        notices=notices,
    )
    parts = ("machine", "cost", "images", "notices")
    changed = {name: getattr(wanted, name) for name in parts if getattr(wanted, name) != getattr(state, name)}
    return replace(state, **changed) if changed else state
