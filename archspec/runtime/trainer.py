"""The training loop."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from archspec.data import Batches, Data, Fetcher
from archspec.recipe.model import Recipe
from archspec.recipe.monitor import criterion, find
from archspec.runtime.averaging import Averaged
from archspec.runtime.checkpoints.files import CheckpointError
from archspec.runtime.checkpoints.saver import Saver
from archspec.runtime.checkpoints.store import BEST, Checkpoint, newest, set_aside
from archspec.runtime.consensus import Consensus
from archspec.runtime.early import Stopper
from archspec.runtime.evaluate import evaluate, to_device
from archspec.runtime.interrupt import Stop
from archspec.runtime.keeper import Keeper
from archspec.runtime.losses import Objective
from archspec.runtime.metrics import build_meters
from archspec.runtime.mishap import IN_A_ROW, Guard, RolledBackError, out_of_memory
from archspec.runtime.nonfinite import NonFiniteError, origin
from archspec.runtime.optim import build_optimizer
from archspec.runtime.parallel.shards import in_shards
from archspec.runtime.precision import scaler
from archspec.runtime.progress import Display
from archspec.runtime.quarantine import Quarantine
from archspec.runtime.run_folder import RunFolder
from archspec.runtime.schedule import build_schedule
from archspec.runtime.state import Running, TrainState, random_state, restore_random
from archspec.runtime.step import Stepper
from archspec.runtime.world import World
from archspec.runtime.wrap import Prepared


class TrainingError(Exception):
    """Training cannot go on."""


class Trainer:
    """Trains a prepared module by a recipe; metrics, weights and checkpoints go to the folder as they come.

    A step is what a hand-written loop does: nothing is read back from an accelerator between two steps except the
    losses of the last steps, all at once, where a line is logged (every `log_every` steps) or the display is due.
    """

    def __init__(
        self,
        prepared: Prepared,
        data: Data,
        recipe: Recipe,
        folder: RunFolder,
        display: Display,
        stop: Stop,
        world: World | None = None,
    ) -> None:
        self.prepared = prepared
        self.world = world or World()
        self.data = data
        self.recipe = recipe
        self.folder = folder
        self.display = display
        self.stop = stop
        self.quarantine = Quarantine(folder, recipe.data, data)
        pin = prepared.device.type == "cuda"
        self.fetcher = Fetcher([data.train, data.holdout], recipe.runtime.workers, pin=pin, told=self.quarantine.add)
        self.per_epoch = steps_per_epoch(recipe, data)
        if self.per_epoch == 0:
            raise TrainingError(
                f"the training split has {len(data.train)} samples: too few for one batch of {recipe.batch_size}"
            )
        whole = self.per_epoch * recipe.batch_size
        self.samples_per_epoch = whole if recipe.batch is not None else len(data.train)
        self.total = self.per_epoch * recipe.epochs
        self.log_every = min(100, max(1, self.total // 50))
        optimizer = build_optimizer(recipe.optimizer, prepared.bare, recipe.tuning.groups, recipe.runtime.fused)
        self._rate_by = find(recipe.schedule.keywords.get("monitor"), recipe.metrics) or criterion(recipe.metrics)
        larger = self._rate_by.larger
        schedule = build_schedule(
            recipe.schedule, optimizer, self.total, self.per_epoch, larger=larger, average=recipe.average
        )
        grad_scaler = scaler(recipe.runtime.precision, prepared.device)
        self.state = TrainState(prepared.bare, optimizer, schedule, grad_scaler)
        self.state.micro_batch_size = recipe.runtime.micro_batch_size
        if recipe.average is not None:
            self.state.average = Averaged(recipe.average, prepared.bare, self.total, self.world)
        if recipe.early_stopping is not None:
            self.state.stopper = Stopper(recipe.early_stopping, recipe.metrics)
        self.objective = Objective(recipe.losses, prepared.device)
        self.stepper = Stepper(prepared, self.objective, recipe, self.state, self.world)
        self.meters = build_meters(recipe.metrics, prepared.device)
        # (A step of several processes is not tried again.)
        self.guard = Guard(prepared.bare, active=recipe.on_nonfinite != "stop" or self.world.size == 1)
        self.keeper = Keeper(folder, prepared.bare, self.world)
        self.saver = Saver(folder.path, recipe.runtime.checkpoint, folder.warn, self.world)
        self.consensus = Consensus(self.world, prepared.device)
        # What "best" means: the first metric, or else the held-out loss.
        self.criterion, self._larger = criterion(recipe.metrics)
        self._pending: list[tuple[int, Tensor]] = []  # (samples, loss) of steps not read back yet
        self._stopped = False
        self._recent: deque[tuple[int, float]] = deque(maxlen=20)  # what the display shows the mean of
        self._started = time.perf_counter()

    def resume(self, start: Checkpoint) -> None:
        """Go on from a checkpoint. Raises TrainingError for one of another model, recipe or data; OSError."""
        try:
            apart = start.in_shards and in_shards(self.prepared.bare)
            tree = start.read(whole=not apart)
            if tree["samples"] != len(self.data.train):
                had, have = tree["samples"], len(self.data.train)
                raise TrainingError(f"the run had {had:,} training samples, and now there are {have:,}")
            self.state.restore(tree["train"], self.prepared.device, self.world, start.path if apart else None)
            self.folder.rewind(tree["metrics_bytes"])
        except (CheckpointError, KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise TrainingError(f"the checkpoint is not one of this model and recipe: {error}") from None
        if (best := start.path / BEST).is_file():
            self.keeper.put_back(best)

    def run(self) -> TrainState:
        """Train to the end of the last epoch, or until asked to stop. Weights are in the folder afterwards.

        Raises TrainingError when the loss is not finite; the weights kept are then those of the last good epoch.
        """
        state = self.state
        state.module.train()
        self._started = time.perf_counter() - state.seconds
        try:
            if state.step == 0:
                self._checkpoint()  # a run that is killed can be taken up from its first moment on
            while not self.done and not self._stopped:
                with suppress(RolledBackError):
                    if self._epoch():
                        self._finish_epoch()
        except Exception:
            self.keeper.flush()  # what was good stays
            raise
        finally:
            state.seconds = time.perf_counter() - self._started
            self.fetcher.close()
            self.saver.wait()
        if self._stopped:
            with self._judged():
                self.keeper.stopped()
        self.keeper.flush()
        self._checkpoint()
        self.saver.wait()
        return state

    @property
    def done(self) -> bool:
        """Is there no epoch left to train?"""
        stopper = self.state.stopper
        return self.state.epoch >= self.recipe.epochs or (stopper is not None and stopper.over)

    def _epoch(self) -> bool:
        """The steps of one epoch that are left; False when asked to stop before the last."""
        state, recipe, display, stop = self.state, self.recipe, self.display, self.stop
        device = self.prepared.device
        batches = Batches(
            self.data.train,
            recipe.batch_size,
            recipe.seed,
            state.epoch,
            shuffle=True,
            drop_last=recipe.batch is not None,
            part=(self.world.index("data"), self.world.degree("data")),
        )
        batches.position = state.position
        self._pending = []
        self._recent.clear()
        start = time.perf_counter() - state.epoch_seconds
        for cpu_batch in self.fetcher.over(batches):
            share = None
            if [state.epoch, state.position] not in state.passed_over:
                share = self._step(to_device(cpu_batch, device), counted=batches.counted)
            due = self.world.main and self.saver.due(state.step + 1)
            loss = self.consensus(torch.zeros(()) if share is None else share, stop=bool(stop.signal), save=due)
            count = batches.position - state.position
            state.position = batches.position
            state.step += 1
            state.samples += count
            if state.average is not None:
                state.average.update(state.step)
            if share is None:
                state.schedule.step()  # as if the batch had been learned from
            else:
                self._pending.append((count, loss))
            if state.step % self.log_every == 0:
                self._log_step(start)
            if display.due() and self.world.main:
                self._read_back()
                mean = sum(n * value for n, value in self._recent) / max(1, sum(n for n, _ in self._recent))
                rate = state.position / (time.perf_counter() - start)
                display.step(state.epoch + 1, state.step, mean, rate)
            if self.consensus.save:
                self._read_back()
                state.epoch_seconds = time.perf_counter() - start
                self._checkpoint()
            if self.consensus.stop:
                self._stopped = True
                self._read_back()
                state.epoch_seconds = time.perf_counter() - start
                return False
        self._read_back()  # waits for the device: the time is that of the whole epoch
        state.epoch_seconds = time.perf_counter() - start
        return True

    def _step(self, batch: Mapping[str, Tensor], *, counted: bool) -> Tensor | None:
        """A step, in smaller parts where the device's memory is too small for it. None for a batch that is skipped.

        Raises RolledBackError where the run has gone back to a checkpoint.
        """
        # Others have begun to exchange gradients, or weights were gathered: a step cannot be tried again.
        if self.world.mesh is not None:
            self.guard.keep()
            try:
                share = self.stepper(batch, counted=counted)
            except NonFiniteError as bad:  # on all of them
                self._pass_over(bad, batch)
                return None
            self.guard.in_a_row = 0
            return share
        while True:
            before = random_state(self.prepared.device)
            self.guard.keep()
            try:
                share = self.stepper(batch)
            except NonFiniteError as bad:
                self._pass_over(bad, batch)
                return None
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                smaller = self._smaller(error, batch)
            else:
                self.guard.in_a_row = 0
                return share
            self.guard.undo()
            restore_random(before, self.prepared.device)
            if self.prepared.device.type == "cuda":
                torch.cuda.empty_cache()
            self.state.micro_batch_size = smaller
            self.folder.warn(f"out of memory: {smaller} samples at once from step {self.state.step + 1} on")

    def _smaller(self, error: RuntimeError, batch: Mapping[str, Tensor]) -> int:
        """Half the samples at once. Raises TrainingError where the step cannot be tried again so."""
        reason = str(error).splitlines()[0]
        if self.stepper.updating:  # some weights have moved, and others not
            raise TrainingError(f"out of memory in the optimizer's update: its state does not fit ({reason})") from None
        smaller = self.stepper.smaller(len(next(iter(batch.values()))))
        if smaller is None:
            raise TrainingError(f"out of memory with a single sample ({reason})") from None
        return smaller

    def _pass_over(self, bad: NonFiniteError, batch: Mapping[str, Tensor]) -> None:
        """Leave out a batch whose loss or gradient is not finite, or raise what the recipe wants instead."""
        state, policy = self.state, self.recipe.on_nonfinite
        if policy == "stop":
            raise self._not_finite(bad.value, state.step + 1, batch) from None
        self.guard.undo()
        self.guard.in_a_row += 1
        problem = str(self._not_finite(bad.value, state.step + 1, batch, what=bad.what))
        if self.guard.in_a_row > IN_A_ROW:
            raise TrainingError(f"{problem} ({IN_A_ROW} times in a row)") from None
        passed = [*state.passed_over, [state.epoch, state.position]]
        if policy == "skip":
            state.passed_over = passed
            self.folder.warn(f"a batch is skipped: {problem}")
            return
        self._read_back()
        self.saver.wait()
        self.world.barrier()  # the main process has written what is newest
        found, _ = newest(self.folder.path)
        self.world.barrier()  # and all have found it
        if found is None:
            raise TrainingError(f"{problem} (and there is no checkpoint to go back to)") from None
        if self.world.main:
            set_aside(found)
        self.keeper.discard(has_best=(found.path / BEST).is_file())
        self.resume(found)
        state.passed_over = [*state.passed_over, *(place for place in passed if place not in state.passed_over)]
        self._started = time.perf_counter() - state.seconds
        self.folder.warn(f"back to the checkpoint of step {found.step}, to go on without the batch: {problem}")
        raise RolledBackError from None

    def _not_finite(
        self, value: float, step: int, batch: Mapping[str, Tensor] | None = None, what: str = "the loss"
    ) -> TrainingError:
        where = ""
        # (A forward pass of parts is one of all processes, and what they find differs.)
        if batch is not None and not in_shards(self.prepared.bare):
            inputs = {name: batch[field] for name, field in self.recipe.feeds.items() if name in self.recipe.inputs}
            where = origin(self.prepared, inputs)
        found = f"; {where}" if where else ""
        return TrainingError(
            f"{what} is {value} at step {step} (epoch {self.state.epoch + 1}){found}: "
            "try a smaller learning rate, `clip_grad_norm`, or look for bad values in the data"
        )

    def _checkpoint(self) -> None:
        """Have the whole state of this moment written."""
        state, since = self.state, time.perf_counter()
        state.seconds = since - self._started
        self.keeper.flush()
        tree = {
            "train": state.tree(self.prepared.device, self.world),
            "samples": len(self.data.train),
            "metrics_bytes": self.folder.position(),
        }
        shards = state.shards()
        if shards is None and not self.world.main:
            return
        attach = {BEST: self.keeper.best_path} if self.keeper.has_best else {}
        self.saver.save(state.step, tree, attach, self._best_steps(), shards, since)

    def _read_back(self) -> None:
        """Fetch the pending losses in one go. Raises TrainingError naming the first that is not finite."""
        if not self._pending:
            return
        values = torch.stack([loss for _, loss in self._pending]).tolist()
        first = self.state.step - len(values) + 1
        for k, value in enumerate(values):
            if not math.isfinite(value):
                raise self._not_finite(value, first + k)
        for (count, _), value in zip(self._pending, values, strict=True):
            self.state.running.add(count, value)
            self.state.line.add(count, value)
            self._recent.append((count, value))
        self._pending.clear()

    def _log_step(self, start: float) -> None:
        """One step line: the mean loss since the line before (or since the epoch began)."""
        self._read_back()
        seconds = time.perf_counter() - start
        values = {
            "epoch": self.state.epoch + 1,
            "step": self.state.step,
            "loss": self.state.line.mean,
            "lr": self.state.lr,
            "samples_per_second": self.state.running.samples / seconds,
        }
        self.state.line = Running()
        self.folder.log("step", values, soon=True)

    def _finish_epoch(self) -> None:
        self.folder.flush()  # evaluation may take long
        # Several processes evaluate to the end: one must not leave the others alone.
        stop = self.stop if self.world.size == 1 else None
        with self._judged(epoch=True) as judged:
            split = self.data.holdout
            held_out = evaluate(judged, self.objective, self.meters, split, self.recipe, stop, self.fetcher, self.world)
            if held_out is None:
                self._stopped = True
                return
            self._record(held_out)
        if self.state.step in self._best_steps():
            self._checkpoint()

    def _record(self, held_out: dict[str, float]) -> None:
        """The epoch is over: its entry in the history, and its weights."""
        state = self.state
        state.epoch += 1
        entry: dict[str, Any] = {
            "epoch": state.epoch,
            "step": state.step,
            "train_loss": state.running.mean,
            **held_out,
            "lr": state.lr,
            "seconds": state.epoch_seconds,
            "samples_per_second": state.running.samples / state.epoch_seconds,
        }
        state.schedule.judge(entry[self._rate_by.name])
        if state.stopper is not None:
            state.stopper.judge(entry)
        best = self._improves(held_out)
        if best:
            state.best, state.best_loss, state.best_epoch = held_out[self.criterion], held_out["loss"], state.epoch
        state.seconds = time.perf_counter() - self._started
        state.position, state.epoch_seconds = 0, 0.0
        state.running, state.line = Running(), Running()
        state.history.append(entry)
        self.folder.log("epoch", {**entry, "best": best})
        self.keeper.epoch(best=best)
        self.display.epoch(entry, best=best)

    @contextmanager
    def _judged(self, *, epoch: bool = False) -> Iterator[Prepared]:
        """What is evaluated and kept: the module, or the average of its weights; `epoch`: it is the end of one."""
        average = self.state.average
        if average is None:
            yield self.prepared
            return
        if epoch:
            average.update(self.state.step, epoch=True)
        average.refresh(self.prepared, self.data, self.recipe)
        with average.module() as module:
            self.keeper.module = module
            yield self.prepared._replace(bare=module)

    def _best_steps(self) -> list[int]:
        """The steps at the end of the best epochs, as many as checkpoints of them are kept."""
        keep = self.recipe.runtime.checkpoint.keep
        by = find(keep.by, self.recipe.metrics) or criterion(self.recipe.metrics)
        found = [entry for entry in self.state.history if math.isfinite(entry[by.name])]
        found.sort(key=lambda entry: (-entry[by.name] if by.larger else entry[by.name], entry["loss"]))
        return [entry["step"] for entry in found[: keep.best]]

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
