"""Specs one after another, each made from its number alone, and what is found of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import archspec
from tests.soundness.generate import generate
from tests.soundness.judge import UNKNOWN, Outcome, judge, text_of
from tests.soundness.mutate import misfit, mutate
from tests.soundness.shrink import shrink

SELDOM = 0.2  # of the specs have what networks seldom have
NEARLY = 0.2  # of the specs have something changed about them that they may not survive
WRONG = 0.33  # and this part has a change that does not go with its sizes, where one of a few does not
TRIES = 12


def example(seed: int, number: int) -> dict[str, Any]:
    """The spec of this number."""
    seldom = is_seldom(seed, number)
    rng = Random(f"{seed}:{number}:seldom" if seldom else f"{seed}:{number}")
    spec = generate(rng, seldom=seldom)
    what = rng.random()
    if what < WRONG:
        return next((each for each in _changed(rng, spec) if refused_for_shapes(each)), spec)
    return mutate(rng, spec) if what < WRONG + NEARLY else spec


def is_seldom(seed: int, number: int) -> bool:
    """Has the spec of this number constructs that networks seldom have?"""
    return Random(f"{seed}:{number}:kind").random() < SELDOM


def _changed(rng: Random, spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for _ in range(TRIES):
        yield misfit(rng, spec)


def refused_for_shapes(spec: dict[str, Any]) -> bool:
    """Does the checker find fault with sizes, ranks or dtypes, and with nothing else?"""
    try:
        codes = {d.code for d in archspec.check(text_of(spec)).diagnostics if d.is_error}
    except Exception:
        return True  # it is for the judge to say so
    return bool(codes) and all("AS300" < code < "AS400" and code not in UNKNOWN for code in codes)


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
