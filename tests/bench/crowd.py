"""5,000 stations with passwords: how soon all are back in after a restart, and what one that is
connected and silent costs."""

from ingest.auth import Credentials, PasswordChecker
from sql.admin.passwords import hash_password
from sql.database import connect
from tests.bench import rig
from tests.bench.load import Load, client
from tests.bench.report import Table
from tests.bench.rig import SECRET, Database

STATIONS, PASSWORD = 5000, "correct horse battery"
SILENT = Load("hb", STATIONS, seconds=2, rate=0.0001, warm_seconds=0)


def tables(base: Database) -> list[Table]:
    add_stations(base)
    options = {"PASSWORD": PASSWORD, "NOBOOT": "1"}
    with rig.product(base) as server:
        with client(base, server, SILENT._replace(stations=1), **options) as wait_for:
            wait_for("END")  # what one connection brings into memory, all share
        before_bytes, before_cpu = server.memory_bytes(), server.cpu_seconds() + base.cpu_seconds()
        with client(base, server, SILENT, **options) as wait_for:
            seconds = float(wait_for("CONNECTED").split()[1])
            cpu = server.cpu_seconds() + base.cpu_seconds() - before_cpu
            wait_for("END")
            kib = (server.memory_bytes() - before_bytes) / STATIONS / 1024
    rows = [
        ["all connected again after", f"{seconds:.1f} s"],
        ["CPU per connection (ingest and database)", f"{1e6 * cpu / STATIONS:.0f} us"],
        ["memory per silent connection (bar: 20)", f"{kib:.1f} KiB"],
    ]
    return [Table(f"{STATIONS:,} stations with passwords", ["", ""], rows)]


def add_stations(base: Database) -> None:
    """Registered stations whose password was checked before, as after a restart."""
    password_hash = hash_password(PASSWORD)
    checker = PasswordChecker(SECRET)
    rows = []
    for number in range(STATIONS):
        credentials = Credentials(f"CP{number}", password_hash, None)
        rows.append((credentials.station_id, password_hash, checker.digest(credentials, PASSWORD)))
    checker.close()
    with connect(base.dsn) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO station (station_id, password_hash, password_hmac) VALUES (%s, %s, %s)"
            " ON CONFLICT (station_id) DO UPDATE"
            " SET password_hash = excluded.password_hash, password_hmac = excluded.password_hmac",
            rows,
        )
