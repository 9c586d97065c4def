"""Norms whose statistics are of the whole batch, of which each process has a part.

Of batch norms: what PyTorch's SyncBatchNorm does (each process's mean, variance and count are put together, as in Chan,
Golub and LeVeque, 1979), which takes tensors on GPUs only, by operations and collectives that every device has, and
torch.compile. Of instance norms: their running statistics, which are means over the samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Replicate
from torch.nn.functional import batch_norm
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from archspec.runtime.override import override
from archspec.runtime.precision import HALF


class SharedStatistics:
    """Which of the model's forward passes are of all processes of `group` together: the steps of training."""

    def __init__(self, group: dist.ProcessGroup) -> None:
        self.group = group
        self.on = False
        self.counted = True  # are this process's samples of the batch?

    @contextmanager
    def of_all(self, *, counted: bool) -> Iterator[None]:
        """Forward and backward of every process run in this, as often as those of the others."""
        self.on, self.counted = True, counted
        try:
            yield
        finally:
            self.on = False


def share_statistics(module: nn.Module, group: dist.ProcessGroup) -> SharedStatistics | None:
    """Let the norms in it gather statistics over `group`, in place; None where there are none that do.

    Names, numbers and running statistics are those of PyTorch's norms on the whole batch.
    """
    shared, found = SharedStatistics(group), False
    for norm in module.modules():
        if isinstance(norm, _BatchNorm):
            _share(norm, shared)
        elif isinstance(norm, _InstanceNorm) and norm.track_running_stats:
            _share_running(norm, shared)
        else:
            continue
        found = True
    return shared if found else None


def _share(norm: _BatchNorm, shared: SharedStatistics) -> None:
    plain = type(norm).forward

    def forward(self: _BatchNorm, input: Tensor) -> Tensor:
        if not self.training or not shared.on:
            return plain(self, input)
        self._check_input_dim(input)
        weight, bias = _wide(_whole(self.weight)), _wide(_whole(self.bias))
        settings = self.eps, shared.group, shared.counted
        out, mean, var, count = _Normalise.apply(_whole(input), weight, bias, *settings)
        _keep(self, mean, var, count)
        return DTensor.from_local(out, input.device_mesh) if isinstance(input, DTensor) else out

    override(norm, forward)


def _share_running(norm: _InstanceNorm, shared: SharedStatistics) -> None:
    plain = type(norm).forward

    def forward(self: _InstanceNorm, input: Tensor) -> Tensor:
        out: Tensor = plain(self, input)
        if self.training and shared.on and self.running_mean is not None and self.running_var is not None:
            samples = 1 if input.dim() == self._get_no_batch_dim() else len(input)
            # They were the same everywhere, and have moved towards the mean over a process's own samples.
            with torch.no_grad():
                both = torch.stack([self.running_mean, self.running_var])
                message = torch.cat([both.flatten(), both.new_ones(1)]) * (samples if shared.counted else 0)
                dist.all_reduce(message, group=shared.group)
                torch._foreach_copy_([self.running_mean, self.running_var], list((message[:-1] / message[-1]).chunk(2)))
        return out

    override(norm, forward)


def _whole(tensor: Tensor | None) -> Tensor | None:
    """What processes that share tensors (not the batch) have parts of, or each as it is."""
    if not isinstance(tensor, DTensor):
        return tensor
    return tensor.redistribute(placements=[Replicate()] * tensor.device_mesh.ndim).to_local()


def _wide(tensor: Tensor | None) -> Tensor | None:
    """Of the dtype that statistics have."""
    return tensor.float() if tensor is not None and tensor.dtype in HALF.values() else tensor


