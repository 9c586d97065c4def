"""The `runtime:` section: where and how a recipe runs. None of it changes what is computed, only rounding and time;
but for what batch norms take for a batch (`micro_batch_size`, `sync_batch_norm`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Diagnostics, Span
from archspec.ops.base import arg
from archspec.ops.kinds import (
    Bool,
    Choice,
    Int,
    ListOf,
    NonNegativeInt,
    Optional,
    PositiveFloat,
    PositiveInt,
    Refined,
    Str,
)
from archspec.reading.nodes import Mapping, Scalar
from archspec.recipe.loggers import Log
from archspec.recipe.model import Part
from archspec.recipe.monitor import MONITOR_DOC
from archspec.recipe.nested import Nested
from archspec.recipe.parts import read_arguments, read_value
from archspec.recipe.sections import Value


def _device(text: str) -> str | None:
    name, colon, number = text.partition(":")
    if text in ("auto", "cpu", "cuda", "mps", "xpu") or (name in ("cuda", "xpu") and colon and number.isdecimal()):
        return None
    return f"expected auto, cpu, cuda, cuda:0, mps or xpu, got {text!r}"


Device = Refined(Str, _device, title="a device: auto, cpu, cuda, cuda:1, mps or xpu")


NAMES = "blocks (`Attention`), ops (`layer_norm`) or patterns of module paths (`layers.0`, `*.norm`)"


class Precision(Part):
    """In what precision the forward pass computes. Weights, losses and optimizer stay float32."""

    name = "precision"
    default = arg(
        Choice("float32", "tf32", "bf16", "fp16"),
        "float32",
        "`tf32`: float32 with matrix products in TensorFloat32, where the GPU has it; `bf16`, `fp16`: matrix products "
        "and convolutions in half precision by autocast, `fp16` with gradient scaling",
    )
    float32 = arg(
        ListOf(Str, lone=True),
        [],
        "what computes in float32 all the same: " + NAMES,
    )


class Keep(Part):
    """Which checkpoints stay. Each of the best has the whole state of the end of its epoch."""

    name = "keep"
    last = arg(PositiveInt, 2, "how many of the newest")
    best = arg(NonNegativeInt, 0, "how many of the best epochs")
    by = arg(Optional(Str), None, "what is best: " + MONITOR_DOC)


class Checkpoint(Part):
    """When the whole state of a run is written, so that a run that was killed goes on bit for bit where it was."""

    name = "checkpoint"
    seconds = arg(PositiveFloat, 300.0, "time from one to the next; longer where they would take over 2 % of it")
    steps = arg(Optional(PositiveInt), None, "also after so many optimisation steps")
    keep = arg(
        Nested(Keep, lone=True, title="a positive integer, or `{last: 2, best: 3, by: accuracy}`"),
        2,
        "how many are kept: of the newest, and with `best` also of the best epochs, by a value of theirs",
    )


ONE_STAGE = ("1F1B", "GPipe")  # schedules of torch.distributed.pipelining, for a stage a process
INTERLEAVED = ("Interleaved1F1B", "LoopedBFS")  # for several


class Parallel(Part):
    """Several processes (started by torchrun) or devices for one model. The axes are multiplied with one another."""

    name = "parallel"
    data = arg(
        Choice("none", "data_parallel", "ddp", "fsdp"),
        "none",
        "each a part of the batch: `ddp`: with the whole model; `fsdp`: with a shard of it; `data_parallel`: all GPUs "
        "of one process",
    )
    replicate = arg(
        PositiveInt,
        1,
        "of `fsdp`: groups of processes that have the whole model, in shards within the group (hybrid sharding)",
    )
    offload = arg(
        Bool,
        False,
        "of `fsdp`: shards, gradients and the optimizer's state lie in the processor's memory, and weights come to the "
        "device as they are used",
    )
    find_unused_parameters = arg(
        Bool,
        False,
        "of `ddp`: parameters to which no loss leads are left as they are, as one process leaves them; `ddp` looks for "
        "them in every step, which takes time",
    )
    tensor = arg(PositiveInt, 1, "processes that share every large matrix product")
    sequence = arg(
        Bool,
        True,
        "of `tensor`: between these products (norms, dropout, sums) each process has a part of the sequence, where the "
        "graph allows it: less memory, the same numbers (with `context` they are in parts already)",
    )
    context = arg(PositiveInt, 1, "processes that have a part of every sequence each")
    pipeline = arg(PositiveInt, 1, "processes that have the layers one after another, in stages of equal work")
    schedule = arg(
        Choice(*ONE_STAGE, *INTERLEAVED),
        "1F1B",
        "of a pipeline: `1F1B`: backward through a micro-batch as soon as it can be; `GPipe`: after all forward "
        "passes; `Interleaved1F1B`, `LoopedBFS`: of several stages a process, which wait less",
    )
    stages = arg(
        Optional(PositiveInt),
        None,
        "of a pipeline: stages that each process has; null: 1, and 2 with a schedule for several",
    )
    microbatches = arg(
        Optional(PositiveInt),
        None,
        "of a pipeline: the parts that a batch goes through in; null: as `micro_batch_size` says, else four a stage",
    )

    @property
    def turns(self) -> int:
        """Stages that each process of a pipeline has."""
        return self.stages or (2 if self.schedule in INTERLEAVED else 1)


class CheckpointActivations(Part):
    """What the forward pass makes is not kept for backward, but computed again there: less memory, more time, and the
    same gradients to the bit."""

    name = "checkpoint_activations"
    mode = arg(
        Choice("full", "selective", "none"),
        "full",
        "`full`: only the inputs of the blocks are kept; `selective`: also the results of matrix products, "
        "convolutions and attention, which cost the most",
    )
    blocks = arg(
        ListOf(Str, lone=True), [], f"which: {NAMES}; left out: the turns of repeated blocks, else the outermost blocks"
    )


class Compile(Part):
    """The model compiled by torch.compile as it first runs. On a processor it needs a C++ compiler."""

    name = "compile"
    enabled = arg(Bool, True, "`false`: not at all")
    mode = arg(
        Choice("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"), "default", "torch.compile's"
    )
    dynamic = arg(Optional(Bool), None, "sizes as symbols from the start; null: from the second size seen on")
    fullgraph = arg(Bool, False, "one graph, or an error")
    backend = arg(Choice("inductor", "aot_eager", "eager"), "inductor", "the others are for finding faults")
    blocks = arg(ListOf(Str, lone=True), [], f"each of these alone: {NAMES}; left out: the model as a whole")


RUNTIME_PARTS: dict[str, type[Part]] = {
    part.name: part for part in (Precision, Parallel, CheckpointActivations, Compile, Checkpoint, Log)
}
RUNTIME_VALUES: dict[str, Value] = {
    "device": Value(Device, "auto", "`auto`: an accelerator where there is one, else the processor"),
    "micro_batch_size": Value(
        Optional(PositiveInt),
        None,
        "samples that go through the network at once; the gradients of a `batch_size` are accumulated",
    ),
    "workers": Value(
        Int(0, 256, title="a whole number from 0 to 256"),
        0,
        "processes (for each process that trains) that read batches ahead; what is computed does not depend on them",
    ),
    "memory_format": Value(
        Choice("contiguous", "channels_last"),
        "contiguous",
        "`channels_last`: all channels of a pixel lie side by side (of a voxel likewise), which convolutions on many "
        "devices are faster with",
    ),
    "sync_batch_norm": Value(
        Bool,
        True,
        "where processes share a batch (`ddp`, `fsdp`), batch norms normalise by the statistics of all of it, as one "
        "process does; `false`: each process by those of its part, which exchanges nothing",
    ),
    "deterministic": Value(
        Bool,
        False,
        "`true`: every run on a GPU gives the same bits, as on a processor: the fastest algorithms there add up in any "
        "order, so slower ones are taken, and what PyTorch has none for is an error",
    ),
    "fused": Value(
        Optional(Bool),
        None,
        "the update of all weights in one kernel (`sgd`, `adam`, `adamw`, `adagrad`): several times faster for small "
        "weights, and the same up to rounding; null: as PyTorch does it",
    ),
}


class Runtime(NamedTuple):
    """A checked `runtime:` section. `device`: "auto" (an accelerator if there is one), "cpu", "cuda:1", …

    `places`: where the spec has the values of the keys that are written.
    """

    precision: Precision = Precision.parse({})
    parallel: Parallel = Parallel.parse({})
    checkpoint: Checkpoint = Checkpoint.parse({})
    checkpoint_activations: CheckpointActivations = CheckpointActivations.parse({"mode": "none"})
    compile: Compile = Compile.parse({"enabled": False})
    log: Log = Log.parse({})
    device: str = "auto"
    micro_batch_size: int | None = None
    workers: int = 0
    memory_format: str = "contiguous"
    sync_batch_norm: bool = True
    deterministic: bool = False
    fused: bool | None = None
    places: tuple[tuple[str, Span], ...] = ()

    def place(self, key: str) -> Span | None:
        """Where the spec says it."""
        return dict(self.places).get(key)

    def forward_only(self) -> Runtime:
        """What of it a prediction needs."""
        return Runtime(precision=self.precision, device=self.device, memory_format=self.memory_format)

    @property
    def naming(self) -> dict[str, tuple[str, str, tuple[str, ...]]]:
        """{key: (part, argument, names)} of what names modules; without names it means the model's blocks."""
        again, compile = self.checkpoint_activations, self.compile
        found = {}
        if self.precision.float32:
            found["float32"] = ("precision", "float32", self.precision.float32)
        if again.mode != "none":
            found["checkpoint_activations"] = ("checkpoint_activations", "blocks", again.blocks)
        if compile.enabled and compile.blocks:
            found["compile"] = ("compile", "blocks", compile.blocks)
        return found


def read_runtime(known: Mapping, env: dict[str, Any], diagnostics: Diagnostics) -> Runtime:
    """The section, whose keys are known ones. What is wrong is reported, and has its default in the result."""
    values: dict[str, Any] = {}
    for key, given in known.entries.items():
        if isinstance(given, Scalar) and given.value is None:
            continue
        if (cls := RUNTIME_PARTS.get(key)) is not None:
            part, _ = read_arguments(cls, given, known.keys[key], env, diagnostics)
            values[key] = part or cls.parse({})
        else:
            values[key] = read_value(given, RUNTIME_VALUES[key].kind, env, diagnostics, key)
    places = tuple((key, node.span) for key, node in known.entries.items())
    return Runtime(**{key: value for key, value in values.items() if value is not None}, places=places)
