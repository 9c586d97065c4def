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


def test_turns_that_are_equal_in_one_instance_and_not_in_another() -> None:
    """Both instances keep all their turns: the shortcut of the first turn is there where the width changes."""
    text = (
        'inputs: {x: "float32[B, 8]"}\nlayers:\n'
        "  - {name: a, Stack: {width: 8}}\n  - {name: b, Stack: {width: 4}}\n"
        "blocks:\n  Stack:\n    params: {width: int}\n    layers: [{name: h, repeat: 2, Turn: {width: $width}}]\n"
        '  Turn:\n    params: {width: int}\n    inputs: {x: "float32[N, C]"}\n    layers:\n'
        "      - residual:\n          body: [{name: fc, linear: $width}]\n"
        "          shortcut: [{name: short, when: $(C != width), linear: $width}]\n"
    )
    model = archspec.compile(text)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters() if name.endswith("weight")}
    assert shapes == {
        "a.h.0.fc.weight": (8, 8),
        "a.h.1.fc.weight": (8, 8),
        "b.h.0.fc.weight": (4, 8),
        "b.h.0.short.weight": (4, 8),
        "b.h.1.fc.weight": (4, 4),
    }
    x = torch.randn(3, 8)
    y = x
    for turn in model.a.h:
        y = turn.fc(y) + y
    first, second = model.b.h
    y = first.fc(y) + first.short(y)
    torch.testing.assert_close(model(x), second.fc(y) + y, rtol=0, atol=0)


def test_calls_that_leave_out_an_input() -> None:
    text = (
        'inputs: {x: "float32[B, 4]", gain: "float32[4]"}\nlayers:\n'
        "  - {name: a, Scaled: {}, from: [x, gain]}\n  - {name: b, Scaled: {}}\n"
        "blocks:\n  Scaled:\n    inputs: [x, gain?]\n    layers:\n"
        "      - {name: fc, linear: 4}\n      - {when: $gain, mul: {}, from: [fc, gain]}\n"
    )
    model = archspec.compile(text)
    x, gain = torch.randn(2, 4), torch.randn(4)
    torch.testing.assert_close(model(x, gain), model.b.fc(model.a.fc(x) * gain), rtol=0, atol=0)
