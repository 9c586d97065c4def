"""What a checkpoint costs, within one run: steps while one is taken and written against those before and after.

A run is cut into windows of as many steps each. With the first step of every second one a checkpoint is taken, and the
window lasts until it is written. What it costs is the time of its window less that of as many steps of the two windows
beside it, which have none: a machine that becomes slower or faster meanwhile is in both. The same sum over windows
without a checkpoint says how much of a figure is noise. Counted is all that happens between two steps: the copy of the
state, and what the thread that writes takes from the training (cores, memory, the interpreter).

Against the time from one checkpoint to the next that is the overhead: at the interval that `archspec train` has by
default, and at the shortest that it takes by the clock, whatever is asked for.
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

from archspec.recipe.runtime import Checkpoint
from archspec.runtime.checkpoints.saver import SHARE
from archspec.runtime.checkpoints.store import listed
from archspec.runtime.keeper import INTERVAL, Keeper
from archspec.runtime.run_folder import RunFolder
from archspec.runtime.trainer import Trainer
from benchmarks.trainers import ours
from benchmarks.trainers.task import Task, Took, digits, gpt, resnet18

SAVES = 16
WARM_UP = 3  # steps
SECONDS = 1.0  # of a window without a checkpoint, about
SAMPLES = {digits: 524288, resnet18: 16384, gpt: 32768}  # more than are needed: the run is stopped
DEFAULT: float = Checkpoint.parse({}).seconds


class Window(NamedTuple):
    """So many steps, and what they took."""

    steps: int
    took: Took


class Save(NamedTuple):
    """Seconds. `waited`: of the training, for the copy. `spacing`: to the next one at the earliest."""

    waited: float
    spacing: float


class Watch:
    """In place of `Saver.due`, which is asked after each step: has every second window begin with a checkpoint."""

    def __init__(self, trainer: Trainer) -> None:
        self._saver, self._stop, self._run = trainer.saver, trainer.stop, trainer.folder.path
        self.windows: list[Window] = []  # without a checkpoint, with one, without, …
        self.saves: list[Save] = []
        self.size = 0  # bytes of a checkpoint
        self._asked = self._steps = self._wanted = 0
        self._begun = Took.now()

    def __call__(self, _: int) -> bool:
        now = Took.now()
        self._asked += 1
        if self._asked <= WARM_UP:
            self._begun = now
            return False
        self._steps += 1
        took = self._begun.until(now)
        if not self._wanted and took.wall >= SECONDS:
            self._wanted = self._steps
        if not self._wanted or self._steps < self._wanted or self._saver.writing:
            return False
        if len(self.windows) % 2:
            self.saves.append(Save(self._saver.waited, self._saver.spacing))
            self.size = sum(path.stat().st_size for path in listed(self._run)[0].iterdir())
        self.windows.append(Window(self._steps, took))
        self._steps, self._begun = 0, now
        if len(self.windows) == 2 * SAVES + 1:
            self._stop.signal = signal.SIGTERM
        return len(self.windows) % 2 == 1

    def more(self, place: int) -> Took:
        """What a window took more than as many steps of the windows without a checkpoint beside it."""
        step = 2 if place % 2 == 0 else 1
        before, window, after = self.windows[place - step], self.windows[place], self.windows[place + step]
        share = window.steps / (before.steps + after.steps)
        return Took(*(of - share * (a + b) for of, a, b in zip(window.took, before.took, after.took, strict=True)))


def watched(task: Task) -> Watch:
    found: list[Watch] = []

    @contextmanager
    def around(trainer: Trainer) -> Iterator[None]:
        found.append(Watch(trainer))
        trainer.saver.due = found[0]  # type: ignore[assignment]
        yield

    ours.run(task, around, **{"checkpoint.seconds": 1e-3})  # so that `spacing` is the shortest
    if len(found[0].saves) < SAVES:
        raise RuntimeError(f"{task.name}: the epoch is too short")
    return found[0]


def quartiles(values: list[float], form: str) -> str:
    low, middle, high = (format(value, form) for value in statistics.quantiles(values, n=4))
    return f"{middle} ({low} to {high})"


def measure(task: Task, threads: int) -> None:
    torch.set_num_threads(threads)
    watch = watched(task)
    spacing = statistics.median(save.spacing for save in watch.saves)
    steps = watch.windows[0].steps
    waited = quartiles([1e3 * save.waited for save in watch.saves], ".0f")
    print(f"{task.name}; {watch.size / 1e6:.1f} MB; threads {threads}; {SAVES} checkpoints, windows of {steps} steps")
    print(f"    the training waits for the copy {waited} ms")
    for k, clock in enumerate(("wall", "processor")):
        costs = [watch.more(place)[k] for place in range(1, 2 * SAVES, 2)]
        noise = [1e3 * watch.more(place)[k] for place in range(2, 2 * SAVES - 1, 2)]
        middle = statistics.median(costs)
        speed = f"{watch.size / 1e6 / middle:.0f} MB/s" if middle > 0 else "less than the noise"
        cost = quartiles([1e3 * cost for cost in costs], ".0f")
        print(f"    {clock:10}{cost} ms a checkpoint, {speed}; without one {quartiles(noise, '.0f')} ms")
        usual, often = (
            quartiles([100 * c / max(every, s.spacing) for c, s in zip(costs, watch.saves, strict=True)], ".2f")
            for every in (DEFAULT, 0.0)
        )
        print(f"    {'':10}every {DEFAULT:.0f} s {usual} %; every {spacing:.1f} s, the shortest, {often} %")


def weights(task: Task, folder: Path) -> None:
    """What the training waits for at the end of an epoch that is the best so far, where its weights are written."""
    with closing(RunFolder.create(folder / task.spec.stem, task.name)) as run:
        keeper = Keeper(run, task.model())
    taken = []
    for _ in range(SAVES):
        keeper.epoch(best=True)
        begun = Took.now()
        keeper.flush()
        taken.append(1e3 * begun.until(Took.now()).wall)
    size = keeper.best_path.stat().st_size / 1e6
    seldom = max(INTERVAL, statistics.median(taken) / 1e3 / SHARE)
    wait = quartiles(taken, ".0f")
    print(f"{task.name}; weights of {size:.1f} MB: the training waits {wait} ms, at most every {seldom:.1f} s")


def main() -> None:
    print("what a checkpoint adds to a run: medians (quartiles)   aim <= 3 % of the time")
    with tempfile.TemporaryDirectory(prefix="archspec-bench-") as folder:
        for make, samples in SAMPLES.items():
            task = make(Path(folder), samples)
            for threads in sorted({1, os.cpu_count() or 1}):
                measure(task, threads)
            weights(task, Path(folder))


if __name__ == "__main__":
    main()
