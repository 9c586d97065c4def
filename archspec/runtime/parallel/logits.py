"""Cross entropy of logits whose classes are shared out over the tensor axis (loss parallelism).

The logits, the largest tensor of a language model, are never put together: processes exchange the largest logit, the
sum of exponentials and the target's logit of each place (torch.distributed.tensor.parallel.loss_parallel).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from archspec.partition.sequence import SEQUENCE
from archspec.runtime.parallel.kinds import is_dtensor

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

Criterion = Callable[[Tensor, Tensor], Tensor]


def in_parts(values: Tensor) -> bool:
    """Does each process of the tensor axis have a part of the last dimension?"""
    if not is_dtensor(values):
        return False
    from torch.distributed.tensor import Shard

    return values.placements == (Shard(values.ndim - 1),)


def of_places(values: Tensor) -> bool:
    """Does each process of the context axis have a part of the places of [B, T, C]?"""
    if not is_dtensor(values):
        return False
    from archspec.runtime.parallel.layout import in_places

    return values.ndim == SEQUENCE + 2 and in_places(values)


def put_together(values: Tensor) -> Tensor:
    """The whole tensor on every process."""
    return values.full_tensor() if is_dtensor(values) else values


def cross_entropy_of_parts(criterion: Criterion, logits: Tensor, target: Tensor) -> Tensor:
    """`criterion(logits, target)`, the same on all processes; logits [N, C] `in_parts`, class numbers [N]."""
    loss: Tensor = _CrossEntropy.apply(criterion, logits, target)  # type: ignore[no-untyped-call]
    return loss


class _CrossEntropy(torch.autograd.Function):
    """The gradient is made at once: `loss_parallel` changes what log_softmax is, backward included, and a log_softmax
    of the model is to stay what it is.
    """

    @staticmethod
    def forward(ctx: Any, criterion: Criterion, logits: DTensor, target: Tensor) -> Tensor:
        from torch.distributed.tensor.parallel import loss_parallel

        with torch.enable_grad(), loss_parallel():
            leaf = logits.detach().requires_grad_()
            loss = criterion(leaf, target)
            (gradient,) = torch.autograd.grad(loss, leaf)
        ctx.save_for_backward(gradient)
        return loss.detach().full_tensor()  # type: ignore[attr-defined, no-any-return]

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[None, Tensor, None]:
        (gradient,) = ctx.saved_tensors
        from torch.distributed.tensor import DTensor

        scaled = gradient.to_local() * outputs[0]
        return None, DTensor.from_local(scaled, gradient.device_mesh, gradient.placements, run_check=False), None
