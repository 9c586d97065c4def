"""Specs with what `archspec check` prints for them: `rejected/NAME.yaml` beside `rejected/NAME.out`.

The expected text is read and judged by a person when a case is added (`python tests/checker/test_cases.py NAME` prints
it); it holds the code, the place, the words, the trail and the notes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from archspec import pipeline
from archspec.diagnostics.text import render

HERE = Path(__file__).parent
REJECTED = sorted((HERE / "rejected").glob("*.yaml"))
ACCEPTED = sorted((HERE / "accepted").glob("*.yaml"))


def printed(path: Path) -> str:
    spec = pipeline.load(path)._replace(file=path.name)
    report = pipeline.check(spec)
    found = "\n\n".join(render(d, report.sources) for d in report.diagnostics) + "\n"
    if report.ok:
        found += f"requires {', '.join(report.requirements) or 'nothing'}\n"
        found += "".join(f"{name}: {type_}\n" for name, type_ in report.outputs.items())
    return found.lstrip("\n")


@pytest.mark.parametrize("path", REJECTED, ids=lambda p: p.stem)
def test_rejected(path: Path) -> None:
    assert not pipeline.check(path).ok
    assert printed(path) == path.with_suffix(".out").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda p: p.stem)
def test_accepted(path: Path) -> None:
    assert pipeline.check(path).ok
    assert printed(path) == path.with_suffix(".out").read_text(encoding="utf-8")


if __name__ == "__main__":
    for each in sys.argv[1:] or [str(p) for p in (*REJECTED, *ACCEPTED)]:
        sys.stdout.write(printed(Path(each)))
