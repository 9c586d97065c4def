"""Specs one after another, each made from its number alone, and what is found of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from tests.soundness.generate import generate
from tests.soundness.judge import Outcome, judge
from tests.soundness.mutate import mutate
from tests.soundness.shrink import shrink

NEARLY = 0.4  # of the specs have something changed about them that they may not survive


def example(seed: int, number: int) -> dict[str, Any]:
    """The spec of this number."""
    rng = Random(f"{seed}:{number}")
    spec = generate(rng)
    return mutate(rng, spec) if rng.random() < NEARLY else spec


def hunt(seed: int, numbers: Iterable[int]) -> Iterator[tuple[int, dict[str, Any], Outcome]]:
    """(number, spec, outcome) of each; where something is found, the spec is made small."""
    for number in numbers:
        spec = example(seed, number)
        outcome = judge(spec, number)
        if outcome.finding is not None:
            spec = smallest(spec, number, outcome.finding.kind)
            outcome = judge(spec, number)
        yield number, spec, outcome


def smallest(spec: dict[str, Any], number: int, kind: str) -> dict[str, Any]:
    """The least spec of which the same is found."""

    def fails(smaller: dict[str, Any]) -> bool:
        finding = judge(smaller, number).finding
        return finding is not None and finding.kind == kind

    return shrink(spec, fails)
