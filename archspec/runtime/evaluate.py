"""Held-out evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from archspec.data import Batches, Fetcher, Split
from archspec.recipe.model import Recipe
from archspec.runtime.interrupt import Stop
from archspec.runtime.losses import Objective
from archspec.runtime.metrics import Meter, added
from archspec.runtime.outputs import Outputs
from archspec.runtime.parallel.kinds import is_dtensor
from archspec.runtime.precision import restored_matmul
from archspec.runtime.world import World
from archspec.runtime.wrap import Prepared, sum_dtype


def to_device(batch: Mapping[str, Tensor], device: torch.device) -> Mapping[str, Tensor]:
    if device.type == "cpu":
        return batch
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def evaluate(
    prepared: Prepared,
    objective: Objective,
    meters: Sequence[Meter],
    split: Split,
    recipe: Recipe,
    stop: Stop | None = None,
    fetcher: Fetcher | None = None,
    world: World | None = None,
) -> dict[str, float] | None:
    """{"loss": the mean loss over the split, metric label: value, …}; None when asked to stop meanwhile.

    Of several losses each has its mean too, by its label and without its weight.

    The module is in eval mode meanwhile, and in train mode after. Where the architecture fixes the batch size, a last
    smaller batch is filled up with repeated samples whose outputs are not counted.

    The processes of the data axis of `world` evaluate every so many-th batch each, with the buffers of the first of
    them, and all give what one process would.
    """
    world = world or World()
    world.share(buffer for buffer in prepared.bare.buffers() if buffer.is_floating_point())
    shared = any(map(is_dtensor, prepared.bare.parameters()))
    # In inference mode some operations reach a DTensor as what they are on a process's part.
    with restored_matmul(), torch.no_grad() if shared else torch.inference_mode():
        return _evaluate(prepared, objective, meters, split, recipe, stop, fetcher or Fetcher([split]), world)


def _evaluate(
    prepared: Prepared,
    objective: Objective,
    meters: Sequence[Meter],
    split: Split,
    recipe: Recipe,
    stop: Stop | None,
    fetcher: Fetcher,
    world: World,
) -> dict[str, float] | None:
    module, device, precision = prepared.bare, prepared.device, prepared.precision
    feeds = [recipe.feeds[name] for name in recipe.inputs]
    batches = Batches(split, recipe.batch_size, shuffle=False)
    # Every process has counted something, then, and knows of what form it is.
    if by_turns := 1 < world.degree("data") <= len(batches):
        batches.part, batches.by_turns = (world.index("data"), world.degree("data")), True
    totals = torch.zeros(1 + len(objective.labels), dtype=sum_dtype(device), device=device)
    for meter in meters:
        meter.reset()
    module.eval()
    try:
        for batch in fetcher.over(batches):
            if stop is not None and stop.signal:
                return None
            batch = dict(to_device(batch, device))
            count = len(next(iter(batch.values())))
            inputs = [filled(batch[name], recipe.batch) for name in feeds]
            with precision:
                outputs = prepared.outputs(*inputs)
            if not batches.counted:
                continue
            outputs = first(outputs, count)
            losses = objective.each(outputs, batch)
            values = [sum(losses[1:], losses[0]), *losses[: len(objective.labels)]]
            totals += torch.stack([value.to(totals.dtype) for value in values]) * count
            for meter in meters:
                meter.update(outputs, batch)
    finally:
        module.train()
    if by_turns:
        totals = added(world.gather_along(totals))
        for meter in meters:
            meter.put_together(world.gather_along)
    loss, *each = (totals / max(1, len(split))).tolist()
    unweighted = [value / weight if weight else value for value, weight in zip(each, objective.weights, strict=False)]
    named = dict(zip(objective.labels, unweighted, strict=True))
    return {"loss": loss, **named, **{meter.label: meter.compute() for meter in meters}}


def filled(tensor: Tensor, size: int | None) -> Tensor:
    """The first `size` rows of the tensor repeated over and over; the tensor itself where the size is free."""
    if size is None or len(tensor) == size:
        return tensor
    return tensor[torch.arange(size, device=tensor.device) % len(tensor)]


def first(outputs: Any, count: int) -> Outputs:
    """The first `count` rows of every output."""
    if isinstance(outputs, Tensor):
        return outputs[:count] if len(outputs) != count else outputs
    return {name: tensor[:count] for name, tensor in outputs.items()}
