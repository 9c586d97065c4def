"""Optimizers and averages of weights on shards, against one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from trained_together import compare, run, written

from archspec.recipe.optimizers import OPTIMIZERS

Settings = dict[str, Any]
MUON: Settings = {"train.optimizer": {"muon": {"lr": 0.02, "adamw": {"lr": 1e-3, "eps": 1e-4}}}}
EMA: Settings = {"train.average": {"ema": {"decay": 0.9}}, "train.epochs": 2}
SWA: Settings = {"train.average": {"swa": {"start": 0.2}}, "train.epochs": 3}
SHARED: dict[str, Settings | str] = {
    "fsdp": "fsdp",
    "ddp": "ddp",
    "tensor": {"tensor": 2},
    "context": {"context": 2},
    "pipeline": {"pipeline": 2},
}
MESHES: dict[str, Settings] = {
    "hybrid": {"data": "fsdp", "replicate": 2},
    "tensor": {"data": "fsdp", "tensor": 2},
    "context": {"data": "fsdp", "context": 2},
    "pipeline": {"data": "fsdp", "pipeline": 2},
}


def agree(folder: Path, processes: int, parts: dict[str, Settings], kinds: dict[str, Any]) -> None:
    """Each of `parts` in one process, and as each of `kinds` shares it out."""
    for name in ("alone", "shared"):
        (folder / name).mkdir()
    run(1, written(folder), folder / "alone", parts)
    choices = {f"{p} {k}": {**parts[p], "runtime.parallel": kinds[k]} for p in parts for k in kinds}
    run(processes, folder / "spec.yaml", folder / "shared", choices)
    for name in choices:
        compare(folder / "shared" / name, folder / "alone" / name.split()[0], 1e-9)


def test_muon_and_an_average_of_shards(tmp_path: Path) -> None:
    agree(tmp_path, 2, {"both": {**MUON, **EMA, "train.epochs": 1}}, {"fsdp": "fsdp"})


@pytest.mark.slow
def test_muon_and_averages_however_they_are_shared_out(tmp_path: Path) -> None:
    agree(tmp_path, 2, {"muon": MUON, "ema": EMA, "swa": SWA}, SHARED)


@pytest.mark.slow
def test_muon_and_averages_on_meshes(tmp_path: Path) -> None:
    agree(tmp_path, 4, {"both": {**MUON, **EMA}}, MESHES)


@pytest.mark.slow
def test_every_optimizer(tmp_path: Path) -> None:
    names = [name for name, part in OPTIMIZERS.parts.items() if part.sharded and not part.closure and name != "muon"]
    rates: dict[str, Settings] = {name: {"train.optimizer": {name: {"lr": 1e-3}}} for name in names}
    for name in ("adam", "adamw", "nadam", "radam", "adamax"):
        rates[name]["train.optimizer"][name]["eps"] = 1e-4  # of the rounding of a zero gradient no step is to be made
    agree(tmp_path, 2, rates, {kind: SHARED[kind] for kind in ("fsdp", "tensor")})


@pytest.mark.slow
def test_an_average_saved_by_two_goes_on_in_one(tmp_path: Path) -> None:
    spec = written(tmp_path)
    half, whole = {**MUON, **EMA, "train.epochs": 1}, {**MUON, **EMA, "train.epochs": 2}
    run(1, spec, tmp_path, {"alone": whole})
    for kind in ("fsdp", "tensor", "pipeline"):
        run(2, spec, tmp_path, {kind: {**half, "runtime.parallel": SHARED[kind]}})
        run(1, spec, tmp_path, {kind: whole})
        compare(tmp_path / kind, tmp_path / "alone", 1e-9)
