"""Every large matrix product shared by the processes of the tensor axis, and sequences by those of the context axis.

Parameters become `DTensor`s in the layout that the graph asks for (archspec.partition.tensor); PyTorch then works out
for every operation what each process does and what they exchange, so the numbers are those of one process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

from archspec.partition.context import Context
from archspec.partition.sequence import Sequences
from archspec.runtime.parallel.context import inputs_shared
from archspec.runtime.parallel.layout import handed_on, placements, summed
from archspec.runtime.parallel.logits import in_parts, of_places, put_together
from archspec.runtime.parallel.pipeline.cut import Cut
from archspec.runtime.parallel.sequence import sequence_parallel
from archspec.runtime.parallel.sequence import summed as summed_output

# The dimension of a weight that is split; a bias of columns is split, one of rows belongs to the sum.
WEIGHT = {"columns": 0, "gathered": 0, "rows": 1, "table": 0}
BIAS = {"columns", "gathered"}
SUMS = {"rows", "table"}  # each process has a part of the sum


def share_tensors(
    module: nn.Module,
    mesh: DeviceMesh,
    split: Mapping[str, str],
    sequences: Sequences | None = None,
) -> None:
    """Split the modules of `split` ({path: how}) over the tensor axis of `mesh` (see mesh.py), in place; every other
    parameter is on all processes. `sequences` are in parts between these modules.
    """
    dims: dict[int, int] = {}
    for path, how in split.items():
        inner = module.get_submodule(path)
        if isinstance(inner.weight, Tensor):
            dims[id(inner.weight)] = WEIGHT[how]
        if how in BIAS and isinstance(getattr(inner, "bias", None), Tensor):
            dims[id(inner.bias)] = 0
    made: dict[int, nn.Parameter] = {}
    for inner in module.modules():
        for name, parameter in list(inner.named_parameters(recurse=False)):
            if id(parameter) not in made:  # a tied one stays one
                place = Shard(dims[id(parameter)]) if id(parameter) in dims else Replicate()
                # Every process has the same values: nothing is sent.
                layout = placements(mesh, tensor=place)
                spread = distribute_tensor(parameter.detach(), mesh, layout, src_data_rank=None)
                made[id(parameter)] = nn.Parameter(spread, requires_grad=parameter.requires_grad)
            inner.register_parameter(name, made[id(parameter)])
    for parameter in made.values():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(_as_the_parameter)
    scattered = () if sequences is None else sequences.scattered
    for path, how in split.items():
        if how in SUMS and path not in scattered:
            module.get_submodule(path).register_forward_hook(summed_output)
    if sequences is not None:
        sequence_parallel(module, sequences)


def share_ends(module: nn.Module, mesh: DeviceMesh, context: Context | None, stage: Cut | None = None) -> None:
    """What the model is given is shared out as `context` says, and what it gives is whole on every process, except what
    a loss takes in parts. Between stages of a pipeline tensors stay in even places, or are whole.
    """
    names = list(signature(module.forward).parameters) if stage is None else stage.given
    first, last = (True, True) if stage is None else (stage.number == 0, stage.last)
    if not first:
        module.register_forward_pre_hook(lambda _, args: tuple(map(_taken, args)))
    inputs_shared(module, mesh, context, names, first=first)
    module.register_forward_hook(_whole if last else _handed_on)


def _as_the_parameter(parameter: Tensor) -> None:
    """Sums of parts are put together once a gradient is complete."""
    gradient = parameter.grad
    if isinstance(gradient, DTensor) and isinstance(parameter, DTensor) and gradient.placements != parameter.placements:
        parameter.grad = gradient.redistribute(placements=parameter.placements)


def _whole(_: nn.Module, args: Any, output: Any) -> Any:
    """What the model gives is whole on every process, except what a loss takes in parts."""
    return _each(output, _for_loss if torch.is_grad_enabled() else put_together)


def _handed_on(_: nn.Module, args: Any, output: Any) -> Any:
    return _each(output, lambda value: value.redistribute(placements=handed_on(value)))


def _each(output: Any, change: Callable[[DTensor], Tensor]) -> Any:
    """The same with every DTensor changed."""
    if isinstance(output, DTensor):
        return change(output)
    if isinstance(output, Mapping):
        return {key: _each(value, change) for key, value in output.items()}
    if isinstance(output, (tuple, list)):
        return type(output)(_each(value, change) for value in output)
    return output


def _for_loss(values: DTensor) -> Tensor:
    if in_parts(values):
        return values
    along_places = values.redistribute(placements=summed(values))
    return along_places if of_places(along_places) else put_together(along_places)


def _taken(value: Any) -> Any:
    """What another stage gave; PyTorch sends it a gradient in the layout that the value has."""
    return _Taken.apply(value) if isinstance(value, DTensor) and value.requires_grad else value


class _Taken(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: DTensor) -> DTensor:
        ctx.layout = value.placements
        return value.view_as(value)  # type: ignore[return-value]

    @staticmethod
    def backward(ctx: Any, *gradients: DTensor) -> DTensor:
        return gradients[0].redistribute(placements=ctx.layout)
