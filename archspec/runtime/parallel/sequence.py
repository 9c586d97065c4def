"""Sequences in parts between the modules that are split over the tensor axis (archspec.partition.sequence)."""

from __future__ import annotations

from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Replicate

from archspec.partition.sequence import SEQUENCE, Sequences
from archspec.runtime.parallel.layout import PLACES
from archspec.runtime.parallel.layout import summed as summed_layout

PARTS, WHOLE = (PLACES,), (Replicate(),)  # of the tensor axis alone


def sequence_parallel(module: nn.Module, plan: Sequences) -> None:
    """Hooks on the modules of `plan` that are in this one, which tensor_parallel has split."""
    known = dict(module.named_modules())
    together = _Together()
    for path in plan.scattered:
        if path in known:
            known[path].register_forward_hook(_scatter)
    for path in plan.gathered:
        if path in known:
            known[path].register_forward_pre_hook(together.inputs)
    for path in plan.ended:
        if path in known:
            known[path].register_forward_hook(together.output)


def summed(_: nn.Module, args: Any, output: Any) -> Any:
    """The sum of what the processes have, on all: what comes next (dropout, say) may not be for parts of a sum."""
    if not isinstance(output, DTensor):
        return output
    # Through plain tensors, so that the gradient is summed as well: PyTorch makes no part of a table's rows of it.
    whole = summed_layout(output)
    local = output.redistribute(placements=whole).to_local(grad_placements=whole)
    mesh, shape, stride = output.device_mesh, output.shape, output.stride()
    return DTensor.from_local(local, mesh, whole, run_check=False, shape=shape, stride=stride)


def _scatter(module: nn.Module, args: Any, output: Any) -> Any:
    """Of the sum, each process has a part of the places; all of them where they cannot be shared evenly."""
    if not isinstance(output, DTensor) or output.shape[SEQUENCE] % output.device_mesh.size():
        return summed(module, args, output)
    return output.redistribute(placements=PARTS)


class _Together:
    """Puts sequences together, once where several modules read the same one."""

    def __init__(self) -> None:
        self._parts: ReferenceType[Tensor] | None = None
        self._whole: ReferenceType[Tensor] | None = None

    def inputs(self, _: nn.Module, args: Any) -> Any:
        return tuple(self._put(value) for value in args)

    def output(self, _: nn.Module, args: Any, output: Any) -> Any:
        return self._put(output)

    def _put(self, value: Any) -> Any:
        if not isinstance(value, DTensor) or value.placements != PARTS:
            return value
        whole = self._whole() if self._whole is not None else None
        if whole is None or self._parts is None or self._parts() is not value:
            whole = value.redistribute(placements=WHOLE)
            self._parts, self._whole = ref(value), ref(whole)
        return whole
