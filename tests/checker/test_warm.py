"""A process that has checked other specs finds what a fresh one does."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_cases import ACCEPTED, REJECTED, printed

from archspec import pipeline
from archspec.ops import known

ROOT = Path(__file__).parents[2]
CASES = [*REJECTED, *ACCEPTED]


def test_in_any_order() -> None:
    known.forget()
    first = {path: printed(path) for path in CASES}
    again = {path: printed(path) for path in reversed(CASES)}
    assert again == first
    for path in CASES:
        known.forget()
        assert printed(path) == first[path]


SIZED = """\
archspec: 1
inputs: {{x: "float32[B, 8, T]"}}
{symbols}
layers:
  - conv1d: {{out_channels: 4, kernel_size: 5}}
  - max_pool1d: 2
"""


@pytest.mark.parametrize("first", ["", "symbols: {T: {min: 64}}"])
def test_what_is_demanded_of_sizes_is_demanded_each_time(first: str) -> None:
    """The rule is not worked out again; its question to what is promised is asked again."""
    known.forget()
    assert pipeline.check(SIZED.format(symbols=first)).ok
    assert pipeline.check(SIZED.format(symbols="")).requirements == ["T >= 6"]
    assert pipeline.check(SIZED.format(symbols="symbols: {T: {min: 64}}")).requirements == []
    refused = pipeline.check(SIZED.format(symbols="symbols: {T: {max: 4}}"))
    assert [d.code for d in refused.diagnostics] == ["AS308"]
    assert pipeline.check(SIZED.format(symbols="")).requirements == ["T >= 6"]


def test_equal_values_of_other_types_are_other_values() -> None:
    """1, 1.0 and true; 0.0 and -0.0."""
    head = 'archspec: 1\ninputs: {{x: "float32[B, 8]"}}\nlayers:\n'
    spec = head + "  - linear: {{out_features: 4, bias: {}}}\n"
    assert pipeline.check(spec.format("true")).parameters == 36
    assert [d.code for d in pipeline.check(spec.format("1")).diagnostics] == ["AS205"]
    pad = head + "  - pad: {{pad: [1, 1], value: {}}}\n"
    texts = [pipeline.source(pad.format(value)) for value in ("0.0", "-0.0")]
    assert "-0.0" in texts[1]
    assert "-0.0" not in texts[0]


def test_what_is_kept_is_bounded() -> None:
    known.forget()
    lines = [f"  - linear: {n}" for n in range(1, known.MAX_OPS + 100)]
    text = 'archspec: 1\ninputs: {x: "float32[B, 8]"}\nlayers:\n' + "\n".join(lines) + "\n"
    assert pipeline.check(text).ok
    assert len(known._ops) <= known.MAX_OPS
    op = known.op_of(*_relu())
    for width in range(1, 2 * known.MAX_TYPES):
        assert pipeline.check(f'archspec: 1\ninputs: {{x: "float32[B, {width}]"}}\nlayers:\n  - relu\n').ok
    assert 0 < len(op.known) <= known.MAX_TYPES


def _relu() -> tuple[type, dict[str, object]]:
    from archspec.ops.registry import all_ops

    return all_ops()["relu"], {}
