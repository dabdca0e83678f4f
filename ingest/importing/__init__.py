"""Stations and sessions from files of earlier systems: nothing twice, nothing lost."""

from sql.fields import FieldError

RowError = FieldError  # a row that can't be taken: which field, what it says, what was expected


class GoneError(RowError):
    """Something that the file itself says is not there."""


class FileError(Exception):
    """A file or a mapping that can't be used at all; nothing was imported."""
