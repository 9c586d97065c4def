"""`runtime.parallel` held against the model: whether it can be shared out so, before any process starts."""

from __future__ import annotations

from archspec.diagnostics.model import Diagnostics, Label, Span
from archspec.parameters.table import Table
from archspec.partition.reach import owners, reached
from archspec.partition.tensor import tensor_plan
from archspec.reading.nodes import Mapping, Node
from archspec.recipe.model import LossTerm, Tuning
from archspec.recipe.runtime import Parallel
from archspec.recipe.tuning import Model


def check_parallel(
    parallel: Parallel,
    runtime: Node | None,
    losses: tuple[LossTerm, ...],
    tuning: Tuning,
    model: Model | None,
    diagnostics: Diagnostics,
) -> dict[str, str]:
    """{module path: how tensor parallelism splits it}, empty without it. AS507 for what cannot be shared out so."""
    given = runtime.get("parallel") if isinstance(runtime, Mapping) else None
    if given is None or model is None:
        return {}
    combination(parallel, given, diagnostics)
    typed, table = model()
    if parallel.data == "ddp" and (
        idle := _idle(reached(typed, {name for t in losses for name in t.outputs}), table, tuning)
    ):
        names = ", ".join(f"`{name}`" for name in idle[:3]) + (f" and {len(idle) - 3} more" if len(idle) > 3 else "")
        message = f"`ddp` waits for a gradient of every parameter, and no loss reaches {names}"
        help = "put a loss on the output they lead to, remove them, or `freeze` them"
        diagnostics.error("AS507", _at(given, "data"), message, help=help)
    if parallel.tensor == 1:
        return {}
    plan = tensor_plan(typed, parallel.tensor)
    for limit in plan.uneven:
        message = f"{limit.what} cannot be shared out evenly by {parallel.tensor} processes"
        notes = [Label(limit.span, "here")]
        diagnostics.error("AS507", _at(given, "tensor"), message, secondary=notes)
    if not plan.modules and not plan.uneven:
        message = "tensor parallelism finds nothing to share: no pair of linear layers, no embedding"
        diagnostics.error("AS507", _at(given, "tensor"), message, help="say `parallel: fsdp`")
    return plan.modules


def combination(parallel: Parallel, given: Node, diagnostics: Diagnostics) -> None:
    """Kinds that PyTorch does not take together."""
    for axis in ("context", "pipeline"):
        if getattr(parallel, axis) > 1:
            message = f"`{axis}` parallelism is not there yet"
            diagnostics.error("AS507", _at(given, axis), message, help="say `data: fsdp`, or `tensor: 2`")
    inner = [axis for axis in ("tensor", "context", "pipeline") if getattr(parallel, axis) > 1]
    if parallel.data == "data_parallel" and inner:
        message = f"`data_parallel` is one process, and `{inner[0]}` is for several"
        diagnostics.error("AS507", _at(given, "data"), message, help="say `data: fsdp`, or ddp")
    if parallel.data == "ddp" and parallel.tensor > 1:
        message = "PyTorch's DistributedDataParallel takes no parameters that tensor parallelism has split"
        diagnostics.error("AS507", _at(given, "data"), message, help="say `data: fsdp`")


def _at(given: Node, key: str) -> Span:
    """Where a key of `parallel` has its value."""
    node = given.get(key) if isinstance(given, Mapping) else None
    return given.span if node is None else node.span


def _idle(paths: set[str], table: Table, tuning: Tuning) -> list[str]:
    """Parameters that no loss reaches, by name; a tied tensor counts as reached under any of its names."""
    trained = {
        name
        for name, entry in table.entries.items()
        if entry.state.parameter and name not in tuning.frozen and getattr(entry.op, "requires_grad", True)
    }
    used = {table.entries[name].first for name, path in owners(trained) if path in paths}
    return [name for name in table.entries if name in trained and table.entries[name].first not in used]
