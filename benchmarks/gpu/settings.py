"""What each setting of `runtime` gains on a GPU, and costs: a training step, against the plain one.

Memory: the most that PyTorch's allocator had of the device for weights, gradients, optimizer and activations. Time: of
the wall, in turn (A B A B …), until the device is done.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from archspec import pipeline
from archspec.model.build import from_source
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.runtime import Compile, Parallel, Precision, Runtime
from archspec.runtime.optim import build_optimizer
from archspec.runtime.precision import exact_float32, restored_matmul, scaler
from archspec.runtime.world import joined
from archspec.runtime.wrap import prepare
from benchmarks.memory import again, chosen
from benchmarks.pairs import timed

ROOT = Path(__file__).parents[2]
ROUNDS = 9
GPU = torch.device("cuda")


class Network(NamedTuple):
    name: str
    spec: Path
    params: dict[str, Any]
    inputs: Callable[[], Tensor]
    without: str  # settings that say nothing of it


NETWORKS = (
    Network(
        "GPT, 12 layers of 768, 16 x 512 tokens",
        ROOT / "benchmarks/transformer.yaml",
        {"vocab": 8192, "context": 512, "dim": 768, "heads": 12, "depth": 12},
        lambda: torch.randint(0, 8192, (16, 512), device=GPU),
        "memory_format",
    ),
    Network(
        "resnet50, 64 x 224 x 224",
        ROOT / "specs/vision/resnet50.yaml",
        {},
        lambda: torch.randn(64, 3, 224, 224, device=GPU),
        "compile: {",
    ),
)


def precision(name: str) -> Precision:
    return Precision.parse({"default": name})


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "precision: tf32": {"precision": precision("tf32")},
    "precision: bf16": {"precision": precision("bf16")},
    "precision: fp16": {"precision": precision("fp16")},
    "checkpoint_activations: full": {"checkpoint_activations": again("full")},
    "checkpoint_activations: selective": {"checkpoint_activations": again("selective")},
    "micro_batch_size: 4": {"micro_batch_size": 4},
    "fused: true": {"fused": True},
    "memory_format: channels_last": {"memory_format": "channels_last"},
    "channels_last and bf16": {"memory_format": "channels_last", "precision": precision("bf16")},
    "compile: true": {"compile": Compile.parse({})},
    "compile: {blocks: Layer}": {"compile": Compile.parse({"blocks": ["Layer"]})},
    "compile, bf16, fused": {"compile": Compile.parse({}), "precision": precision("bf16"), "fused": True},
    "parallel: {data: fsdp, offload: true}": {"parallel": Parallel.parse({"data": "fsdp", "offload": True})},
}


@contextmanager
def stepping(network: Network, settings: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """A function that does one step of training and waits for it."""
    report = pipeline.check(network.spec, network.params, weights=None)
    assert report.typed is not None
    runtime = Runtime(**settings)
    with joined(runtime.parallel, GPU) as world:
        torch.manual_seed(0)
        module = from_source(pipeline.emitted(report)).train()
        prepared = prepare(module, GPU, runtime, world, chosen(report.typed))
        optimizer = build_optimizer(OPTIMIZERS.parts["adamw"].parse({}), module, fused=runtime.fused)
        scale = scaler(runtime.precision, GPU)
        whole = network.inputs()
        exact = runtime.precision.default != "tf32"

        def step() -> None:
            optimizer.zero_grad()
            with exact_float32() if exact else restored_matmul():
                for part in whole.split(runtime.micro_batch_size or len(whole)):
                    with prepared.precision:
                        outputs = prepared.module(part)
                    outputs = outputs if isinstance(outputs, Tensor) else next(iter(outputs.values()))
                    loss = outputs.float().square().mean() * len(part) / len(whole)
                    scale.scale(loss).backward()  # type: ignore[no-untyped-call]
            scale.step(optimizer)
            scale.update()
            torch.cuda.synchronize()

        yield step


def peak(run: Callable[[], None]) -> int:
    """Bytes of the device, of all that is on it, at most while it runs twice."""
    torch.cuda.reset_peak_memory_stats()
    run()
    run()
    return torch.cuda.max_memory_allocated()


def compare(network: Network) -> None:
    wanted = {name: given for name, given in SETTINGS.items() if not name.startswith(network.without)}
    peaks: dict[str, int] = {}
    taken: dict[str, list[float]] = {}
    with ExitStack() as all_of_them:
        steps: dict[str, Callable[[], None]] = {}
        for name, settings in wanted.items():
            gc.collect()
            before = torch.cuda.memory_allocated()
            steps[name] = all_of_them.enter_context(stepping(network, settings))
            for _ in range(3):
                steps[name]()
            peaks[name] = peak(steps[name]) - before
            taken[name] = []
        for _ in range(ROUNDS):
            for name, step in steps.items():
                taken[name].append(timed(step))
    for name, spent in taken.items():
        low, middle, high = statistics.quantiles([a / b for a, b in zip(spent, taken["plain"], strict=True)], n=4)
        memory = f"{peaks[name] / 2**20:9.1f} MiB {peaks[name] / peaks['plain']:6.2f}"
        millis = statistics.median(spent) * 1e3
        print(f"{network.name:40}{name:39}{memory}{millis:10.1f} ms {middle:6.2f} ({low:.2f} to {high:.2f})")


def main() -> None:
    print(f"{'a step of training with AdamW':79}{'memory, ratio':>20}{'time, ratio to plain (quartiles)':>36}")
    for network in NETWORKS:
        compare(network)
