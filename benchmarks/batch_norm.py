"""What it costs that two processes put the statistics of their batch norms together: a step of training with
`sync_batch_norm` against one without, in turn (A B A B …) in the same two processes, under `parallel: ddp`.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from archspec import pipeline
from archspec.model.build import from_source
from archspec.recipe.runtime import Parallel, Runtime
from archspec.runtime.world import World, joined
from archspec.runtime.wrap import prepare
from benchmarks.pairs import Pair, line, paired

ROOT = Path(__file__).parents[1]
PROCESSES = 2
PAIRS = 25
CPU = torch.device("cpu")


class Network(NamedTuple):
    name: str
    spec: Path
    shape: tuple[int, ...]  # of what each process has of a batch


NETWORKS = (
    Network("digits_cnn, 2 x 64 x 8 x 8", ROOT / "specs/digits_cnn.yaml", (64, 1, 8, 8)),
    Network("resnet18, 2 x 8 x 64 x 64", ROOT / "specs/vision/resnet18.yaml", (8, 3, 64, 64)),
)


def stepping(network: Network, world: World, *, sync: bool) -> Callable[[], None]:
    """A function that does one step of training with the others."""
    report = pipeline.check(network.spec, weights=None)
    torch.manual_seed(0)
    module = from_source(pipeline.emitted(report)).train()
    runtime = Runtime(parallel=Parallel.parse({"data": "ddp"}), sync_batch_norm=sync)
    prepared = prepare(module, CPU, runtime, world)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
    x = torch.randn(network.shape)

    def step() -> None:
        optimizer.zero_grad()
        with prepared.together(counted=True):
            outputs = prepared.module(x)
            outputs = outputs if isinstance(outputs, Tensor) else next(iter(outputs.values()))
            outputs.square().mean().backward()
        optimizer.step()

    return step


def _process(rank: int, port: int, told: Any) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank)}
    os.environ |= {"WORLD_SIZE": str(PROCESSES), "LOCAL_RANK": str(rank)}
    torch.set_num_threads(1)
    with joined(Parallel.parse({"data": "ddp"}), CPU) as world:
        for network in NETWORKS:
            pair = paired(stepping(network, world, sync=True), stepping(network, world, sync=False), PAIRS)
            if world.main:
                told.put(tuple(pair))


def main() -> None:
    """Print one row for each network."""
    print(
        f"{f'a step of {PROCESSES} processes, ddp, sync_batch_norm':56}{'true':>13} {'false':>13}   ratio (quartiles)"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    children = [context.Process(target=_process, args=(rank, port, told)) for rank in range(PROCESSES)]
    for child in children:
        child.start()
    for network in NETWORKS:
        print(line(network.name, Pair(*told.get())))
    for child in children:
        child.join()


if __name__ == "__main__":
    main()
