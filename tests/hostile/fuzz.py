"""Coverage-guided fuzzing (atheris): `python -m tests.hostile.fuzz check --runs 1000000`.

A target for the whole check, and one for each part that reads text of a spec by itself: a run of those is ten times
quicker, and what they are given need not survive the parts before them. Each begins with its corpus in `corpora/`, and
with what the attacks and the shipped specs have of its kind; `--keep` adds to the corpus what reached code that nothing
before did. What is found fails the run: an exception that the part does not promise, a check of over a second or over
200 MB, a finding without a place, a layout that is not stable.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SECONDS, MEGABYTES = 1.0, 200.0  # of a check, by code that is not instrumented
GROWTH = 50.0  # megabytes more than ever before that are looked into
ENV = {"a": 3, "flag": True, "rate": 0.5, "name": "x", "sizes": [1, 2, 3], "stage": {"width": 8}, "none": None}


_held = math.inf  # megabytes, at most, up to the check before


def check(data: bytes) -> None:
    """Check one text, and hold what comes out against what a check promises."""
    from archspec import pipeline

    global _held
    start = time.process_time()
    report = pipeline.check(pipeline.Spec(data, "fuzz.yaml", HERE / "corpora"))
    took, before, _held = time.process_time() - start, _held, peak()
    if took > SECONDS or _held - before > GROWTH:
        took, megabytes = alone(data)
        if took > SECONDS or megabytes > MEGABYTES:  # libFuzzer's clock may stop it before it has kept the input
            Path(f"crash-{sha256(data).hexdigest()[:16]}").write_bytes(data)
        assert took <= SECONDS, f"a check took {took:.1f} s"
        assert megabytes <= MEGABYTES, f"a check took {megabytes:.0f} MB"
    placed(report.diagnostics)


def peak() -> float:
    """Megabytes that this program has held at once. (The usage of a process counts what its parent held, too.)"""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def alone(data: bytes) -> tuple[float, float]:
    """Seconds of processor time and megabytes of a check in a process of its own, without instruments. What is over a
    bound is run again, the least of five, as a busy machine only adds to them."""
    command = [sys.executable, "-c", "from tests.hostile.fuzz import timed; timed()"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    seconds = megabytes = math.inf
    for _ in range(5):
        run = subprocess.run(command, cwd=ROOT, env=env, input=data, capture_output=True, check=True)
        took, held = map(float, run.stdout.split())
        seconds, megabytes = min(seconds, took), min(megabytes, held)
        if seconds <= SECONDS and megabytes <= MEGABYTES:
            break
    return seconds, megabytes


def timed() -> None:
    """Print the seconds of processor time that a check of standard input takes, and the megabytes of the process."""
    from archspec import pipeline

    data = sys.stdin.buffer.read()
    start = time.process_time()
    pipeline.check(pipeline.Spec(data, "fuzz.yaml", HERE / "corpora"))
    print(time.process_time() - start, peak())


def reader(data: bytes) -> None:
    """Bytes to nodes."""
    from archspec.diagnostics.model import Diagnostics
    from archspec.reading.reader import read

    found = Diagnostics()
    read(data, "fuzz.yaml", found)
    placed(found)


def expression(data: bytes) -> None:
    """What stands in a value: `$name`, `$(…)`, and text around it."""
    from archspec.diagnostics.model import Diagnostics
    from archspec.reading.expressions import evaluate

    found = Diagnostics()
    evaluate(scalar(data), ENV, found)
    placed(found)


def type_text(data: bytes) -> None:
    """`float32[B, 3, H // 2]`."""
    from archspec.diagnostics.model import Diagnostics
    from archspec.graph.context import Context
    from archspec.graph.typetext import read_type

    found = Diagnostics()
    node = scalar(data)
    read_type(Context(node, found, {}), node, dict(ENV))
    placed(found)


def notation(data: bytes) -> None:
    """The notations of ops: of einsum and of rearrangements."""
    from archspec.dims import Constraints
    from archspec.ops.kinds import BadValue
    from archspec.ops.registry import find
    from archspec.ops.require import Mismatch, Require
    from archspec.ops.tensor import TensorType

    x = TensorType("float32", (2, 12, 6))
    text = data.decode("utf-8", "replace")
    for name, argument, inputs in (("einsum", "equation", (x, x)), ("rearrange", "pattern", (x,))):
        op = find(name)
        assert op is not None
        with contextlib.suppress(BadValue, Mismatch):
            op.parse({argument: text}).infer(Require(Constraints()), *inputs)


def layout(data: bytes) -> None:
    """The formatter: what it gives reads as the same, and is its own layout."""
    from archspec.diagnostics.model import SpecError
    from archspec.formatting.format import format_text

    with contextlib.suppress(SpecError):
        once = format_text(data)
        assert format_text(once) == once, "a second time it is laid out in another way"


class Target(NamedTuple):
    """`code`: the modules and packages whose branches lead the search. `lengths`: bytes of an input at most, in each
    part of the runs, which begins from another seed. `lines`: inputs are changed by lines and words, too."""

    run: Callable[[bytes], None]
    code: tuple[str, ...]
    lengths: tuple[int, ...]
    runs: int  # in the slow tests: a million together
    lines: bool = False


# Of a check: what it reaches behind the reader, which is a target of its own.
STAGES = ("cost", "dims", "graph", "lint", "ops", "parameters", "partition", "pipeline", "recipe", "schema", "shapes")
TARGETS = {
    "check": Target(check, (*STAGES, "transfer"), (1024, 4096), 100_000, lines=True),
    "reader": Target(reader, ("reading",), (4096, 4096), 300_000),
    "expression": Target(expression, ("reading",), (256, 256), 250_000),
    "type": Target(type_text, ("reading", "graph.typetext"), (256, 256), 200_000),
    "notation": Target(notation, ("ops.equation", "ops.pattern", "ops.products", "ops.rearrange"), (256, 256), 100_000),
    "layout": Target(layout, ("formatting",), (1024, 1024), 50_000, lines=True),
}


def scalar(data: bytes):  # type: ignore[no-untyped-def]
    from archspec.diagnostics.model import Span
    from archspec.reading.nodes import Scalar

    text = data.decode("utf-8", "replace").replace("\n", " ")
    return Scalar(text, Span("fuzz.yaml", 1, 1, 1, 1 + len(text)))


def placed(found) -> None:  # type: ignore[no-untyped-def]
    for each in found:
        if each.span.line < 1 or each.span.col < 1 or not each.message:
            raise AssertionError(f"no place: {each}")


def modules(target: Target) -> tuple[list[str], list[str]]:
    """All modules of archspec: those that are the target's code, and the others."""
    code = tuple(f"archspec.{name}." for name in target.code)
    files = sorted(path.relative_to(ROOT).with_suffix("") for path in (ROOT / "archspec").rglob("*.py"))
    names = [".".join(path.parts).removesuffix(".__init__") for path in files if path.name != "__main__"]
    ours = [name for name in names if f"{name}.".startswith(code)]
    return ours, [name for name in names if name not in ours]


