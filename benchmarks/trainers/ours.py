"""`archspec train`, as its command calls it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from archspec.runtime.heap import keep_freed_memory
from archspec.runtime.session import train
from archspec.runtime.trainer import Trainer
from benchmarks.trainers.task import Task, Took


def epoch(task: Task) -> Took:
    """The steps of an epoch; evaluation, and the checkpoints at the run's start and end, are outside."""
    taken: list[Took] = []

    @contextmanager
    def timed(_: Trainer) -> Iterator[None]:
        begun = Took.now()
        yield
        taken.append(begun.until(Took.now()))

    run(task, timed)
    return taken[0]


def run(task: Task, around: Callable[[Trainer], Any], **runtime: Any) -> None:
    """Train in a folder that is removed. `around` gives a context for the steps of each epoch."""
    keep_freed_memory()
    steps = Trainer._epoch

    def watched(trainer: Trainer) -> bool:
        trainer.saver.wait()  # a thread still writes the run's first checkpoint
        with around(trainer):
            return steps(trainer)

    settings = {f"runtime.{key}": value for key, value in {"device": str(task.device), **runtime}.items()}
    folder = Path(tempfile.mkdtemp(prefix="archspec-bench-"))
    try:
        with patch.object(Trainer, "_epoch", watched):
            train(task.spec, params={**task.params, **settings}, run=folder / "run", quiet=True)
    finally:
        shutil.rmtree(folder)
