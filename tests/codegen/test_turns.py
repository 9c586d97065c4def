"""Turns of a repeat that are read by name."""

from __future__ import annotations

import pytest
import torch

import archspec

HEAD = 'inputs: {x: "float32[B, 4]"}\nlayers:\n'
SPECS = {
    "numbered": ("  - {name: h, repeat: 3, linear: 4}\n  - {add: {}, from: [h.1, h]}\n", "h.{}"),
    "named by turn": ("  - {name: h_$i, repeat: 3, linear: 4}\n  - {add: {}, from: [h_1, h_2]}\n", "h_{}"),
}


@pytest.mark.parametrize("case", SPECS)
def test_turns_can_be_read(case: str) -> None:
    text, name = SPECS[case]
    model = archspec.compile(HEAD + text)
    x = torch.randn(2, 4)
    first, second, third = (model.get_submodule(name.format(i)) for i in range(3))
    middle = second(first(x))
    torch.testing.assert_close(model(x), middle + third(middle), rtol=0, atol=0)


def test_turns_in_two_instances_of_a_block() -> None:
    """One class for both, though they differ in width."""
    text = (
        HEAD
        + "  - {name: a, Stack: {width: 8}}\n  - {name: b, Stack: {width: 16}}\n"
        + "blocks:\n  Stack:\n    params: {width: int}\n    layers:\n"
        + "      - {name: stem, linear: $width}\n"
        + "      - {name: h, repeat: 2, linear: $width}\n      - {add: {}, from: [h.0, h]}\n"
    )
    model = archspec.compile(text)
    assert type(model.a) is type(model.b)
    x = given = torch.randn(2, 4)
    for stack in (model.a, model.b):
        first = stack.h[0](stack.stem(x))
        x = first + stack.h[1](first)
    torch.testing.assert_close(model(given), x, rtol=0, atol=0)
