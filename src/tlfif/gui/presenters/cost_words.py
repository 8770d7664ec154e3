"""What the present state costs, in a sentence and in few words. Money is in US dollars without VAT."""

from tlfif.gui.model.state import WindowState
from tlfif.money.amounts import usd
from tlfif.wording.machines import is_alive


def cost_words(state: WindowState) -> str:
    """One sentence; what AWS would take is named as such."""
    report = state.cost.report
    if report is None:
        return "What it costs is not known yet."
    running, simulated = is_alive(state.machine.view), report["simulated_aws"]
    if report["region"] is None:
        if not running or simulated is None or not simulated["running_usd_per_hour"]:
            return "Costs nothing on this computer."
        hourly = usd(simulated["running_usd_per_hour"])
        return f"Costs nothing on this computer. On AWS it would cost {hourly} an hour."
    if running:
        hour = report["running_usd_per_hour"]
        if not hour:
            return "Costs nothing yet: AWS does not count the machine as running."
        return f"Costs {usd(hour)} an hour, a minute at least."
    kept = report["standing_usd_per_month"]
    return f"No machine is running. What is kept on AWS costs {usd(kept)} a month." if kept else "Costs nothing."


def brief_cost(state: WindowState) -> str:
    """The same in few words."""
    report = state.cost.report
    if report is None:
        return "Cost not known yet"
    alive, simulated = is_alive(state.machine.view), report["simulated_aws"]
    if report["region"] is None:
        hourly = simulated["running_usd_per_hour"] if alive and simulated is not None else 0.0
        return f"Free; on AWS {usd(hourly)} an hour" if hourly else "Costs nothing here"
    if alive:
        hourly = report["running_usd_per_hour"]
        return f"Costs {usd(hourly)} an hour" if hourly else "Costs nothing yet"
    kept = report["standing_usd_per_month"]
    return f"Kept on AWS: {usd(kept)} a month" if kept else "Costs nothing"
