"""`runtime.parallel` held against the model: whether it can be shared out so, before any process starts."""

from __future__ import annotations

from typing import NamedTuple

from archspec.diagnostics.model import Diagnostics, Label, Span
from archspec.parameters.table import Table
from archspec.partition.context import Context, context_plan
from archspec.partition.reach import owners, reached
from archspec.partition.sequence import SEQUENCE, Sequences, sequence_plan
from archspec.partition.stages import Stage, Uncut, pipeline_stages
from archspec.partition.tensor import tensor_plan
from archspec.partition.whole import unshared
from archspec.reading.nodes import Mapping, Node
from archspec.recipe.bind import Binding
from archspec.recipe.model import LossTerm, Tuning
from archspec.recipe.runtime import INTERLEAVED, Parallel, Runtime
from archspec.recipe.tuning import Model
from archspec.shapes.typed import Typed

# What says how an axis is gone about, and which.
OF = {"sequence": "tensor", "schedule": "pipeline", "stages": "pipeline", "microbatches": "pipeline"}


class Shares(NamedTuple):
    """How the model is shared out: as in Recipe."""

    split: dict[str, str] = {}  # noqa: RUF012 - not changed
    sequences: Sequences | None = None
    stages: tuple[Stage, ...] = ()
    context: Context | None = None
    idle: frozenset[str] = frozenset()


def check_parallel(
    settings: Runtime,
    runtime: Node | None,
    losses: tuple[LossTerm, ...],
    tuning: Tuning,
    binding: Binding,
    model: Model | None,
    diagnostics: Diagnostics,
) -> Shares:
    """How `runtime.parallel` shares out the model. AS507 for what cannot be shared out so."""
    parallel = settings.parallel
    given = runtime.get("parallel") if isinstance(runtime, Mapping) else None
    if given is None or model is None:
        return Shares()
    combination(settings, given, diagnostics)
    typed, table = model()
    several = parallel.data == "ddp" or parallel.pipeline > 1
    idle = _idle(reached(typed, {name for t in losses for name in t.outputs}), table, tuning) if several else []
    waits = parallel.data == "ddp" and max(parallel.tensor, parallel.context) == 1
    if idle and waits and not parallel.find_unused_parameters:
        names = ", ".join(f"`{name}`" for name in idle[:3]) + (f" and {len(idle) - 3} more" if len(idle) > 3 else "")
        message = f"`ddp` waits for a gradient of every parameter, and no loss reaches {names}"
        help = (
            "put a loss on the output they lead to, remove them, `freeze` them, or say `find_unused_parameters: true`"
        )
        diagnostics.error("AS507", _at(given, "data"), message, help=help)
    if parallel.data in ("ddp", "fsdp"):
        _parts(parallel, given, table, binding, diagnostics)
    context = None if parallel.context == 1 else _context(typed, parallel.context, given, binding, diagnostics)
    told = () if context is None else [span for _, span in context.refused]
    for axis in ("tensor", "context"):
        for name, span in unshared(typed) if getattr(parallel, axis) > 1 else ():
            if axis == "tensor" or span not in told:
                message = f"PyTorch does not share out `{name}` among processes of `{axis}`"
                notes = [Label(span, "here")]
                diagnostics.error("AS507", _at(given, axis), message, secondary=notes, help="say `data: fsdp`")
    split = {} if parallel.tensor == 1 else _split(typed, parallel, given, diagnostics)
    stages = () if parallel.pipeline == 1 else _stages(typed, table, settings, given, tuning, binding, diagnostics)
    sequences = sequence_plan(typed, split) if split and parallel.sequence and context is None else None
    return Shares(split, sequences, stages, context, frozenset(table.entries[name].first for name in idle))


