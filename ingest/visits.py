"""Sessions that ended or changed, counted for the pages about drivers and sessions."""

from sql.database import Connection

AT_ONCE = 5000  # sessions in one transaction


def fold_visits(connection: Connection) -> None:
    """Take all of the log; nothing if somebody else is at it."""
    while connection.execute("SELECT fold_visits(%s)", [AT_ONCE]).fetchone() == (AT_ONCE,):
        pass
