"""What an editor asks of a text, broken or not. `|` in a text is the cursor."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.editor.analysis import Analysis
from archspec.editor.completion import complete
from archspec.editor.definition import definition
from archspec.editor.hover import hover
from archspec.editor.inlay import hints
from archspec.editor.layout import layout
from archspec.editor.outline import outline
from archspec.editor.references import Symbol, references
from archspec.editor.signature import signature

ROOT = Path(__file__).parents[2]
NET = """\
archspec: 1
params: {width: 64, classes: 10}
inputs:
  image: float32[B, 3, H, W]
blocks:
  Block:
    doc: A convolution and a norm
    params: {channels: int, stride: 1}
    layers:
      - name: conv
        conv2d: {out_channels: $channels, kernel_size: 3, stride: $stride, padding: 1}
      - batch_norm2d
layers:
  - {name: stem, Block: {channels: $width}}
  - {name: down, repeat: 2, Block: {channels: $(2 * width), stride: 2}}
  - residual:
      - {name: inner, conv2d: {out_channels: 128, kernel_size: 1}}
      - relu
  - {adaptive_avg_pool2d: 1}
  - flatten
  - {name: head, linear: $classes}
  - {name: twice, add: {}, from: [head, head]}
outputs: {logits: twice}
"""


def parted(text: str) -> tuple[str, int, int]:
    """The text without its cursor, and where that was."""
    before, after = text.split("|")
    return before + after, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


def labels(text: str) -> list[str]:
    plain, line, col = parted(text)
    return [one.label for one in complete(Analysis(plain, "net.yaml", Path()), line, col)]


@pytest.mark.parametrize(
    ("text", "there", "absent"),
    [
        ("arch|", ["archspec", "layers", "train"], ["conv2d"]),
        ("archspec: 1\nlay|", ["layers", "blocks"], ["archspec"]),
        ("layers:\n  - con|", ["conv2d", "residual", "name"], ["archspec"]),
        ("layers:\n  - {name: a, con|", ["conv2d", "from", "repeat"], ["name"]),
        ("layers:\n  - {name: a, relu: {}, |", ["from", "tie"], ["conv2d", "name"]),
        ("layers:\n  - name: a\n    con|", ["conv2d"], ["name"]),
        ("layers:\n  - conv2d: {out_channels: 3, ke|", ["kernel_size", "stride"], ["out_channels", "conv2d"]),
        ("layers:\n  - conv2d:\n      out_channels: 3\n      ke|", ["kernel_size"], ["out_channels"]),
        ("layers:\n  - gelu: {approximate: |", ["tanh", "none"], ["conv2d"]),
        ("layers:\n  - linear: {out_features: 3, bias: t|", ["true", "false"], []),
        ("params: {width: 3}\nlayers:\n  - linear: $|", ["width"], ["linear"]),
        ("params: {width: 3}\nlayers:\n  - linear: $(2 * wi|", ["width"], []),
        ("layers:\n  - {repeat: {each: [1], as: stage}, linear: $|", ["stage", "i"], []),
        ("blocks:\n  B:\n    params: {n: int}\n    layers:\n      - linear: $|", ["n"], ["x"]),
        (
            "inputs: {x: 'float32[B, 2]'}\nlayers:\n  - {name: a, relu: {}}\n  - {add: {}, from: [|",
            ["x", "a"],
            ["relu"],
        ),
        ("inputs: {x: 'float32[B, 2]'}\nlayers:\n  - {name: a, relu: {}}\n  - {relu: {}, from: |", ["x", "a", "_"], []),
        ("layers:\n  - relu\n  - {add: {}, from: {x: |", ["_"], []),
        ("layers:\n  - {name: a, linear: 3}\noutputs: {y: |", ["a"], ["_"]),
        ("layers:\n  - {name: a, linear: 3}\n  - {use: |", ["a"], []),
        ("blocks:\n  Big:\n    layers: [relu]\nlayers:\n  - B|", ["Big", "batch_norm2d"], []),
        ("blocks:\n  Big:\n    params: {n: 1, m: 2}\n    layers: [relu]\nlayers:\n  - Big: {n: 3, |", ["m"], ["n"]),
        ("layers:\n  - residual:\n      body:\n        - so|", ["softmax"], []),
        ("layers:\n  - parallel: {branches: {a: [re|", ["relu"], []),
        ("train:\n  optimizer: {ad|", ["adamw", "sgd"], []),
        ("train:\n  optimizer: {adamw: {|", ["lr", "weight_decay"], ["momentum"]),
        ("train:\n  loss: cr|", ["cross_entropy"], []),
        ("runtime: {precision: b|", ["bf16"], []),
        ("layers:\n  - {name: a, relu: {}}\noutputs: {y: |", ["a"], []),
        ("blocks:\n  A:\n    |", ["params", "inputs", "layers", "outputs", "doc"], ["conv2d"]),
        ("blocks:\n  A:\n    params: {n: |", ["int", "float", "any"], []),
        ("inputs: {x: |", ["float32", "int64"], []),
        ("inputs: {x: 'float32[B, T, 3]'}\nsymbols: {|", ["B", "T"], []),
        ("layers:\n  - repeat: {|", ["count", "each", "as", "carry"], []),
        ("layers:\n  - {name: a, topk: {k: 2}}\n  - {repeat: 8, route: {chosen: |", ["a"], []),
        ("layers:\n  - {name: a, tanh: {}}\n  - scan: {carry: {h: |", ["a"], []),
        ("layers:\n  - {name: a, tanh: {}}\n  - scan: {carry: {h: a}, body: [{tanh: {}, from: |", ["a", "h", "x"], []),
        ("layers:\n  - {name: a, linear: 3}\n  - {linear: 3, tie: {weight: |", ["a"], []),
        # What is broken further up is passed over.
        ("params: [1, }\nlayers:\n  - con|", ["conv2d"], []),
        ("a: 'b\nlayers:\n  - con|\n", [], []),
        # Beyond the cursor all may be missing.
        ("layers:\n  - {name: a, conv2d: {out_channels: 3, |\n  - relu\n", ["kernel_size"], []),
    ],
)
def test_completion(text: str, there: list[str], absent: list[str]) -> None:
    found = labels(text)
    assert set(there) <= set(found), found
    assert not set(absent) & set(found)


def test_completion_in_a_spec_that_starts_from_another() -> None:
    path = ROOT / "specs" / "vision" / "new.yaml"
    for text, there in (
        ("extends: |", "resnet50.yaml"),
        ("include: [|", "resnet50.yaml"),
        ("extends: resnet50.yaml\nreplace:\n  |", "layer1"),
        ("extends: resnet50.yaml\nreplace:\n  |", "Bottleneck"),
    ):
        plain, line, col = parted(text)
        known = Analysis(plain, str(path), path.parent)
        assert there in [one.label for one in complete(known, line, col)], text


def test_required_arguments_come_first() -> None:
    plain, line, col = parted("layers:\n  - conv2d: {|")
    found = sorted(complete(Analysis(plain, "n.yaml", Path()), line, col), key=lambda one: one.sort)
    assert [one.label for one in found[:2]] == ["kernel_size", "out_channels"]
    assert found[0].detail == "required" and found[0].insert == "kernel_size: " and found[0].doc


def test_a_value_shows_its_type() -> None:
    text = NET.replace("from: [head, head]", "from: [")
    plain = text.replace("outputs: {logits: twice}\n", "")
    line = plain.split("\n").index("  - {name: twice, add: {}, from: [}") + 1
    before = Analysis(NET, "net.yaml", Path())
    known = Analysis(plain, "net.yaml", Path(), before)
    found = {one.label: one for one in complete(known, line, len("  - {name: twice, add: {}, from: [") + 1)}
    assert {"image", "stem", "down", "head"} <= set(found) and "inner" not in found and "twice" not in found


def at(word: str, occurrence: int = 0) -> tuple[int, int]:
    start = -1
    for _ in range(occurrence + 1):
        start = NET.index(word, start + 1)
    before = NET[:start]
    return before.count("\n") + 1, len(before.rpartition("\n")[2]) + 2


@pytest.mark.parametrize(
    ("word", "occurrence", "words"),
    [
        ("conv2d", 0, ["torch.nn.Conv2d", "kernel_size", "float32[B, 64, H, W]", "elsewhere"]),
        ("batch_norm2d", 0, ["torch.nn.BatchNorm2d"]),
        ("Block", 1, ["A convolution and a norm", "`channels`", "float32[B, 3, H, W] → float32[B, 64, H, W]"]),
        ("linear", 0, ["torch.nn.Linear", "float32[B, 128] → float32[B, 10]", "1,290 parameters"]),
        ("$classes", 0, ["classes", "10"]),
        ("head, head", 0, ["`float32[B, 10]`"]),
        ("repeat", 0, ["repeat"]),
        ("flatten", 0, ["float32[B, 128, 1, 1] → float32[B, 128]"]),
    ],
)
def test_hover(word: str, occurrence: int, words: list[str]) -> None:
    text = hover(Analysis(NET, "net.yaml", Path()), *at(word, occurrence))
    assert text is not None
    assert all(part in text for part in words), text


@pytest.mark.parametrize(
    ("word", "occurrence", "target"),
    [
        ("$width", 0, ("width: 64", 0)),
        ("$channels", 0, ("channels: int", 0)),
        ("Block: {channels: $width}", 0, ("Block", 0)),
        ("head, head", 0, ("head, linear", 0)),
        ("twice}", 0, ("twice, add", 0)),
    ],
)
def test_definition(word: str, occurrence: int, target: tuple[str, int]) -> None:
    found = definition(Analysis(NET, "net.yaml", Path()), *at(word, occurrence))
    assert found is not None
    line, col = at(*target)
    assert (found.span.line, found.span.col) == (line, col - 1)


def test_the_value_before() -> None:
    text, line, col = parted("inputs: {x: 'float32[B, 2]'}\nlayers:\n  - tanh\n  - {add: {}, from: [|_, x]}\n")
    analysis = Analysis(text, "net.yaml", Path())
    found = definition(analysis, line, col)
    assert found is not None and (found.span.line, found.span.col) == (3, 5)
    said = hover(analysis, line, col)
    assert said is not None and "the value before" in said and "float32[B, 2], float32[B, 2] → float32[B, 2]" in said
    text, line, col = parted("inputs: {x: 'float32[B, 2]'}\nlayers:\n  - {add: {}, from: [|_, x]}\n")
    first = definition(Analysis(text, "net.yaml", Path()), line, col)
    assert first is not None and first.span.line == 3


def test_a_block_of_another_file() -> None:
    path = ROOT / "specs" / "vision" / "resnext50_32x4d.yaml"
    text = path.read_text(encoding="utf-8") + "blocks:\n  Mine:\n    layers: [{Bottleneck: {channels: 3}}]\n"
    line = text.rstrip("\n").count("\n") + 1
    found = definition(Analysis(text, str(path), path.parent), line, text.split("\n")[line - 1].index("Bottleneck") + 2)
    assert found is not None and found.span.file.endswith("resnet50.yaml")


def test_a_shape_behind_every_line() -> None:
    found = {hint.line: hint.text for hint in hints(Analysis(NET, "net.yaml", Path()))}
    lines = NET.split("\n")
    shown = {lines[line - 1].strip().split(",")[0]: text for line, text in found.items()}
    assert shown == {
        "conv2d: {out_channels: $channels": "→ [B, 64, H, W] …",
        "- batch_norm2d": "→ [B, 64, H, W] …",
        "- {name: stem": "→ [B, 64, H, W]",
        "- {name: down": "→ [B, 128, (H + 3)//4, (W + 3)//4]",
        "- residual:": "→ [B, 128, (H + 3)//4, (W + 3)//4]",
        "- {name: inner": "→ [B, 128, (H + 3)//4, (W + 3)//4]",
        "- relu": "→ [B, 128, (H + 3)//4, (W + 3)//4]",
        "- {adaptive_avg_pool2d: 1}": "→ [B, 128, 1, 1]",
        "- flatten": "→ [B, 128]",
        "- {name: head": "→ [B, 10]",
        "- {name: twice": "→ [B, 10]",
    }


def test_hints_of_a_text_that_cannot_be_read() -> None:
    assert hints(Analysis(NET + "  - [", "net.yaml", Path())) == []


def test_hints_up_to_an_error() -> None:
    broken = NET.replace("- flatten", "- flatten: {start_dim: 9}")
    found = [hint.line for hint in hints(Analysis(broken, "net.yaml", Path()))]
    assert broken.split("\n").index("  - {adaptive_avg_pool2d: 1}") + 1 in found


def test_the_outline() -> None:
    found = outline(Analysis(NET, "net.yaml", Path()))
    assert [entry.name for entry in found] == [
        "Block", "stem", "down", "residual", "adaptive_avg_pool2d", "flatten", "head", "twice",
    ]  # fmt: skip
    assert [child.name for child in found[0].children] == ["conv", "batch_norm2d"]
    assert [child.name for child in found[3].children] == ["inner", "relu"]
    assert found[-1].detail == "add → [B, 10]"


TEXTS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "specs").rglob("*.yaml"))[:20]] + [NET]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_nothing_fails_while_typing(text: str, data: st.DataObject) -> None:
    """Any text cut anywhere, with something typed there."""
    place = data.draw(st.integers(0, len(text)))
    typed = data.draw(st.sampled_from(["", "{", "[", "'", '"', "- ", ": ", "$", "$(", "x", "\n", "\t", "é", "&a *a"]))
    rest = data.draw(st.sampled_from([text[place:], "", text[place + 7 :]]))
    whole = text[:place] + typed + rest
    line = whole[: place + len(typed)].count("\n") + 1
    col = len(whole[: place + len(typed)].rpartition("\n")[2]) + 1
    known = Analysis(
        whole, "net.yaml", ROOT / "specs" / "vision", Analysis(text, "net.yaml", ROOT / "specs" / "vision")
    )
    complete(known, line, col)
    hover(known, line, col)
    signature(known, line, col)
    if (found := definition(known, line, col)) is not None:
        references([known], Symbol.of(found))
    layout(known.text, known.file)
    hints(known)
    outline(known)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("on: push\njobs: {build: {}}\n", 0),  # another program's file
        ("blocks:\n  B:\n    layers: [relu]\n", 0),  # to be included
        ("blocks:\n  B: [\n", 1),
        ("archspec: 1\ninputs: {x: 'float32[B]'}\n", 1),
    ],
)
def test_what_is_no_spec_is_left_alone(text: str, count: int) -> None:
    assert len(Analysis(text, "net.yaml", Path()).diagnostics) == count
