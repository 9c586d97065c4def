"""What ops declare for the warnings, held against what PyTorch computes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from archspec.dims import Constraints
from archspec.ops.base import Op
from archspec.ops.kinds import BadValue
from archspec.ops.registry import all_ops
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType

OPS: dict[str, type[Op]] = dict(all_ops())
WINDOWS = sorted(name for name, op in OPS.items() if op.unread is not Op.unread)
BIASED = sorted(name for name, op in OPS.items() if op.bias_axis is not Op.bias_axis)
CENTRED = sorted(name for name, op in OPS.items() if op.centred_axis is not Op.centred_axis)
ALONG_DIM = {"softmax": {"dim": -1}, "softmin": {"dim": -1}}


def module(name: str, args: dict[str, Any], inputs: TensorType) -> nn.Module:
    call = OPS[name].parse(args).module(inputs)
    assert call is not None
    cls = getattr(nn, call.fn.removeprefix("nn."))
    made: nn.Module = cls(*call.args, **{k: v for k, v in call.kwargs.items() if k != "dtype"})
    return made


def test_some_ops_are_meant() -> None:
    assert {"conv2d", "max_pool2d", "avg_pool1d", "lp_pool2d"} <= set(WINDOWS)
    assert {"conv1d", "conv_transpose3d", "linear"} <= set(BIASED)
    assert {"batch_norm2d", "instance_norm1d"} <= set(CENTRED)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_cells_that_are_not_read(data: st.DataObject) -> None:
    """Other values there change nothing; in the cell before them they do."""
    name = data.draw(st.sampled_from(WINDOWS))
    op, axes = OPS[name], OPS[name].axes  # type: ignore[attr-defined]
    args: dict[str, Any] = {"kernel_size": data.draw(st.integers(1, 4)), "stride": data.draw(st.integers(1, 4))}
    if "padding" in op.args:
        args["padding"] = data.draw(st.integers(0, args["kernel_size"] // 2))
    if "dilation" in op.args:
        args["dilation"] = data.draw(st.integers(1, 2))
    if "out_channels" in op.args:
        args |= {"out_channels": 1, "bias": False}
    if "norm_type" in op.args:
        args["norm_type"] = 2
    if "ceil_mode" in op.args:
        args["ceil_mode"] = data.draw(st.booleans())
    sizes = tuple(data.draw(st.integers(1, 9)) for _ in range(axes))
    x = TensorType("float32", (1, 1, *sizes))
    try:
        made = op.parse(args)
        made.infer(Require(Constraints()), x)
    except (BadValue, Mismatch):
        return
    layer = module(name, args, x)
    for weight in layer.parameters():
        nn.init.uniform_(weight, 0.5, 1.0)
    values = torch.rand(1, 1, *sizes) + 1
    before = layer(values)
    unread = {each.axis: each for each in made.unread(x)}
    reach = made.dilation[0] * (made.kernel_size[0] - 1) + 1 if "dilation" in op.args else made.kernel_size[0]  # type: ignore[attr-defined]
    step = made.stride[0] if made.stride is not None else made.kernel_size[0]  # type: ignore[attr-defined]
    for axis in range(2, 2 + axes):
        each = unread.get(axis)
        assert each is None or isinstance(each.left, int)
        lost = max(each.left - each.spare, 0) if each is not None else 0  # type: ignore[operator]
        size = sizes[axis - 2]
        if lost:
            there = values.clone().index_fill_(axis, torch.arange(size - lost, size), 100.0)
            assert torch.equal(layer(there), before)
        dense = args.get("dilation", 1) == 1
        if dense and step <= reach and lost < size:  # the cell before is read by a window
            there = values.clone().index_fill_(axis, torch.tensor([size - lost - 1]), 100.0)
            assert not torch.equal(layer(there), before)


@pytest.mark.parametrize("norm", CENTRED)
@pytest.mark.parametrize("name", BIASED)
def test_a_bias_that_a_norm_takes_out(name: str, norm: str) -> None:
    """Where the axes are one, the result is the same with another bias; in training, and for any weights."""
    rank = OPS[norm].axes + 2  # type: ignore[attr-defined]
    axes = getattr(OPS[name], "axes", None)
    if axes is not None and axes + 2 != rank:
        return
    torch.manual_seed(0)
    for shape in {(4, 3, 5, 6, 7)[:rank], (4, 3)}:
        x = TensorType("float32", shape)
        args = {"out_features": 6} if name == "linear" else {"out_channels": 6, "kernel_size": 2}
        try:
            made, after = OPS[name].parse(args), OPS[norm].parse({})
            y = made.infer(Require(Constraints()), x)
            assert isinstance(y, TensorType)
            after.infer(Require(Constraints()), y)
        except Mismatch:
            continue
        layer, normed = module(name, args, x).double(), module(norm, {}, y).double()
        values = torch.randn(shape, dtype=torch.float64)
        before = normed(layer(values))
        assert isinstance(layer.bias, nn.Parameter)
        nn.init.normal_(layer.bias, std=3.0)
        same = torch.allclose(normed(layer(values)), before, atol=1e-9)
        assert same == (made.bias_axis(x) == after.centred_axis(y)), (name, norm, shape)


@pytest.mark.parametrize("name", sorted(n for n, op in OPS.items() if op.nonnegative or op.keeps_nonnegative))
def test_the_range_of_an_activation(name: str) -> None:
    op = OPS[name]
    torch.manual_seed(0)
    x = TensorType("float64", (2, 3, 40, 40))
    values = torch.randn(x.shape, dtype=torch.float64) * 3  # type: ignore[arg-type]
    layer = module(name, ALONG_DIM.get(name, {}), x).double()
    if op.nonnegative:
        assert bool((layer(values) >= 0).all())
    if op.keeps_nonnegative:
        assert torch.equal(layer(values.abs()), values.abs())


@pytest.mark.parametrize("name", sorted(n for n, op in OPS.items() if op.nonlinear))
def test_activations_give_what_has_the_shape_of_their_input(name: str) -> None:
    required = {arg.name: 1 for arg in OPS[name].args.values() if arg.required}
    x = TensorType("float32", (2, 4, 3, 3))
    assert OPS[name].parse(required).infer(Require(Constraints()), x) == x


@pytest.mark.parametrize(
    "name", sorted(n for n, op in OPS.items() if op.idle is not Op.idle and n != "stochastic_depth")
)
def test_ops_of_no_use(name: str) -> None:
    shape = (2, 4, 3) if name == "dropout1d" else (2, 4, 3, 3)
    x, values = TensorType("float32", shape), torch.randn(shape)
    if OPS[name].parse({"p": 0}).idle() and OPS[name].parse({"p": 0}).module(x) is not None:
        assert torch.equal(module(name, {"p": 0}, x)(values), values)
    assert OPS[name].parse({"p": 1}).idle()
    assert OPS[name].parse({"p": 0.5}).idle() is None
