"""What events do to sessions, purely: start, count, stop; idempotent in any order.

A repeated start is known by its content, a repeated reading by its hash, a repeated stop by the
session's having ended. Nothing here fails because content is odd: it is kept and flagged.
"""

from datetime import datetime, timedelta

from ingest.book import (
    Book,
    Counted,
    Evse,
    Late,
    Session,
    SignedReading,
    Station,
    Token,
    fact_row,
)
from ingest.events import (
    Authorization,
    Boot,
    Event,
    Metering,
    Outcome,
    Status,
    TokenInfo,
    Transaction,
)
from ingest.metering import ESTIMATED, Step, point_of
from ingest.translate import Reading

SKEW, STEADY_SECONDS, APART = timedelta(minutes=5), 30, timedelta(minutes=1)
GUESSES = frozenset({"stop_lost", "ghost"})  # an end that nobody told us


def apply(book: Book, station: Station, event: Event, received_at: datetime) -> Outcome:
    """Work one message into the book; returns what its answer needs."""
    if isinstance(event, Transaction):
        return apply_transaction(book, station, event, received_at)
    if isinstance(event, Metering):
        keep_readings(book, station, station.evse(event.evse_id), event.readings, received_at)
    elif isinstance(event, Status):
        apply_status(book, station, event, received_at)
    elif isinstance(event, Authorization):
        return apply_authorization(book, station, event, received_at)
    elif isinstance(event, Boot):
        return apply_boot(book, station, event, received_at)
    return Outcome()


def apply_authorization(
    book: Book, station: Station, event: Authorization, received_at: datetime
) -> Outcome:
    token = judge(book.tokens.get(event.id_token.lower()), received_at)
    book.authorizations.append((station.station_id, received_at, event.id_token, token.status))
    return Outcome(token=token)


def apply_boot(book: Book, station: Station, event: Boot, received_at: datetime) -> Outcome:
    book.boots[station.station_id] = (
        station.station_id, event.vendor, event.model, event.serial_number,
        event.firmware_version, received_at,
    )  # fmt: skip
    return Outcome(
        registration_status=station.registration_status,
        heartbeat_seconds=station.heartbeat_seconds,
    )


def apply_status(book: Book, station: Station, event: Status, received_at: datetime) -> None:
    evse = station.evse(event.evse_id)
    if evse.evse_id != event.evse_id:
        return  # no station has such an evse; the message log keeps what it said
    book.statuses.append((station, evse, event, received_at))
    book.live.update(
        [evse.evse_key] if evse.evse_id else (e.evse_key for e in station.evses.values())
    )


def keep_readings(
    book: Book, station: Station, evse: Evse, readings: list[Reading], received_at: datetime
) -> None:
    """Readings of no session: kept, but no energy is counted from them."""
    for reading in readings:
        book.rows.append(book.reading_row(station.station_id, evse, reading, received_at))
        if reading.signed:
            keep_signed(book, station, evse, reading, reading.register_wh)


def keep_signed(
    book: Book,
    station: Station,
    evse: Evse,
    reading: Reading,
    register_wh: int | None,
    session: Session | None = None,
) -> None:
    book.signed += [
        SignedReading(
            signed, session, station.station_id, evse.evse_id, evse.evse_key, reading.measured_at,
            reading.context, register_wh,
        )
        for signed in reading.signed
    ]  # fmt: skip


def judge(token: Token | None, at: datetime, evse_key: int | None = None) -> TokenInfo:
    """Whether a token may charge; with `evse_key`, also whether it does so elsewhere already."""
    if token is None:
        return TokenInfo("Unknown")
    status = token.status
    if status == "Accepted" and token.expires_at and token.expires_at <= at:
        status = "Expired"
    elsewhere = evse_key is not None and any(key != evse_key for key in token.open_evse_keys)
    if status == "Accepted" and elsewhere and not token.is_concurrent:
        status = "ConcurrentTx"
    return TokenInfo(status, token.expires_at, token.parent_id_token)


