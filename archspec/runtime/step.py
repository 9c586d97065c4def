"""One optimisation step over a batch, in as many parts as fit into memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from archspec.recipe.model import Recipe
from archspec.runtime.glance import Glance
from archspec.runtime.losses import Objective, total
from archspec.runtime.nonfinite import NonFiniteError
from archspec.runtime.outputs import Outputs
from archspec.runtime.parallel.kinds import is_dtensor, is_fsdp
from archspec.runtime.state import TrainState
from archspec.runtime.world import World
from archspec.runtime.wrap import Prepared

if TYPE_CHECKING:
    from archspec.runtime.parallel.pipeline.run import Pipeline

Batch = Mapping[str, Tensor]


class Stepper:
    """Forward, backward and update. The gradient is that of the whole batch's loss, however it is parted.

    (Not so what a layer computes from its batch: batch norm in training sees one part at a time, of all processes, and
    dropout draws other numbers.)
    """

    def __init__(
        self, prepared: Prepared, objective: Objective, recipe: Recipe, state: TrainState, world: World
    ) -> None:
        self._prepared = prepared
        self._objective = objective
        self._state = state
        self._world = world
        self._replicas = world.degree("data")
        self._clip = recipe.clip_grad_norm
        self._clip_value = recipe.clip_grad_value
        self._closure = recipe.optimizer.closure
        self._largest = -(-recipe.batch_size // self._replicas)
        self._microbatches = recipe.runtime.parallel.microbatches
        self._feeds = [recipe.feeds[name] for name in recipe.inputs]
        self._careful = recipe.on_nonfinite != "stop"  # then gradients are looked at too, and worth waiting for
        # A bad loss is caught before it spoils the weights. (Of several processes one alone must not stop: they see
        # the loss of all after the step, or look together.)
        self._glance = Glance(prepared.device) if world.size == 1 else None
        self.updating = False  # is it the optimizer that runs?
        self._parameters = [p for p in prepared.bare.parameters() if p.requires_grad]

    def __call__(self, batch: Batch, *, counted: bool = True) -> Tensor:
        """After the update, the loss without gradient: the mean over the batch, or this process's share of it.

        `batch` is this process's part. One that is not `counted` takes part for the others' sake.
        """
        state = self._state
        optimizer, scaler = state.optimizer, state.scaler
        self.updating = False
        if self._closure:
            loss = cast(Any, optimizer).step(lambda: self._tried(batch, counted))
        else:
            loss = self._clipped(batch, counted)
            self.updating = True
            if scaler.is_enabled():
                scaler.step(optimizer)
                scaler.update()
            else:
                optimizer.step()
        state.schedule.step()
        return loss

    def _tried(self, batch: Batch, counted: bool) -> Tensor:
        """What an optimizer asks for that looks at the loss again as it goes; after the first time weights move."""
        loss = self._clipped(batch, counted)
        self.updating = True
        return loss

    def _clipped(self, batch: Batch, counted: bool) -> Tensor:
        """New gradients, clipped by value and then by norm; the loss."""
        for parameter in self._parameters:  # as `zero_grad` does, which spends ten times the time on profiling hooks
            parameter.grad = None
        loss = self._gradients(batch, counted)
        if self._state.scaler.is_enabled():
            self._state.scaler.unscale_(self._state.optimizer)
        elif self._careful:
            self._look_at_gradients(loss)
        if self._clip_value is not None:
            nn.utils.clip_grad_value_(self._parameters, self._clip_value)
        if self._clip is not None:
            pipeline = self._prepared.pipeline
            (nn.utils.clip_grad_norm_ if pipeline is None else pipeline.clip)(self._parameters, self._clip)
        return loss

    def _look_at_gradients(self, loss: Tensor) -> None:
        """Raises NonFiniteError, which names the first parameter whose gradient is not finite: on all processes where
        it, or the loss, is not on one of them.
        """
        own = {name: _local(p.grad) for name, p in self._prepared.bare.named_parameters() if p.grad is not None}
        fine = math.isfinite(nn.utils.get_total_norm(list(own.values())).item())
        if self._world.size > 1:
            wrong = not fine or not math.isfinite(loss.item())
            # (The device is that which the processes talk on.)
            if self._world.sum_all(torch.tensor(float(wrong), device=self._prepared.device)).item() == 0:
                return
        elif fine:
            return
        found = next((name for name, gradient in own.items() if not bool(torch.isfinite(gradient).all())), None)
        raise NonFiniteError(math.nan, "a gradient" if found is None else f"the gradient of `{found}`")

    def smaller(self, samples: int) -> int | None:
        """Half of what goes through the network at once; None where that is one sample already."""
        size = min(self._state.micro_batch_size or samples, samples)
        return (size + 1) // 2 if size > 1 else None

    def _gradients(self, batch: Batch, counted: bool) -> Tensor:
        """Backward through the batch, or through one part of it after another; the loss of the whole."""
        mine = len(next(iter(batch.values())))
        size = self._state.micro_batch_size or mine
        together = self._replicas == 1 and self._world.degree("context") == 1
        if together and size >= mine and self._prepared.pipeline is None:
            return self._backward(self._objective(self._outputs(batch), batch))
        counts = self._objective.counts(batch)
        if self._replicas > 1:
            counts = self._world.sum(counts if counted else counts * 0)
        if self._prepared.pipeline is not None:
            return self._pipelined(self._prepared.pipeline, batch, counts, counted)
        shares = []
        parts = -(-mine // size)
        # Weights, or statistics of batch norms, are gathered by all processes together.
        if is_fsdp(self._prepared.module) or self._prepared.statistics is not None:
            parts = self._world.most(parts, "data")
        for start in range(0, parts * size, size):
            none = start >= mine  # another process has a part more
            part = {name: tensor[:1] if none else tensor[start : start + size] for name, tensor in batch.items()}
            last = start + size >= parts * size
            with self._unsynchronised(last=last), self._prepared.together(counted=counted and not none):
                share = self._objective.part(self._outputs(part), part, counts)
                if none or not counted:
                    share = share * 0
                # The processes' gradients are averaged, and shares are to be added up.
                seen = self._backward(share * self._replicas if self._replicas > 1 else share)
            shares.append(share if self._replicas > 1 else seen)
        return total(shares)

    def _pipelined(self, pipeline: Pipeline, batch: Batch, counts: Tensor, counted: bool) -> Tensor:
        """The same through the stages of a pipeline."""

        def loss(outputs: Outputs, start: int, stop: int) -> Tensor:
            part = {name: tensor[start:stop] for name, tensor in batch.items()}
            return self._objective.part(outputs, part, counts) * (self._replicas if counted else 0)

        size = pipeline.micro_batch(self._largest, self._state.micro_batch_size, self._microbatches)
        return pipeline.step([batch[name] for name in self._feeds], size, loss) / self._replicas

    def _unsynchronised(self, *, last: bool) -> AbstractContextManager[Any]:
        """Gradients are exchanged once a batch, with its last part."""
        module = self._prepared.module
        if isinstance(module, DistributedDataParallel):
            return nullcontext() if last else module.no_sync()
        if is_fsdp(module):
            module.set_requires_gradient_sync(last)
        return nullcontext()

    def _outputs(self, batch: Batch) -> Tensor | Mapping[str, Tensor]:
        with self._prepared.precision:
            outputs: Tensor | Mapping[str, Tensor] = self._prepared.module(*[batch[name] for name in self._feeds])
        return outputs

    def _backward(self, loss: Tensor) -> Tensor:
        """The loss, without gradient. Raises NonFiniteError."""
        if self._glance is not None:
            self._glance.begin(loss)
        seen = loss.detach()
        if self._state.scaler.is_enabled():
            loss = self._state.scaler.scale(loss)
        loss.backward()  # type: ignore[no-untyped-call]
        return seen if self._glance is None else self._glance.end()


def _local(gradient: Tensor) -> Tensor:
    """What this process has of it."""
    return gradient.to_local() if is_dtensor(gradient) else gradient
