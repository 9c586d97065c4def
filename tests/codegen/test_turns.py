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


def test_turns_that_not_all_instances_have_under_a_condition() -> None:
    """A turn is there by the count, not because the condition of an item in it holds."""
    text = (
        'inputs: {x: "float32[B, 8, 16]"}\nlayers:\n'
        "  - {name: a, Stage: {halved: 3}}\n  - {name: b, Stage: {halved: 1}}\n  - {name: c, Stage: {halved: 0}}\n"
        "blocks:\n  Stage:\n    params: {halved: int}\n    layers:\n"
        "      - repeat: $(max(halved, 1))\n        sequence:\n"
        "          - {name: convs.$i, conv1d: {out_channels: 8, kernel_size: 1}}\n"
        "          - {when: $(halved > 0), max_pool1d: 2}\n"
    )
    model = archspec.compile(text)
    counts = {name: len(list(stage.convs.children())) for name, stage in model.named_children()}
    assert counts == {"a": 3, "b": 1, "c": 1}
    x = given = torch.randn(2, 8, 16)
    for stage, halved in ((model.a, 3), (model.b, 1), (model.c, 0)):
        for conv in stage.convs.children():
            x = conv(x)
            x = torch.nn.functional.max_pool1d(x, 2) if halved else x
    torch.testing.assert_close(model(given), x, rtol=0, atol=0)


def test_a_condition_within_a_sequence_that_is_not_always_there() -> None:
    text = (
        'inputs: {x: "float32[B, 4]"}\nlayers:\n'
        "  - {name: a, Part: {outer: true, inner: true}}\n  - {name: b, Part: {outer: false, inner: true}}\n"
        "  - {name: c, Part: {outer: true, inner: false}}\n"
        "blocks:\n  Part:\n    params: {outer: bool, inner: bool}\n    layers:\n"
        "      - {name: fc, linear: 4}\n      - when: $outer\n        sequence:\n"
        "          - {name: more, linear: 4}\n          - {name: norm, when: $inner, layer_norm: {}}\n"
        "      - {when: $inner, relu: {}}\n"
    )
    model = archspec.compile(text)
    there = {name: [child for child, _ in part.named_children()] for name, part in model.named_children()}
    assert there == {"a": ["fc", "more", "norm"], "b": ["fc"], "c": ["fc", "more"]}
    x = torch.randn(3, 4)
    y = torch.relu(model.a.norm(model.a.more(model.a.fc(x))))
    y = torch.relu(model.b.fc(y))
    torch.testing.assert_close(model(x), model.c.more(model.c.fc(y)), rtol=0, atol=0)


def test_turns_written_one_by_one_hold_values() -> None:
    """What a turn's number decides is worked out where the turn is written by itself."""
    text = archspec.source(
        'inputs: {x: "float32[B, 4]"}\nlayers:\n'
        "  - {name: part.$i, repeat: 6, Part: {width: $(round(4 + 1.5 * i)), gated: $(i > 2)}}\n"
        "  - {name: part.6, linear: 2}\n"
        "blocks:\n  Part:\n    params: {width: int, gated: bool}\n    layers:\n"
        "      - {name: fc, linear: $width}\n      - {when: $gated, tanh: {}}\n"
    )
    assert "0 > 2" not in text
    assert "Part(8, width=10, gated=True)" in text


def test_a_last_turn_that_nobody_reads_is_called_for_itself() -> None:
    text = archspec.source(
        'inputs: {x: "float32[B, 4]"}\nlayers:\n'
        "  - {name: h, repeat: 2, linear: 4}\n  - {name: head, linear: 2, from: h.0}\n"
    )
    lines = [line.partition("  #")[0].strip() for line in text.splitlines()]
    assert lines[-3:] == ["x = self.h[0](x)", "self.h[1](x)", "return self.head(x)"]


def test_turns_read_what_earlier_ones_named() -> None:
    """Names by the turn are the list's around: a box is refined turn by turn, and read from outside."""
    text = (
        'inputs: {x: "float32[B, 4]", given: "float32[B, 2]"}\nlayers:\n'
        "  - {name: box0, sigmoid: {}, from: given}\n"
        "  - from: x\n    repeat: 2\n    sequence:\n"
        "      - {name: seen, concat: {dim: -1}, from: [_, box$i]}\n"
        "      - {name: step.$i, linear: 2}\n"
        "      - {name: box$(i + 1), add: {}, from: [box$i, step.$i]}\n"
        "      - {name: layer.$i, linear: 4, from: seen}\n"
        "outputs: [layer.1, box1, box2]\n"
    )
    model = archspec.compile(text)
    x, given = torch.randn(3, 4), torch.randn(3, 2)
    got = model(x, given)
    boxes = [given.sigmoid()]
    for step, layer in zip(model.step, model.layer, strict=True):
        seen = torch.cat([x, boxes[-1]], dim=-1)
        boxes.append(boxes[-1] + step(seen))
        x = layer(seen)
    for found, want in zip(got.values(), (x, boxes[1], boxes[2]), strict=True):
        torch.testing.assert_close(found, want, rtol=0, atol=0)


