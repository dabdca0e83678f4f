"""The database that needs no set-up: a PostgreSQL server under the data folder.

It listens on a Unix socket only, inside a folder only its own user may enter. It is started by
the first process that asks and found by the others. Rule of its life: every process that asked
holds a shared lock (the kernel drops it at exit, kill -9 included), and `stop_embedded` stops
the server only when nobody else holds one. A server that was left behind is found again.
"""

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import pq

from sql import DatabaseError
from sql.embedded_host import (
    SOCKET_NAME,
    Account,
    account,
    let_pass,
    let_run,
    programs,
    socket_folder,
)
from sql.embedded_settings import own_settings, write_settings

NAME = "kilowatch"  # of the role and of the database
STOP_SECONDS = 20
START_SECONDS = 120  # crash recovery after a busy spell may take a while

TELLING = re.compile(r"FATAL: |PANIC: |error: |LOG: (?=.* invalid )")

_held: dict[Path, int] = {}  # data folder -> descriptor of our shared lock


def start_embedded(data_dir: Path, settings: Mapping[str, str] | None = None) -> str:
    """Start the server of `data_dir`, or find it; return its DSN.

    `settings` are PostgreSQL settings on top of ours; they count only if this call starts it.
    Raises DatabaseError.
    """
    home = _home(data_dir)
    with _alone(home):
        server = Server(home)
        server.ensure_created()
        server.ensure_running(settings or {})
        if home not in _held:
            _held[home] = _lock(home / "postgres.users", fcntl.LOCK_SH)
        return server.dsn()


