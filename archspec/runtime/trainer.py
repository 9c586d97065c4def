"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from archspec.data import Batches, Data
from archspec.recipe.model import Recipe
from archspec.runtime.evaluate import evaluate, to_device
from archspec.runtime.interrupt import Stop
from archspec.runtime.keeper import Keeper
from archspec.runtime.losses import Objective
from archspec.runtime.metrics import build_meters
from archspec.runtime.optim import build_optimizer
from archspec.runtime.progress import Display
from archspec.runtime.run_folder import RunFolder
from archspec.runtime.schedule import build_schedule
from archspec.runtime.state import TrainState
from archspec.runtime.wrap import Prepared


class TrainingError(Exception):
    """Training cannot go on."""


class Trainer:
    """Trains a prepared module by a recipe; metrics and weights go to the folder as they come.

    A step is what a hand-written loop does: nothing is read back from the device between two steps except the losses
    of the last steps, all at once, where a line is logged (every `log_every` steps) or the display is due.
    """

    def __init__(
        self, prepared: Prepared, data: Data, recipe: Recipe, folder: RunFolder, display: Display, stop: Stop
    ) -> None:
        self.prepared = prepared
        self.data = data
        self.recipe = recipe
        self.folder = folder
        self.display = display
        self.stop = stop
        self.per_epoch = steps_per_epoch(recipe, data)
        if self.per_epoch == 0:
            raise TrainingError(
                f"the training split has {len(data.train)} samples: too few for one batch of {recipe.batch_size}"
            )
        whole = self.per_epoch * recipe.batch_size
        self.samples_per_epoch = whole if recipe.batch is not None else len(data.train)
        self.total = self.per_epoch * recipe.epochs
        self.log_every = min(100, max(1, self.total // 50))
        optimizer = build_optimizer(recipe.optimizer, prepared.module)
        schedule = build_schedule(recipe.schedule, optimizer, self.total, self.per_epoch)
        self.state = TrainState(prepared.module, optimizer, schedule)
        self.objective = Objective(recipe.losses, prepared.device)
        self.meters = build_meters(recipe.metrics, prepared.device)
        self.keeper = Keeper(folder, prepared.module)
        # What "best" means: the first metric, or else the held-out loss.
        self.criterion = recipe.metrics[0].label if recipe.metrics else "loss"
        self._larger = bool(recipe.metrics) and recipe.metrics[0].metric.best == "max"
        self._pending: list[tuple[int, Tensor]] = []  # (samples, loss) of steps not read back yet
        self._read: list[tuple[int, float]] = []  # (samples, loss) of this epoch's steps read back
        self._logged = 0  # how many of _read are in a step line

    def run(self) -> TrainState:
        """Train to the end of the last epoch, or until asked to stop. Weights are in the folder afterwards.

        Raises TrainingError when the loss is not finite; the weights kept are then those of the last good epoch.
        """
        state = self.state
        state.module.train()
        start = time.perf_counter() - state.seconds
        try:
            while state.epoch < self.recipe.epochs and not self.stop.signal:
                seconds = self._epoch()
                if seconds is not None:
                    self._finish_epoch(seconds, start)
        except Exception:
            self.keeper.flush()  # what was good stays
            raise
        finally:
            state.seconds = time.perf_counter() - start
        if self.stop.signal:
            self.keeper.stopped()
        self.keeper.flush()
        return state

    def _epoch(self) -> float | None:
        """The steps of one epoch; the seconds they took, or None when asked to stop before the last."""
        state, recipe, display, stop = self.state, self.recipe, self.display, self.stop
        module, device, precision = self.prepared
        optimizer, schedule, objective = state.optimizer, state.schedule, self.objective
        feeds = [recipe.feeds[name] for name in recipe.inputs]
        parameters = [p for p in module.parameters() if p.requires_grad]
        batches = Batches(
            self.data.train,
            recipe.batch_size,
            recipe.seed,
            state.epoch,
            shuffle=True,
            drop_last=recipe.batch is not None,
        )
        self._pending, self._read, self._logged = [], [], 0
        start = time.perf_counter()
        samples = 0
        for cpu_batch in batches:
            batch = to_device(cpu_batch, device)
            inputs = [batch[name] for name in feeds]
            optimizer.zero_grad(set_to_none=True)
            with precision:
                outputs = module(*inputs)
            loss = objective(outputs, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            if recipe.clip_grad_norm is not None:
                nn.utils.clip_grad_norm_(parameters, recipe.clip_grad_norm)
            optimizer.step()
            schedule.step()

            count = batches.position - samples
            samples = batches.position
            state.step += 1
            state.samples += count
            self._pending.append((count, loss.detach()))
            if state.step % self.log_every == 0:
                self._log_step(start)
            if display.due():
                self._read_back()
                recent = self._read[-20:]
                display.step(state.epoch + 1, state.step, _mean(recent), samples / (time.perf_counter() - start))
            if stop.signal:
                self._read_back()
                return None
        self._read_back()  # waits for the device: the time below is that of the whole epoch
        return time.perf_counter() - start

    def _read_back(self) -> None:
        """Fetch the pending losses in one go. Raises TrainingError naming the first that is not finite."""
        if not self._pending:
            return
        values = torch.stack([loss for _, loss in self._pending]).tolist()
        first = self.state.step - len(values) + 1
        for k, value in enumerate(values):
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss is {value} at step {first + k} (epoch {self.state.epoch + 1}): "
                    "try a smaller learning rate, `clip_grad_norm`, or look for bad values in the data"
                )
        self._read += [(count, value) for (count, _), value in zip(self._pending, values, strict=True)]
        self._pending.clear()

    def _log_step(self, start: float) -> None:
        """One step line: the mean loss since the line before (or since the epoch began)."""
        self._read_back()
        recent = self._read[self._logged :]
        self._logged = len(self._read)
        seconds = time.perf_counter() - start
        values = {
            "epoch": self.state.epoch + 1,
            "step": self.state.step,
            "loss": _mean(recent),
            "lr": self.state.lr,
            "samples_per_second": sum(count for count, _ in self._read) / seconds,
        }
        self.folder.log("step", values)

    def _finish_epoch(self, seconds: float, start: float) -> None:
        state = self.state
        held_out = evaluate(self.prepared, self.objective, self.meters, self.data.holdout, self.recipe, self.stop)
        if held_out is None:
            return
        state.epoch += 1
        entry: dict[str, Any] = {
            "epoch": state.epoch,
            "step": state.step,
            "train_loss": _mean(self._read),
            **held_out,
            "lr": state.lr,
            "seconds": seconds,
            "samples_per_second": sum(count for count, _ in self._read) / seconds,
        }
        best = self._improves(held_out)
        if best:
            state.best, state.best_loss, state.best_epoch = held_out[self.criterion], held_out["loss"], state.epoch
        state.seconds = time.perf_counter() - start
        state.history.append(entry)
        self.folder.log("epoch", {**entry, "best": best})
        self.keeper.epoch(best=best)
        self.display.epoch(entry, best=best)

    def _improves(self, held_out: Mapping[str, float]) -> bool:
        """Is it better than the best so far, or as good with a smaller loss?"""
        value, best = held_out[self.criterion], self.state.best
        if not math.isfinite(value):
            return False
        if best is None or value == best:
            return best is None or held_out["loss"] < self.state.best_loss
        return value > best if self._larger else value < best


def steps_per_epoch(recipe: Recipe, data: Data) -> int:
    return len(Batches(data.train, recipe.batch_size, drop_last=recipe.batch is not None))


def _mean(values: list[tuple[int, float]]) -> float:
    """The mean over samples of (samples, loss)."""
    return sum(count * value for count, value in values) / max(1, sum(count for count, _ in values))