def test_a_module_made_before_the_turns_that_call_it() -> None:
    text = (
        HEAD
        + "  - {name: shared, forward: false, linear: 4}\n"
        + "  - repeat: 2\n    sequence:\n      - {name: fc.$i, linear: 4}\n      - use: shared\n"
    )
    model = archspec.compile(text)
    x = torch.randn(2, 4)
    want = model.shared(model.fc[1](model.shared(model.fc[0](x))))
    torch.testing.assert_close(model(x), want, rtol=0, atol=0)


def test_turns_that_go_through_sizes_of_the_inputs() -> None:
    """Levels of a pyramid in one sequence, taken apart again; the sizes are the inputs' own, not the spec's symbols."""
    text = (
        'inputs: {x: "float32[B, 3, H, W]"}\nlayers:\n'
        "  - {name: level, repeat: 2, conv2d: {out_channels: 3, kernel_size: 3, stride: 2, padding: 1}}\n"
        "  - {name: joined, Joined: {}, from: [level.0, level.1], outputs: [a, b]}\n"
        "outputs: [a, b]\n"
        "blocks:\n  Joined:\n"
        '    inputs: {fine: "float32[N, C, H0, W0]", coarse: "float32[N, C, H1, W1]"}\n    outputs: [map0, map1]\n'
        "    layers:\n"
        "      - {name: a, rearrange: n c h w -> n (h w) c, from: fine}\n"
        "      - {name: b, rearrange: n c h w -> n (h w) c, from: coarse}\n"
        "      - {concat: {dim: 1}, from: [a, b]}\n      - {name: fc, linear: 5}\n"
        "      - {split: {split_size: [$(H0 * W0), $(H1 * W1)], dim: 1}, outputs: [part0, part1]}\n"
        "      - repeat: {each: [$H0, $H1], as: height}\n        sequence:\n"
        "          - {name: map$i, from: part$i, "
        "rearrange: {pattern: n (h w) c -> n c h w, axes_lengths: {h: $height}}}\n"
    )
    model = archspec.compile(text)
    x = torch.randn(2, 3, 20, 28)
    fine = model.level[0](x)
    fc = model.joined.fc
    for got, level in zip(model(x).values(), (fine, model.level[1](fine)), strict=True):
        torch.testing.assert_close(got, fc(level.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


def test_a_block_that_reads_nothing() -> None:
    text = (
        'inputs: {x: "float32[B, 6]"}\nblocks:\n'
        "  Places:\n    inputs: []\n    layers: [{arange: {end: 6, dtype: float32}}, {mul: 2}]\n"
        "  Bias:\n    inputs: []\n    layers:\n"
        "      - {name: weight, parameter: {shape: 6}}\n      - {name: rule, Places: {}}\n"
        "      - {mul: {}, from: [weight, rule]}\n"
        "layers:\n  - {name: fixed, register_buffer: {}, sequence: [Places]}\n  - {name: bias, Bias: {}}\n"
        "  - {add: {}, from: [x, fixed, bias]}\n"
    )
    assert "def forward(self):" in archspec.source(text)
    model = archspec.compile(text)
    torch.nn.init.normal_(model.bias.weight)
    x, places = torch.randn(2, 6), 2 * torch.arange(6.0)
    torch.testing.assert_close(model(x), x + places + model.bias.weight * places, rtol=0, atol=0)


EXPERTS = """\
archspec: 1
inputs: {x: "float32[B, 3]"}
blocks:
  Top:
    params: {deep: true}
    inputs: {x: "float32[B, 3]"}
    layers:
      - {topk: {k: 1}, outputs: [weight, chosen], from: x}
      - repeat: 1
        from: x
        route: {chosen: chosen}
        residual: [{residual: [], when: $deep}]
layers:
  - {name: a, Top: {}}
  - {name: b, Top: {deep: false}, from: x}
outputs: {a: a, b: b}
"""


def test_experts_that_have_modules_in_one_instance_and_none_in_another() -> None:
    x = torch.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
    given = archspec.compile(EXPERTS)(x)
    first = torch.tensor([1.0, 0.0])[:, None]  # the second row chooses an expert that there is none of
    assert torch.equal(given["a"], 3 * x * first) and torch.equal(given["b"], 2 * x * first)