def seeds(name: str, longest: int) -> Iterator[bytes]:
    """What the attacks and the shipped specs have of the kind: whole files, or their texts."""
    files = [*(HERE / "attacks").glob("*.yaml"), *(ROOT / "specs").rglob("*.yaml")]
    if name in ("check", "reader", "layout"):
        yield from (path.read_bytes() for path in files if path.stat().st_size <= longest)
        return
    import yaml

    marks = {"expression": "$", "type": "[", "notation": "->"}
    found: set[str] = set()
    for path in files:
        if path.stat().st_size <= 1 << 14:
            with contextlib.suppress(yaml.YAMLError, ValueError, OverflowError):
                events = yaml.parse(path.read_text(encoding="utf-8"))
                found |= {e.value for e in events if isinstance(e, yaml.ScalarEvent) and marks[name] in e.value}
    yield from (text.encode() for text in sorted(found) if len(text) <= longest)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep new inputs in the corpus")
    parser.add_argument("--longest", type=int, help="bytes of an input at most")
    given = parser.parse_args(argv)
    target = TARGETS[given.target]
    longest = given.longest or max(target.lengths)
    import atheris

    from tests.hostile.mutate import Mutator

    code, others = modules(target)
    with atheris.instrument_imports(["archspec"], others, enable_loader_override=False):  # all but what is named to it
        for module in code:  # now, as what a run imports later is not instrumented
            import_module(module)
    gc.freeze()  # the collector has only what checks make to look at
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SystemExit):
        begun, new = Path(folder) / "seeds", Path(folder) / "new"
        corpus = HERE / "corpora" / given.target
        for path in (begun, new, corpus):
            path.mkdir(exist_ok=True)
        for number, data in enumerate(seeds(given.target, longest)):
            (begun / str(number)).write_bytes(data)
        options = [f"-runs={given.runs}", f"-seed={given.seed}", f"-max_len={longest}"]
        options += ["-timeout=300", "-verbosity=0", "-print_final_stats=1"]  # of the clock: what hangs
        folders = [corpus if given.keep else new, begun, corpus]
        command = [sys.argv[0], *options, *map(str, folders)]
        if target.lines:
            mutator = Mutator(target.run, lambda data, most: atheris.Mutate(data, most))  # it is there once Fuzz runs
            atheris.Setup(command, mutator.timed, custom_mutator=mutator)
        else:
            atheris.Setup(command, target.run)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