def apply_transaction(
    book: Book, station: Station, event: Transaction, received_at: datetime
) -> Outcome:
    session = find(book, station, event)
    if session is None and not event.opens and event.kind != "start":
        return keep_foreign(book, station, event, received_at)
    token = token_of(book, station, event, session, received_at)
    if session is None:
        session = start(book, station, event)
    update(book, session, station, event)
    for reading in event.readings:
        count(book, session, reading, received_at)
        if reading.signed:
            evse = Evse(session.evse_key, session.evse_id, None)
            plain_wh = plain_register(session, event, reading)
            keep_signed(book, station, evse, reading, plain_wh, session)
    follow_ghost(session)
    if event.kind == "end":
        end(session, event)
    if token and token.status != "Accepted" and event.kind == "start":
        session.flag(f"token_{token.status.lower()}")
    book.touch(session)
    return Outcome(token=token, transaction_id=session.transaction_id)


def plain_register(session: Session, event: Transaction, reading: Reading) -> int | None:
    """What a signed register must agree with: 1.6 sends the session's own beside its readings."""
    if reading.register_wh is None and reading.context == "Transaction.Begin":
        return session.meter_start_wh
    if reading.register_wh is None and reading.context == "Transaction.End":
        ends = [r.register_wh for r in event.readings if r.context == reading.context]
        return next(
            (register_wh for register_wh in reversed(ends) if register_wh is not None), None
        )
    return reading.register_wh


def find(book: Book, station: Station, event: Transaction) -> Session | None:
    if event.transaction_id is not None:
        return book.sessions.get((station.station_id, event.transaction_id))
    return book.starts.get((station.station_id, event.start_hash or 0))


def token_of(
    book: Book,
    station: Station,
    event: Transaction,
    session: Session | None,
    received_at: datetime,
) -> TokenInfo | None:
    if event.id_token is None:
        return None
    is_start = event.kind == "start" and (session is None or session.ended_at is None)
    evse_key = station.evse(event.evse_id).evse_key if is_start else None
    return judge(book.tokens.get(event.id_token.lower()), received_at, evse_key)


def keep_foreign(
    book: Book, station: Station, event: Transaction, received_at: datetime
) -> Outcome:
    """A transaction id this station never got: its readings stay without a session."""
    evse = station.evse(event.evse_id)
    for reading in event.readings:
        reading.flag("transaction_unknown")
    keep_readings(book, station, evse, event.readings, received_at)
    return Outcome(token=token_of(book, station, event, None, received_at))


def start(book: Book, station: Station, event: Transaction) -> Session:
    evse = station.evse(event.evse_id)
    session_id = book.session_ids.pop()
    session = Session(
        session_id,
        station.operator_id,
        station.site_id,
        station.station_id,
        evse.evse_id,
        evse.evse_key,
        event.connector_id,
        str(session_id) if event.transaction_id is None else event.transaction_id,
        event.id_token,
        event.at,
        limit_w=evse.max_power_w,
        start_hash=event.start_hash,
    )
    if event.kind != "start":
        session.flag("start_missing")
    if evse.evse_id:
        close_lost(book, session)
    book.add(session)
    note_open(book, session)
    return session


def note_open(book: Book, session: Session) -> None:
    token = book.tokens.get((session.id_token or "").lower())
    if token:
        token.open_evse_keys.append(session.evse_key)


def close_lost(book: Book, newer: Session) -> None:
    """One vehicle at a time: a start ends what was still open on the evse, as lost."""
    for session in book.open_on.get(newer.evse_key, ()):
        if session.ended_at is None and session.started_at <= newer.started_at:
            last = session.last_reading_at or session.started_at
            session.ended_at = min(max(last, session.started_at), newer.started_at)
            session.power_w = None
            session.flag("stop_lost")
            book.touch(session)


def update(book: Book, session: Session, station: Station, event: Transaction) -> None:
    """What any event may tell about its session."""
    session.flag(*event.flags)
    if event.kind == "start" and "start_missing" in session.flags:
        session.flags = [flag for flag in session.flags if flag != "start_missing"]
        if session.ended_at is None or event.at <= session.ended_at:
            session.started_at = event.at
        else:  # a clock that is wrong; what other events told is better
            session.flag("times_reversed")
    session.id_token = session.id_token or (event.id_token if event.kind != "end" else None)
    session.remote_start_id = session.remote_start_id or event.remote_start_id
    if event.seq_no is not None:
        session.seq_no = max(event.seq_no, session.seq_no or 0)
    if session.evse_id == 0 and event.evse_id:
        evse = station.evse(event.evse_id)
        session.evse_id, session.evse_key = evse.evse_id, evse.evse_key
        session.limit_w = evse.max_power_w
        book.main_keys[session.station_id] = -station.station_key
        book.late.setdefault(session.session_id, [])  # counts what came before the evse was known
    session.connector_id = session.connector_id or event.connector_id
    if event.charging_state:
        update_state(book, session, event.charging_state, event.at)


