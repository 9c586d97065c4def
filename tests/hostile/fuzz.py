"""Coverage-guided fuzzing of a check (atheris): `python -m tests.hostile.fuzz --runs 1000000`.

Begins with the corpus in `corpus/`, the attacks and the shipped specs; `--keep` adds to the corpus what reached code
that nothing before did. What is found fails the run: an exception, a check of over a second, a finding without a place.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LONGEST = 4096  # bytes of an input: more finds little more, and slowly
SECONDS = 2.0  # twice the bound: the code is instrumented


def one(data: bytes) -> None:
    """Check one text, and hold what comes out against what a check promises."""
    from archspec import pipeline

    start = time.process_time()
    report = pipeline.check(pipeline.Spec(data, "fuzz.yaml", HERE / "corpus"))
    took = time.process_time() - start
    if took > SECONDS:
        raise AssertionError(f"a check took {took:.1f} s")
    for found in report.diagnostics:
        if found.span.line < 1 or found.span.col < 1 or not found.message:
            raise AssertionError(f"no place: {found}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep new inputs in corpus/")
    given = parser.parse_args(argv)
    import atheris

    with atheris.instrument_imports(include=["archspec"], enable_loader_override=False):
        import archspec.graph.elaborate
        import archspec.pipeline
        import archspec.recipe.check
        import archspec.shapes.infer  # noqa: F401
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SystemExit):
        seeds = Path(folder)
        for path in [*(HERE / "attacks").glob("*.yaml"), *(ROOT / "specs").rglob("*.yaml")]:
            if path.stat().st_size <= LONGEST:
                (seeds / path.name).write_bytes(path.read_bytes())
        new = HERE / "corpus" if given.keep else seeds / "new"
        new.mkdir(exist_ok=True)
        options = [f"-runs={given.runs}", f"-seed={given.seed}", f"-max_len={LONGEST}", "-timeout=20", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *options, str(new), str(seeds), str(HERE / "corpus")], one)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
