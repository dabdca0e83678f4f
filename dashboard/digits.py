"""Numbers as people and addresses write them. Pure."""

from typing import Any

INTEGER, BIGINT = 9, 18  # so many digits fit into the database's types, whatever they are


def digits(text: Any, at_most: int = INTEGER) -> str:
    """The digits of a whole number from 0 on that the database can hold, else nothing."""
    written = "" if text is None else str(text)
    fine = written.isascii() and written.isdecimal() and len(written) <= at_most
    return written if fine else ""


def whole(text: Any, at_most: int = INTEGER) -> int | None:
    """The same as a number; None for what is none."""
    found = digits(text, at_most)
    return int(found) if found else None
