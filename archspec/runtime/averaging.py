"""The average of the weights that a recipe asks for, kept up to date beside the training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn, update_bn

from archspec.data import Batches, Data
from archspec.recipe.model import Average, Recipe
from archspec.runtime.parallel.parts import Parts, exchanged
from archspec.runtime.parallel.pipeline.cut import STAGES
from archspec.runtime.parallel.shards import in_shards
from archspec.runtime.parallel.state import load_module_state, module_state
from archspec.runtime.world import World
from archspec.runtime.wrap import Prepared


class Averaged:
    """torch's AveragedModel over the bare module. Until the first weights count, the module stands for its average.

    Of a module that lies in shards each process averages its parts, and the module has the average's values for as
    long as they are asked for.
    """

    def __init__(self, part: Average, module: nn.Module, total: int, world: World | None = None) -> None:
        self._part = part
        self._plain = module
        self._total = total
        decay = part.keywords.get("decay")
        average = get_swa_multi_avg_fn() if decay is None else get_ema_multi_avg_fn(decay)
        self._world = world or World()
        self._shards = in_shards(module)
        self._model = AveragedModel(self._averaged(), multi_avg_fn=average)
        self._count = 0
        self._epoch_step = 0  # the last one that ended an epoch: an evaluation that is cut short comes again

    def _averaged(self) -> nn.Module:
        return Parts(self._plain) if self._shards else self._plain

    @contextmanager
    def module(self) -> Iterator[nn.Module]:
        """What is evaluated and kept. (Training goes on after.)"""
        if not self._count:
            yield self._plain
        elif self._shards:
            with exchanged(self._plain, self._model.module):
                yield self._plain
        else:
            yield self._model.module

    def update(self, step: int, *, epoch: bool = False) -> None:
        """The weights after `step`, or after the epoch that it ends; they count where the recipe says so."""
        if epoch:
            if step == self._epoch_step:
                return
            self._epoch_step = step
        if self._part.counts(step, self._total, epoch=epoch):
            self._model.update_parameters(self._averaged())
            self._count += 1

    def refresh(self, prepared: Prepared, data: Data, recipe: Recipe) -> None:
        """Statistics of the average's batch norms from the training data, where the recipe wants them so."""
        # (A pipeline takes batch norms with frozen statistics only.)
        if not self._part.fresh_statistics or not self._count or self._plain in STAGES:
            return
        device = prepared.device
        devices = [device] if device.type == "cuda" else []
        # Dropout draws numbers, and training shall not notice.
        with torch.random.fork_rng(devices), prepared.precision, self.module() as module:
            update_bn(self._inputs(data, recipe, device), _Spread(module))

    def _inputs(self, data: Data, recipe: Recipe, device: torch.device) -> Iterator[list[list[Tensor]]]:
        feeds = [recipe.feeds[name] for name in recipe.inputs]
        train = getattr(data.train, "plain", data.train)  # without augmentations
        batches = Batches(train, recipe.batch_size, shuffle=False, drop_last=recipe.batch is not None)
        for batch in batches:
            if len(batch[feeds[0]]) > 1 or recipe.batch == 1:  # of one sample there is no deviation
                yield [[batch[name].to(device) for name in feeds]]

    def state(self) -> dict[str, Any]:
        """Whole tensors, on the main process; every process must ask."""
        return {"count": self._count, "epoch_step": self._epoch_step, "module": self._tensors()}

    def _tensors(self) -> dict[str, Tensor]:
        if not self._count:
            return {}
        with self.module() as module:
            state = module_state(module, self._world)
            # Of shards, the module gets its own values back.
            return {name: tensor.clone() for name, tensor in state.items()} if self._shards else state

    def restore(self, state: dict[str, Any]) -> None:
        """Raises RuntimeError for the state of another model."""
        self._count, self._epoch_step = state["count"], state["epoch_step"]
        self._model.n_averaged.fill_(self._count)
        if self._count:
            with self.module() as module:
                load_module_state(module, state["module"])


class _Spread(nn.Module):
    """Calls a module with each of a list of inputs."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: list[Tensor]) -> Any:
        return self.inner(*inputs)
