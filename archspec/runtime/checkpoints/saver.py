"""When checkpoints are written: at most a small share of the time goes into them, most of it beside the training."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from archspec.recipe.runtime import Checkpoint as Policy
from archspec.runtime.checkpoints.files import sync
from archspec.runtime.checkpoints.pack import pack, snapshot
from archspec.runtime.checkpoints.store import begin, finish, prune
from archspec.runtime.run_folder import METRICS
from archspec.runtime.world import World, cpu_group

SHARE = 0.02  # of the time, at most, that goes into checkpoints that come by the clock


class Saver:
    """Writes checkpoints of a run in a thread of its own. `warn` is told of a write that failed; training goes on.

    What the training waits for is the copy of the state in memory (and, where checkpoints are wanted every so many
    steps, a write before it that is not done yet). The thread's processor time counts as well: a busy machine has no
    core to spare for it.
    """

    def __init__(self, run: Path, policy: Policy, warn: Callable[[str], None], world: World | None = None) -> None:
        self._run = run
        self._world = world or World()
        self._policy = policy
        self._warn = warn
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None
        self._last = time.perf_counter()
        self._step = 0
        self._copy: dict[str, Tensor] = {}  # the last one: the next takes its memory
        self.waited = self.worked = 0.0  # seconds that the last one took: of the training, of the thread's processor

    @property
    def writing(self) -> bool:
        """Is one being written?"""
        return self._thread is not None and self._thread.is_alive()

    @property
    def spacing(self) -> float:
        """Seconds from one that comes by the clock to the next: those wanted, or more where they cost much."""
        return max(self._policy.seconds, (self.waited + self.worked) / SHARE)

    def due(self, step: int) -> bool:
        """Is it time for another?"""
        steps = self._policy.steps
        if steps is not None and step % steps == 0 and step != self._step:
            return True
        return not self.writing and time.perf_counter() - self._last >= self.spacing

    def save(
        self,
        step: int,
        tree: Any,
        attach: Mapping[str, Path] | None = None,
        spare: Collection[int] = (),
        shards: dict[str, Tensor] | None = None,
        since: float | None = None,
    ) -> None:
        """Copy the state and have it written, with links to the files of `attach` as they are now.

        `spare`: steps whose checkpoints stay, beside the newest. `shards`: tensors of which each process has a part:
        every process must ask, and has written its own when this returns. `since`: when the training began to wait.
        """
        start = time.perf_counter() if since is None else since
        self.wait()
        stage: Path | None = None
        try:
            if self._world.main:
                stage = begin(self._run, step, attach)
        except OSError as error:
            self._error = error
        if shards is not None:
            stage = self._shards(stage, shards)
        if stage is not None and self._world.main:
            data, tensors = pack(tree)
            self._copy = snapshot(tensors, self._copy)
            self._thread = threading.Thread(
                target=self._write, args=(stage, step, data, self._copy, spare), name="checkpoint"
            )
            self._thread.start()
        self._step = step
        self._last = time.perf_counter()
        self.waited = self._last - start

    def _shards(self, stage: Path | None, tensors: dict[str, Tensor]) -> Path | None:
        """Have every process write its part; None where that failed."""
        told = self._world.tell({"stage": "" if stage is None else str(stage.resolve())})["stage"]
        if not told:
            return None
        from archspec.runtime.checkpoints.sharded import write_shards

        try:
            write_shards(Path(told), tensors, cpu_group())
        except OSError as error:
            if self._world.main:
                self._error = error
                shutil.rmtree(told, ignore_errors=True)
            return None
        return Path(told)

    def wait(self) -> None:
        """Until nothing is being written."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            self._warn(f"a checkpoint could not be written: {self._error}")
            self._error = None

    def _write(self, stage: Path, step: int, data: Any, tensors: Any, spare: Collection[int]) -> None:
        begun = time.thread_time()
        try:
            with suppress(FileNotFoundError):
                sync(self._run / METRICS)  # its lines up to here are part of the state
            finish(stage, step, data, tensors)
            prune(self._run, self._policy.keep.last, spare)
        except OSError as error:
            self._error = error
        self.worked = time.thread_time() - begun
