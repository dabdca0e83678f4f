"""The power of a charge as the path of a small drawing. Pure."""

from collections.abc import Sequence

from msgspec import Struct

WIDTH, HEIGHT, HEAD = 300, 56, 4  # units of the drawing; HEAD stays free above the highest point


class Curve(Struct, frozen=True):
    """`line` and `area` are SVG paths, `peak_w` the highest power in watts."""

    line: str
    area: str
    peak_w: float


def power_curve(points: Sequence[tuple[float, float]], seconds: float) -> Curve | None:
    """(seconds since the start, watts) in order of time, over so many seconds; or None."""
    if len(points) < 2 or seconds <= 0:
        return None
    peak = max(watts for _, watts in points)
    drawn = [_place(at / seconds, watts / peak if peak > 0 else 0.0) for at, watts in points]
    line = "M" + "L".join(f"{x} {y}" for x, y in drawn)
    area = f"{line}L{drawn[-1][0]} {HEIGHT}L{drawn[0][0]} {HEIGHT}z"
    return Curve(line, area, peak)


def _place(along: float, up: float) -> tuple[int, int]:
    x = round(WIDTH * min(1.0, max(0.0, along)))
    return x, round(HEIGHT - (HEIGHT - HEAD) * max(0.0, up))
