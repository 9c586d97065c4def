"""`archspec train`, as its command calls it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from archspec.runtime.session import train
from archspec.runtime.trainer import Trainer
from benchmarks.trainers.task import Task, Took


class Clock:
    """Around the steps of the epoch; evaluation, and the checkpoints at the run's start and end, are outside.

    `checkpoints`: how many were begun between the steps; the last of them is waited for.
    """

    def __init__(self) -> None:
        self.taken = Took(0.0, 0.0)
        self.checkpoints = 0

    def __enter__(self) -> Clock:
        self._plain = plain = Trainer._epoch

        def timed(trainer: Trainer) -> bool:
            saver = trainer.saver
            saver.wait()  # a thread still writes the run's first checkpoint
            save = saver.save

            def counted(*given: Any) -> None:
                self.checkpoints += 1
                save(*given)

            saver.save = counted  # type: ignore[method-assign]
            begun = Took.now()
            done = plain(trainer)
            saver.wait()
            self.taken = begun.until(Took.now())
            saver.save = save  # type: ignore[method-assign]
            return done

        Trainer._epoch = timed  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Trainer._epoch = self._plain  # type: ignore[method-assign]


def epoch(task: Task, **runtime: Any) -> Took:
    return clocked(task, **runtime).taken


def clocked(task: Task, **runtime: Any) -> Clock:
    folder = Path(tempfile.mkdtemp(prefix="archspec-bench-"))
    settings = {f"runtime.{key}": value for key, value in {"device": "cpu", **runtime}.items()}
    try:
        with Clock() as clock:
            train(task.spec, params={**task.params, **settings}, run=folder / "run", quiet=True)
        return clock
    finally:
        shutil.rmtree(folder)
