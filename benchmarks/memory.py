"""What each setting of `runtime` that saves memory or time gains, and costs: a training step, against the plain one.

Time: processor seconds of a step, in turn (A B A B …) in one process, after warm-up. Memory: by how much the process's
peak of resident memory rises over two steps, above the weights and the optimizer's state, each setting in a process of
its own.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from archspec import pipeline
from archspec.deploy.optimized import optimized
from archspec.model.build import from_source
from archspec.recipe.naming import Modules
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.runtime import CheckpointActivations, Compile, Precision, Runtime
from archspec.runtime.optim import build_optimizer
from archspec.runtime.wrap import prepare

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
    "compile: {blocks: Layer}": {"compile": Compile.parse({"blocks": ["Layer"]})},
}


def stepping(network: Network, settings: dict[str, Any]) -> Callable[..., None]:
    """A function that does one step of training, of all samples or of the first ones."""
    report = pipeline.check(network.spec, network.params, weights=None)
    assert report.typed is not None
    torch.manual_seed(0)
    module = from_source(pipeline.emitted(report)).train()
    runtime = Runtime(**settings)
    modules = Modules(report.typed)
    layers = tuple(path for path, names in modules.names.items() if "Layer" in names)
    prepared = prepare(module, CPU, runtime, chosen={"checkpoint_activations": modules.blocks(), "compile": layers})
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


def _rise(network: Network, settings: dict[str, Any], told: Any) -> None:
    """In a process of its own: tell by how many bytes the peak of resident memory rises over two steps."""
    torch.set_num_threads(1)
    step = stepping(network, settings)
    step(1)  # the optimizer has its state then, and PyTorch's own code is in memory
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free already must not hide what is taken
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is what it is now
    before = _resident("VmRSS")
    step()
    step()
    told.put(_resident("VmHWM") - before)


def _resident(which: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(which)).split()[1])


def rise(network: Network, settings: dict[str, Any]) -> int:
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    child = context.Process(target=_rise, args=(network, settings, told))
    child.start()
    child.join()
    return int(told.get())


def seconds(run: Callable[[], object]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun


def settings_of(network: Network) -> dict[str, dict[str, Any]]:
    other = "memory_format: channels_last" if "GPT" in network.name else "compile: {blocks: Layer}"
    return {name: settings for name, settings in SETTINGS.items() if name != other}


def compare(network: Network, rises: dict[str, int]) -> None:
    chosen = settings_of(network)
    steps = {name: stepping(network, settings) for name, settings in chosen.items()}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(ROUNDS + 2):
        for name, step in steps.items():
            spent = seconds(step)
            if turn >= 2:
                taken[name].append(spent)
    for name, spent in taken.items():
        low, middle, high = statistics.quantiles([a / b for a, b in zip(spent, taken["plain"], strict=True)], n=4)
        memory = f"{rises[name] / 2**20:7.1f} MiB {rises[name] / rises['plain']:6.2f}" if name in rises else " " * 18
        millis = statistics.median(spent) * 1e3
        print(f"{network.name:38}{name:35}{memory}{millis:10.1f} ms {middle:6.2f} ({low:.2f} to {high:.2f})")


def inference() -> None:
    """A forward pass of what `export --optimize` gives, against the model before."""
    report = pipeline.check(ROOT / "specs/vision/resnet18.yaml", weights=None)
    module = from_source(pipeline.emitted(report)).eval()
    better = optimized(report, module)
    image = torch.randn(1, 3, 64, 64)
    ways = {"plain": module, "--optimize": better.module}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode():
        for turn in range(3 * ROUNDS + 2):
            for name, each in ways.items():
                spent = seconds(lambda each=each: each(image))  # type: ignore[misc]
                if turn >= 2:
                    taken[name].append(spent)
    ratios = [a / b for a, b in zip(taken["--optimize"], taken["plain"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    millis = statistics.median(taken["--optimize"]) * 1e3
    name = f"export --optimize, {better.found.words()[0]}"
    print(f"{'resnet18, 1 x 64 x 64, forward':38}{name:53}{millis:10.1f} ms {middle:6.2f} ({low:.2f} to {high:.2f})")


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'a step of training':73}{'memory, ratio':>18}{'time, ratio to plain (quartiles)':>36}")
    rises = {  # first: the memory that this process takes for its own steps is not the children's
        network.name: {
            name: rise(network, settings) for name, settings in settings_of(network).items() if "compile" not in name
        }
        for network in NETWORKS
    }
    for network in NETWORKS:
        compare(network, rises[network.name])
    inference()


if __name__ == "__main__":
    main()
