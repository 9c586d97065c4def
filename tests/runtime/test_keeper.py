"""Files of the best and the last weights: which is which, and how often they are written."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from archspec.runtime import keeper
from archspec.runtime.run_folder import LAST, WEIGHTS, RunFolder


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    stand_in = SimpleNamespace(now=0.0, perf_counter=lambda: stand_in.now)
    monkeypatch.setattr(keeper, "time", stand_in)
    return stand_in


class Kept:
    """A keeper of one weight, whose epochs each give it a number."""

    def __init__(self, path: Path, clock: SimpleNamespace) -> None:
        self.path = path
        self._clock = clock
        self._module = nn.Linear(1, 1, bias=False)
        self.keeper = keeper.Keeper(cast("RunFolder", SimpleNamespace(path=path)), self._module)

    def epoch(self, number: float, at: float, *, best: bool) -> tuple[float | None, float | None]:
        """The best and the last weight on disk after an epoch that ended `at` so many seconds."""
        self._clock.now = at
        with torch.no_grad():
            self._module.weight.fill_(number)
        self.keeper.epoch(best=best)
        return self.on_disk

    @property
    def on_disk(self) -> tuple[float | None, float | None]:
        files = [self.path / name for name in (WEIGHTS, LAST)]
        best, last = (load_file(file)["weight"].item() if file.exists() else None for file in files)
        return best, last


@pytest.mark.parametrize("links", [True, False])
def test_the_last_weights_change_and_the_best_stay(
    tmp_path: Path, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:

        def refused(*_: object) -> None:
            raise OSError("no links on this disk")

        monkeypatch.setattr(os, "link", refused)
    kept = Kept(tmp_path, clock)
    assert kept.epoch(1.0, 10.0, best=True) == (1.0, 1.0)
    assert kept.epoch(2.0, 20.0, best=False) == (1.0, 2.0)
    assert kept.epoch(3.0, 30.0, best=True) == (3.0, 3.0)
    assert kept.epoch(4.0, 40.0, best=False) == (3.0, 4.0)
    assert {path.name for path in tmp_path.iterdir()} == {WEIGHTS, LAST}


def test_of_short_epochs_the_newest_weights_wait_in_memory(tmp_path: Path, clock: SimpleNamespace) -> None:
    kept = Kept(tmp_path, clock)
    assert kept.epoch(1.0, 6.0, best=True) == (1.0, 1.0)
    assert kept.epoch(2.0, 7.0, best=True) == (1.0, 1.0)
    assert kept.epoch(3.0, 8.0, best=False) == (1.0, 1.0)
    kept.keeper.flush()
    assert kept.on_disk == (2.0, 3.0)


def test_weights_that_take_long_to_write_are_written_seldom(
    tmp_path: Path, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_state = keeper.weights.save_state

    def slow(state: dict[str, torch.Tensor], path: Path) -> None:
        clock.now += 1.0
        save_state(state, path)

    monkeypatch.setattr(keeper.weights, "save_state", slow)
    kept = Kept(tmp_path, clock)
    assert kept.epoch(1.0, 6.0, best=True) == (1.0, 1.0)  # written for a second, to 7
    assert kept.epoch(2.0, 7.0 + 49.0, best=True) == (1.0, 1.0)  # a second is over 2 % of that
    assert kept.epoch(3.0, 7.0 + 50.5, best=True) == (3.0, 3.0)
