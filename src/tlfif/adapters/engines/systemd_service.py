"""What systemd knows of an engine's service. Nothing where there is no systemd."""

import asyncio

from tlfif.adapters.engines.engine_log import logged_reason

LOG_LINES = 60


async def why_given_up(unit: str) -> str | None:
    """None while systemd has not given the unit up; afterwards the reason in the log of its last start, empty where
    it cannot be read."""
    failed, _ = await _run("systemctl", "is-failed", "--quiet", unit)
    if failed != 0:
        return None
    _, start = await _run("systemctl", "show", "--property=InvocationID", "--value", unit)
    last = f"_SYSTEMD_INVOCATION_ID={start.strip()}"
    _, log = await _run("journalctl", "--quiet", "--output=cat", f"--lines={LOG_LINES}", last)
    return logged_reason(log.splitlines())


async def _run(*command: str) -> tuple[int | None, str]:
    """Exit status and output; no status where the program is not there."""
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None, ""
    output, _ = await child.communicate()
    return child.returncode, output.decode(errors="replace")
