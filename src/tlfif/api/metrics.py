"""Counters in Prometheus' text format, made from the stores on each request: nothing to keep in step."""

from tlfif.jobs.jobs import QueueCounts
from tlfif.machines.machine import MachineState
from tlfif.wire.machines import MachineView


def render(counts: QueueCounts, machine: MachineView, uptime: float) -> str:
    """The text of ``/metrics``."""
    lines = [
        "# HELP tlfif_jobs Jobs that wait or run now.",
        "# TYPE tlfif_jobs gauge",
        f'tlfif_jobs{{status="queued"}} {counts.queued}',
        f'tlfif_jobs{{status="running"}} {counts.running}',
        "# HELP tlfif_machine_state 1 for the state the machine is in.",
        "# TYPE tlfif_machine_state gauge",
        *(f'tlfif_machine_state{{state="{s}"}} {int(machine["state"] == s)}' for s in MachineState),
        "# HELP tlfif_machine_idle_seconds_left Seconds until the idle machine ends itself.",
        "# TYPE tlfif_machine_idle_seconds_left gauge",
    ]
    if machine["idle_seconds_left"] is not None:
        lines.append(f"tlfif_machine_idle_seconds_left {machine['idle_seconds_left']}")
    lines += [
        "# HELP tlfif_server_uptime_seconds Seconds since the server started.",
        "# TYPE tlfif_server_uptime_seconds counter",
        f"tlfif_server_uptime_seconds {uptime:.1f}",
    ]
    return "\n".join(lines) + "\n"
