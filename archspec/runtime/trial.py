"""A few steps of a recipe that leave nothing behind: what a run would cost, whether it can learn, and how fast."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from archspec.data import Batches
from archspec.model.build import from_source
from archspec.recipe.runtime import Parallel
from archspec.runtime.evaluate import evaluate, to_device
from archspec.runtime.freeze import freeze
from archspec.runtime.losses import Objective
from archspec.runtime.metrics import build_meters
from archspec.runtime.nonfinite import NonFiniteError
from archspec.runtime.numerics import numerics
from archspec.runtime.optim import build_optimizer
from archspec.runtime.precision import scaler
from archspec.runtime.schedule import build_schedule
from archspec.runtime.session import Plan, translated
from archspec.runtime.start import start_from
from archspec.runtime.state import TrainState
from archspec.runtime.step import Stepper
from archspec.runtime.trainer import TrainingError, steps_per_epoch
from archspec.runtime.world import World, WorldError, launched
from archspec.runtime.wrap import prepare

LEARNED = 0.1  # of the first loss: a model that gets a batch below it can learn
DIVERGED = 4.0  # times the smallest loss: a learning rate too large
SMOOTHING = 0.9  # of the loss that says when it is far above its smallest


class Trial:
    """A model, its optimizer and its data, as a run has them, in one process and without a folder.

    Raises what `prepare` and `start_from` do, and WorldError under torchrun.
    """

    def __init__(self, given: Plan) -> None:
        if launched() > 1:
            raise WorldError("a trial runs in one process: start it without torchrun")
        self.given = given
        recipe = self.recipe = given.recipe
        torch.manual_seed(recipe.seed)
        module = from_source(given.source)
        freeze(module, recipe.tuning.frozen)
        start_from(given.report, module)
        runtime = recipe.runtime._replace(parallel=Parallel.parse({}))
        self.prepared = prepare(module, given.device, runtime)
        self.per_epoch = steps_per_epoch(recipe, given.data)
        if not self.per_epoch:
            raise TrainingError(f"the training split has {len(given.data.train)} samples: too few for one batch")
        self.optimizer = build_optimizer(recipe.optimizer, self.prepared.bare, recipe.tuning.groups)
        schedule = build_schedule(recipe.schedule, self.optimizer, self.per_epoch * recipe.epochs, self.per_epoch)
        self.rates = [float(group.get("initial_lr", group["lr"])) for group in self.optimizer.param_groups]
        state = TrainState(self.prepared.bare, self.optimizer, schedule, scaler(runtime.precision, given.device))
        state.micro_batch_size = runtime.micro_batch_size
        self.objective = Objective(recipe.losses, given.device)
        self.stepper = Stepper(self.prepared, self.objective, recipe, state, World())
        self.prepared.bare.train()

    def batches(self) -> Iterator[dict[str, Tensor]]:
        """The batches of training, epoch after epoch, without an end."""
        epoch = 0
        while True:
            yield from Batches(
                self.given.data.train,
                self.recipe.batch_size,
                self.recipe.seed,
                epoch,
                shuffle=True,
                drop_last=self.recipe.batch is not None,
            )
            epoch += 1

    def step(self, batch: dict[str, Tensor], factor: float) -> float:
        """The loss of a batch, before a step with `factor` times the optimizer's rates. NaN or inf as it comes."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        try:
            return float(self.stepper(to_device(batch, self.given.device)).item())
        except NonFiniteError as bad:
            return bad.value
        except RuntimeError as error:
            raise translated(error, self.given) from error


def costs(given: Plan) -> dict[str, Any]:
    """What a run takes, from steps on the first batch and one on held-out data.

    {"loss", "step_seconds", "steps", "seconds": the whole run, "memory": {"weights", "gradients", "optimizer",
    "activations", "total"}} with memory in bytes; on an accelerator "peak" is what was measured there.
    """
    with numerics(given.recipe.runtime):
        trial = Trial(given)
        recipe, device = trial.recipe, given.device
        batch = next(trial.batches())
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        parameters = list(trial.prepared.bare.parameters())
        kept = {p.untyped_storage().data_ptr() for p in parameters}
        saved: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in kept:
                saved[storage.data_ptr()] = storage.nbytes()
            return tensor

        start = time.perf_counter()
        with saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = trial.step(batch, 1.0)
        first = time.perf_counter() - start
        if not math.isfinite(loss):
            raise TrainingError(f"the loss of the first batch is {loss}")
        timed = [_timed(trial, batch) for _ in range(1 if first > 5 else 5)]
        seconds = statistics.median(timed)
        state = [t for entry in trial.optimizer.state.values() for t in entry.values() if isinstance(t, Tensor)]
        memory = {
            "weights": sum(_bytes(t) for t in (*parameters, *trial.prepared.bare.buffers())),
            "gradients": sum(_bytes(p) for p in parameters if p.requires_grad),
            "optimizer": sum(map(_bytes, state)),
            "activations": sum(saved.values()),
        }
        memory["total"] = sum(memory.values())
        if device.type == "cuda":
            memory["peak"] = torch.cuda.max_memory_allocated(device)
        start = time.perf_counter()
        part = _Part(given.data.holdout, recipe.batch_size)
        meters = build_meters(recipe.metrics, device)
        evaluate(trial.prepared, trial.objective, meters, part, recipe)
        judged = (time.perf_counter() - start) * math.ceil(len(given.data.holdout) / recipe.batch_size)
    steps = trial.per_epoch
    return {
        "loss": loss,
        "step_seconds": seconds,
        "steps": steps * recipe.epochs,
        "evaluation_seconds": judged,
        "seconds": (steps * seconds + judged) * recipe.epochs,
        "memory": memory,
    }


