"""Checkpoints: what goes in comes out, and what is not whole is never taken."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archspec.recipe.runtime import Checkpoint
from archspec.runtime.checkpoints import saver
from archspec.runtime.checkpoints.pack import PackError, pack, snapshot, unpack
from archspec.runtime.checkpoints.store import (
    FOLDER,
    MANIFEST,
    STATE,
    TENSORS,
    CheckpointError,
    begin,
    finish,
    listed,
    newest,
    prune,
    verified,
)

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.uint8, torch.bool)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.builds(
        lambda shape, dtype: torch.ones(shape).to(dtype),
        st.lists(st.integers(0, 3), max_size=3),
        st.sampled_from(DTYPES),
    ),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=6), st.integers(), st.just("$tensor")), inner, max_size=4),
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


def write(run: Path, step: int, tree: Any) -> Path:
    data, tensors = pack(tree)
    return finish(begin(run, step), step, data, snapshot(tensors)).path


@given(TREES)
def test_a_tree_comes_back(tree: Any) -> None:
    data, tensors = pack(tree)
    assert same(unpack(data, snapshot(tensors)), tree)


@given(TREES)
def test_a_tree_comes_back_from_the_disk(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    run = tmp_path_factory.mktemp("run")
    write(run, 7, tree)
    found, refused = newest(run)
    assert found is not None and found.step == 7 and refused == []
    assert same(found.read(), tree)


def test_only_plain_data_is_packed() -> None:
    with pytest.raises(PackError, match="set"):
        pack({"a": {1, 2}})
    for hostile in ({"$tensor": "none"}, {"$call": []}, {"$items": [[1]]}, {"$tuple": 3}):
        with pytest.raises(PackError):
            unpack(hostile, {})


def test_a_tensor_of_two_names_is_written_once() -> None:
    tensor = torch.zeros(3)
    _, tensors = pack({"a": tensor, "b": [tensor]})
    assert list(tensors) == ["a"]


@pytest.mark.parametrize("file", [TENSORS, STATE, MANIFEST])
@pytest.mark.parametrize("how", ["cut", "flipped", "gone", "longer", "empty"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, file: str, how: str) -> None:
    write(tmp_path, 1, {"weights": torch.arange(9.0)})
    path = write(tmp_path, 2, {"weights": torch.arange(9.0)}) / file
    data = path.read_bytes()
    damaged = {"cut": data[: len(data) // 2], "longer": data + b" ", "empty": b""}
    if how == "gone":
        path.unlink()
    elif how == "flipped":
        place = data.index(b"sha256") + 12 if file == MANIFEST else len(data) // 2
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    else:
        path.write_bytes(damaged[how])
    if file == MANIFEST and how == "longer":
        verified(path.parent)  # a space behind JSON changes nothing of what it says
        return
    with pytest.raises(CheckpointError):
        verified(path.parent)
    found, refused = newest(tmp_path)
    assert found is not None and found.step == 1 and len(refused) == 1 and "step-000000002" in refused[0]


def test_what_is_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3, 10, 1_000_000_000, 2_000_000_000):
        write(tmp_path, step, {})
    left = tmp_path / FOLDER / ".step-000000004.999999999.part"  # of a process that is no more
    left.mkdir()
    prune(tmp_path, 3)
    assert sorted(p.name for p in (tmp_path / FOLDER).iterdir()) == [
        "step-000000010", "step-1000000000", "step-2000000000",
    ]  # fmt: skip
    found, _ = newest(tmp_path)
    assert found is not None and found.step == 2_000_000_000


def test_files_beside_the_state(tmp_path: Path) -> None:
    best = tmp_path / "weights.safetensors"
    best.write_bytes(b"one")
    stage = begin(tmp_path, 5, {"best.safetensors": best})
    (tmp_path / "new").write_bytes(b"two")
    (tmp_path / "new").replace(best)  # as the run replaces it
    data, tensors = pack({})
    done = finish(stage, 5, data, tensors)
    assert (done.path / "best.safetensors").read_bytes() == b"one"
    (done.path / "best.safetensors").write_bytes(b"three")
    with pytest.raises(CheckpointError, match=r"best\.safetensors"):
        verified(done.path)


def test_a_snapshot_takes_the_memory_of_an_earlier_one() -> None:
    first = snapshot({"same": torch.ones(3), "longer": torch.ones(2), "other": torch.ones(2), "gone": torch.ones(1)})
    state = {
        "same": torch.full((3,), 2.0),
        "longer": torch.full((3,), 3.0),
        "other": torch.full((2,), 4, dtype=torch.int32),
        "across": torch.arange(6.0).reshape(2, 3).T,
    }
    second = snapshot(state, first)
    assert same(second, state) and all(tensor.is_contiguous() for tensor in second.values())
    assert second["same"].data_ptr() == first["same"].data_ptr()
    held = {tensor.data_ptr() for tensor in state.values()}
    assert not held & {tensor.data_ptr() for tensor in second.values()}


def test_a_checkpoint_holds_the_state_of_its_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*given: Any) -> Any:
        time.sleep(0.05)  # meanwhile the training goes on, and asks for the next
        return finish(*given)

    monkeypatch.setattr(saver, "finish", late)
    written = saver.Saver(tmp_path, Checkpoint.parse({"steps": 1, "keep": 4}), pytest.fail)
    weight = torch.zeros(1000)
    for step in range(1, 5):
        weight.fill_(step)
        written.save(step, {"weight": weight})
        weight.fill_(-1.0)
    written.wait()
    for path in listed(tmp_path):
        found = verified(path)
        assert torch.equal(found.read()["weight"], torch.full((1000,), float(found.step)))
    assert len(listed(tmp_path)) == 4


def test_checkpoints_by_the_clock_take_2_percent_of_it_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(wall=0.0, processor=0.0)
    stand_in = SimpleNamespace(perf_counter=lambda: clock.wall, thread_time=lambda: clock.processor)
    monkeypatch.setattr(saver, "time", stand_in)
    writing = threading.Event()

    def finish(stage: Path, *_: object) -> None:
        clock.processor += 2.0
        writing.wait()
        stage.rmdir()

    def snapshot(tensors: object, into: object) -> object:
        clock.wall += 1.0
        return tensors

    monkeypatch.setattr(saver, "finish", finish)
    monkeypatch.setattr(saver, "snapshot", snapshot)
    written = saver.Saver(tmp_path, Checkpoint.parse({"seconds": 10.0, "steps": 7}), pytest.fail)
    clock.wall = 9.0
    assert not written.due(1) and written.due(7)
    clock.wall = 10.0
    assert written.due(1)
    written.save(1, {})
    clock.wall = 1000.0
    assert not written.due(2) and written.due(7)  # by the clock never while one is being written
    writing.set()
    written.wait()
    clock.wall = 11.0 + 149.0  # the training waited for 1 s, and the thread's processor time was 2 s
    assert not written.due(2)
    clock.wall += 1.5
    assert written.due(2)
