"""How registers behave, purely: what may follow what, and what a fall can mean."""

from datetime import datetime, timedelta
from typing import NamedTuple

TOLERANCE = 1.2  # meters and ratings are not exact
SLACK_WH = 1_000  # one reading's worth of coarse registers and clocks
UNKNOWN_LIMIT_W, UNKNOWN_SLACK_WH = 1_000_000, 25_000  # the evse's rating is not known
JITTER_WH = 1  # 1234.6 is rounded in a sample and cut off in meterStop
HOUR = timedelta(hours=1)

# Where registers start again from 0: displays of 5 to 9 digits in Wh and kWh, and counters of 16,
# 24, 31 and 32 bits in Wh, of 16 and 32 bits in kWh. A signed one of 32 bits goes on at -2^31.
MODULI = tuple(
    sorted(
        {10**n for n in range(5, 13)}
        | {2**bits for bits in (16, 24, 31, 32)}
        | {2**bits * 1000 for bits in (16, 32)}
    )
)


class Register(NamedTuple):
    """A register and when it was read."""

    at: datetime
    register_wh: int


def most_wh(limit_w: int | None, start_at: datetime, end_at: datetime) -> float:
    """The most an evse of that rating can have delivered between two instants."""
    if limit_w is None:
        return UNKNOWN_LIMIT_W * TOLERANCE * ((end_at - start_at) / HOUR) + UNKNOWN_SLACK_WH
    return limit_w * TOLERANCE * ((end_at - start_at) / HOUR) + SLACK_WH


def continues(limit_w: int | None, origin: Register, newer: Register) -> bool:
    """Whether a register can have come from another by charging."""
    energy_wh = newer.register_wh - origin.register_wh
    return 0 <= energy_wh <= most_wh(limit_w, origin.at, newer.at)


def rolled_over(limit_w: int | None, origin: Register, newer: Register) -> Register | None:
    """The newer register as it would stand had it not started again from 0, if it plausibly has:
    the first modulus by which it goes on from the older one."""
    for modulus in MODULI:
        across = Register(newer.at, newer.register_wh + modulus)
        if newer.register_wh < origin.register_wh and continues(limit_w, origin, across):
            return across
    return None
