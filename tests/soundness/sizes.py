"""Which sizes to try: the smallest, those around what is required, and some others."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from archspec.dims import Requirement

FAR = 40
Sizes = dict[str, int]


def keeps(promise: dict[str, int], n: int) -> bool:
    return promise.get("min", 1) <= n <= promise.get("max", n) and n % promise.get("multiple_of", 1) == 0


def allowed(symbols: Iterable[str], facts: dict[str, dict[str, int]]) -> dict[str, list[int]]:
    """Small values that keep the promises."""
    return {name: [n for n in range(1, FAR + 1) if keeps(facts.get(name, {}), n)] for name in symbols}


def met(requirements: list[Requirement], sizes: Sizes) -> bool:
    return all(r.holds(sizes) for r in requirements)


def tried(rng: Random, values: dict[str, list[int]], count: int) -> list[Sizes]:
    """For a spec whose demands are not known: all the least, all alike, and random ones."""
    out = [{name: own[0] for name, own in values.items()}] if values else [{}]
    out += [{name: min(own, key=lambda v, n=n: abs(v - n)) for name, own in values.items()} for n in (2, 4, 8, 16, 32)]
    out += [{name: rng.choice(own) for name, own in values.items()} for _ in range(count if values else 0)]
    return unique(out)


def split(
    rng: Random, values: dict[str, list[int]], requirements: list[Requirement]
) -> tuple[list[Sizes], list[Sizes]]:
    """Sizes that meet the requirements and sizes that do not, those near the border first."""
    around = dict(values)
    for name, own in values.items():
        mine = [r for r in requirements if r.symbols == {name}]
        if mine:
            holds = [all(r.holds({name: n}) for r in mine) for n in own]
            edges = [n for k, n in enumerate(own) if holds[k] != holds[k - 1] or holds[k] != holds[(k + 1) % len(own)]]
            around[name] = (edges[:4] + edges[-2:]) or own
    inside, outside = [], []
    for sizes in tried(rng, values, 6) + tried(rng, around, 24):
        (inside if met(requirements, sizes) else outside).append(sizes)
    if requirements and not inside:
        for _ in range(300):
            sizes = {name: rng.choice(own) for name, own in values.items()}
            if met(requirements, sizes):
                inside.append(sizes)
                break
    return unique(inside), unique(outside)


def unique(many: list[Sizes]) -> list[Sizes]:
    return list({tuple(sorted(sizes.items())): sizes for sizes in many}.values())
