"""Every large matrix product shared by the processes of the tensor axis, and sequences by those of the context axis.

Parameters become `DTensor`s in the layout that the graph asks for (archspec.partition.tensor); PyTorch then works out
for every operation what each process does and what they exchange, so the numbers are those of one process.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.experimental import implicit_replication
from torch.nn.attention import SDPBackend, sdpa_kernel

from archspec.partition.context import Context
from archspec.partition.sequence import Sequences
from archspec.runtime.parallel.context import in_places, inputs_shared, ring_attention
from archspec.runtime.parallel.logits import in_parts, put_together
from archspec.runtime.parallel.sequence import sequence_parallel, summed
from archspec.runtime.world import World

# The dimension of a weight that is split; a bias of columns is split, one of rows belongs to the sum.
WEIGHT = {"columns": 0, "gathered": 0, "rows": 1, "table": 0}
BIAS = {"columns", "gathered"}
SUMS = {"rows", "table"}  # each process has a part of the sum


def shared_mesh(world: World) -> DeviceMesh | None:
    """The axis along which tensors are shared, context or tensor; None where there is none."""
    axes = [axis for axis in ("context", "tensor") if world.degree(axis) > 1]
    return world.axis(axes[0]) if axes else None


def share_tensors(
    module: nn.Module,
    world: World,
    split: Mapping[str, str],
    sequences: Sequences | None = None,
    context: Context | None = None,
) -> nn.Module:
    """Split the modules of `split` ({path: how}) over the tensor axis, in place; every other parameter is on all
    processes. `sequences` are in parts between these modules, or from the inputs on as `context` says.
    """
    mesh = shared_mesh(world)
    if mesh is None:
        return module
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
                spread = distribute_tensor(parameter.detach(), mesh, [place], src_data_rank=None)
                made[id(parameter)] = nn.Parameter(spread, requires_grad=parameter.requires_grad)
            inner.register_parameter(name, made[id(parameter)])
    for parameter in made.values():
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(_as_the_parameter)
    scattered = () if sequences is None else sequences.scattered
    for path, how in split.items():
        if how in SUMS and path not in scattered:
            module.get_submodule(path).register_forward_hook(summed)
    if sequences is not None:
        sequence_parallel(module, sequences)
    inputs_shared(module, mesh, context)
    module.register_forward_hook(_whole)
    return module


def _as_the_parameter(parameter: Tensor) -> None:
    """Sums of parts are put together once a gradient is complete."""
    gradient = parameter.grad
    if isinstance(gradient, DTensor) and isinstance(parameter, DTensor) and gradient.placements != parameter.placements:
        parameter.grad = gradient.redistribute(placements=parameter.placements)


def _whole(_: nn.Module, args: Any, output: Any) -> Any:
    """What the model gives is whole on every process, except what a loss takes in parts."""
    return _put_together(output, all=not torch.is_grad_enabled())


def _between(_: nn.Module, args: Any, output: Any) -> Any:
    """What a stage gives to another is whole."""
    return _put_together(output, all=True)


def _put_together(output: Any, *, all: bool) -> Any:
    if isinstance(output, Tensor):
        return put_together(output) if all or not (in_parts(output) or in_places(output)) else output
    if isinstance(output, Mapping):
        return {key: _put_together(value, all=all) for key, value in output.items()}
    if isinstance(output, (tuple, list)):
        return type(output)(_put_together(value, all=all) for value in output)
    return output


def whole_between_stages(module: nn.Module, world: World, *, last: bool) -> None:
    """What a stage of a pipeline is given and gives is whole on every process, and so are the gradients of it."""
    if world.mesh is None or world.degree("tensor") == 1:
        return
    mesh = world.mesh["tensor"]

    def taken(_: nn.Module, args: Any) -> Any:
        return tuple(
            DTensor.from_local(x, mesh, [Replicate()], run_check=False) if x.requires_grad else x for x in args
        )

    module.register_forward_pre_hook(taken)
    module.register_forward_hook(_whole if last else _between)


@contextmanager
def shared_products(world: World, context: Context | None = None) -> Iterator[None]:
    """What forward and backward need to be in: tensors that every process makes for itself count as the same."""
    with ExitStack() as stack:
        if (mesh := shared_mesh(world)) is not None:
            stack.enter_context(implicit_replication())
            # On a processor all draw the same numbers, as they have begun with one seed.
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", "DTensor random operators may not have complete support")
            on_gpu, apart = mesh.device_type == "cuda", world.degree("context") > 1
            if on_gpu and apart and context is not None and context.ring:
                stack.enter_context(ring_attention())
            elif apart or not on_gpu:  # PyTorch splits attention on a processor in this form only
                stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield
