"""`archspec train` against a loop written by hand, Lightning and the Trainer of transformers: the speed of an epoch.

All train the same module on the same samples with the same optimizer, in turn in one process. With a GPU there is also
GPT-2 (124M) in bf16, compiled, against the same loop by hand. Needs `pip install archspec-nn[bench]`.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import torch

from benchmarks.trainers import by_hand, ours
from benchmarks.trainers.task import TASKS, Task, Took
from benchmarks.trainers.turns import interleaved, ratio

ROUNDS = 9
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
        rate = len(task.inputs) / statistics.median(took.processor for took in each)
        # Speed, so that more is better: by hand / other.
        aim = "   aim >= 0.98" if name == "archspec" else ""
        print(f"{task.name:34}{name:14}{rate:10.0f} samples/s   {ratio(taken['by hand'], each)}{aim}")


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'speed of an epoch against a loop by hand':48}{'median':>20}   ratio (quartiles)")
    with tempfile.TemporaryDirectory(prefix="archspec-bench-") as folder:
        tasks = [make(Path(folder)) for make in TASKS]
        for task in tasks:
            compare(task, ROUNDS)
    if torch.cuda.is_available():
        from benchmarks.trainers.on_gpu import main as on_gpu

        on_gpu()


if __name__ == "__main__":
    main()
