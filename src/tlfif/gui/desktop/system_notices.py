"""Notices of the system: a bubble beside the clock. Each system has a program for it; without one nothing is shown."""

import shutil
import subprocess
import sys
from collections.abc import Callable

NAME = "TL-FIF"
SECONDS = 10.0
"""After which a program that shows one is given up."""
Which = Callable[[str], str | None]
_TOAST = """
$kind = 'Windows.UI.Notifications'
[void][Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime]
$form = [Windows.UI.Notifications.ToastTemplateType]::ToastText02
$toast = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent($form)
$lines = $toast.GetElementsByTagName('text')
[void]$lines.Item(0).AppendChild($toast.CreateTextNode('{name}'))
[void]$lines.Item(1).AppendChild($toast.CreateTextNode('{text}'))
[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier('{name}').Show($toast)
"""


def notice_command(text: str, *, system: str = sys.platform, which: Which = shutil.which) -> list[str]:
    """The command that shows ``text``; empty where there is none."""
    if system == "darwin":
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        return ["/usr/bin/osascript", "-e", f'display notification "{quoted}" with title "{NAME}"']
    if system == "win32":
        script = _TOAST.format(name=NAME, text=text.replace("'", "''"))
        return ["powershell.exe", "-NoProfile", "-NonInteractive", "-WindowStyle", "Hidden", "-Command", script]
    if which("notify-send"):
        return ["notify-send", "--app-name", NAME, NAME, text]
    if which("gdbus"):
        way = "org.freedesktop.Notifications"
        call = ["gdbus", "call", "--session", "--dest", way, "--object-path", "/org/freedesktop/Notifications"]
        return [*call, "--method", f"{way}.Notify", NAME, "0", "", NAME, text, "[]", "{}", "-1"]
    return []


def show_notice(text: str) -> None:
    """Show it, and wait for the program at most ten seconds. Where it cannot be shown nothing happens."""
    command = notice_command(text)
    if not command:
        return
    quiet = subprocess.DEVNULL
    try:
        subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return
