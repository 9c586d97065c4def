"""What each setting of `runtime` that saves memory or time gains, and costs: a training step, against the plain one.

Time: processor seconds of a step, in turn (A B A B …) in one process, after warm-up. Memory: by how much the process's
peak of resident memory rises over two steps, above the weights and the optimizer's state, each setting in a process of
its own. Then the same of a forward pass of what `export --optimize` makes of a model.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from archspec import pipeline
from archspec.deploy.optimized import optimized
from archspec.model.build import from_source
from archspec.recipe.naming import Modules
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.runtime import CheckpointActivations, Compile, Precision, Runtime
from archspec.runtime.optim import build_optimizer
from archspec.runtime.wrap import prepare
from archspec.shapes.typed import Typed

ROOT = Path(__file__).parents[1]
ROUNDS = 9
CPU = torch.device("cpu")


class Network(NamedTuple):
    name: str
    spec: Path
    params: dict[str, Any]
    inputs: Callable[[], Tensor]


NETWORKS = (
    Network(
        "GPT, 6 layers of 128, 8 x 128 tokens",
        ROOT / "benchmarks/transformer.yaml",
        {"vocab": 512, "context": 128, "dim": 128, "heads": 4, "depth": 6},
        lambda: torch.randint(0, 512, (8, 128)),
    ),
    Network("resnet18, 8 x 64 x 64", ROOT / "specs/vision/resnet18.yaml", {}, lambda: torch.randn(8, 3, 64, 64)),
)


def again(mode: str) -> CheckpointActivations:
    return CheckpointActivations.parse({"mode": mode})


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "checkpoint_activations: full": {"checkpoint_activations": again("full")},
    "checkpoint_activations: selective": {"checkpoint_activations": again("selective")},
    "micro_batch_size: 2": {"micro_batch_size": 2},
    "fused: true": {"fused": True},
    "memory_format: channels_last": {"memory_format": "channels_last"},
    "precision: bf16": {"precision": Precision.parse({"default": "bf16"})},
    "compile: true": {"compile": Compile.parse({})},
    "compile: {blocks: Layer}": {"compile": Compile.parse({"blocks": ["Layer"]})},
}


def chosen(typed: Typed) -> dict[str, tuple[str, ...]]:
    """What the settings that name blocks mean here."""
    modules = Modules(typed)
    layers = tuple(path for path, names in modules.names.items() if "Layer" in names)
    return {"checkpoint_activations": modules.blocks(), "compile": layers}


def stepping(network: Network, settings: dict[str, Any]) -> Callable[..., None]:
    """A function that does one step of training, of all samples or of the first ones."""
    report = pipeline.check(network.spec, network.params, weights=None)
    assert report.typed is not None
    torch.manual_seed(0)
    module = from_source(pipeline.emitted(report)).train()
    runtime = Runtime(**settings)
    prepared = prepare(module, CPU, runtime, chosen=chosen(report.typed))
    optimizer = build_optimizer(OPTIMIZERS.parts["adamw"].parse({}), module, fused=runtime.fused)
    whole = network.inputs()

    def step(samples: int | None = None) -> None:
        optimizer.zero_grad()
        inputs = whole[:samples]
        for part in inputs.split(runtime.micro_batch_size or len(inputs)):
            with prepared.precision:
                outputs = prepared.module(part)
            outputs = outputs if isinstance(outputs, Tensor) else next(iter(outputs.values()))
            (outputs.float().square().mean() * len(part) / len(inputs)).backward()
        optimizer.step()

    return step


def warmed(network: Network, settings: dict[str, Any]) -> Callable[[], None]:
    """A step whose optimizer has its state and whose code is in memory; what is compiled is compiled."""
    step = stepping(network, settings)
    step(1)
    if "compile" in settings:
        step()
    return step


def _rise(make: Callable[[], Callable[[], object]], told: Any) -> None:
    """In a process of its own: tell by how many bytes the peak of resident memory rises as it runs twice."""
    torch.set_num_threads(1)
    run = make()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free already must not hide what is taken
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is what it is now
    before = _resident("VmRSS")
    run()
    run()
    told.put(_resident("VmHWM") - before)


def _resident(which: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(which)).split()[1])


def rise(make: Callable[[], Callable[[], object]]) -> int:
    """By how many bytes the peak of memory rises in what `make` gives, which it makes ready."""
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    child = context.Process(target=_rise, args=(make, told))
    child.start()
    child.join()
    return int(told.get())


def seconds(run: Callable[[], object]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun


def settings_of(network: Network) -> dict[str, dict[str, Any]]:
    others = "memory_format" if "GPT" in network.name else "compile"
    return {name: settings for name, settings in SETTINGS.items() if not name.startswith(others)}


def compare(network: Network, rises: dict[str, int]) -> None:
    steps = {name: stepping(network, settings) for name, settings in settings_of(network).items()}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(ROUNDS + 2):
        for name, step in steps.items():
            once = seconds(step)
            if turn >= 2:
                taken[name].append(once)
    for name, spent in taken.items():
        low, middle, high = statistics.quantiles([a / b for a, b in zip(spent, taken["plain"], strict=True)], n=4)
        memory = f"{rises[name] / 2**20:7.1f} MiB {rises[name] / rises['plain']:6.2f}"
        millis = statistics.median(spent) * 1e3
        print(f"{network.name:38}{name:35}{memory}{millis:10.1f} ms {middle:6.2f} ({low:.2f} to {high:.2f})")


SIMPLE = """
archspec: 1
inputs: {x: "float32[B, 16, 256, 256]"}
layers:
  - {name: first, conv2d: {out_channels: 16, kernel_size: 3, padding: 1}}
  - {name: near, gelu: {}}
  - OTHER
  - {name: out, add: {}, from: [near, SECOND]}
