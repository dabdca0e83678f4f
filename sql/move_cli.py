"""The command that carries a database over."""

import sys

import click
import psycopg

from sql import DatabaseError
from sql.cli import dsn_of, fail, settings
from sql.database import connect
from sql.migrate import engine_of, is_foreign, migrate
from sql.move import Move, copy, finish, prepared, refresh
from sql.move_proof import Line, prove


@click.command("timescale-move")
@click.option("--to", "to", metavar="URL", required=True,
              help="A new, empty database: postgresql://user:password@host:port/name")  # fmt: skip
def timescale_move(to: str) -> None:
    """Carry this installation's plain database over into a new one on TimescaleDB.

    Stop ingest, web and jobs before. Interrupted at any point, the same command goes on where it
    was. It ends with a proof that both databases say the same; only then point
    KILOWATCH_DATABASE_URL at the new one. The old one is left as it is.
    """
    given = settings()
    source = dsn_of(given)
    try:
        migrate(source, given.time_zone)
        if engine_of(source) == "timescale":
            fail("this installation is on TimescaleDB already")
    except DatabaseError as error:
        fail(error)
    try:
        _make_ready(to, given.time_zone)
        with prepared(source, to) as move:
            _move(move)
    except DatabaseError as error:
        fail(str(error).replace("KILOWATCH_DATABASE_URL", "--to"))
    except psycopg.Error as error:  # gone meanwhile, full, not allowed
        reason = error.diag.message_primary or " ".join(str(error).split())
        fail(f"the move stopped: {reason}; the same command goes on where it was")


def _make_ready(to: str, time_zone: str) -> None:
    with connect(to) as target:
        if is_foreign(target):
            raise DatabaseError(
                "the target has tables that are not Kilowatch's: use a new database"
            )
    migrate(to, time_zone)
    if engine_of(to) == "plain":
        click.echo("The target is plain PostgreSQL: TimescaleDB is not installed there.")


def _move(move: Move) -> None:
    size = move.size * 8192 / 1_000_000
    with click.progressbar(length=move.size, label=f"Moving {size:,.0f} MB") as bar:
        copy(move, bar.update)
    click.echo("Refreshing the rollups ...")
    refresh(move)
    click.echo("Comparing every row ...")
    lines = prove(move)
    _print(lines)
    if not all(line.agrees for line in lines):
        click.echo("kilowatch: the databases differ: drop the target and move again", err=True)
        sys.exit(1)
    finish(move.target)
    click.echo("Moved. Set KILOWATCH_DATABASE_URL to the new database and start again.")


def _print(lines: list[Line]) -> None:
    rows = [("", "source", "target", ""), *((*line, _mark(line)) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for what, source, target, mark in rows:
        click.echo(f"{what:<{widths[0]}}  {source:>{widths[1]}}  {target:>{widths[2]}}  {mark}")


def _mark(line: Line) -> str:
    return "ok" if line.agrees else "DIFFERS"