def _parts(parallel: Parallel, given: Node, table: Table, binding: Binding, diagnostics: Diagnostics) -> None:
    """What stands against processes that have a part of the batch each, and with `fully_shard` of every parameter."""
    if isinstance(binding.batch, int) and parallel.pipeline == 1:
        message = f"each process has a part of a batch, and the model's batch is {binding.batch}"
        help = "make the first size of the inputs a symbol: `B`"
        diagnostics.error("AS507", _at(given, "data"), message, help=help)
    if parallel.data == "fsdp" or max(parallel.tensor, parallel.context) > 1:
        for name, entry in table.entries.items():
            if entry.state.parameter and not entry.state.shape:
                message = f"`fully_shard` does not share out `{name}`, which has no dimension"
                diagnostics.error("AS507", _at(given, "data"), message, help="give it the shape [1]")


def _split(typed: Typed, parallel: Parallel, given: Node, diagnostics: Diagnostics) -> dict[str, str]:
    plan = tensor_plan(typed, parallel.tensor)
    for limit in plan.uneven:
        message = f"{limit.what} cannot be shared out evenly by {parallel.tensor} processes"
        notes = [Label(limit.span, "here")]
        diagnostics.error("AS507", _at(given, "tensor"), message, secondary=notes)
    if not plan.modules and not plan.uneven:
        message = "tensor parallelism finds nothing to share: no pair of linear layers, no embedding"
        diagnostics.error("AS507", _at(given, "tensor"), message, help="say `parallel: fsdp`")
    return plan.modules


def _context(typed: Typed, degree: int, given: Node, binding: Binding, diagnostics: Diagnostics) -> Context:
    plan = context_plan(typed)
    at = _at(given, "context")
    if not plan.inputs:
        message = "`context` finds no sequence to share: attention reads none of the inputs as [B, T] or [B, T, …]"
        diagnostics.error("AS507", at, message, help="say `parallel: fsdp`")
    for what, span in plan.refused:
        message = f"{what} needs a sequence whole, and `context` gives each process a part"
        diagnostics.error("AS507", at, message, secondary=[Label(span, "here")], help="say `data: fsdp`")
    for number in plan.inputs:
        length = binding.type(typed.inputs[number]).shape[SEQUENCE]
        if isinstance(length, int) and length % degree:
            name = typed.graph.inputs[number].name
            message = f"the {length} places of `{name}` cannot be shared out evenly by {degree} processes"
            diagnostics.error("AS507", at, message)
    return plan


def _stages(
    typed: Typed,
    table: Table,
    settings: Runtime,
    given: Node,
    tuning: Tuning,
    binding: Binding,
    diagnostics: Diagnostics,
) -> tuple[Stage, ...]:
    """The stages of the pipeline, and what stands against one."""
    count, parts = settings.parallel.pipeline, settings.parallel.microbatches
    before = diagnostics.added
    at = _at(given, "pipeline")

    def refuse(key: str, message: str, help: str | None = None, span: Span | None = None) -> None:
        notes = [] if span is None else [Label(span, "here")]
        diagnostics.error("AS507", _at(given, key), message, secondary=notes, help=help)

    if parts is not None and parts < count:
        refuse("microbatches", f"{parts} micro-batches for {count} stages: some would never have work")
    if parts is not None and settings.micro_batch_size is not None:
        refuse(
            "microbatches", "`microbatches` and `micro_batch_size` say the same in two ways", "leave one of them out"
        )
    if settings.precision.default == "fp16":
        help = "say `precision: bf16`"
        refuse(
            "pipeline", "the scale of `fp16` gradients is decided by all of them, and a stage has its own only", help
        )
    if (settings.parallel.turns > 1) != (settings.parallel.schedule in INTERLEAVED):
        turns, schedule = settings.parallel.turns, settings.parallel.schedule
        refuse("schedule", f"`{schedule}` is not for {turns} {'stages' if turns > 1 else 'stage'} a process")
    if settings.parallel.turns > 1 and settings.parallel.data == "fsdp":
        refuse("data", "`fsdp` gathers a model as a whole, and a process has several stages of it", "say `data: ddp`")
    if isinstance(binding.batch, int):
        help = "make the first size of the inputs a symbol: `B`"
        refuse("pipeline", f"a pipeline takes a batch in parts, and the model's batch is {binding.batch}", help)
    if (norm := _batch_norm(typed, table, tuning)) is not None:
        help = "use `group_norm` or `layer_norm`, or `freeze` its statistics"
        refuse("pipeline", "a batch norm needs the whole batch, and a pipeline takes it in parts", help, norm)
    if diagnostics.added > before:
        return ()
    found = pipeline_stages(typed, count * settings.parallel.turns, binding.values)
    if isinstance(found, Uncut):
        diagnostics.error("AS507", at, found.why, secondary=[] if found.span is None else [Label(found.span, "here")])
        return ()
    return found


