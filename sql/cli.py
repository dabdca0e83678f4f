"""The ground every command stands on: settings, the database, one clear line for every failure."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click
import psycopg

from sql import DatabaseError, RequestError
from sql.database import Connection, connect, database_url
from sql.fields import FieldError
from sql.migrate import migrate
from sql.settings import Settings, SettingsError, read_settings, secret_key, unknown_names


def fail(message: object, code: int = 1) -> NoReturn:
    """One clear line; exit code 2 for bad usage, 1 for everything else that was expected."""
    click.echo(f"kilowatch: {message}", err=True)
    sys.exit(code)


def settings() -> Settings:
    """The environment's settings, read by the command that runs."""
    for name in unknown_names(os.environ):
        click.echo(f"kilowatch: {name} is no setting and is ignored", err=True)
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        fail(error, 2)


def dsn_of(given: Settings) -> str:
    """The database's address; starts the embedded server if that is the one."""
    try:
        return database_url(given)
    except DatabaseError as error:
        fail(error)


def key_of(given: Settings) -> str:
    """The installation's secret key; made and kept at the first start."""
    try:
        return secret_key(given)
    except SettingsError as error:
        fail(error)


@contextmanager
def migrated(given: Settings) -> Iterator[Connection]:
    """A connection to a database that is up to date."""
    dsn = dsn_of(given)
    try:
        migrate(dsn, given.time_zone)
        with connect(dsn) as connection:
            yield connection
    except FieldError as error:
        fail(f"{error.field}: {error}")
    except (DatabaseError, RequestError) as error:
        fail(error)
    except psycopg.Error as error:  # gone meanwhile, full, not allowed
        # the primary message only: details quote rows, password hashes and all
        fail(f"database: {error.diag.message_primary or ' '.join(str(error).split())}")


def log_to_stderr() -> None:
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form)
    for noisy in ("websockets", "apscheduler", "psycopg.pool"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
