"""`rearrange` against einops: values, refusals, and no copy where none is needed."""

from __future__ import annotations

from typing import Any

import einops
import pytest
import torch
from harness import build, program
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.dims import Constraints, Facts
from archspec.ops.kinds import BadValue
from archspec.ops.rearrange import Rearrange
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType

CASES: tuple[tuple[str, dict[str, int], tuple[int, ...]], ...] = (
    ("b c h w -> b (h w) c", {}, (2, 3, 4, 5)),
    ("b c h w -> b h w c", {}, (2, 3, 4, 5)),
    ("b t (h d) -> b h t d", {"h": 4}, (2, 3, 8)),
    ("b h t d -> b t (h d)", {}, (2, 4, 3, 5)),
    ("b c (h p) (w q) -> b (h w) (p q c)", {"p": 2, "q": 3}, (2, 3, 4, 6)),
    ("b (h w) (p q c) -> b c (h p) (w q)", {"p": 2, "q": 3, "h": 2}, (2, 4, 18)),
    ("b (c r) h w -> b c (h r) w", {"r": 2}, (2, 6, 4, 5)),
    ("(a b) (c d) -> (c a) (b d)", {"a": 2, "c": 3}, (4, 6)),
    ("b ... -> b (...)", {}, (2, 3, 4)),
    ("b ... -> b (...)", {}, (2,)),
    ("... d -> d ...", {}, (2, 3, 4)),
    ("b ... d -> (b ...) d", {}, (2, 3, 4, 5)),
    ("b 1 d -> d b 1", {}, (2, 1, 3)),
    ("b () d -> (b d)", {}, (2, 1, 3)),
    ("a -> a 1", {}, (3,)),
    ("1 1 -> 1", {}, (1, 1)),
    ("a b -> b a", {}, (2, 3)),
    ("a b -> a b", {}, (2, 3)),
    ("(a b) -> a b", {"a": 2, "b": 3}, (6,)),
    ("a b c d -> (a b) (c d)", {}, (2, 3, 4, 5)),
    ("a b c -> (a b) c", {}, (2, 3, 4)),
    ("a b c -> c (a b)", {}, (2, 3, 4)),
    ("a b c -> (b a) c", {}, (2, 3, 4)),
)

REFUSED = (
    ("a b", {}, (2, 3)),
    ("a b -> a", {}, (2, 3)),
    ("a -> a b", {}, (2,)),
    ("a a -> a", {}, (2, 2)),
    ("a b -> (a b", {}, (2, 3)),
    ("a b -> a b)", {}, (2, 3)),
    ("((a b)) -> a b", {"a": 2}, (6,)),
    ("(a b) -> a b", {}, (6,)),
    ("(a b) -> a b", {"a": 4}, (6,)),
    ("(a b) -> a b", {"a": 2, "b": 2}, (6,)),
    ("a b -> b a", {}, (2, 3, 4)),
    ("a b -> b a", {"c": 2}, (2, 3)),
    ("a ... b -> b a", {}, (2, 3, 4)),
    ("a 2 -> a 2", {}, (3, 2)),
    ("a 1 -> a", {}, (3, 2)),
    ("a b -> a -> b", {}, (2, 3)),
    ("a ; b -> b a", {}, (2, 3)),
    ("(a ...) -> a ...", {"a": 2}, (6,)),
    ("a b -> b a", {"a": 3}, (2, 3)),
)


def rearranged(pattern: str, lengths: dict[str, int], x: torch.Tensor) -> torch.Tensor:
    op = Rearrange.parse({"pattern": pattern, "axes_lengths": lengths})
    given_type = TensorType("float32", tuple(x.shape))
    result = op.infer(Require(Constraints(Facts({}))), given_type)
    out = build(program(op, (given_type,)))(x)
    assert isinstance(out, torch.Tensor)
    assert tuple(out.shape) == result.shape
    return out


def numbered(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


@pytest.mark.parametrize(("pattern", "lengths", "shape"), CASES)
def test_values(pattern: str, lengths: dict[str, int], shape: tuple[int, ...]) -> None:
    x = numbered(shape)
    ours, theirs = rearranged(pattern, lengths, x), einops.rearrange(x, pattern, **lengths)
    assert torch.equal(ours, theirs)
    assert (ours.data_ptr() == x.data_ptr()) == (theirs.data_ptr() == x.data_ptr())  # a copy only where einops copies


@pytest.mark.parametrize(("pattern", "lengths", "shape"), REFUSED)
def test_refusals(pattern: str, lengths: dict[str, int], shape: tuple[int, ...]) -> None:
    with pytest.raises((einops.EinopsError, ValueError)):
        einops.rearrange(numbered(shape), pattern, **lengths)
    with pytest.raises((BadValue, Mismatch)):
        rearranged(pattern, lengths, numbered(shape))


@st.composite
def patterns(draw: Any) -> tuple[str, dict[str, int], tuple[int, ...]]:
    """Any pattern over up to five names, whose sizes are all given but for one in a dimension."""
    names = list("abcde")[: draw(st.integers(1, 5))]
    sizes = {name: draw(st.integers(1, 3)) for name in names}

    def side(order: list[str]) -> list[list[str]]:
        groups: list[list[str]] = []
        for name in order:
            if groups and draw(st.booleans()):
                groups[-1].append(name)
            else:
                groups.append([name])
            if draw(st.integers(0, 5)) == 0:
                groups.append([])
        return groups

    def text(groups: list[list[str]]) -> str:
        return " ".join(g[0] if len(g) == 1 else f"({' '.join(g)})" for g in groups)

    left, right = side(draw(st.permutations(names))), side(draw(st.permutations(names)))
    shape = tuple(torch.Size([sizes[n] for n in group]).numel() for group in left)
    lengths = {n: sizes[n] for group in left for n in group[1:]}
    return f"{text(left)} -> {text(right)}", lengths, shape


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(patterns())
def test_any_pattern(case: tuple[str, dict[str, int], tuple[int, ...]]) -> None:
    pattern, lengths, shape = case
    x = numbered(shape)
    assert torch.equal(rearranged(pattern, lengths, x), einops.rearrange(x, pattern, **lengths))
