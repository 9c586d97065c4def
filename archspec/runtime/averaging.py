"""The average of the weights that a recipe asks for, kept up to date beside the training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn, update_bn

from archspec.data import Batches, Data
from archspec.recipe.model import Average, Recipe
from archspec.runtime.wrap import Prepared


class Averaged:
    """torch's AveragedModel over the bare module. Until the first weights count, the module stands for its average."""

    def __init__(self, part: Average, module: nn.Module, total: int) -> None:
        self._part = part
        self._plain = module
        self._total = total
        decay = part.keywords.get("decay")
        average = get_swa_multi_avg_fn() if decay is None else get_ema_multi_avg_fn(decay)
        self._model = AveragedModel(module, multi_avg_fn=average)
        self._count = 0
        self._epoch_step = 0  # the last one that ended an epoch: an evaluation that is cut short comes again

    @property
    def module(self) -> nn.Module:
        """What is evaluated and kept."""
        inner: nn.Module = self._model.module
        return inner if self._count else self._plain

    def update(self, step: int, *, epoch: bool = False) -> None:
        """The weights after `step`, or after the epoch that it ends; they count where the recipe says so."""
        if epoch:
            if step == self._epoch_step:
                return
            self._epoch_step = step
        if self._part.counts(step, self._total, epoch=epoch):
            self._model.update_parameters(self._plain)
            self._count += 1

    def refresh(self, prepared: Prepared, data: Data, recipe: Recipe) -> None:
        """Statistics of the average's batch norms from the training data, where the recipe wants them so."""
        if not self._part.fresh_statistics or not self._count:
            return
        device = prepared.device
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices), prepared.precision:  # dropout draws numbers, and training shall not notice
            update_bn(self._inputs(data, recipe, device), _Spread(self.module))

    def _inputs(self, data: Data, recipe: Recipe, device: torch.device) -> Iterator[list[list[Tensor]]]:
        feeds = [recipe.feeds[name] for name in recipe.inputs]
        train = getattr(data.train, "plain", data.train)  # without augmentations
        batches = Batches(train, recipe.batch_size, shuffle=False, drop_last=recipe.batch is not None)
        for batch in batches:
            if len(batch[feeds[0]]) > 1 or recipe.batch == 1:  # of one sample there is no deviation
                yield [[batch[name].to(device) for name in feeds]]

    def state(self) -> dict[str, Any]:
        return {"count": self._count, "epoch_step": self._epoch_step, "module": self._tensors()}

    def _tensors(self) -> dict[str, Tensor]:
        return dict(self._model.module.state_dict()) if self._count else {}

    def restore(self, state: dict[str, Any]) -> None:
        """Raises RuntimeError for the state of another model."""
        self._count, self._epoch_step = state["count"], state["epoch_step"]
        self._model.n_averaged.fill_(self._count)
        if self._count:
            self._model.module.load_state_dict(state["module"])


class _Spread(nn.Module):
    """Calls a module with each of a list of inputs."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: list[Tensor]) -> Any:
        return self.inner(*inputs)
