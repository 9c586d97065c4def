"""Sequences in parts from the inputs on, one for each process of the context axis (archspec.partition.context).

Inputs become `DTensor`s, and PyTorch works out what every operation makes of its part. On a processor attention brings
keys and values together; on GPUs they go round (archspec.runtime.parallel.ring).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, distribute_tensor

from archspec.partition.context import Context
from archspec.partition.sequence import SEQUENCE
from archspec.runtime.parallel.layout import PLACES, placements


def inputs_shared(
    module: nn.Module, mesh: DeviceMesh, plan: Context | None, names: Sequence[str], *, first: bool
) -> None:
    """The inputs of `plan` come in parts, of T / processes places each, and all others whole. `names`: of the model's
    inputs. What comes by position is one of these where the module is the `first` stage; else another stage has shared
    it out.
    """
    parted = {names[number] for number in plan.inputs} if plan is not None else set()
    apart, whole = placements(mesh, context=PLACES), placements(mesh)

    def shared(value: Tensor, name: str) -> Tensor:
        if isinstance(value, DTensor):
            return value
        # Every process has the whole already: nothing is sent.
        return distribute_tensor(value, mesh, apart if name in parted else whole, src_data_rank=None)

    def inputs(_: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = map(shared, args, names) if first else args
        return tuple(given), {name: shared(value, name) for name, value in named.items()}

    module.register_forward_pre_hook(inputs, with_kwargs=True)


def summed_over_places(criterion: Callable[[Tensor, Tensor], Tensor], values: Tensor, target: Tensor) -> Tensor:
    """A criterion that sums, of [N, C] and what [N, …] it is to be; values [B, T, C] in places, target [B, T, …]."""
    assert isinstance(values, DTensor)
    mesh = values.device_mesh["context"]
    theirs = target.chunk(mesh.size(), SEQUENCE)[mesh.get_local_rank()]
    share = criterion(values.to_local().flatten(0, 1), theirs.flatten(0, 1))
    total: Tensor = _Sum.apply(share, mesh.get_group())  # type: ignore[no-untyped-call]
    return total


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
