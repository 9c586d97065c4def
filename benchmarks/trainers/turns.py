"""Several ways to train an epoch, timed in turn and compared round by round."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from benchmarks.trainers.task import Took


def interleaved(ways: dict[str, Callable[[], Took]], rounds: int) -> dict[str, list[Took]]:
    """Seconds of every way, round by round; the order turns by one each round. The first round is thrown away."""
    names = list(ways)
    taken: dict[str, list[Took]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        for k in range(len(names)):
            name = names[(k + turn) % len(names)]
            took = ways[name]()
            if turn:
                taken[name].append(took)
    return taken


def ratio(of: list[Took], to: list[Took]) -> str:
    """Median and quartiles of the ratios round by round: of processor time, then of time on the wall."""
    texts = []
    for name in ("processor", "wall"):
        pairs = [(getattr(a, name), getattr(b, name)) for a, b in zip(of, to, strict=True)]
        low, middle, high = statistics.quantiles([a / b for a, b in pairs], n=4)
        texts.append(f"{name} {middle:.3f} ({low:.3f} to {high:.3f})")
    return ", ".join(texts)
