"""`archspec train` against a loop written by hand, Lightning and the Trainer of transformers: the speed of an epoch.

All train the same module on the same samples with the same optimizer, each in a process of its own: on the
processor, and by `python -m benchmarks gpu` on a GPU. Needs `pip install archspec-nn[bench]`.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import torch

from benchmarks.trainers.task import GPU_TASKS, TASKS, Task
from benchmarks.trainers.turns import interleaved, ratio

ROUNDS = 9
GPU_ROUNDS = 5
WAYS = {"by hand": "by_hand", "archspec": "ours", "Lightning": "by_lightning", "transformers": "by_transformers"}


def compare(task: Task, rounds: int) -> None:
    taken, missing = interleaved(task, WAYS, rounds)
    for name, why in missing.items():
        print(f"{task.name}: no {name} here ({why})")
    for name, each in taken.items():
        rate = len(task.inputs) / statistics.median(each)
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
    """The same on a GPU, with the machine's threads."""
    print(f"{'speed of an epoch against a loop by hand':48}{'median':>20}   ratio (quartiles)")
    with tempfile.TemporaryDirectory(prefix="archspec-bench-") as folder:
        for make in GPU_TASKS:
            compare(make(Path(folder))._replace(device=torch.device("cuda")), GPU_ROUNDS)


if __name__ == "__main__":
    main()
