"""One cause is one finding."""

from __future__ import annotations

import archspec
from archspec.diagnostics.merge import merged
from archspec.diagnostics.model import Diagnostic, Edit, Fix, Severity, Span


def at(line: int) -> Span:
    return Span("f", line, 1, line, 5)


def test_a_name_that_is_known_nowhere() -> None:
    """The first place is told, a few more are shown, and the rest are counted; the repair is that of all."""
    fixes = [Fix("write `classes`", (Edit(at(n), "classes"),), safe=False) for n in range(1, 8)]
    found = [Diagnostic("AS209", "unknown parameter `clases`", fix.edits[0].span, fix=fix) for fix in fixes]
    (one,) = merged(found)
    assert one.span == at(1)
    assert [label.span for label in one.secondary] == [at(2), at(3), at(4), at(5)]
    assert one.notes == ("and in 2 more places",)
    assert one.fix is not None
    assert len(one.fix.edits) == 7
    assert not one.fix.safe


def test_places_without_a_repair_leave_none() -> None:
    fix = Fix("write `b`", (Edit(at(1), "b"),))
    (one,) = merged([Diagnostic("AS206", "m", at(1), fix=fix), Diagnostic("AS206", "m", at(2))])
    assert one.fix is None


def test_what_stays_apart() -> None:
    found = [
        Diagnostic("AS209", "unknown parameter `a`", at(1)),
        Diagnostic("AS209", "unknown parameter `b`", at(2)),
        Diagnostic("AS205", "m", at(1)),
        Diagnostic("AS205", "m", at(2)),
        Diagnostic("AS302", "m", at(3)),
        Diagnostic("AS302", "m", at(4)),
        Diagnostic("AS401", "m", at(1), severity=Severity.WARNING),
        Diagnostic("AS401", "m", at(2), severity=Severity.WARNING),
    ]
    assert merged(found) == found


def test_a_block_that_fits_nowhere_it_is_called() -> None:
    spec = """\
inputs: {x: "float32[B, 3, 32, 32]"}
blocks:
  Layer:
    params: {channels: int}
    layers:
      - residual: [{conv2d: {out_channels: $channels, kernel_size: 3}}]
layers:
  - {name: a, Layer: 3}
  - {max_pool2d: 2, from: x}
  - {name: b, Layer: 3}
  - {max_pool2d: 4, from: x}
  - {name: c, Layer: 3}
outputs: [a, b, c]
"""
    (one,) = archspec.check(spec).diagnostics
    assert one.code == "AS302"
    assert [(label.span.line, label.text) for label in one.secondary if "called" in label.text] == [
        (8, "in `a`, called here")
    ]
    assert one.notes[-1] == "it does not fit in 2 more calls either"
