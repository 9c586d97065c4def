"""Batches: every sample once an epoch, in an order of the seed and the epoch, from any position on."""

from __future__ import annotations

import json
import time
from itertools import chain, zip_longest

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.data import Batches, TensorSplit


def split(count: int) -> TensorSplit:
    return TensorSplit({"x": torch.arange(count) * 10, "y": torch.arange(count)})


def numbers(batches: Batches) -> list[list[int]]:
    out = []
    for batch in batches:
        assert torch.equal(batch["x"], batch["y"] * 10)  # fields stay together
        out.append(batch["y"].tolist())
    return out


counts = st.integers(1, 50)
sizes = st.integers(1, 60)
seeds = st.integers(0, 2**63 - 1)


@settings(deadline=None)
@given(counts, sizes, seeds, st.integers(0, 1000), st.booleans())
def test_every_sample_once(count: int, size: int, seed: int, epoch: int, shuffle: bool) -> None:
    batches = Batches(split(count), size, seed, epoch, shuffle=shuffle)
    length = len(batches)
    found = numbers(batches)
    assert len(found) == length
    assert all(len(batch) == size for batch in found[:-1])
    assert sorted(chain(*found)) == list(range(count))
    if not shuffle:
        assert list(chain(*found)) == list(range(count))


@settings(deadline=None)
@given(counts, sizes, seeds)
def test_drop_last_drops_only_the_rest(count: int, size: int, seed: int) -> None:
    whole = numbers(Batches(split(count), size, seed))
    batches = Batches(split(count), size, seed, drop_last=True)
    length = len(batches)
    assert numbers(batches) == [batch for batch in whole if len(batch) == size]
    assert length == count // size


@settings(deadline=None)
@given(counts, sizes, seeds, st.integers(0, 9), st.integers(0, 50))
def test_it_resumes_at_the_sample(count: int, size: int, seed: int, epoch: int, taken: int) -> None:
    want = numbers(Batches(split(count), size, seed, epoch))
    first = Batches(split(count), size, seed, epoch)
    before = [next(first)["y"].tolist() for _ in range(min(taken, len(first)))]
    position = json.loads(json.dumps(first.state()))
    torch.manual_seed(taken)  # what else draws numbers does not matter
    second = Batches(split(count), size)
    second.restore(position)
    assert before + numbers(second) == want


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = {tuple(Batches(split(100), 10, seed, epoch).order().tolist()) for seed in range(20) for epoch in range(20)}
    assert len(orders) == 400


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    numbers(Batches(split(10), 3, 1))
    assert torch.equal(torch.get_rng_state(), before)


def test_other_data_are_not_resumed() -> None:
    state = Batches(split(10), 3).state()
    with pytest.raises(ValueError, match="had 10 training samples and now have 11"):
        Batches(split(11), 3).restore(state)


def test_a_finished_epoch_is_empty() -> None:
    batches = Batches(split(5), 2)
    assert len(numbers(batches)) == 3
    assert numbers(batches) == []


def test_no_overhead_for_small_data() -> None:
    """Far less than a millisecond a batch: a training step of a small network takes about one."""
    data = TensorSplit({"image": torch.zeros(1438, 1, 8, 8), "label": torch.zeros(1438, dtype=torch.int64)})
    times = []
    for epoch in range(5):
        start = time.perf_counter()
        count = sum(1 for _ in Batches(data, 64, 0, epoch))
        times.append((time.perf_counter() - start) / count)
    assert min(times) < 5e-4


@given(counts, sizes, st.integers(1, 5))
def test_whole_batches_by_turns(count: int, size: int, processes: int) -> None:
    """All batches of one process, and the same number of them for each of several."""
    whole = numbers(Batches(split(count), size, shuffle=False))
    taken: list[list[list[int]]] = []
    rounds = []
    for index in range(processes):
        batches = Batches(split(count), size, shuffle=False, part=(index, processes), by_turns=True)
        found = [(batch["y"].tolist(), batches.counted) for batch in batches]
        rounds.append(len(found))
        taken.append([batch for batch, counted in found if counted])
    assert [batch for turn in zip_longest(*taken) for batch in turn if batch is not None] == whole
    assert set(rounds) == {-(-len(whole) // processes)}
