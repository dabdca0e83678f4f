"""The documents of docs/ as sections, for the help pages: the files themselves, split at headings.

Nothing here makes HTML: pages hand the texts to Dash's Markdown, which shows markup as text.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dashboard.meanings import anchor

FOLDER = Path(__file__).parent.parent / "docs"
NAME = re.compile(r"^[a-z][a-z0-9-]{0,40}$")
HEADING = re.compile(r"^(#{1,4}) +(.+)$")
LINK = re.compile(r"\]\(([a-z][a-z0-9-]*)\.md(#[a-z0-9_-]*)?\)")


@dataclass(frozen=True)
class Section:
    """A heading (level 1 to 4; 0: what stands before the first), its anchor and what follows."""

    level: int
    heading: str
    key: str
    body: str


@cache
def names() -> tuple[str, ...]:
    """The documents there are; none where docs/ was not installed."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.md") if NAME.match(path.stem)))


@cache
def read(name: str) -> tuple[Section, ...]:
    """A document's sections; none when there is no such document."""
    if name not in names():
        return ()
    return tuple(sections((FOLDER / f"{name}.md").read_text()))


def sections(text: str) -> list[Section]:
    """Split at headings; a # within a block of code is none."""
    found: list[Section] = []
    level, heading, lines, in_code = 0, "", list[str](), False
    for line in [*text.splitlines(), "# "]:
        in_code ^= line.startswith("```")
        head = None if in_code else HEADING.match(line)
        if not head and line != "# ":
            lines.append(line)
            continue
        body = linked("\n".join(lines).strip())
        if heading or body:
            found.append(Section(level, heading, anchor(heading), body))
        level, heading, lines = (len(head[1]), head[2], []) if head else (0, "", [])
    return found


def linked(text: str) -> str:
    """Links between documents lead to their pages; to files that are no pages they are text."""

    def address(found: re.Match[str]) -> str:
        name, place = found[1], found[2] or ""
        return f"](/app/help/{name}{place})" if name in names() else "]"

    return LINK.sub(address, text)