outputs: {y: out}
"""
INFERENCE: dict[str, tuple[tuple[int, ...], Path | str]] = {
    "resnet18, 8 x 64 x 64, forward": ((8, 3, 64, 64), ROOT / "specs/vision/resnet18.yaml"),
    "a gelu that is there twice": (
        (1, 16, 256, 256),
        SIMPLE.replace("OTHER", "{name: same, gelu: {}, from: first}").replace("SECOND", "same"),
    ),
    "a convolution that nothing reads": (
        (1, 16, 256, 256),
        SIMPLE.replace("OTHER", "{name: unread, conv2d: {out_channels: 16, kernel_size: 3, padding: 1}, from: x}")
        .replace("SECOND", "first"),
    ),
}  # fmt: skip


def inference(name: str, size: tuple[int, ...], spec: Path | str) -> None:
    """A forward pass of what `export --optimize` gives, against the model before."""
    report = pipeline.check(spec, weights=None).raise_for_errors()
    module = from_source(pipeline.emitted(report)).eval()
    better = optimized(report, module)
    image = torch.randn(size)

    def of(each: nn.Module) -> Callable[[], object]:
        run = torch.inference_mode()(lambda: each(image))
        run()
        return run

    plain, other = rise(lambda: of(module)), rise(lambda: of(better.module))
    ways = {"plain": of(module), "--optimize": of(better.module)}
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(3 * ROUNDS + 2):
        for way, run in ways.items():
            spent = seconds(run)
            if turn >= 2:
                taken[way].append(spent)
    ratios = [a / b for a, b in zip(taken["--optimize"], taken["plain"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    millis = statistics.median(taken["--optimize"]) * 1e3
    found = f"export --optimize, {better.found.words()[0]}"
    memory = f"{other / 2**20:7.1f} MiB {other / plain:6.2f}"
    print(f"{name:38}{found:35}{memory}{millis:10.1f} ms {middle:6.2f} ({low:.2f} to {high:.2f})")


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'a step of training':73}{'memory, ratio':>18}{'time, ratio to plain (quartiles)':>36}")
    rises = {  # first: the memory that this process takes for its own steps is not the children's
        network.name: {
            name: rise(partial(warmed, network, settings)) for name, settings in settings_of(network).items()
        }
        for network in NETWORKS
    }
    for name, (size, spec) in INFERENCE.items():
        inference(name, size, spec)
    for network in NETWORKS:
        compare(network, rises[network.name])


if __name__ == "__main__":
    main()
