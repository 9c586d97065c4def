"""Sequences in parts from the inputs on, one for each process of the context axis (archspec.partition.context).

Inputs become `DTensor`s, and PyTorch works out what every operation makes of its part. On a processor attention brings
keys and values together; on GPUs, PyTorch's ring attention hands them round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, distribute_tensor

from archspec.partition.context import Context
from archspec.partition.sequence import SEQUENCE
from archspec.runtime.parallel.sequence import PARTS, WHOLE


def inputs_shared(module: nn.Module, mesh: DeviceMesh, plan: Context | None) -> None:
    """The inputs of `plan` come in parts, of T / processes places each, and all others whole."""
    parted = () if plan is None else plan.inputs

    def shared(value: Any, number: int) -> Any:
        if isinstance(value, DTensor) or value.requires_grad:  # of another stage
            return value
        # Every process has the whole already: nothing is sent.
        return distribute_tensor(value, mesh, PARTS if number in parted else WHOLE, src_data_rank=None)

    module.register_forward_pre_hook(lambda _, args: tuple(shared(value, number) for number, value in enumerate(args)))


def in_places(values: Tensor) -> bool:
    """Does each process have a part of the places of [B, T, C]?"""
    return (
        isinstance(values, DTensor)
        and values.ndim == SEQUENCE + 2
        and values.device_mesh.mesh_dim_names == ("context",)
        and values.placements == PARTS
        and values.shape[SEQUENCE] % values.device_mesh.size() == 0
    )


def summed_over_places(criterion: Callable[[Tensor, Tensor], Tensor], values: Tensor, target: Tensor) -> Tensor:
    """A criterion that sums, of [N, C] and what [N, …] it is to be; values [B, T, C] `in_places`, target [B, T, …]."""
    assert isinstance(values, DTensor)
    mesh = values.device_mesh
    theirs = target.chunk(mesh.size(), SEQUENCE)[mesh.get_local_rank()]
    share = criterion(values.to_local().flatten(0, 1), theirs.flatten(0, 1))
    total: Tensor = _Sum.apply(share, mesh.get_group())  # type: ignore[no-untyped-call]
    return total


@contextmanager
def ring_attention() -> Iterator[None]:
    """Attention of DTensors whose places are in parts hands keys and values round, with the kernels of GPUs."""
    # Of an experimental module, and without names of their own there: what PyTorch's own trainer (torchtitan) calls.
    from torch.distributed.tensor.experimental import _attention as ring

    balanced = ring._cp_options.enable_load_balance
    ring._cp_options.enable_load_balance = False  # it takes sequences in another order than they come in
    ring._enable_context_parallel_dispatcher()
    try:
        yield
    finally:
        ring._disable_context_parallel_dispatcher()
        ring._cp_options.enable_load_balance = balanced


class _Sum(torch.autograd.Function):
    """The sum over processes that all go backward from it: each has the gradient of its share."""

    @staticmethod
    def forward(ctx: Any, share: Tensor, group: dist.ProcessGroup) -> Tensor:
        total = share.detach().clone()
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None]:
        return outputs[0], None
