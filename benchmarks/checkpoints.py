"""What checkpoints cost: an epoch of `archspec train` with them against the same epoch without, in turn in one process.

They are wanted every second, and `archspec train` spaces them as it thinks right. Counted: the steps, all that the
training waits for, and what the thread that writes still has to do after the last step. Epochs are long enough to have
several: one checkpoint of resnet18 with its optimizer is 134 MB.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from benchmarks.trainers import ours
from benchmarks.trainers.task import Task, Took, digits, gpt, resnet18
from benchmarks.trainers.turns import interleaved, ratio

ROUNDS = 9
SAMPLES = {digits: 24576, resnet18: 2560, gpt: 1280}
SECONDS = 1.0  # from one checkpoint to the next, where they cost little


def compare(task: Task, rounds: int) -> None:
    written: list[int] = []

    def often() -> Took:
        clock = ours.clocked(task, **{"checkpoint.seconds": SECONDS})
        written.append(clock.checkpoints)
        return clock.taken

    taken = interleaved({"without": lambda: ours.epoch(task), "with": often}, rounds)
    print(f"{task.name:34}{min(written)} to {max(written)} checkpoints: {ratio(taken['with'], taken['without'])}")


def main() -> None:
    torch.set_num_threads(1)
    print("time of an epoch with checkpoints against one without: median (quartiles)   aim <= 1.03")
    with tempfile.TemporaryDirectory(prefix="archspec-bench-") as folder:
        for make, samples in SAMPLES.items():
            compare(make(Path(folder), samples), ROUNDS)


if __name__ == "__main__":
    main()
