"""Repairs of sizes that do not fit: what is edited, and that the spec is a model afterwards."""

from __future__ import annotations

import pytest

import archspec
from archspec.diagnostics.model import Fix

HEAD = 'archspec: 1\ninputs: {x: "float32[B, 16, 32, 32]", y: "float32[B, T, 64]"}\nlayers:\n'
CASES = {
    "a stride in a residual": (
        (
            "  - {name: down, conv2d: {out_channels: 16, kernel_size: 3, stride: 2, padding: 1}}\n"
            "  - {name: join, add: {}, from: [down, x]}\n"
        ),
        "stride: 2",
        "stride: 1",
    ),
    "channels of the last convolution": (
        (
            "  - residual:\n"
            "      - {name: a, conv2d: {out_channels: 32, kernel_size: 3, padding: 1}}\n"
            "      - relu\n"
            "      - {name: b, conv2d: {out_channels: 32, kernel_size: 3, padding: 1}}\n"
        ),
        "b, conv2d: {out_channels: 32",
        "b, conv2d: {out_channels: 16",
    ),
    "features, written alone, in a sequence": (
        "  - from: y\n    residual:\n      - {name: mlp, sequence: [{linear: 256}, gelu, {linear: 63}]}\n",
        "linear: 63",
        "linear: 64",
    ),
}


def fix_of(spec: str) -> Fix | None:
    found = archspec.check(spec).diagnostics
    (one,) = [d for d in found if d.is_error]
    assert one.code == "AS302"
    return one.fix


@pytest.mark.parametrize("case", CASES)
def test_the_edit(case: str) -> None:
    layers, old, new = CASES[case]
    spec = HEAD + layers
    fix = fix_of(spec)
    assert fix is not None and not fix.safe, "another model: it is for the writer to decide"
    (edit,) = fix.edits
    lines = spec.split("\n")
    line = lines[edit.span.line - 1]
    assert line[edit.span.col - 1 : edit.span.end_col - 1] == edit.old
    lines[edit.span.line - 1] = f"{line[: edit.span.col - 1]}{edit.text}{line[edit.span.end_col - 1 :]}"
    assert "\n".join(lines) == spec.replace(old, new)
    assert archspec.check("\n".join(lines)).ok


@pytest.mark.parametrize(
    "layers",
    [
        # Which of both is meant?
        "  - {name: a, linear: 8, from: y}\n  - {name: b, linear: 9, from: y}\n  - {add: {}, from: [a, b]}\n",
        # The number is a parameter's, or one of several turns'.
        "  - {name: a, linear: $(4 * 2), from: y}\n  - {add: {}, from: [a, y]}\n",
        "  - {name: a, linear: 63, repeat: 2, from: y}\n  - {add: {}, from: [a, y]}\n",
    ],
)
def test_no_edit_where_it_would_be_a_wild_guess(layers: str) -> None:
    assert fix_of(HEAD + layers) is None
