"""Attention: values against nn.MultiheadAttention, a textbook computation and repeated heads."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from harness import build, program
from torch import nn

from archspec.dims import Constraints, Facts, symbol
from archspec.ops.attention import Attention
from archspec.ops.kinds import BadValue
from archspec.ops.multihead import MultiheadAttention
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType


def types(*tensors: torch.Tensor | None) -> tuple[TensorType | None, ...]:
    return tuple(None if t is None else TensorType(str(t.dtype)[6:], tuple(t.shape)) for t in tensors)


def run(args: dict[str, Any], *tensors: torch.Tensor | None, cls: Any = Attention) -> Any:
    op = cls.parse(args)
    padded = (*tensors, *(None,) * (len(cls.inputs) - len(tensors)))
    op.infer(Require(Constraints(Facts({}))), *types(*padded))
    return build(program(op, types(*padded))).eval()(*padded)


def textbook(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """softmax(q k^T / sqrt(d)) v, with True in the mask where a query may attend (Vaswani et al., 2017)."""
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1) @ v


def heads(x: torch.Tensor, count: int) -> torch.Tensor:
    return torch.stack(x.chunk(count, dim=-1), dim=1)


def merged(x: torch.Tensor) -> torch.Tensor:
    return torch.cat(x.unbind(1), dim=-1)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("causal", [False, True])
def test_heads_are_consecutive_features(causal: bool) -> None:
    q, k, v = torch.randn(3, 2, 5, 12, dtype=torch.float64)
    mask = torch.ones(5, 5, dtype=torch.bool).tril() if causal else None
    expected = merged(textbook(heads(q, 3), heads(k, 3), heads(v, 3), mask))
    torch.testing.assert_close(run({"num_heads": 3, "causal": causal}, q, k, v), expected)


def test_queries_share_heads_of_keys() -> None:
    q, k, v = torch.randn(2, 5, 16), torch.randn(2, 7, 8), torch.randn(2, 7, 8)
    shared_k, shared_v = (heads(x, 2).repeat_interleave(2, dim=1) for x in (k, v))
    expected = merged(textbook(heads(q, 4), shared_k, shared_v))
    torch.testing.assert_close(run({"num_heads": 4, "num_kv_heads": 2}, q, k, v), expected)
    split = run({"enable_gqa": True}, heads(q, 4), heads(k, 2), heads(v, 2))
    torch.testing.assert_close(merged(split), expected)


def test_mask_and_scale() -> None:
    q, k, v = torch.randn(2, 5, 8), torch.randn(2, 7, 8), torch.randn(2, 7, 6)
    mask = torch.rand(2, 1, 5, 7) > 0.3
    mask[..., 0] = True
    expected = merged(textbook(heads(q, 2), heads(k, 2) * 2, heads(v, 2), mask))
    torch.testing.assert_close(run({"num_heads": 2, "scale": 1.0}, q, k, v, mask), expected)


def test_as_multihead_attention() -> None:
    """nn.MultiheadAttention is three projections, `attention` and one more."""
    torch_module = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    x = torch.randn(2, 5, 12)
    q, k, v = nn.functional.linear(x, torch_module.in_proj_weight, torch_module.in_proj_bias).chunk(3, dim=-1)
    expected = torch_module(x, x, x, need_weights=False)[0]
    torch.testing.assert_close(torch_module.out_proj(run({"num_heads": 3}, q, k, v)), expected)


def test_multihead_causal_is_a_mask() -> None:
    x = torch.randn(2, 5, 12)
    op = MultiheadAttention.parse({"num_heads": 3, "batch_first": True, "causal": True})
    net = build(program(op, types(x, None, None, None, None))).eval()
    future = torch.ones(5, 5, dtype=torch.bool).triu(1)
    expected = net.own(x, x, x, attn_mask=future, need_weights=False)[0]
    torch.testing.assert_close(net(x, None, None, None, None), expected)


def test_multihead_weights_and_memory() -> None:
    x, memory = torch.randn(2, 5, 12), torch.randn(2, 7, 6)
    args = {"num_heads": 3, "batch_first": True, "need_weights": True}
    output, weights = run(args, x, memory, cls=MultiheadAttention)
    assert output.shape == (2, 5, 12)
    assert weights.shape == (2, 5, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 5))


def test_dropout_only_in_training() -> None:
    q = torch.randn(2, 5, 12)
    op = Attention.parse({"num_heads": 3, "dropout_p": 0.5})
    net = build(program(op, types(q, q, q, None)))
    assert torch.equal(net.eval()(q, q, q, None), net.eval()(q, q, q, None))
    assert not torch.equal(net.train()(q, q, q, None), net.train()(q, q, q, None))


@pytest.mark.parametrize(
    "args",
    [
        {"num_kv_heads": 2},
        {"num_heads": 4, "enable_gqa": True},
        {"num_heads": 4, "num_kv_heads": 3},
        {"num_heads": 0},
    ],
)
def test_refused_arguments(args: dict[str, Any]) -> None:
    with pytest.raises(BadValue):
        Attention.parse(args)


def test_features_must_split() -> None:
    t = TensorType("float32", (symbol("B"), symbol("T"), 30))
    with pytest.raises(Mismatch, match="do not split into 4 heads") as caught:
        Attention.parse({"num_heads": 4}).infer(Require(Constraints(Facts({}))), t, t, t)
    assert (caught.value.code, caught.value.argument, caught.value.axis) == ("AS305", "num_heads", (2,))
