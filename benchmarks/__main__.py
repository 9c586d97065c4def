"""How long a check takes: as a process of its own, and within one. `make bench`.

A check as a process is held against importing the libraries it stands on, which is the least it could cost. Times are
the best of several runs: what a machine does besides only ever adds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from archspec import pipeline

ROOT = Path(__file__).parents[1]
BASELINE = ["-c", "import yaml, jsonschema, networkx"]
COLD = ("specs/tutorial/tutorial_mlp.yaml", "specs/vision/resnet50.yaml", "specs/language/gpt2.yaml")
RUNS = 10


def best(run: Callable[[], object], runs: int = RUNS) -> float:
    """Seconds of the fastest of several runs."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times)


def process(*args: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *args], cwd=ROOT, check=True, capture_output=True)


def main() -> int:
    least = best(process(*BASELINE))
    print(f"{'importing yaml, jsonschema, networkx':48}{least * 1e3:8.1f} ms")
    for spec in COLD:
        taken = best(process("-m", "archspec", "check", spec))
        print(f"{'archspec check ' + spec:48}{taken * 1e3:8.1f} ms{taken / least:7.2f} times that")
    print()
    for path in sorted((ROOT / "specs").rglob("*.yaml")):
        taken = best(lambda path=path: pipeline.check(path))  # type: ignore[misc]
        print(f"{'check ' + path.stem:48}{taken * 1e3:8.1f} ms")
    print()
    for depth in (12, 96, 768):
        taken = best(lambda depth=depth: pipeline.check(ROOT / COLD[-1], {"depth": depth}), 3)  # type: ignore[misc]
        print(f"{f'check gpt2 with {depth} layers':48}{taken * 1e3:8.1f} ms")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
