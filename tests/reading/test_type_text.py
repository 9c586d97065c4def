"""Type texts: `float32[B, 3, H, W]`."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.dims import ceil_div, maximum, symbol
from archspec.reading.dtypes import DTYPES, MEANT
from archspec.reading.expressions import ExpressionError
from archspec.reading.types import parse_type

B, H, T = symbol("B"), symbol("H"), symbol("T")
ENV = {"dim": 64, "k": 3, "kind": "int64", "T": T, "half": 0.5, "whole": 4.0}


@pytest.mark.parametrize(
    ("text", "dtype", "shape"),
    [
        ("float32[B, 3, 224, 224]", "float32", (B, 3, 224, 224)),
        ("int64[B,T]", "int64", (B, T)),
        ("  bool [ B , T ]  ", "bool", (B, T)),
        ("float32[]", "float32", ()),
        ("float32[ ]", "float32", ()),
        ("float32[B,]", "float32", (B,)),
        ("float32[B, $dim]", "float32", (B, 64)),
        ("float32[B, $(2 * k), H // 2]", "float32", (B, 6, H // 2)),
        ("float32[2 * H - 1]", "float32", (2 * H - 1,)),
        ("float32[H * $k + $dim // 2]", "float32", (3 * H + 32,)),
        ("float32[-(-H // 2)]", "float32", (ceil_div(H, 2),)),
        ("float32[max(H, 3)]", "float32", (maximum(H, 3),)),
        ("float32[(H + 1) * 2, 3 * 4]", "float32", (2 * H + 2, 12)),
        ("float32[$T, $(T + 1)]", "float32", (T, T + 1)),
        ("float32[$whole]", "float32", (4,)),
        ("$kind[B]", "int64", (B,)),
        ("$(kind)[B]", "int64", (B,)),
        ("float32[Batch, H2, N_heads]", "float32", (symbol("Batch"), symbol("H2"), symbol("N_heads"))),
    ],
)
def test_types(text: str, dtype: str, shape: tuple[Any, ...]) -> None:
    assert parse_type(text, ENV) == (dtype, shape)


@pytest.mark.parametrize(
    ("text", "code", "at", "message", "help"),
    [
        ("", "AS217", 0, "a type begins with its dtype", "write float32[B, 3, H, W]"),
        ("[B, 3]", "AS217", 0, "a type begins with its dtype", "write float32[B, 3, H, W]"),
        ("float[B]", "AS217", 0, "unknown dtype `float`", "write float32"),
        ("torch.float32[B]", "AS217", 0, "unknown dtype `torch.float32`", "write float32"),
        ("half[B]", "AS217", 0, "unknown dtype `half`", "write float16"),
        ("long[B]", "AS217", 0, "unknown dtype `long`", "write int64"),
        ("Float32[B]", "AS217", 0, "unknown dtype `Float32`", "did you mean `float32`?"),
        ("flaot32[B]", "AS217", 0, "unknown dtype `flaot32`", "did you mean `float32`?"),
        ("float32", "AS217", 7, "the sizes are missing", "write float32[B, 3], or float32[] for a single number"),
        ("float32(B, 3)", "AS217", 7, "`[` was expected after float32", "write float32[B, 3]"),
        ("float32[B, 3", "AS217", 7, "`[` is not closed", None),
        ("float32[B, 3)", "AS217", 12, "`)` closes nothing", None),
        ("float32[B] x", "AS217", 10, "the type has ended before this", None),
        ("float32[B,, 3]", "AS217", 10, "a size is missing before the comma", None),
        ("float32[B, -1]", "AS217", 11, "`-1` is no size", "a size that may vary has a name: B, T, H, W"),
        ("float32[B, None]", "AS217", 11, "`None` is no size", "a size that may vary has a name: B, T, H, W"),
        ("float32[B, ...]", "AS217", 11, "`...` is no size", "a size that may vary has a name: B, T, H, W"),
        ("float32[B, 0]", "AS217", 11, "a size is at least 1, not 0", None),
        ("float32[B, 3 - 5]", "AS217", 11, "a size is at least 1, not -2", None),
        ("float32[B, 1.5]", "AS217", 11, "a size is an integer, not the number 1.5", None),
        ("float32[B, $half]", "AS217", 11, "a size is an integer, not the number 0.5", None),
        ("float32[B, $kind]", "AS217", 11, "a size is an integer, not the text 'int64'", None),
        ("float32[B, dim]", "AS217", 11, "`dim` is no size", "write $dim for the parameter"),
        ("float32[B, 2 * dim]", "AS217", 15, "`dim` is no size", "write $dim for the parameter"),
        ("float32[b]", "AS217", 8, "`b` is no size", "a symbol begins with a capital; a parameter with `$`"),
        ("float32[H / 2]", "AS217", 8, "H / 2 need not be a whole number", "write `//`, which rounds down"),
        ("float32[H ** 2]", "AS217", 8, "sizes are computed with + - * // % alone", "use $(…)"),
        ("float32[H if k else 2]", "AS217", 8, "sizes are computed with + - * // % alone", "use $(…)"),
        ("float32[len(H)]", "AS217", 8, "of functions a size has `min` and `max`", "use $(…)"),
        ("float32[B, $dimm]", "AS209", 12, "unknown parameter `dimm`", "did you mean `dim`?"),
        ("float32[B, $(k * * 2)]", "AS208", 17, "not an expression from here on", None),
        ("float32[B, $dim + $(1 / 0)]", "AS208", 20, "division by zero", None),
        ("float32[" + "1," * 65 + "]", "AS217", 7, "65 dimensions; at most 64", None),
    ],
)
def test_refused(text: str, code: str, at: int, message: str, help: str | None) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_type(text, ENV)
    error = caught.value
    assert (error.code, error.offset, error.message, error.help) == (code, at, message, help)


def test_dtypes_are_torch_dtypes() -> None:
    for name in DTYPES:
        assert isinstance(getattr(torch, name), torch.dtype)
    assert set(MEANT.values()) <= set(DTYPES)
    for name, meant in MEANT.items():
        assert name not in DTYPES
        # `integer`, `complex` and what is no torch name at all are a matter of taste; torch's aliases are not.
        if isinstance(getattr(torch, name, None), torch.dtype):
            assert getattr(torch, name) is getattr(torch, meant)


def test_symbols_may_be_made_by_the_caller() -> None:
    assert parse_type("float32[N, N + 1]", {}, lambda name: symbol(f"Block.{name}")) == (
        "float32",
        (symbol("Block.N"), symbol("Block.N") + 1),
    )


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="float32int64[]BHT(),$+-*/% k1.'\"\n{}", max_size=30).map(lambda s: "float32[" + s))
def test_any_text_gives_a_type_or_an_error_inside_it(text: str) -> None:
    try:
        dtype, shape = parse_type(text, ENV)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(text)
        return
    assert dtype in DTYPES
    assert all(not isinstance(size, int) or size >= 1 for size in shape)
