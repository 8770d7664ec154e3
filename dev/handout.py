"""Requirements, surprises and the owner's picture as one page to hand out: ``python dev/handout.py FOLDER``.

Writes ``tl-fif.html`` into FOLDER and, where Chromium is installed, ``tl-fif.pdf``.
"""

import os
import posixpath
import re
import shutil
import subprocess
import sys
from html import escape
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = (
    "your-understanding.md",
    "requirements/rql-2/README.md",
    *(f"requirements/rql-2/{path.name}" for path in sorted((DOCS / "requirements/rql-2").glob("[0-9]*.md"))),
    "surprises/README.md",
    *(
        f"surprises/{name}.md"
        for name in ("cannot-work", "loses-an-answer", "costs-money", "lets-somebody-in", "breaks-later")
    ),
)
"""In the order in which they are read, from ``docs``."""
SUBTITLE = "Your picture of it, the requirement list (RQL 2), and the surprises."
STYLE = """
@page {
  size: A4; margin: 20mm 18mm;
  @bottom-center { content: counter(page); font: 9pt Georgia, "DejaVu Serif", serif }
}
body { font: 11pt/1.5 Georgia, "DejaVu Serif", serif; color: #222; max-width: 42em; margin: 2em auto; padding: 0 1em }
h1, h2, h3, h4 { font-family: Arial, "DejaVu Sans", sans-serif; line-height: 1.25; break-after: avoid }
h3, h4 { margin-top: 1.6em }
h2 + p { break-after: avoid }
p, li { orphans: 3; widows: 3; overflow-wrap: anywhere }
a { color: #1a4f8b; text-decoration: none }
code, pre { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 0.88em }
pre { background: #f4f4f2; padding: .7em; white-space: pre-wrap; overflow-wrap: anywhere; break-inside: avoid }
nav li { list-style: none; break-inside: avoid }
nav > ul { padding-left: 0 }
nav > ul > li { margin-top: .6em; font-weight: bold; break-after: avoid }
nav ul ul { columns: 2; column-gap: 2em; padding-left: 1.2em; font-size: .92em }
nav ul ul li { font-weight: normal; text-indent: -1.2em; padding-left: 1.2em }
@media print {
  body { max-width: none; margin: 0; padding: 0; font-size: 10.5pt }
  section { break-before: page }
  pre { font-size: 7.2pt } /* the 120 columns of the sources fit */
  pre code { font-size: 1em }
}
"""


def page_id(page: str) -> str:
    """The anchor of a page of ``docs``."""
    return re.sub(r"\W+", "-", page.removesuffix(".md")).strip("-")


def heading_id(page: str, text: str) -> str:
    """The anchor of a heading: a requirement's number alone where it has one, as that never changes."""
    number = re.match(r"(\d+\.\d+(?:\.\d+)?)\s", text)
    if number:
        return f"r{number[1]}"
    return f"{page_id(page)}-" + re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def target(page: str, link: str) -> str:
    """Where a link of ``page`` leads in the one text; empty where it leads out of it."""
    if re.match(r"\w+:", link):
        return link
    path, _, anchor = link.partition("#")
    there = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
    if there not in PAGES:
        return ""
    return f"#{heading_id(there, anchor) if anchor else page_id(there)}"


def section(markdown: MarkdownIt, page: str, numbers: set[str]) -> tuple[str, str]:
    """One page: its lines of the contents, with its sections, and its HTML."""
    tokens = markdown.parse(re.sub(r"<!--.*?-->\n?", "", (DOCS / page).read_text("utf-8")))
    found: dict[str, list[str]] = {"h1": [], "h2": []}
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following:
            name = heading_id(page, following.content)
            token.attrSet("id", name)
            if token.tag in found:
                anchor = page_id(page) if token.tag == "h1" else name
                words = re.sub(r"[`*]", "", following.content)
                found[token.tag].append(f'<a href="#{anchor}">{escape(words)}</a>')
        children = token.children or []
        for child, inside in pairwise(children):
            if child.type == "link_open":
                number = inside.content in numbers
                child.attrSet("href", f"#r{inside.content}" if number else target(page, str(child.attrs["href"])))
    html = markdown.renderer.render(tokens, markdown.options, {})
    html = re.sub(r'<a href="">(.*?)</a>', r"\1", html, flags=re.DOTALL)
    html = re.sub(r"\[(\d+\.\d+(?:\.\d+)?)\]", lambda found: reference(found[1], numbers), html)
    inside = "".join(f"<li>{one}</li>" for one in found["h2"])
    entry = f"<li>{found['h1'][0]}{f'<ul>{inside}</ul>' if inside else ''}</li>"
    return entry, f'<section id="{page_id(page)}">\n{html}</section>\n'


def reference(number: str, numbers: set[str]) -> str:
    """A requirement's number in square brackets, as a link where there is such a requirement."""
    return f'[<a href="#r{number}">{number}</a>]' if number in numbers else f"[{number}]"


def handout() -> str:
    """The whole text as one HTML page."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    sources = "\n".join((DOCS / page).read_text("utf-8") for page in PAGES)
    numbers = set(re.findall(r"^#{2,4} (\d+\.\d+(?:\.\d+)?)\s", sources, re.MULTILINE))
    sections = [section(markdown, page, numbers) for page in PAGES]
    contents = "".join(entry for entry, _ in sections)
    head = f'<meta charset="utf-8"><title>TL-FIF: requirements and surprises</title><style>{STYLE}</style>'
    body = f"<h1>TL-FIF</h1><p>{SUBTITLE}</p><nav><ul>{contents}</ul></nav>" + "".join(html for _, html in sections)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def print_pdf(page: Path) -> bool:
    """Print ``page`` beside itself with Chromium; whether one is installed."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        return False
    pdf = page.with_suffix(".pdf")
    options = ["--headless", "--disable-gpu", "--no-pdf-header-footer", "--generate-pdf-document-outline"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium's does not start as root; the page is our own and fetches nothing
    subprocess.run(
        [browser, *options, f"--print-to-pdf={pdf}", page.as_uri()], check=True, capture_output=True, timeout=120
    )
    return True


def main() -> None:
    """Make the page and, where it can be made, the PDF."""
    if len(sys.argv) != 2:
        sys.exit("Usage: python dev/handout.py FOLDER")
    page = Path(sys.argv[1]).resolve() / "tl-fif.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(handout(), "utf-8")
    print(page)
    print(
        page.with_suffix(".pdf")
        if print_pdf(page)
        else "No PDF: Chromium is not installed. A browser's print does the same."
    )


if __name__ == "__main__":
    main()
