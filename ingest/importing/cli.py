"""Commands that bring in stations and sessions of earlier systems."""

from pathlib import Path

import click

from sql.cli import dsn_of, fail, migrated, settings

FILE = click.argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")


@click.command("import")
@FILE
@click.option(
    "--format", "form", type=click.Choice(["csv", "nobil", "ocpi"]),
    help="CSV with a row per station or evse, NOBIL's JSON or OCPI locations; guessed if left out.",
)  # fmt: skip
@click.option("--operator", help="Number or name of the operator whose sites they stand on.")
@DRY_RUN
def station_import(file: Path, form: str | None, operator: str | None, *, dry_run: bool) -> None:
    """Add and change stations as a file says; what it does not say stays as it is.

    Ends with 0 if nothing was rejected, 1 if some stations were (they are listed), 2 if the file
    can't be used.
    """
    from ingest.importing import FileError
    from ingest.importing.progress import Bar
    from ingest.importing.station_run import import_stations, report

    try:
        with migrated(settings()) as connection, Bar(_label(dry_run)) as bar:
            outcome, _ = import_stations(connection, file, form, operator, bar, dry_run=dry_run)
    except FileError as error:
        fail(error, 2)
    report(outcome, dry_run=dry_run)
    raise SystemExit(1 if outcome.faulty else 0)


def _label(dry_run: bool) -> str:
    return "Checking" if dry_run else "Importing"


@click.group()
def session() -> None:
    """Bring in sessions of earlier systems."""


@session.command("import")
@FILE
@click.option(
    "--map", "columns", metavar="FIELD=COLUMN,..",
    help='Which column is what, e.g. "started_at=Start Date+Start Time,station=CP ID";'
    " guessed from their names where not said.",
)  # fmt: skip
@click.option(
    "--mapping", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The same in a TOML file: [columns], [stations], time_zone, date_order, decimal, source.",
)  # fmt: skip
@click.option("--time-zone", help="Of times without an offset; the operator's if left out.")
@click.option(
    "--date-order", type=click.Choice(["dmy", "mdy"]), help="Of dates such as 03/04/2024."
)
@click.option("--decimal", type=click.Choice([".", ","]), help="What stands before fractions.")
@click.option("--source", help="Name of the earlier system; its sessions' numbers are its own.")
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path),
              help="New CSV file for the rows that can't be imported.")  # fmt: skip
@DRY_RUN
def session_import(
    file: Path,
    columns: str | None,
    mapping: Path | None,
    rejects: Path | None,
    *,
    dry_run: bool,
    **said: str | None,
) -> None:
    """Import the sessions of a CSV file; what is there already stays as it is.

    Ends with 0 if nothing was rejected, 1 if some rows were (they are listed), 2 if the file
    can't be used as it is.
    """
    from ingest.importing import FileError
    from ingest.importing.mapping import read_given
    from ingest.importing.run import import_file, report

    given = settings()
    try:
        told = read_given(columns, mapping)
        said["time_zone"] = said["time_zone"] or told.settings.get("time_zone", given.time_zone)
        with migrated(given) as connection:
            summary = import_file(
                connection, dsn_of(given), file, told, said, rejects, dry_run=dry_run
            )
    except FileError as error:
        fail(error, 2)
    report(summary, rejects, dry_run=dry_run)
    raise SystemExit(0 if summary.is_clean else 1)


@click.command("import")
@FILE
@click.option("--time-zone", help="Whose days expires_at means; the operator's if left out.")
@DRY_RUN
def token_import(file: Path, time_zone: str | None, *, dry_run: bool) -> None:
    """Add and change the id tokens of a CSV file: id_token, status, parent, concurrent, expires_at.

    Ends with 0 if nothing was rejected, 1 if some rows were (they are listed), 2 if the file
    can't be used.
    """
    from ingest.importing import FileError
    from ingest.importing.progress import Bar
    from ingest.importing.run import zone_of
    from ingest.importing.tables import open_table
    from ingest.importing.tokens import import_tokens
    from sql.admin import COMMAND_LINE

    given = settings()
    try:
        zone = zone_of(time_zone or given.time_zone)
        with migrated(given) as connection, Bar(_label(dry_run)) as bar:
            table = open_table(file)
            outcome, _ = import_tokens(connection, table, zone, COMMAND_LINE, bar, dry_run=dry_run)
    except FileError as error:
        fail(error, 2)
    click.echo(", ".join(f"{count:,} {what}" for what, count in outcome.counts.items()))
    for one in outcome.faulty[:20]:
        click.echo(f"line {one.line}: {one.field}: {one.problem}", err=True)
    raise SystemExit(1 if outcome.faulty else 0)
