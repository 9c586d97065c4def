"""How long a check takes: as a process of its own, and within one.

A check as a process is held against importing the libraries it stands on.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from archspec import pipeline
from archspec.cli.specs import expand
from benchmarks.pairs import line, paired, timed

ROOT = Path(__file__).parents[1]
BASELINE = ("-c", "import yaml, jsonschema, networkx")
COLD = ("specs/tutorial/tutorial_mlp.yaml", "specs/vision/resnet50.yaml", "specs/language/gpt2.yaml")


def process(*args: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *args], cwd=ROOT, check=True, capture_output=True)


def main() -> None:
    print(f"{'archspec check, a process each':56}{'check':>13} {'imports':>13}   ratio (quartiles)")
    for spec in COLD:
        print(line(spec, paired(process("-m", "archspec", "check", spec), process(*BASELINE), 20), "<= 1.3"))
    print("\nwithin one process, median")
    for path in map(Path, expand([str(ROOT / "specs")])):
        times = [timed(lambda path=path: pipeline.check(path)) for _ in range(10)]  # type: ignore[misc]
        print(f"{'check ' + path.stem:56}{statistics.median(times) * 1e3:10.2f} ms")
    for depth in (12, 96, 768):
        run = [timed(lambda d=depth: pipeline.check(ROOT / COLD[-1], {"depth": d})) for _ in range(5)]  # type: ignore[misc]
        print(f"{f'check gpt2 with {depth} layers':56}{statistics.median(run) * 1e3:10.2f} ms")


if __name__ == "__main__":
    main()
