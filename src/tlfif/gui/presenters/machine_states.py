"""Which states of a machine mean that there is one."""

from tlfif.wire.machines import MachineView

ALIVE = frozenset({"launching", "loading", "ready", "draining", "stopping"})
"""A machine exists or may exist, and may cost money."""


def is_alive(view: MachineView | None) -> bool:
    """Whether a machine exists or may exist."""
    return view is not None and view["state"] in ALIVE
