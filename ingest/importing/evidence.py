"""How a file writes its dates and numbers: as the operator says, else as its own rows show."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, cast

from ingest.importing import FileError, amounts, times
from ingest.importing.mapping import ENERGIES, Mapping
from ingest.importing.tables import Record

LOOKED_AT = 50_000  # rows
METERS = ("meter_stop_wh", "meter_stop_kwh")


class Manner(NamedTuple):
    """`order`: None where no date of the file needs it."""

    order: times.Order | None
    mark: amounts.Mark


def manner(
    records: Iterable[Record], mapping: Mapping, order: str | None, mark: str | None
) -> Manner:
    """Look at the rows for what was not said. Raises FileError where they don't tell."""
    energy = mapping.unit((*ENERGIES, *METERS))
    orders: Counter[str] = Counter()
    marks: Counter[str] = Counter()
    for count, record in enumerate(records):
        if count == LOOKED_AT or (order and mark):
            break
        orders.update(_seen(times.order_of(mapping.text("started_at", record.cells))))
        if energy:
            marks.update(_seen(amounts.mark_of(mapping.text(energy, record.cells))))
    return Manner(
        cast("times.Order | None", order or _order(orders)),
        cast("amounts.Mark", mark or _mark(marks, energy or "")),
    )


def _seen(told: str | None) -> list[str]:
    return [told] if told else []


def _order(seen: Counter[str]) -> str | None:
    found = [order for order in ("dmy", "mdy") if seen[order]]
    if len(found) == 1 or not seen:
        return found[0] if found else None
    said = "both 13/01 and 01/13 are there" if found else "no day of its dates is above 12"
    raise FileError(f"which is the month, the first part or the second? {said}: --date-order")


def _mark(seen: Counter[str], energy: str) -> str:
    sure = [mark for mark in (".", ",") if seen[mark]]
    doubtful = [mark for mark in (".", ",") if seen[f"?{mark}"]]
    if len(sure) == 1 or not seen:
        return sure[0] if sure else "."
    if not doubtful:  # 12.5 and 12,5: either can be read, whatever the other rows do
        return max(sure, key=lambda mark: seen[mark])
    if not sure and len(doubtful) == 1 and energy.endswith("kwh"):
        return doubtful[0]  # 12.345 kWh: thousands of kWh are no session's
    example = "1.234 and 1,234" if len({*sure, *doubtful}) > 1 else f"1{doubtful[0]}234"
    raise FileError(f"{energy}: is {example} a thousand and more, or one and a bit? --decimal")
