"""Run commands in a real terminal and draw what it showed: ``python dev/picture.py OUT.svg 'COMMAND' 'COMMAND' …``.

The picture in the README is made by this, from a run, never by hand. POSIX only.
"""

import html
import os
import pty
import re
import subprocess
import sys
import textwrap
from pathlib import Path

COLUMNS = 96
LINE = 21
MARGIN = 22
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def run(command: str) -> list[tuple[str, str]]:
    """Kind and text of the lines on the terminal after the command has ended; rewritten lines show their last state."""
    leader, follower = pty.openpty()
    child = subprocess.Popen(command, shell=True, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        shown += piece
    child.wait()
    return rows_of(shown)


def rows_of(shown: bytes) -> list[tuple[str, str]]:
    """The same of all that a terminal was sent."""
    lines: list[tuple[str, str]] = []
    for line in ESCAPES.sub("", shown.decode(errors="replace")).replace("\r\n", "\n").split("\n"):
        last = [part for part in line.split("\r") if part.strip()]
        text = last[-1] if last else ""
        kind = "note" if text.startswith("—") or "answers instead" in text else "answer"
        lines += [(kind, part) for part in textwrap.wrap(text, COLUMNS) or [""]]
    while lines and not lines[-1][1].strip():
        lines.pop()
    return lines


def draw(rows: list[tuple[str, str]]) -> str:
    """An SVG of a terminal; each row is a kind (command, answer, note) and its text."""
    colours = {"command": "#7ee2b8", "answer": "#e6e6ea", "note": "#9aa0b4"}
    width, height = int(COLUMNS * 8.45) + 2 * MARGIN, LINE * len(rows) + 2 * MARGIN + 18
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-label="TL-FIF in a terminal">',
        f'<rect width="{width}" height="{height}" rx="10" fill="#1b1d27"/>',
        *(f'<circle cx="{MARGIN + 18 * n}" cy="20" r="5.5" fill="#4a4e63"/>' for n in range(3)),
        '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
    ]
    for number, (kind, text) in enumerate(rows):
        y = MARGIN + 32 + LINE * number
        parts.append(
            f'<text x="{MARGIN}" y="{y}" fill="{colours[kind]}" xml:space="preserve">{html.escape(text)}</text>'
        )
    return "\n".join([*parts, "</g>", "</svg>", ""])


def main() -> int:
    """Run, draw, write."""
    target, *commands = sys.argv[1:]
    rows: list[tuple[str, str]] = []
    for command in commands:
        if rows:
            rows.append(("answer", ""))
        rows.append(("command", f"$ {command}"))
        rows += run(command)
    Path(target).write_text(draw(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
