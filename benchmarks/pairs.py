"""Two ways to do one thing, timed in turn (A B A B …) in one run, and compared pair by pair."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Pair(NamedTuple):
    """Medians in seconds; `ratio` is the median of A/B over the pairs, `low` and `high` its quartiles."""

    a: float
    b: float
    ratio: float
    low: float
    high: float


def timed(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def paired(a: Callable[[], object], b: Callable[[], object], pairs: int, warmup: int = 2) -> Pair:
    """Run a and b in turn, the first of each pair alternating."""
    for _ in range(warmup):
        a()
        b()
    first, second = [], []
    for turn in range(pairs):
        if turn % 2:
            second.append(timed(b))
            first.append(timed(a))
        else:
            first.append(timed(a))
            second.append(timed(b))
    ratios = [x / y for x, y in zip(first, second, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Pair(statistics.median(first), statistics.median(second), middle, low, high)


def line(what: str, pair: Pair, aim: str = "") -> str:
    """One row of the report: both medians, the ratio and its quartiles."""
    times = f"{pair.a * 1e3:10.2f} ms {pair.b * 1e3:10.2f} ms"
    return f"{what:56}{times}  {pair.ratio:6.3f} ({pair.low:.3f} to {pair.high:.3f}){'   aim ' + aim if aim else ''}"
