"""Weights in and out: what is written is what is read, ties are stored once, and no file is ever half-written."""

from __future__ import annotations

import json
import os
import pickle
import stat
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from torch import nn

from archspec.model import weights
from archspec.model.weights import WeightsError


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wte = nn.Embedding(7, 4)
        self.norm = nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.wte.weight


def test_round_trip_is_bitwise(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source, target = Tied(), Tied()
    source.norm(torch.randn(3, 4))
    weights.save(source, tmp_path / "w.safetensors")
    report = weights.load(target, tmp_path / "w.safetensors")
    assert report.complete and set(report.loaded) == set(source.state_dict())
    for name, tensor in source.state_dict().items():
        assert torch.equal(tensor, target.state_dict()[name]), name
    assert target.head.weight is target.wte.weight


def test_the_file_is_plain_safetensors_with_the_tie_stored_once(tmp_path: Path) -> None:
    weights.save(Tied(), tmp_path / "w.safetensors", {"note": "x"})
    assert "head.weight" not in safetensors.torch.load_file(tmp_path / "w.safetensors")
    with safe_open(tmp_path / "w.safetensors", "pt") as file:
        assert json.loads(file.metadata()[weights.TIED]) == {"head.weight": "wte.weight"}
        assert file.metadata()["note"] == "x"


def test_an_untied_module_reads_a_tied_file_and_a_tied_one_an_untied_file(tmp_path: Path) -> None:
    class Untied(Tied):
        def __init__(self) -> None:
            super().__init__()
            self.head.weight = nn.Parameter(torch.randn(7, 4))

    tied, untied = Tied(), Untied()
    weights.save(tied, tmp_path / "t.safetensors")
    assert weights.load(untied, tmp_path / "t.safetensors").complete
    assert torch.equal(untied.head.weight, tied.wte.weight)
    weights.save(untied, tmp_path / "u.safetensors")
    assert weights.load(Tied(), tmp_path / "u.safetensors").complete


def test_only_the_alias_in_the_file(tmp_path: Path) -> None:
    """Published files may hold `head.weight` and leave out `wte.weight`, or the other way round."""
    source, target = Tied(), Tied()
    state = {k: v for k, v in source.state_dict().items() if k != "wte.weight"}
    safetensors.torch.save_file(state, tmp_path / "w.safetensors")
    assert weights.load(target, tmp_path / "w.safetensors").complete
    assert torch.equal(target.wte.weight, source.wte.weight)


def test_overlapping_views_and_strides(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    state = {"all": base, "rows": base[1:], "turned": base.T, "one": base[0, 0]}
    weights.save_state(state, tmp_path / "w.safetensors")
    read = safetensors.torch.load_file(tmp_path / "w.safetensors")
    assert all(torch.equal(read[name], tensor) for name, tensor in state.items())


def test_report_of_what_does_not_fit(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = {
        "0.weight": torch.ones(4, 3),
        "0.bias": torch.ones(5),
        "1.weight": torch.ones(2, 4),
        "extra": torch.ones(1),
    }
    safetensors.torch.save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        weights.load(model, tmp_path / "w.safetensors")
    for words in ("1 missing in the file: 1.bias", "1 not in the model: extra", "0.bias (model [4], file [5])"):
        assert words in str(caught.value)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items()), "nothing is copied before all fits"
    report = weights.load(model, tmp_path / "w.safetensors", strict=False)
    assert (report.missing, report.unexpected) == (("1.bias",), ("extra",))
    assert report.wrong_shape == (("0.bias", (4,), (5,)),)
    assert report.loaded == ("0.weight", "1.weight")
    assert torch.equal(model[0].weight, torch.ones(4, 3)) and torch.equal(model[0].bias, before["0.bias"])


def test_hostile_files(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    weights.save(nn.Linear(2, 2), path)
    whole = path.read_bytes()
    for bad in (b"", pickle.dumps({"a": 1}), whole[:-1], whole[:9], b"\xff" * 100):
        path.write_bytes(bad)
        with pytest.raises(WeightsError, match="not a whole safetensors file"):
            weights.load(nn.Linear(2, 2), path)
    with pytest.raises(OSError):
        weights.load(nn.Linear(2, 2), tmp_path / "none")


def test_hostile_tie_metadata_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    state = nn.Linear(2, 2).state_dict()
    for text in ("[1]", "{", '{"bias": 3}', '{"bias": "nowhere"}'):
        safetensors.torch.save_file({"weight": state["weight"]}, path, {weights.TIED: text})
        assert weights.load(nn.Linear(2, 2), path, strict=False).missing == ("bias",)


def test_meta_modules_are_refused(tmp_path: Path) -> None:
    weights.save(nn.Linear(2, 2), tmp_path / "w.safetensors")
    with torch.device("meta"):
        model = nn.Linear(2, 2)
    with pytest.raises(WeightsError, match="meta"):
        weights.load(model, tmp_path / "w.safetensors")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.safetensors"
    weights.save(nn.Linear(2, 2), path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        weights.save(nn.Linear(2, 2), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_files_have_the_users_mode(tmp_path: Path) -> None:
    weights.save(nn.Linear(2, 2), tmp_path / "w.safetensors")
    (tmp_path / "plain").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("w.safetensors", "plain")]
    assert modes[0] == modes[1]
