"""Repairs: `fixes/NAME.before.yaml` becomes `fixes/NAME.after.yaml`, and the comments in it stay.

Names that end in `_unsafe` are repaired with --unsafe-fixes only.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archspec import pipeline
from archspec.cli.repair import Repaired, repaired
from archspec.diagnostics.edits import concrete
from archspec.pipeline import Spec

HERE = Path(__file__).parent / "fixes"
CASES = sorted(path.name.removesuffix(".before.yaml") for path in HERE.glob("*.before.yaml"))
UNSAFE = [name for name in CASES if name.endswith("_unsafe")]
_COMMENT = re.compile(r"#.*")


def repair(text: str | bytes, *, unsafe: bool) -> Repaired:
    spec = Spec(text, "spec.yaml", HERE)
    return repaired(spec, pipeline.check, lambda report: report.diagnostics, unsafe=unsafe)


def before_and_after(name: str) -> tuple[str, str]:
    return (HERE / f"{name}.before.yaml").read_text(), (HERE / f"{name}.after.yaml").read_text()


@pytest.mark.parametrize("name", CASES)
def test_repaired(name: str) -> None:
    before, after = before_and_after(name)
    out = repair(before, unsafe=name in UNSAFE)
    assert out.spec.text.decode() == after if isinstance(out.spec.text, bytes) else out.spec.text == after
    again = repair(after, unsafe=name in UNSAFE)
    assert not again.count
    assert again.spec.text == after


@pytest.mark.parametrize("name", UNSAFE)
def test_not_without_being_asked(name: str) -> None:
    before, after = before_and_after(name)
    out = repair(before, unsafe=False)
    assert out.report.sources["spec.yaml"] != after


@pytest.mark.parametrize("name", CASES)
def test_line_breaks_and_byte_order_marks_stay(name: str) -> None:
    before, after = before_and_after(name)
    for change in (lambda t: t.replace("\n", "\r\n"), lambda t: t.replace("\n", "\r"), lambda t: "\ufeff" + t):
        out = repair(change(before).encode(), unsafe=name in UNSAFE)
        assert out.spec.text == change(after).encode()
    out = repair(before.rstrip("\n"), unsafe=name in UNSAFE)
    assert out.report.sources["spec.yaml"] == after.rstrip("\n")


@pytest.mark.parametrize("name", CASES)
def test_comments_stay(name: str) -> None:
    """But those that speak of a line that is gone, or that are what is removed."""
    before, after = before_and_after(name)
    left = _COMMENT.findall(after)
    gone = [comment for comment in _COMMENT.findall(before) if comment not in left]
    assert gone in ([], ["# known"], ["# unused"]) or name == "unused_ignore"


@pytest.mark.parametrize("name", CASES)
def test_edits_for_other_programs_are_exact(name: str) -> None:
    """Each repair as replacements of spans, put in one at a time from the end: what an editor does."""
    before, _ = before_and_after(name)
    report = pipeline.check(Spec(before, "spec.yaml", HERE))
    for d in report.diagnostics:
        if d.fix is None:
            continue
        edits = concrete(d.fix, report.sources)
        assert edits
        lines = before.splitlines(keepends=True)
        for span, text in sorted(edits, reverse=True):
            head = "".join(lines[: span.line - 1]) + lines[span.line - 1][: span.col - 1] if lines else ""
            rest = lines[span.end_line - 1 :] if span.end_line <= len(lines) else [""]
            tail = rest[0][span.end_col - 1 :] + "".join(rest[1:])
            lines = (head + text + tail).splitlines(keepends=True)
        after = pipeline.check(Spec("".join(lines), "spec.yaml", HERE))
        assert (d.message, d.span) not in [(x.message, x.span) for x in after.diagnostics]
