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

ROUNDS = 9
PEERS = {"Lightning": "by_lightning", "transformers": "by_transformers"}


def interleaved(ways: dict[str, Callable[[], Took]], rounds: int) -> dict[str, list[Took]]:
    """Seconds of every way, round by round; the order turns by one each round. The first round is thrown away."""
    names = list(ways)
    taken: dict[str, list[Took]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        for k in range(len(names)):
            name = names[(k + turn) % len(names)]
            took = ways[name]()
            if turn:
                taken[name].append(took)
    return taken


def ratio(of: list[Took], to: list[Took]) -> str:
    """Median and quartiles of the ratios round by round: of processor time, then of time on the wall."""
    texts = []
    for k, name in enumerate(("processor", "wall")):
        low, middle, high = statistics.quantiles([a[k] / b[k] for a, b in zip(of, to, strict=True)], n=4)
        texts.append(f"{name} {middle:.3f} ({low:.3f} to {high:.3f})")
    return ", ".join(texts)


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


def checkpoints(task: Task, rounds: int) -> None:
    """The share of the time that checkpoints take, when they are wanted all the time."""
    often = {"checkpoint.seconds": 0.2}
    taken = interleaved({"without": lambda: ours.epoch(task), "with": lambda: ours.epoch(task, **often)}, rounds)
    print(f"{task.name:34}a checkpoint every 0.2 s: {ratio(taken['with'], taken['without'])}   aim <= 1.03")


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'speed of an epoch against a loop by hand':48}{'median':>20}   ratio (quartiles)")
    with tempfile.TemporaryDirectory(prefix="archspec-bench-") as folder:
        tasks = [make(Path(folder)) for make in TASKS]
        for task in tasks:
            compare(task, ROUNDS)
        for task in tasks:
            checkpoints(task, ROUNDS)
    if torch.cuda.is_available():
        from benchmarks.trainers.on_gpu import main as on_gpu

        on_gpu()


if __name__ == "__main__":
    main()
