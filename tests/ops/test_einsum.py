"""`einsum` against torch.einsum on random equations: acceptance, type and FLOPs."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from archspec.dims import Constraints, Facts
from archspec.ops.kinds import BadValue
from archspec.ops.products import Einsum
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType

LETTERS = "abij"


@st.composite
def calls(draw: Any) -> tuple[str, list[TensorType]]:
    """An equation and inputs that mostly fit it."""
    sizes = {letter: draw(st.integers(1, 4)) for letter in LETTERS}
    dots = draw(st.lists(st.integers(1, 2), max_size=2))
    terms, tensors = [], []
    dtype = draw(st.sampled_from(("float32", "float32", "float64", "int32", "int64", "bool")))
    for _ in range(draw(st.sampled_from((1, 2, 2, 3)))):
        letters = draw(st.text(LETTERS, min_size=1, max_size=3))
        shape = [1 if draw(st.integers(0, 9)) == 0 else sizes[c] for c in letters]
        if draw(st.integers(0, 3)) == 0:
            at, some = draw(st.integers(0, len(letters))), draw(st.integers(0, len(dots)))
            shape[at:at] = [d if draw(st.booleans()) else 1 for d in dots[some:]]
            letters = f"{letters[:at]}...{letters[at:]}"
        if draw(st.integers(0, 15)) == 0:
            shape.append(2)
        terms.append(letters)
        other = draw(st.sampled_from((dtype, dtype, dtype, "float32")))
        tensors.append(TensorType(other, tuple(shape)))
    equation = ",".join(terms)
    if draw(st.integers(0, 3)):
        seen = sorted(set("".join(terms)) - {"."})
        output = "".join(draw(st.permutations(seen)))[: draw(st.integers(0, 3))]
        if "..." in equation and draw(st.integers(0, 3)):
            at = draw(st.integers(0, len(output)))
            output = f"{output[:at]}...{output[at:]}"
        equation += f"->{output}"
    return equation, tensors


@settings(max_examples=1500, deadline=None, derandomize=True, database=None)
@given(calls())
def test_random_equations(call: tuple[str, list[TensorType]]) -> None:
    equation, types = call
    try:
        op = Einsum.parse({"equation": equation})
        ours: Any = op.infer(Require(Constraints(Facts({}))), *types)
        why = ""
    except (BadValue, Mismatch) as bad:
        ours, why = None, str(bad)
    tensors = [torch.ones(t.shape, dtype=getattr(torch, t.dtype)) for t in types]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = torch.einsum(equation, *tensors)
    except RuntimeError as error:
        assert ours is None, error
        return
    assert ours == TensorType(str(theirs.dtype)[6:], tuple(theirs.shape)), why
    with FlopCounterMode(display=False) as counter:
        torch.einsum(equation, *(t.to("meta") for t in tensors))
    assert op.flops(tuple(types), (ours,)) == counter.get_total_flops()
