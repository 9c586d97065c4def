"""Specs against PyTorch: none is accepted that PyTorch refuses, none refused that it runs, and what is required of the
sizes is what they need. `python -m tests.soundness` hunts longer; what it found lies in `corpus/`."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archspec.ops.registry import all_ops
from tests.soundness.generate import MOST, Generator, generate
from tests.soundness.hunt import hunt
from tests.soundness.judge import judge, text_of

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.yaml"))
CONSTRUCTS = {
    "params", "symbols", "blocks", "outputs", "sequence", "residual", "parallel", "scan", "carry", "repeat", "merge",
    "route", "over", "use", "tie", "when",
}  # fmt: skip
SELDOM = {
    "inline: true", "forward: false", r"inputs: \[\]",
    r"use: k\d+",  # of what forward leaves out
    r"tie: \{[a-z]\d+(\.[a-z]\d+)*: m\d+(\.[a-z]\d+)+\}",  # of a module
    r"name: [a-z]+\d+_\$[ik]", r"from: \[t\d+\$[ik], ",  # by the turn, and read in the next one
    r"split_size: \['?\$", r"merge: \$op\d+", r"\bop\d+: null",
}  # fmt: skip
PARTS, EACH = 40, 500  # of the long hunt: 20,000 specs
ENOUGH = {"accepted": 0.5, "refused": 0.2}  # at least this part of them


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_corpus(path: Path) -> None:
    """What was found once: a comment in each says what."""
    outcome = judge(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert outcome.finding is None, outcome.finding
    assert outcome.verdict == path.stem.rpartition(".")[2]


def _hold(numbers: range, seed: int) -> None:
    seen: Counter[str] = Counter()
    for number, spec, outcome in hunt(seed, numbers):
        found = outcome.finding
        assert found is None, f"{seed}:{number}: {found.kind}\n{text_of(spec)}\n{found.detail}"
        seen[outcome.verdict] += 1
    chance = len(numbers) ** 0.5  # more than the share of so many varies by
    assert all(seen[what] >= part * len(numbers) - chance for what, part in ENOUGH.items()), seen
    assert seen["long"] <= 0.01 * len(numbers) + 1, seen


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_some(part: int) -> None:
    _hold(range(60 * part, 60 * part + 60), seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_many(part: int) -> None:
    _hold(range(EACH * part, EACH * part + EACH), seed=2)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.randoms(use_true_random=False))
def test_drawn_by_hypothesis(rng: Random) -> None:
    """The same, with the choices in the hands of hypothesis."""
    spec = generate(rng, 12)
    finding = judge(spec).finding
    assert finding is None, f"{finding.kind}\n{text_of(spec)}\n{finding.detail}"


def test_every_op_and_construct_is_met() -> None:
    """A new op is in the specs as soon as it is declared."""
    met: set[str] = set()
    names = set(all_ops())
    longest, most = 0, len(names) // 20  # of the ops: that many may be missing
    for number in range(600):
        if met >= CONSTRUCTS and longest >= MOST and len(names - met) <= most:
            break
        generator = Generator(Random(number))
        text = text_of(generator.make())
        longest = max(longest, generator.trial.executor.nodes)
        met |= {name for name in (names | CONSTRUCTS) - met if f"{name}:" in text or f"- {name}\n" in text}
    assert met >= CONSTRUCTS, sorted(CONSTRUCTS - met)
    assert longest >= MOST
    assert len(names - met) <= most, sorted(names - met)


def test_what_networks_seldom_have_is_met() -> None:
    left = set(SELDOM)
    for number in range(300):
        text = text_of(generate(Random(number), seldom=True))
        left -= {pattern for pattern in left if re.search(pattern, text)}
        if not left:
            return
    raise AssertionError(sorted(left))
