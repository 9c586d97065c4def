"""How long a check takes: as a process of its own, and within one.

A check as a process is held against importing the libraries it stands on.
"""

from __future__ import annotations

import os
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


# An installed package has its bytecode, and so have the libraries it is held against.
BYTECODE = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def process(*args: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *args], cwd=ROOT, env=BYTECODE, check=True, capture_output=True)


# The same network built on the meta device and run with fake tensors, as people look for shapes today.
FAKE = """
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
{build}
with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
    model({input})
"""
REFERENCES = {
    "specs/vision/resnet50.yaml": FAKE.format(
        build='import torchvision\nwith torch.device("meta"): model = torchvision.models.resnet50()',
        input='torch.empty(2, 3, 224, 224, device="meta")',
    ),
    "specs/language/gpt2.yaml": FAKE.format(
        build="from transformers import GPT2Config, GPT2LMHeadModel\n"
        'with torch.device("meta"): model = GPT2LMHeadModel(GPT2Config())',
        input='torch.zeros(2, 16, dtype=torch.int64, device="meta")',
    ),
}


def against_references() -> None:
    """Needs an interpreter that has torchvision and transformers; ARCHSPEC_REFERENCE_PYTHON names it."""
    python = os.environ.get("ARCHSPEC_REFERENCE_PYTHON", sys.executable)
    print(f"\n{'the same / meta device and fake tensors':56}{'check':>13} {'torch':>13}   ratio (quartiles)")
    for spec, script in REFERENCES.items():
        run = [python, "-c", script]
        if subprocess.run(run, capture_output=True, check=False).returncode:
            print(f"{spec}: left out; name a Python with torchvision and transformers in ARCHSPEC_REFERENCE_PYTHON")
            continue
        reference = lambda run=run: subprocess.run(run, check=True, capture_output=True)  # type: ignore[misc] # noqa: E731
        print(line(spec, paired(process("-m", "archspec", "check", spec), reference, 5, 1), "<= 1/15 = 0.067"))


def main() -> None:
    print(f"{'archspec check, a process each':56}{'check':>13} {'imports':>13}   ratio (quartiles)")
    for spec in COLD:
        print(line(spec, paired(process("-m", "archspec", "check", spec), process(*BASELINE), 20), "<= 1.3"))
    against_references()
    print(
        f"\n{'archspec check specs / the same with --jobs 1':56}{'all cores':>13} {'one core':>13}   ratio (quartiles)"
    )
    every = ("-m", "archspec", "check", "-q", "specs")
    print(
        line(
            f"{len(list(expand([str(ROOT / 'specs')])))} specs", paired(process(*every), process(*every, "-j", "1"), 10)
        )
    )
    print("\nwithin one process, median")
    for path in map(Path, expand([str(ROOT / "specs")])):
        times = [timed(lambda path=path: pipeline.check(path)) for _ in range(10)]  # type: ignore[misc]
        print(f"{'check ' + path.stem:56}{statistics.median(times) * 1e3:10.2f} ms")
    for depth in (12, 96, 768):
        run = [timed(lambda d=depth: pipeline.check(ROOT / COLD[-1], {"depth": d})) for _ in range(5)]  # type: ignore[misc]
        print(f"{f'check gpt2 with {depth} layers':56}{statistics.median(run) * 1e3:10.2f} ms")


if __name__ == "__main__":
    main()
