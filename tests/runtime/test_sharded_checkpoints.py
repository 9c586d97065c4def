"""State in shards: written by some processes, read by others, bit for bit; and what a damaged folder does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from runtime_process import environment
from safetensors.torch import save_file
from sharded_process import network, trained

from archspec.runtime.checkpoints.files import INDEX, CheckpointError
from archspec.runtime.checkpoints.sharded import read_shards, shards, whole


def run(count: int, read: Path | None, write: Path) -> None:
    write.mkdir()
    script = Path(__file__).with_name("sharded_process.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    done = subprocess.run(
        [*command, str(script), "" if read is None else str(read), str(write)],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def same(folder: Path) -> None:
    """Is it the state of a process that trained alone?"""
    module = network()
    optimizer = trained(module)
    state, learnt = whole(folder, *json.loads((folder / "frame.json").read_text()))
    expected = module.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())
    assert state["3.weight"] is state["0.weight"]
    assert learnt["param_groups"][0]["lr"] == 0.1
    for name, parameter in module.named_parameters():
        for key, value in optimizer.state[parameter].items():
            assert torch.equal(learnt["state"][name][key], value), (name, key)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharded") / "two"
    run(2, None, folder)
    return folder


def test_written_by_two_and_read_by_one(two: Path) -> None:
    assert {path.suffix for path in two.iterdir()} == {".json", ".safetensors"}  # nothing is pickled
    assert len(list(two.glob("shard-*.safetensors"))) == 2
    same(two)


@pytest.mark.slow
def test_written_by_two_and_read_by_four(two: Path, tmp_path: Path) -> None:
    run(4, two, tmp_path / "four")
    assert len(list((tmp_path / "four").glob("shard-*.safetensors"))) == 4
    same(tmp_path / "four")


def written(folder: Path, **changes: Any) -> Path:
    """A tensor of four numbers in two parts."""
    folder.mkdir()
    save_file({"a": torch.tensor([1.0, 2.0])}, folder / "one.safetensors")
    save_file({"b": torch.tensor([3.0, 4.0])}, folder / "two.safetensors")
    parts = [
        {"file": "one.safetensors", "name": "a", "offsets": [0], "sizes": [2]},
        {"file": "two.safetensors", "name": "b", "offsets": [2], "sizes": [2], **changes},
    ]
    (folder / INDEX).write_text(json.dumps({"x": {"dtype": "float32", "shape": [4], "parts": parts}}))
    return folder


def test_parts_are_put_together(tmp_path: Path) -> None:
    folder = written(tmp_path / "c")
    assert shards(folder) == {"x": (torch.float32, (4,))}
    x = torch.zeros(4)
    read_shards(folder, {"x": x})
    assert x.tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    "changes",
    [
        {"offsets": [3]},
        {"sizes": [1]},
        {"sizes": [-2]},
        {"sizes": [True]},
        {"offsets": [2, 0]},
        {"offsets": "2"},
        {"file": "../two.safetensors"},
        {"file": 2},
        {"file": "three.safetensors"},
        {"name": "c"},
    ],
)
def test_an_index_that_is_not_true_of_the_files(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = written(tmp_path / "c", **changes)
    with pytest.raises((CheckpointError, OSError)):
        read_shards(folder, {"x": torch.zeros(4)})


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}', '{"x": {"dtype": "object", "shape": [1], "parts": []}}'])
def test_an_index_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(CheckpointError):
        shards(tmp_path)


def test_a_part_that_is_of_another_type(tmp_path: Path) -> None:
    folder = written(tmp_path / "c")
    save_file({"b": torch.tensor([3, 4])}, folder / "two.safetensors")
    with pytest.raises(CheckpointError, match="is not what"):
        read_shards(folder, {"x": torch.zeros(4)})
