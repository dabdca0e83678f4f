"""Rounding up to `step_size`, once per session (OCPI 2.2.1, CDR object, "step_size"). Pure."""

from fractions import Fraction

from billing.breakdown import Line


def rounded_up(lines: list[Line]) -> list[Line]:
    """The lines, with what the step adds put into the last line of what it rounds.

    Once for ENERGY. Once for TIME and PARKING_TIME: only the one the session ended with is
    rounded, over its own total, as every worked example of OCPI's corrected text does (10 minutes
    of charging and 2 of parking with a step of 15 are billed as 10 and 15). Once for the time of
    a reservation.
    """
    _round([line for line in lines if line.type == "ENERGY"])
    times = [line for line in lines if line.type in ("TIME", "PARKING_TIME") and not line.reserved]
    _round([line for line in times if line.type == times[-1].type])
    _round([line for line in lines if line.type == "TIME" and line.reserved])
    return lines


def _round(lines: list[Line]) -> None:
    if not lines or not (step := lines[-1].component.step_size):
        return
    total = sum((line.used for line in lines), Fraction(0))
    lines[-1].billed += -(-total // step) * step - total
