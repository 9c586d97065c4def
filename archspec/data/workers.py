"""Processes that read batches ahead of the training loop: torch.utils.data.DataLoader over the order of `Batches`."""

from __future__ import annotations

import re
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from archspec.data.batches import Batches, Planned, taken
from archspec.data.guard import Bad, Told, guard_of
from archspec.data.split import Split
from archspec.diagnostics.model import SpecError
from archspec.recipe.files import DataError

Batch = dict[str, Tensor]
AHEAD = 2  # batches that each worker reads ahead
AT_ONCE = 1 << 16  # bytes that a copy to a GPU takes from any memory without waiting (CUDA's "API synchronization")


class Fetcher:
    """Batches of some splits, read in this process or ahead of time by `workers` others.

    What comes, and in which order, is the same for any number of workers: they are told the numbers of the samples, and
    draw nothing themselves. They are started with the first batch (spawned: nothing is inherited), kept from epoch to
    epoch, and ended by `close`. `pin`: batches are put into page-locked memory, from which an accelerator takes them
    while it computes. `told` is called with bad samples that were set aside.

    A worker that is killed is a DataError; what a worker cannot read is raised as `Split.take` raises it.
    """

    def __init__(
        self, splits: Sequence[Split], workers: int = 0, *, pin: bool = False, told: Told | None = None
    ) -> None:
        self._splits = list(splits)
        self._told = told or (lambda _: None)
        self._pin = pin
        self._loader: DataLoader[Any] | None = None
        self._plan = _Plan()
        if workers:
            self._loader = DataLoader(
                _Samples(self._splits),
                batch_size=None,
                sampler=self._plan,
                num_workers=workers,
                multiprocessing_context="spawn",
                persistent_workers=True,
                prefetch_factor=AHEAD,
                pin_memory=pin,
                worker_init_fn=_prepare,
                generator=torch.Generator(),  # else the loader draws from the global one
            )

    def over(self, batches: Batches) -> Iterator[Batch]:
        """The batches that are left; `batches.position` and `counted` are those of the batch given last."""
        if self._loader is None:
            guard = guard_of(batches.split)
            for batch in batches:
                if guard is not None and (found := guard.drain()):
                    self._told(found)
                yield pinned(batch) if self._pin else batch
            return
        self._plan.start(batches, next(i for i, split in enumerate(self._splits) if split is batches.split))
        try:
            for batch in self._loader:
                if isinstance(batch, _Failed):
                    raise batch.error()
                if isinstance(batch, _Noted):
                    self._told(batch.found)
                    batch = batch.batch
                batches.advance(self._plan.given.popleft())
                yield batch
        except (RuntimeError, OSError, EOFError) as error:
            why = worker_failure(error)
            if why is None and isinstance(error, OSError | EOFError):
                why = self._cut_off()
            if why is None:
                raise
            raise why from None

    def _cut_off(self) -> DataError | None:
        """A worker that ended while it handed a batch over, if one did: only the broken connection has told of it."""
        workers = getattr(getattr(self._loader, "_iterator", None), "_workers", ())
        try:
            for worker in workers:
                worker.join(1 / len(workers))
                if worker.exitcode is not None:
                    how = f"Signal {-worker.exitcode}" if worker.exitcode < 0 else f"exit code {worker.exitcode}"
                    return _ended(str(worker.pid), how)
        except RuntimeError as told:  # the loader's own signal handler, now that it comes to it
            return worker_failure(told)
        return None

    def close(self) -> None:
        """End the workers."""
        iterator = getattr(self._loader, "_iterator", None)
        if iterator is not None:
            iterator._shutdown_workers()
            self._loader = None


def pinned(batch: Batch) -> Batch:
    """In page-locked memory, but for what is so small that CUDA takes it at once anyway."""
    return {name: tensor if tensor.nbytes <= AT_ONCE else tensor.pin_memory() for name, tensor in batch.items()}


class _Plan:
    """What is to be read, in order, as the loader asks for it; what has been asked for waits in `given`."""

    def __init__(self) -> None:
        self.given: deque[Planned] = deque()
        self._batches: Batches | None = None
        self._split = 0

    def start(self, batches: Batches, split: int) -> None:
        self._batches, self._split = batches, split
        self.given.clear()

    def __iter__(self) -> Iterator[tuple[int, int, int, Any]]:
        batches = self._batches
        assert batches is not None
        for planned in batches.plans():
            self.given.append(planned)
            yield self._split, batches.seed, batches.epoch, planned.indices.numpy()


class _Samples(Dataset[Any]):
    """Batches by what `_Plan` gives, in a worker."""

    def __init__(self, splits: list[Split]) -> None:
        self._splits = splits

    def __getitem__(self, given: tuple[int, int, int, Any]) -> Batch | _Noted | _Failed:
        split, seed, epoch, indices = given
        guard = guard_of(self._splits[split])
        try:
            batch = taken(self._splits[split], torch.from_numpy(indices), seed, epoch)
            found = guard.drain() if guard is not None else []
            return _Noted(batch, found) if found else batch
        except SpecError as error:
            return _Failed(error.diagnostics)


class _Noted:
    """A batch, and the bad samples that were set aside for it."""

    def __init__(self, batch: Batch, found: list[Bad]) -> None:
        self.batch = batch
        self.found = found

    def pin_memory(self) -> _Noted:
        """What the loader calls for a batch of its own kind."""
        return _Noted({name: tensor.pin_memory() for name, tensor in self.batch.items()}, self.found)


class _Failed:
    """A SpecError on its way here: the loader would make a text of it."""

    def __init__(self, diagnostics: list[Any]) -> None:
        self._diagnostics = diagnostics

    def error(self) -> SpecError:
        return SpecError(self._diagnostics)


def _prepare(number: int) -> None:
    """In a new worker. Ctrl-C and SIGTERM reach all processes of a terminal or a job, and the main one answers them."""

    def once(received: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, once)


def worker_failure(error: Exception) -> DataError | None:
    """What a loader's error says of a worker that is gone; None for any other error."""
    found = re.search(
        r"DataLoader worker \(pid\(?s?\)? ?([\d, ]+)\) (.*)", str(error).splitlines()[0] if str(error) else ""
    )
    if found is None:
        return None
    how = found[2].removeprefix("is ").removeprefix("killed by signal: ").strip(" .") or "ended"
    return _ended(found[1], how)


def _ended(process: str, how: str) -> DataError:
    message = f"a worker that reads the data was ended (process {process}: {how})"
    return DataError(f"{message}; where memory ran out, take fewer `workers` or a smaller `batch_size`")
