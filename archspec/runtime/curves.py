"""Line charts as inline SVG: axes, ticks, a legend, and a title under the pointer. No script, no style of their own.

Colours and fonts come from the page: classes `axis`, `grid`, `tick`, `label`, `line s0` … `line s5`, `dot s0` ….
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 34, 46
MOST_POINTS = 400
COLOURS = 6


class Series(NamedTuple):
    """Points (x, y) in order of x; those that are not finite are left out."""

    name: str
    points: Sequence[tuple[float, float]]


class Scale(NamedTuple):
    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def place(self, value: float) -> float:
        """0 at the low end, 1 at the high end."""
        if self.log:
            return (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return (value - self.low) / (self.high - self.low)


def ticks(low: float, high: float, count: int = 6) -> tuple[float, ...]:
    """About `count` round numbers (1, 2, 2.5 or 5 times a power of ten apart) that enclose low and high."""
    size = max(abs(low), abs(high))
    if high - low <= max(1e-9 * size, 1e-200):  # as good as one value
        spread = size if size > 1e-100 else 1.0
        low, high = low - spread / 10, high + spread / 10
    raw = (high - low) / max(1, count - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(float(f"{k * step:.12g}") for k in range(first, last + 1))


def linear(values: Sequence[float], count: int = 6) -> Scale:
    marks = ticks(min(values), max(values), count)
    return Scale(marks[0], marks[-1], marks)


def logarithmic(values: Sequence[float]) -> Scale:
    """Between round values (1, 2 or 5 times a power of ten); with few decades these are ticks too, else the powers."""
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    marks = [float(f"{m}e{k}") for k in range(first, last + 1) for m in (1, 2, 5)]
    low = max(m for m in marks if m <= min(values) * (1 + 1e-9))
    high = min(m for m in marks if m >= max(values) * (1 - 1e-9))
    shown = [m for m in marks if low <= m <= high]
    if last - first > 3:
        every = math.ceil((last - first) / 7)
        shown = [float(f"1e{k}") for k in range(first, last + 1, every) if low <= float(f"1e{k}") <= high]
    return Scale(low, high, tuple(shown), log=True)


def number(value: float) -> str:
    """A number for a reader: at most five digits."""
    if value and (abs(value) < 1e-4 or abs(value) >= 1e6):
        mantissa, exponent = f"{value:.4e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.5g}"


def thin(points: Sequence[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most `most` points: of each stretch its lowest and highest, so that no spike is lost."""
    if len(points) <= most:
        return list(points)
    kept: list[tuple[float, float]] = []
    buckets = most // 2
    for k in range(buckets):
        stretch = points[k * len(points) // buckets : (k + 1) * len(points) // buckets]
        ends = {stretch.index(min(stretch, key=lambda p: p[1])), stretch.index(max(stretch, key=lambda p: p[1]))}
        kept += [stretch[i] for i in sorted(ends)]
    return kept


def line_chart(
    title: str, series: Sequence[Series], x_label: str, *, whole: bool = False, linear_only: bool = False
) -> str:
    """One chart as an `<svg>` element; the empty text where there is no point to draw.

    `whole` says that x counts something (epochs): its ticks are integers. A wide range of positive values (a factor
    above 100) gets a logarithmic axis, unless `linear_only`. All texts are escaped.
    """
    drawn = [
        (k, Series(s.name, thin([p for p in s.points if math.isfinite(p[0]) and math.isfinite(p[1])])))
        for k, s in enumerate(series)
    ]
    drawn = [(k, s) for k, s in drawn if s.points]
    if not drawn:
        return ""
    xs = [x for _, s in drawn for x, _ in s.points]
    ys = [y for _, s in drawn for _, y in s.points]
    across = _whole(xs) if whole else linear(xs, 7)
    if not whole or len(set(xs)) > 1:
        across = Scale(min(xs), max(xs), tuple(t for t in across.ticks if min(xs) <= t <= max(xs)))
    if across.low == across.high:
        across = Scale(across.low - 1, across.high + 1, (across.low,))
    wide = not linear_only and min(ys) > 0 and max(ys) / min(ys) > 100
    up = logarithmic(ys) if wide else linear(ys)

    def px(x: float) -> float:
        return round(LEFT + across.place(x) * (WIDTH - LEFT - RIGHT), 1)

    def py(y: float) -> float:
        return round(HEIGHT - BOTTOM - up.place(y) * (HEIGHT - TOP - BOTTOM), 1)

    floor = HEIGHT - BOTTOM
    out = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>',
    ]
    for tick in up.ticks:
        y = py(tick)
        out.append(f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>')
        out.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{number(tick)}</text>')
    for tick in across.ticks:
        x = px(tick)
        out.append(f'<line class="axis" x1="{x}" y1="{floor}" x2="{x}" y2="{floor + 5}"/>')
        out.append(f'<text class="tick" x="{x}" y="{floor + 19}" text-anchor="middle">{number(tick)}</text>')
    out.append(f'<line class="axis" x1="{LEFT}" y1="{floor}" x2="{WIDTH - RIGHT}" y2="{floor}"/>')
    out.append(f'<line class="axis" x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{floor}"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text class="label" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>')
    for k, s in drawn:
        colour = f"s{k % COLOURS}"
        path = " ".join(f"{px(x)},{py(y)}" for x, y in s.points)
        out.append(f'<polyline class="line {colour}" points="{path}"/>')
        few = len(s.points) <= 60
        for x, y in s.points:
            words = escape(f"{s.name}: {number(y)} at {x_label} {number(x)}")
            at = f'cx="{px(x)}" cy="{py(y)}" r="{2.5 if few else 5}"'
            out.append(f'<circle class="{"dot" if few else "spot"} {colour}" {at}><title>{words}</title></circle>')
    out += _legend([(k, s.name) for k, s in drawn])
    out.append("</svg>")
    return "\n".join(out)


def _whole(values: Sequence[float]) -> Scale:
    low, high = math.floor(min(values)), math.ceil(max(values))
    steps = (m * 10**k for k in range(16) for m in (1, 2, 5))
    step = next(s for s in steps if (high - low) <= 10 * s)
    marks = tuple(float(t) for t in range(-(-low // step) * step, high + 1, step))
    return Scale(float(low), float(high), marks or (float(low),))


def _legend(names: Sequence[tuple[int, str]]) -> list[str]:
    """Right-aligned at the top; widths are estimated at 6.6 px a letter."""
    if len(names) < 2:
        return []
    out: list[str] = []
    x = float(WIDTH - RIGHT)
    for k, name in reversed(names):
        x -= 6.6 * len(name)
        out.append(f'<text class="label" x="{x:.1f}" y="18">{escape(name)}</text>')
        x -= 22
        out.append(f'<line class="line s{k % COLOURS}" x1="{x:.1f}" y1="14" x2="{x + 16:.1f}" y2="14"/>')
        x -= 14
    return out
