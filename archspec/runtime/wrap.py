"""What is put around a module before it trains, and in which order. The model knows none of it.

The order is one decision, kept in one function: device and memory format, tensors in parts, statistics of all
processes, precision of single blocks, the stage of a pipeline, activation checkpointing, compiled blocks, shards or
replicas, and last the whole compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from archspec.diagnostics.model import Span
from archspec.partition.context import Context
from archspec.partition.sequence import Sequences
from archspec.partition.stages import Stage
from archspec.recipe.runtime import Runtime
from archspec.runtime.activations import checkpoint_activations
from archspec.runtime.compiled import compile_modules
from archspec.runtime.memory_format import channels_last
from archspec.runtime.parallel.mesh import shared_mesh
from archspec.runtime.parallel.pipeline.cut import Cut, cut, cut_several
from archspec.runtime.parallel.replicas import data_parallel, ddp
from archspec.runtime.precision import HALF, forward_context, keep_float32
from archspec.runtime.world import World

if TYPE_CHECKING:
    from archspec.runtime.parallel.pipeline.run import Pipeline
    from archspec.runtime.parallel.statistics import SharedStatistics


class DeviceError(Exception):
    """A device this machine does not have. `span`: where the spec asks for it."""

    span: Span | None = None


class Prepared(NamedTuple):
    """A module ready to run: call it inside `precision`; the loss, backward and the step outside.

    `bare` is the module whose state dict has the spec's names; `module` may be a wrapper around it. With `pipeline`
    they are those of one stage. `statistics`: those that processes which share a batch gather together.
    """

    module: nn.Module
    bare: nn.Module
    device: torch.device
    precision: AbstractContextManager[Any]
    pipeline: Pipeline | None = None
    statistics: SharedStatistics | None = None

    @property
    def outputs(self) -> Callable[..., Any]:
        """What gives the model's outputs for whole inputs, outside training. Every process must ask."""
        return self.pipeline or self.bare

    def together(self, *, counted: bool) -> AbstractContextManager[None]:
        """What a forward pass of training, and backward through it, run in: batch norms see what all processes have.

        `counted`: are this process's samples of the batch, or does it take part for the others' sake?
        """
        return nullcontext() if self.statistics is None else self.statistics.of_all(counted=counted)


def pick_device(name: str) -> torch.device:
    """`cpu`, `cuda`, `cuda:1`, `mps`, `xpu`, or `auto`: an accelerator where there is one. Raises DeviceError."""
    here = torch.accelerator.current_accelerator(check_available=True)
    if name == "auto":
        return here or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"unknown device `{name}`: give auto, cpu or cuda") from None
    if device.type != "cpu":
        if here is None or here.type != device.type:
            found = "none" if here is None else f"`{here.type}`"
            raise DeviceError(f"there is no device `{name}` that PyTorch can use here (accelerators found: {found})")
        if device.index is not None and device.index >= torch.accelerator.device_count():
            raise DeviceError(f"there is no `{name}`: this machine has {torch.accelerator.device_count()}")
    return device


def prepare(
    module: nn.Module,
    device: torch.device,
    runtime: Runtime,
    world: World | None = None,
    chosen: Mapping[str, tuple[str, ...]] | None = None,
    split: Mapping[str, str] | None = None,
    sequences: Sequences | None = None,
    stages: Sequence[Stage] = (),
    context: Context | None = None,
    idle: Collection[str] = (),
) -> Prepared:
    """Move the module to the device and put around it what `runtime` asks for. `chosen` and what follows: see Recipe.

    Raises PrecisionError, CompileError.
    """
    world, chosen = world or World(), chosen or {}
    precision, parallel = runtime.precision, runtime.parallel
    mesh = shared_mesh(world)
    apart = parallel.data == "fsdp" and world.mesh is not None and mesh is None and not stages
    if not apart:  # its units move one by one: the model as a whole may be too large for the device
        module = module.to(device)
    if runtime.memory_format == "channels_last":
        channels_last(module, weights=parallel.data != "fsdp" and mesh is None)
    if mesh is not None:
        from archspec.runtime.parallel.tensor import share_ends, share_tensors

        share_tensors(module, mesh, split or {}, sequences)
    statistics = None
    if runtime.sync_batch_norm and world.degree("data") > 1:
        from archspec.runtime.parallel.statistics import share_statistics

        statistics = share_statistics(module, world.axis("data").get_group())
    if precision.default in HALF:
        keep_float32(module, chosen.get("float32", precision.float32), device)
    autocast = forward_context(precision, device)
    chunks: list[tuple[nn.Module, Cut]] = []
    if stages and (processes := world.degree("pipeline")) > 1:
        begins = [each.begins for each in stages]
        numbers = range(world.index("pipeline"), len(begins), processes)
        within = forward_context(precision, device)
        if len(numbers) == 1:
            chunks = [(module, cut(module, begins, numbers[0], within))]
        else:
            chunks = cut_several(module, begins, numbers, within)
    if mesh is not None:
        for chunk, known in chunks:
            share_ends(chunk, mesh, context, known)
        if not chunks:
            share_ends(module, mesh, context)
    again, compile = runtime.checkpoint_activations, runtime.compile
    if again.mode != "none":
        blocks = _here(module, chosen.get("checkpoint_activations", again.blocks))
        checkpoint_activations(blocks, selective=again.mode == "selective")
    if compile.enabled and compile.blocks:
        compile_modules(compile, _here(module, chosen.get("compile", compile.blocks)), device)
    outer = module
    if parallel.data == "fsdp" or (parallel.data == "ddp" and mesh is not None and len(chunks) < 2):
        from archspec.runtime.parallel.fsdp import fsdp

        outer = fsdp(module, world, offload=parallel.offload)
    elif parallel.data == "ddp" and len(chunks) < 2:
        outer = ddp(module, world, device, find_unused_parameters=parallel.find_unused_parameters)
    elif parallel.data == "data_parallel":
        outer = data_parallel(module)
    if compile.enabled and not compile.blocks:
        compile_modules(compile, [chunk for chunk, _ in chunks] if len(chunks) > 1 else [outer], device)
    pipeline = None
    if chunks:
        from archspec.runtime.parallel.pipeline.run import Part, Pipeline

        parts = [Part(cut, chunk, outer if chunk is module else chunk) for chunk, cut in chunks]
        pipeline = Pipeline(parts, module, world, device, parallel.schedule, idle)
    return Prepared(outer, module, device, autocast, pipeline, statistics)


def _here(module: nn.Module, paths: Sequence[str]) -> list[nn.Module]:
    """The modules at these paths that this process has: a stage of a pipeline has some of them."""
    known = dict(module.named_modules())
    return [known[path] for path in paths if path in known]


def sum_dtype(device: torch.device) -> torch.dtype:
    """The widest float of a device, for sums over a whole split."""
    return torch.float32 if device.type == "mps" else torch.float64
