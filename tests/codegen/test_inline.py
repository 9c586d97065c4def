"""Inline blocks: the same model, to the letter, as with their items written out."""

from __future__ import annotations

import torch

import archspec
from archspec import pipeline

HEAD = """\
inputs: {x: "float32[B, T, 8]"}
blocks:
  Out:
    params: {width: 8}
    inputs: {x: "float32[N, T, C]"}
    init: {"*.bias": zeros, "proj.*": {constant: 1.0}, proj.weight: {normal: {std: 0.1}}}
    layers:
      - {name: norm, layer_norm: {}}
      - {name: proj, linear: $(2 * width), init: {weight: ones}}
      - {name: same, linear: {out_features: 16, bias: false}}
      - {name: other, linear: {out_features: 16, bias: false}}
"""
WRITTEN_OUT = """\
      - {name: norm, layer_norm: {}, init: {bias: zeros}}
      - {name: proj, linear: 16, init: {bias: {constant: 1.0}, weight: ones}}
      - {name: same, linear: {out_features: 16, bias: false}}
      - {name: other, linear: {out_features: 16, bias: false}}
"""


WITH_BLOCK = """\
  Layer:
    layers:
      - {inline: true, Out: {}}
      - linear: 8
layers:
  - {name: layer, repeat: 2, Layer: {}}
  - name: inside
    sequence:
      - {inline: true, Out: {}}
      - {name: back, linear: 8}
  - name: both
    parallel:
      branches:
        a:
          - {inline: true, Out: {}}
        b: [{linear: 16}]
      merge: add
  - {name: start, zeros: {shape: [$B, 16], like: x}}
  - from: both
    scan:
      carry: {h: start}
      body:
        - rearrange: b c -> b 1 c
        - {inline: true, Out: {}}
        - select: {dim: 1, index: 0}
        - {name: h, add: {}, from: [_, h]}
"""


def _written_out(spec: str) -> str:
    """The spec with the block's items where it is called."""
    lines = []
    for line in spec.splitlines(keepends=True):
        if "inline: true" in line:
            indent = line[: line.index("-")]
            lines += [indent + item.lstrip() for item in WRITTEN_OUT.splitlines(keepends=True)]
        else:
            lines.append(line)
    return "".join(lines)


def test_written_out_it_is_the_same_model() -> None:
    called, plain = archspec.check(HEAD + WITH_BLOCK), archspec.check(HEAD + _written_out(WITH_BLOCK))
    assert called.ok, called.diagnostics
    assert plain.ok, plain.diagnostics
    assert pipeline.emitted(called).text == pipeline.emitted(plain).text
    assert (called.parameters, called.flops) == (plain.parameters, plain.flops)


def test_a_block_that_sizes_decide() -> None:
    spec = """\
inputs: {x: "float32[B, 4]"}
blocks:
  Fit:
    params: {features: int}
    inputs: {x: "float32[N, C]"}
    layers:
      - {name: fit, when: $(C != features), linear: $features}
      - tanh
  Layer:
    params: {features: int}
    layers:
      - {name: first, linear: 8}
      - {inline: true, Fit: {features: $features}}
layers:
  - {name: same, Layer: {features: 8}}
  - {name: other, Layer: {features: 3}}
"""
    assert [*archspec.compile(spec).state_dict()] == [
        "same.first.weight", "same.first.bias",
        "other.first.weight", "other.first.bias", "other.fit.weight", "other.fit.bias",
    ]  # fmt: skip


def test_module_inside_is_called_again_and_tied_to() -> None:
    spec = """\
inputs: {x: "float32[B, 8]"}
blocks:
  Pair:
    layers:
      - {name: one, linear: 8}
      - {name: two, linear: 8}
  Holder:
    layers: [{inline: true, Pair: {}}, relu]
  Tied:
    layers:
      - {name: first, linear: 8, tie: {weight: second.weight}}
      - {name: second, linear: 8}
layers:
  - {name: holder, Holder: {}}
  - use: holder.two
  - {inline: true, Pair: {}}
  - {name: last, linear: 8, tie: {weight: two.weight}}
  - {name: chain, sequence: [{inline: true, Tied: {}}, relu]}
"""
    model = archspec.compile(spec)
    assert model.last.weight is model.two.weight
    assert model.chain.first.weight is model.chain.second.weight
    names = ["holder.one", "holder.two", "one", "two", "last", "chain.first", "chain.second"]
    assert [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)] == names


SAME = """\
inputs: {x: "float32[B, 3, H, W]"}
blocks:
  Same:
    params: {k: int, tall: $(-(-H // 2) * 2 - 2 + k - H), wide: $(-(-W // 2) * 2 - 2 + k - W)}
    inputs: {x: "float32[N, C, H, W]"}
    layers:
      - pad: [$(wide // 2), $(wide - wide // 2), $(tall // 2), $(tall - tall // 2)]
  Conv:
    params: {k: 3}
    layers:
      - INLINE
      - {name: conv, conv2d: {out_channels: 4, kernel_size: $k, stride: 2}}
layers:
  - {name: first, Conv: {}}
  - {name: second, Conv: {k: 5}}
  - {name: third, Conv: {}}
"""


def test_sizes_are_said_by_those_at_hand() -> None:
    """The second block has no tensor of `H`, and pads by what a stride of 2 needs, as TensorFlow does."""
    inline = archspec.compile(SAME.replace("INLINE", "{inline: true, Same: {k: $k}}"))
    called = archspec.compile(SAME.replace("INLINE", "Same: {k: $k}"))
    called.load_state_dict(inline.state_dict())
    for height, width in ((1, 2), (8, 8), (11, 6), (13, 17)):
        x = torch.randn(2, 3, height, width)
        out = inline(x)
        assert out.shape[2:] == (-(-height // 8), -(-width // 8))
        assert torch.equal(out, called(x))


MADE = """\
inputs: {x: "float32[B, 4]"}
blocks:
  Half:
    layers:
      - {full: {fill_value: 0.5, like: x}}
      - {mul: {}, from: [_, x]}
layers:
  - {inline: true, Half: {}}
  - {inline: true, Half: {}}
"""


def test_what_is_made_in_forward_takes_no_name() -> None:
    model = archspec.compile(MADE)
    x = torch.randn(3, 4)
    assert torch.equal(model(x), x / 4)
    kept = [each.message for each in archspec.check(MADE.replace("like: x", "shape: 4")).diagnostics]
    assert kept == ["two items are called `0`"]


WHEN = """\
inputs: {x: "float32[B, 4, 8]"}
blocks:
  Bent: {layers: [tanh]}
  Conv:
    params: {stride: 1}
    layers:
      - {inline: true, when: $(stride > 1), Bent: {}}
      - {name: conv, conv1d: {out_channels: 4, kernel_size: 1, stride: $stride}}
layers:
  - {name: first, Conv: {stride: 2}}
  - {name: second, Conv: {}}
"""


def test_what_decides_on_it_is_said_in_the_words_of_the_spec() -> None:
    assert "        if self.stride > 1:\n            x = torch.tanh(x)" in archspec.source(WHEN)
