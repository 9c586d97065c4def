"""How many checks of ResNet-50 a second a process makes that has checked it before, on one core.

An editor checks one file again at every change. What it costs depends on the change: blocks that stand where they
stood, or elsewhere with other comments, are neither built nor typed again. Nothing keeps the result of a whole check:
also the same text is read, elaborated and typed anew around its blocks. CPU time, median.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from archspec import pipeline

PATH = Path(__file__).parents[1] / "specs/vision/resnet50.yaml"
RUNS = 300
AIM = ">= 500"


def edits(text: str) -> dict[str, Callable[[int], str]]:
    """What changes from one check to the next, and the text for each."""
    return {
        "the same text": lambda n: text,
        "a number of `params`": lambda n: text.replace("classes: 1000", f"classes: {1000 + n}"),
        "a comment behind the last line": lambda n: f"{text}# {n}\n",
        "a number in the block, of 9": lambda n: text.replace("4 * channels", f"{4 + n % 9} * channels"),
        "a comment in the block": lambda n: text.replace("- relu\n", f"- relu  # {n}\n", 1),
        "a line above the block: it moves": lambda n: f"# {n}\n" * (1 + n) + text,
    }


def rate(change: Callable[[int], str]) -> float:
    times = []
    for n in itertools.islice(itertools.count(), RUNS):
        spec = pipeline.Spec(change(n), str(PATH), PATH.parent)
        begun = time.process_time()
        report = pipeline.check(spec)
        times.append(time.process_time() - begun)
        assert report.ok
    return 1 / statistics.median(times)


def main() -> None:
    print(f"{'checks of resnet50 a second, where this changes':56}{'checks/s':>13}")
    for what, change in edits(PATH.read_text(encoding="utf-8")).items():
        pipeline.forget()
        print(f"{what:56}{rate(change):13.0f}   aim {AIM}")


if __name__ == "__main__":
    main()
