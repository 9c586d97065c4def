"""The fuzzing itself: what is instrumented, and how inputs are changed. (The runs are in test_attacks.py.)"""

from __future__ import annotations

import pytest

from tests.hostile.fuzz import TARGETS, modules, seeds
from tests.hostile.mutate import DEAR, Mutator, words

SPEC = b"archspec: 1\nlayers:\n  - repeat: 2\n    body:\n      - relu\n  - linear: 8\n"


def same(data: bytes, longest: int) -> bytes:
    return data[:longest]


def test_what_leads_the_search() -> None:
    for name, within, without in (
        ("check", {"archspec.pipeline", "archspec.graph.chain", "archspec.ops.conv"}, {"archspec.reading.reader"}),
        ("reader", {"archspec.reading", "archspec.reading.reader"}, {"archspec", "archspec.graph.chain"}),
        ("notation", {"archspec.ops.equation"}, {"archspec.ops", "archspec.ops.conv"}),
    ):
        code, others = modules(TARGETS[name])
        assert within <= set(code) and without <= set(others)


def test_the_words_are_those_of_the_language() -> None:
    assert {"layers", "repeat", "conv2d", "kernel_size", "label_smoothing", "ceil"} <= set(words())


def test_changed_texts_are_often_yaml_and_never_too_long() -> None:
    import yaml

    mutator = Mutator(lambda data: None, same)
    for longest in (40, 4096):
        changed = [mutator(SPEC, longest, seed) for seed in range(400)]
        assert all(len(data) <= longest for data in changed)
    read = 0
    for data in changed:
        try:
            yaml.safe_load(data)
        except yaml.YAMLError:
            continue
        read += data != SPEC
    assert read >= 100 and len(set(changed)) >= 150


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe", b"   ", "é: ☃\n".encode()])
def test_any_text_can_be_changed(data: bytes) -> None:
    mutator = Mutator(lambda data: None, same)
    assert all(isinstance(mutator(data, 64, seed), bytes) for seed in range(200))


def test_what_was_dear_is_seldom_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, DEAR / 2, 1.0, 1.0 + 2 * DEAR])
    monkeypatch.setattr("tests.hostile.mutate.time.process_time", lambda: next(clock))
    mutator = Mutator(lambda data: None, same)
    mutator.timed(b"cheap")
    mutator.timed(b"dear")
    given = []
    mutator.of_bytes = lambda data, longest: given.append(data) or data  # type: ignore[func-returns-value]
    mutator(b"cheap", 64, 1)
    for seed in range(400):
        mutator(b"dear", 64, seed)
    assert 0 < given.count(b"dear") < len(given) / 4


def test_seeds_are_of_the_length_that_is_asked_for() -> None:
    short, long = (sorted(map(len, seeds("check", longest))) for longest in (1024, 4096))
    assert len(long) > len(short) > 100 and max(short) <= 1024 < max(long) <= 4096