def _batch_norm(typed: Typed, table: Table, tuning: Tuning) -> Span | None:
    """Where there is a batch norm that gathers or uses the statistics of a batch."""
    frozen = {table.entries[name].op for name in tuning.frozen if name.endswith(".running_mean")}
    for done in typed.nodes:
        for callee in done.calls:
            if isinstance(callee, Typed):
                if (span := _batch_norm(callee, table, tuning)) is not None:
                    return span
            elif callee.name.startswith("batch_norm") and callee not in frozen:
                return done.node.span
    return None


def combination(settings: Runtime, given: Node, diagnostics: Diagnostics) -> None:
    """Kinds that PyTorch does not take together."""
    parallel = settings.parallel
    inner = [axis for axis in ("tensor", "context", "pipeline") if getattr(parallel, axis) > 1]
    if settings.compile.enabled and inner and inner[0] != "pipeline":
        message = "PyTorch does not compile products that processes share"
        diagnostics.error("AS507", _at(given, inner[0]), message, help="leave `compile` out, or say `data: fsdp`")
    if settings.memory_format == "channels_last" and inner and inner[0] != "pipeline":
        message = "PyTorch keeps no channels last in tensors that processes share"
        diagnostics.error("AS507", _at(given, inner[0]), message, help="leave `memory_format` out")
    if parallel.data == "data_parallel" and inner:
        message = f"`data_parallel` is one process, and `{inner[0]}` is for several"
        diagnostics.error("AS507", _at(given, "data"), message, help="say `data: fsdp`, or ddp")
    if isinstance(given, Mapping):
        for key, axis in OF.items():
            if key in given.entries and axis not in given.entries:
                message = f"`{key}` is of `{axis}`, which is not asked for"
                diagnostics.error("AS507", _at(given, key), message, help=f"say `{axis}: 2`, or leave it out")
    if parallel.offload and parallel.data != "fsdp":
        message = f"`offload` is for `data: fsdp`, and `data` is {parallel.data}"
        diagnostics.error("AS507", _at(given, "offload"), message, help="say `data: fsdp`, or leave it out")
    if parallel.find_unused_parameters and parallel.data != "ddp":
        message = f"`find_unused_parameters` is for `data: ddp`, and `data` is {parallel.data}"
        help = "leave it out: other kinds wait for no gradient"
        diagnostics.error("AS507", _at(given, "find_unused_parameters"), message, help=help)
    if parallel.replicate > 1 and parallel.data != "fsdp":
        message = f"`replicate` is for `data: fsdp`, and `data` is {parallel.data}"
        diagnostics.error("AS507", _at(given, "replicate"), message, help="say `data: fsdp`, or leave it out")


def _at(given: Node, key: str) -> Span:
    """Where a key of `parallel` has its value."""
    node = given.get(key) if isinstance(given, Mapping) else None
    return given.span if node is None else node.span


def _idle(paths: set[str], table: Table, tuning: Tuning) -> list[str]:
    """Parameters that no loss reaches, by name; a tied tensor counts as reached under any of its names."""
    trained = {
        name
        for name, entry in table.entries.items()
        if entry.state.parameter and entry.state.requires_grad and name not in tuning.frozen
    }
    used = {table.entries[name].first for name, path in owners(trained) if path in paths}
    return [name for name in table.entries if name in trained and table.entries[name].first not in used]