def _timed(trial: Trial, batch: dict[str, Tensor]) -> float:
    start = time.perf_counter()
    trial.step(batch, 1.0)  # waits for the device, as it reads the loss
    return time.perf_counter() - start


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


class _Part:
    """The first batch of a split."""

    def __init__(self, split: Any, size: int) -> None:
        self._split = split
        self._size = min(size, len(split))

    def __len__(self) -> int:
        return self._size

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        taken: dict[str, Tensor] = self._split.take(indices)
        return taken


def overfit(given: Plan, steps: int) -> dict[str, Any]:
    """Up to `steps` steps on the first batch alone: {"first", "last", "steps", "learned"}.

    A model and a recipe that are right bring the loss of one batch close to nothing; `learned` says that it fell below
    a tenth of what it was. The learning rate is the optimizer's throughout. Raises TrainingError where the loss is not
    finite.
    """
    with numerics(given.recipe.runtime):
        trial = Trial(given)
        batch = next(trial.batches())
        first = loss = trial.step(batch, 1.0)
        done = 1
        while math.isfinite(loss) and loss > LEARNED * first and done < steps:
            loss = trial.step(batch, 1.0)
            done += 1
    if not math.isfinite(loss):
        raise TrainingError(f"the loss is {loss} at step {done} on one batch: try a smaller learning rate")
    return {"first": first, "last": loss, "steps": done, "learned": loss <= LEARNED * first}


def find_lr(given: Plan, low: float = 1e-7, high: float = 10.0, steps: int = 100) -> dict[str, Any]:
    """A learning-rate range test (Smith, 2015): {"lr", "loss", "smoothed": a list each, "suggestion"}.

    The rate rises from step to step, evenly in its logarithm, until the loss is far above its smallest. The suggestion
    is where the smoothed loss falls steepest; None where it does not fall. Groups keep the ratios of their rates.
    Raises TrainingError for an optimizer whose rate is 0.
    """
    base = given.recipe.optimizer.lr
    if base <= 0:
        raise TrainingError("the optimizer's `lr` is 0: there is nothing to scale")
    rates: list[float] = []
    losses: list[float] = []
    average, least = 0.0, math.inf
    with numerics(given.recipe.runtime):
        trial = Trial(given)
        for number, batch in zip(range(steps), trial.batches(), strict=False):
            rate = low * (high / low) ** (number / max(1, steps - 1))
            loss = trial.step(batch, rate / base)
            if not math.isfinite(loss):
                break
            average = SMOOTHING * average + (1 - SMOOTHING) * loss
            rates.append(rate)
            losses.append(loss)
            level = average / (1 - SMOOTHING ** (number + 1))
            least = min(least, level)
            if number > 10 and level > DIVERGED * least:
                break
    smoothed = centred(losses)
    return {"lr": rates, "loss": losses, "smoothed": smoothed, "suggestion": steepest(rates, smoothed)}


def centred(losses: list[float], reach: int = 3) -> list[float]:
    """The mean of each with its neighbours: unlike a running average, it is not behind."""
    parts = [losses[max(0, k - reach) : k + reach + 1] for k in range(len(losses))]
    return [sum(part) / len(part) for part in parts]


def steepest(rates: list[float], losses: list[float], skip: int = 5) -> float | None:
    """The rate at which the loss falls fastest with the rate's logarithm, apart from `skip` values at either end."""
    lowest = min(range(len(losses)), key=losses.__getitem__, default=0)
    best, found = 0.0, None
    for k in range(max(1, skip), min(len(losses) - skip, lowest + 1)):
        if k + 1 >= len(losses):
            break
        slope = (losses[k + 1] - losses[k - 1]) / math.log(rates[k + 1] / rates[k - 1])
        if slope < best:
            best, found = slope, rates[k]
    return found
