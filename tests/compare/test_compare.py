"""What two models differ in: by small changes of one spec, and against PyTorch's own state_dict."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
import torch

import archspec
from archspec import pipeline
from archspec.compare.compare import compare
from archspec.compare.model import Change, Comparison, NodeChange

ROOT = Path(__file__).parents[2]
SPECS = {path.stem: path for path in sorted((ROOT / "specs").rglob("*.yaml")) if "parts" not in path.parts}
HEAD = 'archspec: 1\nname: net\ninputs: {x: "float32[B, 3, 8, 8]"}\n'
NET = """\
layers:
  - {name: conv1, conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}
  - {name: bn1, batch_norm2d: {}}
  - relu
  - {name: conv2, conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}
  - relu
  - flatten
  - {name: fc, linear: 10}
"""
REPEAT = """\
blocks:
  Block:
    params: {width: 16}
    layers:
      - residual:
          - {name: norm, layer_norm: {}}
          - {name: up, linear: $width}
          - gelu
          - {name: down, linear: 8}
layers:
  - flatten
  - {name: embed, linear: 8}
  - {name: h, repeat: 4, Block: {}}
  - {name: head, linear: 3}
"""


def diff(a: str, b: str) -> Comparison:
    reports = [pipeline.check(HEAD + text) for text in (a, b)]
    return compare(*reports)


def shown(found: Comparison, *, every: bool = False) -> list[tuple[str, str]]:
    """(status, path) of each step; those whose shape alone is another only if asked."""
    return [(node.status, node.path) for node in found.nodes if every or node.status != "reshaped"]


def node(found: Comparison, path: str) -> NodeChange:
    (only,) = [node for node in found.nodes if node.path == path]
    return only


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_is_the_same_as_itself(name: str) -> None:
    found = compare(pipeline.check(SPECS[name]), pipeline.check(SPECS[name]))
    assert found.same
    assert not found.nodes
    assert found.weights.same


def test_what_makes_no_difference() -> None:
    """Comments, layout, documentation, parameters instead of numbers, an argument's default, the spec's name."""
    other = (
        NET.replace("out_channels: 8", "out_channels: $width", 1)
        .replace("padding: 1}", "padding: 1, stride: 1}")
        .replace("- relu", "# a comment\n  - {relu: {}, doc: what it says}")
    )
    assert diff(NET, "params: {width: 8}\n" + other).same


def test_an_argument() -> None:
    found = diff(
        NET,
        NET.replace("out_channels: 8, kernel_size: 3, padding: 1", "out_channels: 8, kernel_size: 5, padding: 2", 1),
    )
    assert shown(found, every=True) == [("changed", "conv1")]
    assert node(found, "conv1").changes == (
        Change("kernel_size", "[3, 3]", "[5, 5]"),
        Change("padding", "[1, 1]", "[2, 2]"),
    )
    assert node(found, "conv1").parameters == (8 * 3 * 9 + 8, 8 * 3 * 25 + 8)
    assert (found.a.parameters, found.b.parameters) == (5954, 5954 + 8 * 3 * 16)
    assert [(w.name, w.before, w.after) for w in found.weights.reshaped] == [
        ("conv1.weight", (8, 3, 3, 3), (8, 3, 5, 5))
    ]


def test_a_computed_buffer() -> None:
    text = "layers:\n  - {name: mask, register_buffer: {}, sequence: [{ones: {shape: 8}}, {mul: 2}, exp]}\n"
    text += "  - {add: {}, from: [x, mask]}\n"
    assert diff(text, text).same
    found = diff(text, text.replace("mul: 2", "mul: 3"))
    assert shown(found) == [("changed", "mask")]
    assert not diff(text, text.replace("exp", "neg")).same


def test_a_width_changes_what_follows() -> None:
    """The step itself has changed; others give another shape, and are told apart."""
    found = diff(NET, NET.replace("{name: conv2, conv2d: {out_channels: 8", "{name: conv2, conv2d: {out_channels: 4"))
    assert shown(found) == [("changed", "conv2")]
    assert [path for status, path in shown(found, every=True) if status == "reshaped"] == ["relu_1", "flatten"]
    assert Change("output", "float32[B, 512]", "float32[B, 256]") in node(found, "flatten").changes
    assert {w.name for w in found.weights.reshaped} == {"conv2.weight", "conv2.bias", "fc.weight"}
    assert "fc.bias" in found.weights.equal


def test_a_step_put_in() -> None:
    """What comes after it has not changed, though it reads another value."""
    found = diff(NET, NET.replace("  - flatten\n", "  - dropout: 0.5\n  - flatten\n"))
    assert shown(found, every=True) == [("added", "dropout")]
    assert found.weights.same
    found = diff(NET.replace("  - flatten\n", "  - dropout: 0.5\n  - flatten\n"), NET)
    assert shown(found, every=True) == [("removed", "dropout")]


def test_a_step_put_in_among_others_like_it() -> None:
    """The second relu is called relu_1 before and relu_2 after; that is no difference."""
    found = diff(NET, NET.replace("  - relu\n", "  - relu\n  - tanh\n  - relu\n", 1))
    assert [status for status, _ in shown(found, every=True)] == ["added", "added"]
    assert found.weights.same


def test_another_op_in_its_place() -> None:
    found = diff(NET, NET.replace("{name: bn1, batch_norm2d: {}}", "{name: bn1, group_norm: {num_groups: 2}}"))
    assert shown(found, every=True) == [("changed", "bn1")]
    assert node(found, "bn1").changes == (Change("op", "batch_norm2d", "group_norm"),)
    assert found.weights.lost == ("bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked")
    assert {"bn1.weight", "bn1.bias"} <= set(found.weights.equal)


def test_other_wiring() -> None:
    a = "layers:\n  - {name: a, relu: {}}\n  - {name: b, tanh: {}, from: x}\n  - {name: c, sub: {}, from: [a, b]}\n"
    found = diff(a, a.replace("[a, b]", "[b, a]"))
    assert shown(found, every=True) == [("changed", "c")]
    assert node(found, "c").changes == (Change("reads", "a, b", "b, a"),)
    found = diff(a, a.replace("from: x", "from: a"))
    assert node(found, "b").changes == (Change("reads", "x", "a"),)


def test_a_new_name() -> None:
    found = diff(NET, NET.replace("name: fc", "name: classifier"))
    assert shown(found, every=True) == [("moved", "classifier")]
    assert node(found, "classifier").before == "fc"
    assert found.weights.renamed == {"fc.weight": "classifier.weight", "fc.bias": "classifier.bias"}
    assert not found.weights.lost
    assert not found.weights.new


def test_a_new_name_and_another_size() -> None:
    found = diff(NET, NET.replace("{name: fc, linear: 10}", "{name: head, linear: 100}"))
    assert shown(found) == [("moved", "head")]
    assert Change("out_features", "10", "100") in node(found, "head").changes
    assert [w.name for w in found.weights.reshaped] == ["head.weight", "head.bias"]


def test_modules_put_into_a_sequence() -> None:
    """They have moved; the sequence is nothing new."""
    lines = NET.splitlines(keepends=True)
    wrapped = "".join(
        ["layers:\n", "  - name: stem\n    sequence:\n", *("    " + line for line in lines[1:4]), *lines[4:]]
    )
    found = diff(NET, wrapped)
    moved = [(n.before, n.path) for n in found.nodes if n.status == "moved"]
    assert moved == [("conv1", "stem.conv1"), ("bn1", "stem.bn1")]
    assert found.weights.renamed["conv1.weight"] == "stem.conv1.weight"
    assert len(found.weights.renamed) == 7
    assert not found.weights.lost
    back = diff(wrapped, NET)
    assert [(n.before, n.path) for n in back.nodes if n.status == "moved"] == [
        ("stem.conv1", "conv1"),
        ("stem.bn1", "bn1"),
    ]


def test_indices_that_shift() -> None:
    """In a list named by index the third layer is called as the second was: loading that would be silent and wrong."""
    a = "layers:\n  - flatten\n  - linear: 8\n  - relu\n  - linear: 8\n  - relu\n  - linear: 8\n"
    a = a.replace("linear: 8", "linear: 192")
    found = diff(a, a.replace("  - flatten\n", "  - flatten\n  - dropout: 0.1\n  - tanh\n"))
    assert [(n.before, n.path) for n in found.nodes if n.status == "moved"] == [("1", "3"), ("3", "5"), ("5", "7")]
    assert found.weights.misplaced == {
        "3.weight": "5.weight", "3.bias": "5.bias", "5.weight": "7.weight", "5.bias": "7.bias",
    }  # fmt: skip
    assert found.weights.renamed == {"1.weight": "3.weight", "1.bias": "3.bias"}


def test_turns() -> None:
    """Equal turns of a repeat are one entry."""
    found = diff(REPEAT, REPEAT.replace("repeat: 4", "repeat: 6"))
    (added,) = found.nodes
    assert (added.status, added.path, added.times, added.kind) == ("added", "h.4 … 5", 2, "Block")
    per_block = 16 + (8 * 16 + 16) + (16 * 8 + 8)
    assert added.parameters == (0, 2 * per_block)
    assert len(found.weights.equal) == found.weights.total
    assert len(found.weights.new) == 2 * 6
    found = diff(REPEAT, REPEAT.replace("repeat: 4", "repeat: 3"))
    assert shown(found) == [("removed", "h.3")]


def test_a_change_within_turns() -> None:
    found = diff(REPEAT, REPEAT.replace("width: 16", "width: 32").replace("gelu", "silu"))
    assert shown(found) == [("changed", "h.0 … 3"), ("changed", "h.0 … 3.up"), ("changed", "h.0 … 3.silu")]
    up = node(found, "h.0 … 3.up")
    assert (up.times, up.depth) == (4, 1)
    assert up.parameters == (4 * (8 * 16 + 16), 4 * (8 * 32 + 32))
    assert up.changes[0] == Change("out_features", "16", "32")
    assert node(found, "h.0 … 3").changes == (Change("width", "16", "32"),)


def test_a_tie() -> None:
    a = (
        "layers:\n  - {name: f, flatten: {}}\n  - {name: a, linear: {out_features: 192, bias: false}}\n"
        "  - {name: b, linear: {out_features: 192, bias: false}}\n"
    )
    found = diff(
        a,
        a.replace(
            "{name: b, linear: {out_features: 192, bias: false}}",
            "{name: b, linear: {out_features: 192, bias: false}, tie: {weight: a.weight}}",
        ),
    )
    assert node(found, "b").changes == (Change("tie", "{}", "{'weight': 'a.weight'}"),)
    assert (found.a.parameters, found.b.parameters) == (2 * 192**2, 192**2)
    assert not found.same


def test_the_interface() -> None:
    found = diff(NET, NET + "outputs: {logits: fc, features: conv2}\n")
    assert not found.same
    assert not found.nodes
    assert list(found.b.outputs) == ["logits", "features"]


def test_flops() -> None:
    report = pipeline.check(SPECS["resnet18"])
    for sizes, flops in (({"H": 100, "W": 100, "B": 2}, 1_767_099_392), ({"H": 100, "W": 100}, 1_767_099_392 // 2)):
        assert compare(report, report, sizes).a.flops == flops  # as measured on torchvision's
    assert not isinstance(compare(report, report, {"H": 100}).a.flops, int)
    small = pipeline.check(SPECS["gpt2"])
    assert "B*T**2" in str(compare(small, small).a.flops)


PAIRS = [
    ("resnet18", "resnet34"), ("resnet50", "resnext50_32x4d"), ("vgg11_bn", "vgg16"), ("unet", "unet_valid"),
    ("vit_b_16", "deit_tiny_patch16_224"), ("tutorial_mlp", "tutorial_simple_cnn"), ("mobilenet_v2", "efficientnet_b0"),
    ("transformer_encoder", "mha_block"),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_weights_against_pytorch(a: str, b: str) -> None:
    """Which names and shapes two real modules have in common; every name is accounted for once."""
    with torch.device("meta"):
        before, after = (
            {k: tuple(v.shape) for k, v in archspec.compile(SPECS[n]).state_dict().items()} for n in (a, b)
        )
    weights = compare(pipeline.check(SPECS[a]), pipeline.check(SPECS[b])).weights
    assert set(weights.equal) | set(weights.misplaced) == {k for k, shape in before.items() if after.get(k) == shape}
    for name, now in weights.renamed.items():
        assert before[name] == after[now]
    for change in weights.reshaped:
        assert after[change.name] == change.after
    for name in weights.lost:
        assert after.get(name) != before[name]
    assert weights.total == len(before)
    parts = (weights.equal, weights.renamed, weights.lost, weights.misplaced)
    assert len(set(itertools.chain(*parts))) + len(weights.reshaped) == len(before)
    assert set(weights.new) <= after.keys()


def test_renamed_weights_give_the_same_function() -> None:
    """PyTorch computes the same with the first model's weights under the names that are given for them."""
    lines = NET.splitlines(keepends=True)
    other = "".join(
        ["layers:\n", "  - name: stem\n    sequence:\n", *("    " + line for line in lines[1:4]), *lines[4:]]
    )
    other = other.replace("name: fc", "name: head").replace("- flatten", "- identity\n  - flatten")
    torch.manual_seed(0)
    a, b = (archspec.compile(HEAD + text).eval() for text in (NET, other))
    weights = diff(NET, other).weights
    names = {**{name: name for name in weights.equal}, **weights.renamed}
    b.load_state_dict({names[name]: value for name, value in a.state_dict().items()})
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(a(x), b(x))


def test_all_pairs_of_the_project_are_quick() -> None:
    """Also of networks that have nothing in common: no alignment grows out of hand."""
    names = ("llama_3_70b", "swin_t", "regnet_y_400mf", "densenet121", "digits_cnn")
    reports = [pipeline.check(SPECS[name]) for name in names]
    started = time.process_time()
    for a, b in itertools.permutations(reports, 2):
        found = compare(a, b)
        assert not found.same
    assert time.process_time() - started < 30


def test_deep_repeats_are_compared_once() -> None:
    text = REPEAT.replace("repeat: 4", "repeat: 10000")
    started = time.process_time()
    found = diff(text, text.replace("gelu", "silu"))
    assert time.process_time() - started < 30
    assert shown(found) == [("changed", "h.0 … 9999.silu")]
    assert found.nodes[0].times == 10_000
