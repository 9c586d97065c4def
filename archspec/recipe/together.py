"""Parts of a recipe that are right each for itself, and do not go together."""

from __future__ import annotations

from archspec.diagnostics.model import Diagnostics
from archspec.reading.nodes import Mapping, Node
from archspec.recipe.model import Optimizer
from archspec.recipe.optimizers import FUSED
from archspec.recipe.parts import Written
from archspec.recipe.runtime import Runtime


def check_together(
    optimizer: Written[Optimizer],
    runtime: Runtime,
    diagnostics: Diagnostics,
) -> None:
    """AS205 at the part that excludes another."""
    part, parallel = optimizer.part, runtime.parallel
    if part.closure and _several(runtime):
        message = f"`{part.name}` goes through a batch several times a step, which several processes do not do together"
        diagnostics.error("AS205", optimizer.span, message, help="train in one process, or take `adamw`")
    if part.closure and runtime.precision.default == "fp16":
        message = f"`{part.name}` takes no scaled gradients, which `fp16` needs"
        diagnostics.error("AS205", optimizer.span, message, help="say `precision: bf16`, or float32")
    if not part.sharded and (parallel.data == "fsdp" or parallel.tensor > 1):
        message = f"`{part.name}` works in place on what PyTorch (2.13) does not change in place in shards"
        diagnostics.error("AS205", optimizer.span, message, help="say `data: ddp`, or take `adamw`")


def check_fused(
    optimizer: Written[Optimizer], runtime: Runtime, section: Node | None, diagnostics: Diagnostics
) -> None:
    """AS205 at `fused` for an optimizer that has no such kernel."""
    name = optimizer.part.name
    if runtime.fused and name not in FUSED and isinstance(section, Mapping):
        help = f"leave it out; {', '.join(f'`{each}`' for each in FUSED)} have one"
        diagnostics.error("AS205", section.entries["fused"].span, f"`{name}` has no fused kernel", help=help)


def _several(runtime: Runtime) -> bool:
    parallel = runtime.parallel
    return parallel.data != "none" or max(parallel.tensor, parallel.context, parallel.pipeline) > 1
