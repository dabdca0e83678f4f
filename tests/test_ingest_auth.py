"""Who may connect: security profiles 1 to 3, guesses, and what is remembered of them."""

import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ocpp_messages import BOOT
from stations import (
    PASSWORD,
    Csms,
    RawStation,
    add_stations,
    dial,
    password_hash,
    rows,
    serving,
)
from websockets.exceptions import InvalidStatus

from ingest import auth
from ingest.auth import Credentials, PasswordChecker, Throttle, parse_basic

CREDENTIALS = Credentials("S1", password_hash(PASSWORD), None)


async def status_of(csms: Csms, station_id: str = "S1", **options: Any) -> int:
    """The HTTP status a handshake ends with."""
    try:
        socket = await dial(csms.port, station_id, ["1.6"], **options)
    except InvalidStatus as error:
        return int(error.response.status_code)
    await socket.close()
    return 101


async def test_the_password_decides(database: str) -> None:
    async with serving(database, "S1") as csms:
        assert await status_of(csms) == 101
        assert await status_of(csms, password="wrong") == 401
        assert await status_of(csms, password=None) == 401
        assert await status_of(csms, "S2") == 404


async def test_the_user_name_is_the_station_s_id(database: str) -> None:
    async with serving(database, "S1", "S2") as csms:
        assert await status_of(csms, user="S2") == 401
        assert await status_of(csms, user="s1") == 401


async def test_a_station_without_a_password_stays_out(database: str) -> None:
    rows(database, "INSERT INTO station (station_id) VALUES ('S1')")
    async with serving(database) as csms:
        assert await status_of(csms, password="") == 401


async def test_refusals_say_what_to_do_and_are_kept(database: str) -> None:
    async with serving(database, "S1") as csms:
        with pytest.raises(InvalidStatus) as caught:
            await dial(csms.port, "S1", ["1.6"], password="wrong")
        assert caught.value.response.headers["WWW-Authenticate"].startswith("Basic")
        assert b"user name is the station's id" in (caught.value.response.body or b"")
        attempt = csms.one("SELECT station_id, remote, reason FROM connection_attempt")
        assert attempt == ("S1", "127.0.0.1", "wrong password")


async def test_guessing_is_throttled_and_the_right_password_gets_in_after_the_cool_down(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(database, "S1", "S2") as csms:
        for _ in range(auth.MISSES):
            assert await status_of(csms, password="wrong") == 401
        assert await status_of(csms, password="wrong") == 429
        assert await status_of(csms) == 429
        assert await status_of(csms, "S2") == 101
        monkeypatch.setattr(auth, "COOL_DOWN_SECONDS", 0.0)
        assert await status_of(csms) == 101


async def test_guesses_at_once_do_not_slip_through(database: str) -> None:
    async with serving(database, "S1") as csms:
        guesses = [status_of(csms, password=f"guess {n}") for n in range(3 * auth.MISSES)]
        found = await asyncio.gather(*guesses)
        assert found.count(401) == auth.MISSES
        assert found.count(429) == 2 * auth.MISSES


async def test_a_checked_password_is_not_hashed_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(database, "S1") as csms:
        assert await status_of(csms) == 101
        monkeypatch.setattr(auth, "_verify", lambda *_: pytest.fail("hashed again"))
        assert await status_of(csms) == 101
        monkeypatch.undo()
        new = "another password"
        # in a thread: the server, which runs in this one, may be writing that row
        await asyncio.to_thread(
            csms.rows, "UPDATE station SET password_hash = %s", password_hash(new)
        )
        assert await status_of(csms) == 401
        assert await status_of(csms, password=new) == 101


async def test_station_passwords_of_any_bytes_are_possible(database: str) -> None:
    add_stations(database, "S1")
    for password in ("a:b", "åäö €", " "):
        rows(database, "UPDATE station SET password_hash = %s", password_hash(password))
        async with serving(database) as csms:
            assert await status_of(csms, password=password) == 101


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic ?", "Bearer eA==", "Basic eA==", "basic", "Basic YTpi!", "Basic é"],
)
def test_headers_that_are_no_basic_credentials_are_none(header: str | None) -> None:
    assert parse_basic(header) is None


