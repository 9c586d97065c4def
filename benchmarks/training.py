"""`archspec train` against a loop written by hand, Lightning and the Trainer of transformers: the speed of an epoch.

All train the same module on the same samples with the same optimizer, in turn in one process: on the processor, and by
`python -m benchmarks gpu` on a GPU. Needs `pip install archspec-nn[bench]`.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import torch

from archspec.runtime.precision import exact_float32
from benchmarks.trainers import by_hand, ours
from benchmarks.trainers.task import GPU_TASKS, TASKS, Task, Took
from benchmarks.trainers.turns import interleaved, ratio

ROUNDS = 9
GPU_ROUNDS = 5
PEERS = {"Lightning": "by_lightning", "transformers": "by_transformers"}


def compare(task: Task, rounds: int) -> None:
    ways: dict[str, Callable[[], Took]] = {
        "by hand": lambda: by_hand.epoch(task),
        "archspec": lambda: ours.epoch(task),
    }
    for name, module in PEERS.items():
        try:
            run = import_module(f"benchmarks.trainers.{module}").epoch
        except ImportError as error:
            print(f"{task.name}: no {name} here ({error})")
            continue
        ways[name] = lambda run=run: run(task)  # type: ignore[misc]
    taken = interleaved(ways, rounds)
    for name, each in taken.items():
        on_gpu = task.device.type == "cuda"
        rate = len(task.inputs) / statistics.median(took.wall if on_gpu else took.processor for took in each)
        # Speed, so that more is better: by hand / other.
        aim = "   aim >= 0.98" if name == "archspec" else ""
        print(f"{task.name:34}{name:14}{rate:10.0f} samples/s   {ratio(taken['by hand'], each)}{aim}")


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'speed of an epoch against a loop by hand':48}{'median':>20}   ratio (quartiles)")
    with tempfile.TemporaryDirectory(prefix="archspec-bench-") as folder:
        for task in [make(Path(folder)) for make in TASKS]:
            compare(task, ROUNDS)


def on_gpu() -> None:
    """The same on a GPU, in float32 by its full precision."""
    print(f"{'speed of an epoch against a loop by hand':48}{'median':>20}   ratio (quartiles)")
    with exact_float32(), tempfile.TemporaryDirectory(prefix="archspec-bench-") as folder:
        for make in GPU_TASKS:
            compare(make(Path(folder))._replace(device=torch.device("cuda")), GPU_ROUNDS)


if __name__ == "__main__":
    main()
