"""Specs with a word changed, lost or swapped: a check ends with findings that can be shown, never with an exception."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import archspec
from archspec import pipeline
from archspec.cli.repair import repaired
from archspec.diagnostics.catalogue import catalogue
from archspec.diagnostics.model import Diagnostic
from archspec.diagnostics.text import render

ROOT = Path(__file__).parents[2]
SPECS = sorted(path.read_text() for path in (ROOT / "specs").rglob("*.yaml"))
SPECS += [spec for entry in catalogue().values() for spec in (entry.failing, entry.repaired) if spec is not None]
TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
WORDS = sorted({word for spec in SPECS for word in TOKEN.findall(spec) if len(word) < 20})
WORDS += ["0", "-1", "null", "true", "[]", "{}", "$(1/0)", "1e9", "$B", "$H", "99999999", "'x'", "$(H // 2)", "H"]


def damaged(data: st.DataObject) -> str:
    tokens = TOKEN.findall(data.draw(st.sampled_from(SPECS)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(tokens) - 1))
        change = data.draw(st.sampled_from(["replace", "remove", "insert", "swap"]))
        if change == "replace":
            tokens[at] = data.draw(st.sampled_from(WORDS))
        elif change == "insert":
            tokens.insert(at, data.draw(st.sampled_from(WORDS)))
        elif change == "remove" and len(tokens) > 1:
            del tokens[at]
        else:
            other = data.draw(st.integers(0, len(tokens) - 1))
            tokens[at], tokens[other] = tokens[other], tokens[at]
    return "".join(tokens) + "\n"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_check_never_raises(data: st.DataObject) -> None:
    text = damaged(data)
    report = archspec.check(text)
    lines = text.split("\n")
    known = catalogue()
    for found in report.diagnostics:
        assert found.code in known
        assert 1 <= found.span.line <= len(lines)
        shown = render(found, report.sources)
        assert shown.startswith(f"{found.severity.value}[{found.code}]: ")
        assert " | " in shown or not text.strip()
    assert report.ok or not report.rows


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_repairs_of_whatever_is_found(data: st.DataObject) -> None:
    """Repairs end, leave a spec that can be read as well as before, and are made once."""
    spec = pipeline.Spec(damaged(data), "spec.yaml", ROOT)
    before = pipeline.check(spec)

    def kept(report: pipeline.Report) -> list[Diagnostic]:
        return report.diagnostics

    out = repaired(spec, pipeline.check, kept, unsafe=True)
    assert sum(d.code < "AS2" for d in out.report.diagnostics) <= sum(d.code < "AS2" for d in before.diagnostics)
    assert out.report.ok or not before.ok
    if out.count:
        assert out.report.sources["spec.yaml"] != spec.text
        assert not repaired(out.spec, pipeline.check, kept, unsafe=True).count
    else:
        assert out.spec == spec
