"""How a run is shown while it goes on: a bar on a terminal, a line an epoch elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO, cast

from archspec.runtime.curves import number
from archspec.runtime.heard import Heard

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Display:
    """Shows nothing; base of the others. `due` says whether a step is worth showing (it is asked every step)."""

    interval = float("inf")  # seconds

    def __init__(self) -> None:
        self._next = time.perf_counter() + self.interval

    def due(self) -> bool:
        return time.perf_counter() >= self._next

    def step(self, epoch: int, step: int, loss: float, rate: float) -> None:
        """Optimizer step `step` of the run is done; `rate` is in samples/s."""
        self._next = time.perf_counter() + self.interval

    def epoch(self, entry: Mapping[str, Any], *, best: bool) -> None:
        """An epoch is evaluated."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass


def epoch_line(entry: Mapping[str, Any], epochs: int, metrics: tuple[str, ...], *, best: bool) -> str:
    """`epoch  3/20  train loss 0.182  held-out loss 0.151  accuracy 0.958  12,340 samples/s  *`."""
    width = len(str(epochs))
    words = [f"epoch {entry['epoch']:>{width}}/{epochs}", f"train loss {number4(entry['train_loss'])}"]
    words.append(f"held-out loss {number4(entry['loss'])}")
    words += [f"{name} {number4(entry[name])}" for name in metrics]
    words.append(f"{entry['samples_per_second']:,.0f} samples/s")
    return "  ".join(words) + ("  *" if best else "")


def number4(value: float) -> str:
    """Four decimals where that says enough, so that columns line up."""
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else number(value)


class Lines(Display):
    """A plain line an epoch."""

    def __init__(self, epochs: int, metrics: tuple[str, ...], out: TextIO | None = None) -> None:
        super().__init__()
        self._epochs = epochs
        self._metrics = metrics
        self._out = out or sys.stdout

    def epoch(self, entry: Mapping[str, Any], *, best: bool) -> None:
        print(epoch_line(entry, self._epochs, self._metrics, best=best), file=self._out, flush=True)


class Bar(Display):
    """A bar over the steps of the whole run, under the lines of the epochs. rich answers to NO_COLOR and TERM=dumb."""

    interval = 0.1

    def __init__(self, epochs: int, steps: int, metrics: tuple[str, ...], out: TextIO | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        super().__init__()
        self._epochs = epochs
        self._metrics = metrics
        self._last = ""
        self._progress: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[values]}"),
            TimeRemainingColumn(),
            console=Console(file=out or sys.stdout, highlight=False),
            transient=True,
            auto_refresh=False,  # no thread beside the training loop
        )
        self._task: TaskID = self._progress.add_task("starting", total=steps, values="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def step(self, epoch: int, step: int, loss: float, rate: float) -> None:
        values = f"loss {number4(loss)}{self._last}  {rate:,.0f} samples/s"
        self._progress.update(
            self._task, completed=step, description=f"epoch {epoch}/{self._epochs}", values=values, refresh=True
        )
        super().step(epoch, step, loss, rate)

    def epoch(self, entry: Mapping[str, Any], *, best: bool) -> None:
        self._last = "".join(f"  {name} {number4(entry[name])}" for name in self._metrics)
        self._progress.update(self._task, completed=entry["step"], description=f"epoch {entry['epoch']}/{self._epochs}")
        self._progress.print(epoch_line(entry, self._epochs, self._metrics, best=best), markup=False, soft_wrap=True)


def display(epochs: int, steps: int, metrics: tuple[str, ...], *, quiet: bool, out: TextIO | None = None) -> Display:
    """The display for this output: none when quiet, a bar on a terminal, lines elsewhere."""
    if quiet:
        return Display()
    out = cast(TextIO, Heard(out or sys.stdout))
    if out.isatty():
        return Bar(epochs, steps, metrics, out)
    return Lines(epochs, metrics, out)