def update_state(book: Book, session: Session, charging_state: str, at: datetime) -> None:
    """Every change is kept; the newest is the session's. 2.x repeats the state in every event."""
    is_newest = session.state_at is None or at >= session.state_at
    if not (is_newest and charging_state == session.charging_state):
        book.charging_states.append((session.session_id, at, charging_state))
    if is_newest:
        session.charging_state, session.state_at = charging_state, at


def count(book: Book, session: Session, reading: Reading, received_at: datetime) -> None:
    """A reading newer than all before goes on from where the meter stands; any other waits for the
    slow path, and so do those that follow it in the same batch."""
    step = count_energy(book, session, reading)
    session.saw(reading)
    if step is None:
        book.late.setdefault(session.session_id, []).append(Late(reading, received_at))
        return
    note_lag(session, reading.measured_at, received_at)
    delta_wh = None if reading.register_wh is None else 0
    for fact in step.facts:
        if fact.at == reading.measured_at:
            delta_wh = fact.energy_wh
        else:
            part = "power" if step.is_estimate else "split"
            book.fast_rows.append(fact_row(session, fact, received_at, part, 0))
    evse = Evse(session.evse_key, session.evse_id, None)
    counted = Counted(delta_wh, "power" if step.is_estimate else "meter", step.flags)
    book.fast_rows.append(
        book.reading_row(session.station_id, evse, reading, received_at, session, counted)
    )


def note_lag(session: Session, measured_at: datetime, received_at: datetime) -> None:
    """A station's clock that is off: ahead, or behind by the same time again and again. What was
    buffered comes late too, but each reading by less than the one before."""
    lag = received_at - measured_at
    if -SKEW <= lag <= SKEW:
        session.lag_seconds = session.lag_at = None
        return
    seconds = int(lag.total_seconds())
    if session.lag_at is None or abs(seconds - (session.lag_seconds or 0)) > STEADY_SECONDS:
        session.lag_seconds, session.lag_at = seconds, received_at
    if seconds < 0 or received_at - session.lag_at >= APART:
        session.flag("clock_skew")


def count_energy(book: Book, session: Session, reading: Reading) -> Step | None:
    """Fold the session's newest reading in; None if only the slow path can count it."""
    at = reading.measured_at
    if session.session_id in book.late or not session.evse_id or session.ended_at is not None:
        return None
    if session.last_reading_at is not None and at <= session.last_reading_at:
        return None
    meter = session.meter()
    step = meter.read(
        point_of(at, reading.register_wh, reading.power_w, reading.extra, reading.context)
    )
    if step.restarts and (session.energy_basis or not ESTIMATED.isdisjoint(session.flags)):
        return None  # what was counted must be taken back
    session.keep(meter)
    if session.meter_start_wh is None:
        session.meter_start_wh = reading.register_wh
    if step.facts:
        session.energy_wh += sum(fact.energy_wh for fact in step.facts)
        session.charged_until = at
    session.flag(*step.flags)
    if step.is_estimate:
        session.flag("energy_from_power")
    return step


def follow_ghost(session: Session) -> None:
    """Closed at its last evidence by a watchdog: newer evidence moves the end."""
    last = session.last_reading_at
    if "ghost" in session.flags and last and session.ended_at and last > session.ended_at:
        session.ended_at = last


def end(session: Session, event: Transaction) -> None:
    """The first end counts; one that arrives for a session given up as lost replaces the guess."""
    is_guess = not GUESSES.isdisjoint(session.flags)
    if session.ended_at is not None and not is_guess:
        return
    if is_guess:
        session.flags = [flag for flag in session.flags if flag not in GUESSES]
        session.flag("stop_late")
    if event.at < session.started_at:
        session.flag("times_reversed")
    session.ended_at = max(event.at, session.started_at)
    registers = [r.register_wh for r in event.readings if r.register_wh is not None]
    session.meter_stop_wh = registers[-1] if registers else session.register_wh
    session.stop_reason, session.stopped_by = event.stop_reason, event.id_token
    session.power_w, session.charging_state = None, None
