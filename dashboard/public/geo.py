"""The small map of the public page: Web Mercator in degrees, a light outline, and its marks. Pure.

The outline is one SVG file that every view of the map shares; a view only moves and scales it.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

from dashboard.public.places import Found

SIZE = 600.0  # a view is a square of so many units; land goes on beyond it
MARGIN = 60.0
SMALLEST_SPAN = 0.25  # degrees: the outline has nothing finer to show
APART = (78.0, 46.0)  # units across and down: marks nearer than this become one
HOME = "SWE"
BOX = (-6.0, 52.0, 40.0, 73.0)  # west, south, east, north of the outline
Point = tuple[float, float]


@dataclass(frozen=True)
class View:
    """Which part of the world is shown: the centre in Mercator degrees, units per degree."""

    x: float
    y: float
    scale: float

    def place(self, latitude: float, longitude: float) -> Point:
        x, y = mercator(latitude, longitude)
        return (SIZE / 2 + (x - self.x) * self.scale, SIZE / 2 - (y - self.y) * self.scale)

    @property
    def transform(self) -> str:
        """Moves and scales the outline, whose y already points down."""
        dx, dy = SIZE / 2 - self.x * self.scale, SIZE / 2 + self.y * self.scale
        return f"translate({dx:.1f} {dy:.1f}) scale({self.scale:.2f})"


@dataclass(frozen=True)
class Mark:
    """One mark: a site, or several whose marks would overlap."""

    x: float
    y: float
    found: tuple[Found, ...]

    @property
    def free(self) -> int:
        return sum(found.free for found in self.found)

    @property
    def keys(self) -> str:
        """The evses it counts, as a page says it: `1-4,9`."""
        keys = sorted(evse.key for found in self.found for evse in found.evses)
        runs = [list(run) for _, run in groupby(enumerate(keys), lambda pair: pair[1] - pair[0])]
        ends = [(run[0][1], run[-1][1]) for run in runs]
        return ",".join(f"{a}-{b}" if b > a else str(a) for a, b in ends)

    @property
    def kind(self) -> str:
        kinds = [found.kind for found in self.found]
        return next((kind for kind in ("free", "busy") if kind in kinds), kinds[0])


def mercator(latitude: float, longitude: float) -> Point:
    return longitude, math.degrees(math.log(math.tan(math.pi / 4 + math.radians(latitude) / 2)))


def view_of(points: Sequence[Point]) -> View:
    """The view that holds all points (latitude, longitude)."""
    flat = [mercator(*point) for point in points] or [mercator(62.0, 16.0)]
    xs, ys = [p[0] for p in flat], [p[1] for p in flat]
    span = max(max(xs) - min(xs), max(ys) - min(ys), SMALLEST_SPAN)
    return View((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2, (SIZE - 2 * MARGIN) / span)


def marks(found: Iterable[Found], view: View) -> list[Mark]:
    """Marks for the sites of a view, neighbours put together, those further north first."""
    clusters: list[list[tuple[Point, Found]]] = []
    for one in found:
        if one.place.position is None:
            continue
        point = view.place(*one.place.position)
        near = next((c for c in clusters if _touch(c[0][0], point)), None)
        if near is None:
            clusters.append([(point, one)])
        else:
            near.append((point, one))
    placed = [_mark(cluster) for cluster in clusters]
    return sorted(placed, key=lambda mark: mark.y)


def _touch(one: Point, other: Point) -> bool:
    return abs(one[0] - other[0]) < APART[0] and abs(one[1] - other[1]) < APART[1]


def _mark(cluster: list[tuple[Point, Found]]) -> Mark:
    x, y = cluster[0][0]
    return Mark(round(x, 1), round(y, 1), tuple(found for _, found in cluster))


def outline_svg(geojson: Path, tolerance: float = 0.012) -> str:
    """The basemap as an SVG with the symbols `home` and `land`, y pointing down, in degrees."""
    home: list[str] = []
    land: list[str] = []
    for feature in json.loads(geojson.read_text())["features"]:
        geometry = feature["geometry"]
        polygons = geometry["coordinates"]
        if geometry["type"] == "Polygon":
            polygons = [polygons]
        paths = [path for polygon in polygons if (path := _path(polygon[0], tolerance))]
        (home if feature["properties"]["a3"] == HOME else land).extend(paths)
    shapes = "".join(
        f'<path id="{name}" vector-effect="non-scaling-stroke" d="{"".join(d)}"/>'
        for name, d in (("land", land), ("home", home))
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg">{shapes}</svg>'


def _path(ring: list[list[float]], tolerance: float) -> str:
    points = _clip([mercator(lat, lon) for lon, lat in ring])
    if len(points) < 4 or _area(points) < tolerance**2 * 4:
        return ""
    middle = len(points) // 2
    halves = (points[: middle + 1], points[middle:] + points[:1])
    kept = [p for half in halves for p in simplified(half, tolerance)[:-1]]
    return _relative([(round(x * 1000), round(-y * 1000)) for x, y in kept])


def _relative(points: list[tuple[int, int]]) -> str:
    """Relative steps in thousandths of a degree: half the bytes of absolute positions."""
    text = f"M{points[0][0] / 1000:g} {points[0][1] / 1000:g}l"
    steps = pairwise(points)
    return (
        text + " ".join(f"{(x - u) / 1000:g} {(y - v) / 1000:g}" for (u, v), (x, y) in steps) + "z"
    )


def _area(points: list[Point]) -> float:
    pairs = zip(points, points[1:] + points[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def _clip(points: list[Point]) -> list[Point]:
    """Sutherland-Hodgman against BOX."""
    west, south = mercator(BOX[1], BOX[0])
    east, north = mercator(BOX[3], BOX[2])
    for axis, limit, sign in ((0, west, 1), (0, east, -1), (1, south, 1), (1, north, -1)):
        points = _clip_edge(points, axis, limit, sign)
    return points


def _clip_edge(points: list[Point], axis: int, limit: float, sign: int) -> list[Point]:
    kept: list[Point] = []
    for p, q in zip(points[-1:] + points[:-1], points, strict=True):
        p_in, q_in = sign * (p[axis] - limit) >= 0, sign * (q[axis] - limit) >= 0
        if p_in != q_in:
            share = (limit - p[axis]) / (q[axis] - p[axis])
            kept.append((p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])))
        if q_in:
            kept.append(q)
    return kept


def simplified(points: list[Point], tolerance: float) -> list[Point]:
    """Douglas-Peucker: no dropped point was further than `tolerance` from what remains."""
    keep = {0, len(points) - 1}
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        far, index = _farthest(points, first, last)
        if far > tolerance:
            keep.add(index)
            spans += [(first, index), (index, last)]
    return [points[i] for i in sorted(keep)]


def _farthest(points: list[Point], first: int, last: int) -> tuple[float, int]:
    (ax, ay), (bx, by) = points[first], points[last]
    length = math.hypot(bx - ax, by - ay)
    best, index = 0.0, first
    for i in range(first + 1, last):
        x, y = points[i]
        off = abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length if length > 1e-12 \
            else math.hypot(x - ax, y - ay)  # fmt: skip
        if off > best:
            best, index = off, i
    return best, index
