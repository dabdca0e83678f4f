"""How far an import is, to whoever asked for it."""

from contextlib import ExitStack
from typing import Any, Protocol

import click


class Progress(Protocol):
    """Hears first how many rows there are, then of those that are done."""

    def begin(self, total: int) -> None: ...

    def done(self, rows: int) -> None: ...


class Bar(ExitStack):
    """On the command line: a bar that fills. A context manager."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label
        self._bar: Any = None

    def begin(self, total: int) -> None:
        self._bar = self.enter_context(click.progressbar(length=total, label=self._label))

    def done(self, rows: int) -> None:
        self._bar.update(rows)
