"""Random numbers in a forward pass: drawn anew in each, in evaluation too."""

from __future__ import annotations

from typing import Any

from archspec.ops.base import Example, Op, arg
from archspec.ops.calls import given
from archspec.ops.expr import Call, In
from archspec.ops.kinds import AnyInt, Bool, PositiveFloat
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import TensorType


@op("gumbel_softmax", "torch.nn.functional.gumbel_softmax")
class GumbelSoftmax(Op):
    """A sample of the categories whose logits x are, in a form that has a gradient (Jang et al., 2017)."""

    rule = SAME
    tau = arg(PositiveFloat, 1.0, "temperature: the lower, the closer to one of the categories")
    hard = arg(Bool, False, "exactly one category; the gradient is that of the soft sample")
    dim = arg(AnyInt, -1, "the dimension of the categories")
    examples = (
        Example({}, "float32[B, 8]", "float32[B, 8]"),
        Example({"tau": 0.5, "hard": True, "dim": 1}, "float64[B, 4, T]", "float64[B, 4, T]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.floating(x, "the input of `gumbel_softmax`", inputs=(0,))
        require.axis(x, self.dim)
        return x

    def forward(self, x: TensorType) -> Any:
        return Call("F.gumbel_softmax", In(0), **given(self, "tau", "hard", "dim"))
