"""Stations and sessions from files of earlier systems: nothing twice, nothing lost."""


class RowError(Exception):
    """A row that can't be taken as it is: which field, what it says, what was expected."""

    def __init__(self, field: str, value: str, expected: str) -> None:
        super().__init__(field, value, expected)
        self.field, self.value, self.expected = field, value, expected

    def __str__(self) -> str:
        return f"expected {self.expected}, found {self.value or 'nothing'}"


class GoneError(RowError):
    """Something that the file itself says is not there."""


class FileError(Exception):
    """A file or a mapping that can't be used at all; nothing was imported."""