def test_basic_credentials_are_parsed() -> None:
    assert parse_basic("Basic UzE6YTpi") == ("S1", "a:b")
    assert parse_basic("basic UzE6") == ("S1", "")
    assert parse_basic("Basic UzE6w6U=") == ("S1", "å")
    assert parse_basic("Basic UzE65Q==") == ("S1", "å")


def test_the_throttle_counts_by_station_and_source() -> None:
    throttle = Throttle()
    for _ in range(auth.MISSES):
        throttle.miss("S1", "10.0.0.1")
    assert throttle.is_blocked("S1", "10.0.0.1")
    assert not throttle.is_blocked("S1", "10.0.0.2")
    assert not throttle.is_blocked("S2", "10.0.0.1")
    throttle.hit("S1", "10.0.0.1")
    assert not throttle.is_blocked("S1", "10.0.0.1")


def test_the_throttle_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "REMEMBERED", 10)
    throttle = Throttle()
    for number in range(100):
        throttle.miss(f"S{number}", "10.0.0.1")
    assert len(throttle._misses) == 10


def test_an_hmac_is_worth_nothing_under_another_key_or_for_another_station() -> None:
    checker, other = PasswordChecker("key"), PasswordChecker("other key")
    digest = checker.digest(CREDENTIALS, PASSWORD)
    known = Credentials("S1", CREDENTIALS.password_hash, digest)
    assert checker.knows(known, PASSWORD)
    assert not checker.knows(known, PASSWORD + " ")
    assert not other.knows(known, PASSWORD)
    assert not checker.knows(Credentials("S2", CREDENTIALS.password_hash, digest), PASSWORD)
    assert not checker.knows(CREDENTIALS, PASSWORD)
    for one in (checker, other):
        one.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, and certificates of the server (127.0.0.1) and of the station S1."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    usage = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA",
            "-days", "2", *usage)  # fmt: skip
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name, subject in (("server", "/CN=csms"), ("S1", "/O=Volt/CN=S1")):
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signer,
                "-extfile", "names")  # fmt: skip
    return folder


def tls_settings(folder: Path) -> dict[str, str]:
    return {"tls_cert": str(folder / "server.pem"), "tls_key": str(folder / "server.key")}


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=folder / "ca.pem")


async def test_profile_2_is_basic_over_tls(database: str, certificates: Path) -> None:
    async with serving(database, "S1", **tls_settings(certificates)) as csms:
        options = {"scheme": "wss", "ssl": trusting(certificates)}
        assert await status_of(csms, **options) == 101
        assert await status_of(csms, password="wrong", **options) == 401


async def test_profile_3_is_a_client_certificate(database: str, certificates: Path) -> None:
    authority = str(certificates / "ca.pem")
    settings = {**tls_settings(certificates), "tls_client_ca": authority}
    async with serving(database, "S1", "S2", **settings) as csms:
        context = trusting(certificates)
        context.load_cert_chain(certificates / "S1.pem", certificates / "S1.key")
        options: dict[str, Any] = {"scheme": "wss", "ssl": context, "password": None}
        station = RawStation(await dial(csms.port, "S1", ["1.6"], **options))
        assert (await station.call("BootNotification", BOOT["1.6"]))["status"] == "Accepted"
        await station.close()
        assert await status_of(csms, "S2", **options) == 401
        bare = {"scheme": "wss", "ssl": trusting(certificates)}
        assert await status_of(csms, password=None, **bare) == 401
        assert await status_of(csms, **bare) == 101
    # what is in use is known with its end; see the watch `certificate`
    noted = rows(database, "SELECT station_id, subject, issuer, not_after > now() + interval"
                 " '1 day' AND not_after < now() + interval '3 days' FROM certificate"
                 " ORDER BY 1")  # fmt: skip
    assert noted == [("S1", "O=Volt,CN=S1", "CN=CA", True), (None, "CN=csms", "CN=CA", True)]


async def test_strangers_fill_no_table(database: str) -> None:
    async with serving(database) as csms:
        found = [await status_of(csms, f"N{number}") for number in range(4 * auth.MISSES)]
        assert set(found) == {404}
        assert csms.one("SELECT count(*) FROM connection_attempt") == auth.MISSES
