"""What modules are called: the rules of docs/language.md, and torch's own reserved names."""

from __future__ import annotations

import keyword

import pytest
from graph_cases import run
from hypothesis import given
from hypothesis import strategies as st

from archspec.graph.names import snake_case, wrong_identifier, wrong_path
from archspec.graph.reserved import RESERVED


def paths(layers: str, **blocks: str) -> list[str]:
    text = 'inputs: {x: "float32[B, 8]"}\nlayers:\n' + layers
    if blocks:
        text += "blocks:\n" + "".join(f"  {name}: {{layers: {body}}}\n" for name, body in blocks.items())
    elaboration, diagnostics = run(text)
    assert elaboration is not None, [d.message for d in diagnostics]
    assert not diagnostics.has_errors, [d.message for d in diagnostics]
    return [path for node in elaboration.graph.nodes for path in node.paths]


def test_reserved_is_what_torch_has() -> None:
    nn = pytest.importorskip("torch.nn")
    module = nn.Module()
    attributes = {name for name in dir(module) if not name.startswith("__")}
    assert attributes <= RESERVED | {name for name in attributes if not name.isidentifier()}


@pytest.mark.parametrize("kind", ["ModuleList", "Sequential"])
def test_torch_refuses_or_breaks_on_reserved_names(kind: str) -> None:
    nn = pytest.importorskip("torch.nn")
    for name in ("forward", "training", "type", "parameters"):
        module = nn.Module()
        before = getattr(module, name)
        try:
            module.add_module(name, nn.Linear(1, 1))
        except KeyError:
            continue
        assert getattr(module, name) is not before


@pytest.mark.parametrize(
    ("camel", "snake"),
    [
        ("Bottleneck", "bottleneck"), ("PatchEmbed", "patch_embed"), ("MLPBlock", "mlp_block"), ("MLP", "mlp"),
        ("Conv2dBlock", "conv2d_block"), ("relu", "relu"), ("BasicBlock3", "basic_block3"),
    ],
)  # fmt: skip
def test_snake_case(camel: str, snake: str) -> None:
    assert snake_case(camel) == snake


@given(st.text(max_size=12))
def test_a_good_path_is_made_of_identifiers_and_indices(path: str) -> None:
    if wrong_path(path) is None:
        for part in path.split("."):
            assert part.isascii()
            assert part.isdecimal() or (part.replace("-", "").isidentifier() and not keyword.iskeyword(part))
            assert part not in RESERVED


@given(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True))
def test_plain_words_are_good(word: str) -> None:
    good = not keyword.iskeyword(word)
    assert (wrong_identifier(word) is None) == good
    assert (wrong_path(word) is None) == (good and word not in RESERVED)


GOOD = ["encoder.0.attn", "0", "layer1.0.conv2", "attention.self.query", "_hidden", "h.10", "block1-0"]
BAD = ["", "a.", ".a", "a..b", "01", "a b", "a+b", "-a", "a-", "1-b", "a.1b", "lambda", "a.forward", "é"]


@pytest.mark.parametrize("path", GOOD)
def test_good_paths(path: str) -> None:
    assert wrong_path(path) is None


@pytest.mark.parametrize("path", BAD)
def test_bad_paths(path: str) -> None:
    assert wrong_path(path) is not None


def test_nothing_named_counts_every_item() -> None:
    assert paths("  - linear: 8\n  - relu\n  - linear: 8\n") == ["0", "1", "2"]


def test_one_name_names_all_after_their_op() -> None:
    found = paths("  - {name: a, linear: 8}\n  - relu\n  - linear: 8\n  - relu\n  - linear: 8\n")
    assert found == ["a", "relu", "linear", "relu_1", "linear_1"]


def test_a_name_inside_an_unnamed_residual_counts() -> None:
    assert paths("  - linear: 8\n  - residual: [{name: a, linear: 8}]\n") == ["linear", "a", "add"]


def test_a_name_inside_a_named_sequence_does_not_count() -> None:
    found = paths("  - linear: 8\n  - residual: [linear: 8]\n")
    assert found == ["0", "1"]


def test_a_block_is_called_after_itself() -> None:
    found = paths("  - {name: a, linear: 8}\n  - MLPBlock\n  - MLPBlock\n", MLPBlock="[{linear: 8}]")
    assert found == ["a", "mlp_block", "mlp_block_1"]


def test_names_do_not_depend_on_when() -> None:
    body = "  - {{name: a, linear: 8}}\n  - {{linear: 8, when: {first}}}\n  - linear: 8\n"
    assert paths(body.format(first="true")) == ["a", "linear", "linear_1"]
    assert paths(body.format(first="false")) == ["a", "linear_1"]


@given(st.lists(st.sampled_from(["relu", "linear: 8", "name: a, linear: 8", "name: linear_1, linear: 8"]), max_size=8))
def test_paths_are_unique_where_names_are(items: list[str]) -> None:
    named = [item for item in items if item.startswith("name")]
    if len(named) == len(set(named)):
        found = paths("".join(f"  - {{{item}}}\n" if ":" in item else f"  - {item}\n" for item in items) or "  []\n")
        assert len(found) == len(set(found)) == len(items)