@torch.no_grad()
def _keep(norm: _BatchNorm, mean: Tensor, var: Tensor, count: Tensor) -> None:
    """Move the running statistics."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked.add_(1)
    unbiased = var * (count / (count - 1).clamp(min=1))
    for running, new in ((norm.running_mean, mean), (norm.running_var, unbiased)):
        tracked = norm.num_batches_tracked.to(running.dtype)
        running.lerp_(new.to(running), tracked.reciprocal() if norm.momentum is None else norm.momentum)


class _Normalise(torch.autograd.Function):
    """(x - mean) / sqrt(var + eps) * weight + bias; and mean, biased variance and values a channel of all processes."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
        group: dist.ProcessGroup,
        counted: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean, var, count = _gathered(*_own(x), group, counted)
        ctx.save_for_backward(x, weight, mean, var, count)
        ctx.eps, ctx.group, ctx.counted = eps, group, counted
        ctx.mark_non_differentiable(mean, var, count)
        # (Rows that a router sends elsewhere may leave a process with none.)
        out = batch_norm(x, mean, var, weight, bias, False, 0.0, eps) if x.numel() else x.clone()
        return out, mean, var, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, var, count = ctx.saved_tensors
        # As if mean and variance were given: the gradients of x, weight and bias; the last two are sums over values.
        into, scale, shift = x, torch.zeros_like(mean), torch.zeros_like(mean)
        if x.numel():
            # (On a GPU it wants tensors for what it does not read.)
            unread = mean.new_empty(0)
            given = gradients[0].contiguous(memory_format=_format(x))
            into, scale, shift = torch.ops.aten.native_batch_norm_backward(
                given, x, weight, mean, var, unread, unread, False, ctx.eps, [True, True, True]
            )
        if ctx.needs_input_grad[0]:
            both = torch.stack([shift, scale])
            dist.all_reduce(both, group=ctx.group)
            if ctx.counted and x.numel():  # mean and variance are made of these values too
                inverse = (var + ctx.eps).rsqrt()
                factor = inverse if weight is None else inverse * weight
                shape = [1, -1] + [1] * (x.ndim - 2)
                at, slope = (both / count * factor).unbind()
                through = (x - mean.view(shape)).mul_((slope * inverse).view(shape)).add_(at.view(shape))
                into = into - through.to(into.dtype)
        needs = ctx.needs_input_grad
        return into if needs[0] else None, scale if needs[1] else None, shift if needs[2] else None, None, None, None


def _format(x: Tensor) -> torch.memory_format:
    """How the values of a tensor lie: a kernel reads gradients as it reads what they are of."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    last = formats.get(x.ndim)
    return last if last is not None and x.is_contiguous(memory_format=last) else torch.contiguous_format


def _own(x: Tensor) -> tuple[Tensor, Tensor, float]:
    """Mean and biased variance of each channel, and how many values it has."""
    channels = x.shape[1]
    dtype = torch.float32 if x.dtype in HALF.values() else x.dtype
    unused = x.new_zeros(channels, dtype=dtype)  # running statistics: their dtype is that of the result
    if not x.numel():
        return unused, unused, 0.0
    if torch.compiler.is_compiling():  # it has no form for the compiler, which writes a kernel of these
        var, mean = torch.var_mean(x.to(dtype), [0, *range(2, x.ndim)], correction=0)
    else:  # the kernel of batch norm, several times faster on a processor
        mean, var = torch.batch_norm_update_stats(x, unused, unused.clone(), 0.0)
    return mean, var, x.numel() / channels


def _gathered(
    mean: Tensor, var: Tensor, count: float, group: dist.ProcessGroup, counted: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The same of the values of all processes. Raises ValueError where they are one, as PyTorch's batch norm does."""
    own = torch.cat([mean, var, mean.new_full((1,), count if counted else 0.0)])
    each = [torch.empty_like(own) for _ in range(dist.get_world_size(group))]
    dist.all_gather(each, own, group=group)
    means, variances, counts = torch.stack(each).split([len(mean), len(var), 1], 1)
    total = counts.sum()
    if count <= 1 and not torch.compiler.is_compiling() and total <= 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got {int(total)} in all processes")
    mean = (means * counts).sum(0) / total
    var = ((variances + (means - mean) ** 2) * counts).sum(0) / total
    return mean, var, total