def stop_embedded(data_dir: Path) -> bool:
    """Stop the server unless another process still uses it; True when it is down."""
    home = data_dir.resolve()
    if not (home / "postgres").exists():
        return True
    with _alone(home):
        if home in _held:
            os.close(_held.pop(home))
        try:
            last = _lock(home / "postgres.users", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        Server(home).stop()
        os.close(last)
        return True


class Server:
    """The cluster in `<data folder>/postgres`; the caller holds the lock."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cluster = home / "postgres"
        self.programs = programs()
        self.account: Account = account(self.cluster)

    def ensure_created(self) -> None:
        """Create the cluster aside and rename it: a half-made one is never mistaken for data."""
        if self.cluster.exists():
            return
        fresh = self.home / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            self._prepare(fresh)
            self._initdb(fresh)
            fresh.rename(self.cluster)
        except OSError as error:
            raise DatabaseError(f"cannot create the database in {self.home}: {error}") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _prepare(self, fresh: Path) -> None:
        fresh.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(fresh, *self.account)
            let_run(self.programs)
            let_pass(self.home)

    def _initdb(self, fresh: Path) -> None:
        # the builtin locale sorts the same on every host; the wheel has no ICU
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        trust = ("--auth-local=trust", "--auth-host=reject")  # the folder is the guard
        where = ("-D", str(fresh))
        self._must("initdb", *where, "-U", NAME, "--encoding=UTF8", *locale, *trust, "--no-sync")
        with (fresh / "postgresql.conf").open("a") as file:
            file.write("\ninclude '../postgres.conf'\n")
        self._must("initdb", *where, "--sync-only")

    def ensure_running(self, settings: Mapping[str, str]) -> None:
        """Start the server, or wait for one that is still coming up or recovering."""
        deadline = time.monotonic() + START_SECONDS
        while not self._accepts():
            if time.monotonic() > deadline:
                raise DatabaseError(f"the database in {self.cluster} does not come up: see its log")
            if self._postmaster() is None:
                self._launch(settings)
            else:
                time.sleep(0.05)  # PQping cannot be waited for

    def _launch(self, settings: Mapping[str, str]) -> None:
        self._clear_stale()
        if os.geteuid() == 0:
            let_run(self.programs)
            let_pass(self.home)
        write_settings(self.home / "postgres.conf", {**own_settings(), **settings})
        log = self.cluster / "start.log"
        log.unlink(missing_ok=True)
        socket = shlex.quote(str(socket_folder(self.cluster, self.account)))
        options = f"-c listen_addresses='' -k {socket}"  # pg_ctl hands them to a shell
        arguments = ("start", "-w", "-t", str(START_SECONDS), "-l", str(log), "-o", options)
        if self._run("pg_ctl", "-D", str(self.cluster), *arguments).returncode:
            raise DatabaseError(f"cannot start the database in {self.cluster}: {self._reason()}")
        self._create_database()

    def _clear_stale(self) -> None:
        """Forget a postmaster that was killed, once its children are gone.

        Its number may belong to a zombie or to another process by now (always so in
        containers), in which case PostgreSQL would refuse to start.
        """
        socket_lock = self._socket() / f"{SOCKET_NAME}.lock"
        psutil.wait_procs(_processes_in(self.cluster), timeout=START_SECONDS)
        if _processes_in(self.cluster):
            raise DatabaseError(f"a killed database still has work to end in {self.cluster}")
        for stale in (socket_lock, self.cluster / "postmaster.pid"):
            stale.unlink(missing_ok=True)

    def _reason(self) -> str:
        """Why it did not start: told to start.log at first, then to the log of the day."""
        days = sorted((self.cluster / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
        logs = [self.cluster / "start.log", *days[-1:]]
        texts = (log.read_text(errors="replace") for log in logs if log.exists())
        latest = (text.rpartition("starting PostgreSQL")[2] for text in texts)
        return next(filter(None, map(_summary, latest)), "no reason given")

    def _create_database(self) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME])
            if found.fetchone() is None:
                connection.execute(f"CREATE DATABASE {NAME}")  # no parameters in utility commands

    def stop(self) -> None:
        """End the server; clients are disconnected, what was committed is on disk."""
        if self._postmaster() is not None:
            folder = self._socket()
            stop = ("pg_ctl", "-D", str(self.cluster), "stop", "-w", "-t", str(STOP_SECONDS), "-m")
            if self._run(*stop, "fast").returncode:
                # a full disk keeps it from its last checkpoint; the next start replays the log
                self._must(*stop, "immediate")
            if folder != self.cluster:
                folder.rmdir()

    def dsn(self, database: str = NAME) -> str:
        """The address as a URL; works for psycopg, psql and Grafana on this host."""
        return f"postgresql://{NAME}@/{database}?host={quote(str(self._socket()))}&port=5432"

    def _socket(self) -> Path:
        """The running server knows best: another process may have had another TMPDIR."""
        lines = self._pid_file()
        return Path(lines[4]) if len(lines) > 4 else socket_folder(self.cluster, self.account)

    def _pid_file(self) -> list[str]:
        """Lines: number, data folder, start time, port, socket folder, .. (miscinit.h)."""
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _postmaster(self) -> psutil.Process | None:
        lines = self._pid_file()
        if not lines:
            return None
        running = _processes_in(self.cluster)
        return next((one for one in running if str(one.pid) == lines[0].strip()), None)

    def _accepts(self) -> bool:
        if self._postmaster() is None:
            return False
        return pq.PGconn.ping(self.dsn("postgres").encode()) == pq.Ping.OK

    def _must(self, program: str, *arguments: str) -> None:
        done = self._run(program, *arguments)
        if done.returncode:
            raise DatabaseError(f"{program} failed in {self.home}: {_summary(done.stderr)}")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.programs / program), *arguments]
        # the caller's PG* variables must not reach the server, its folder may be closed to it
        who: dict[str, Any] = {}
        if os.geteuid() == 0:
            who = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        return subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            **who,
        )


def _processes_in(folder: Path) -> list[psutil.Process]:
    """The processes that work in this folder: PostgreSQL's, which stay in their cluster."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder):
                found.append(process)
        except psutil.Error:
            continue  # gone, a zombie, or somebody else's
    return found


def _summary(output: str) -> str:
    """What went wrong according to a PostgreSQL program, as one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if TELLING.search(line)]
    return "; ".join(TELLING.split(line)[-1].strip() for line in telling[:2])


def _home(data_dir: Path) -> Path:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        home = data_dir.resolve()
        os.close(_open(home / "postgres.users"))
    except OSError as error:
        message = f"cannot write to the data folder {data_dir}: {error.strerror}"
        raise DatabaseError(message) from error
    return home


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process at a time starts or stops the server."""
    lock = _lock(home / "postgres.lock", fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)


def _lock(path: Path, kind: int) -> int:
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _open(path: Path) -> int:
    # reading is enough to lock, and lets users share what root created
    return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
