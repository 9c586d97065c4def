"""Random numbers in a forward pass: drawn anew in each, in evaluation too unless `training_only`."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, category
from archspec.ops.calls import given
from archspec.ops.expr import Attr, Call, In, Name, Training
from archspec.ops.kinds import (
    AnyInt,
    BadValue,
    Bool,
    Choice,
    Int,
    ListOf,
    NonNegativeFloat,
    Optional,
    PositiveFloat,
    SizeKind,
    ValueRef,
)
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import COMPLEX, FLOATING, TensorType

Sizes = Optional(ListOf(SizeKind(0), lone=True, title="a size or a list of sizes"))
_LIKE_DOC = "a value that gives the device, and what is left out"
_SHAPE_DOC = "left out: that of `like`"


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
        axis = require.axis(x, self.dim)
        if self.hard and x.shape:
            require.at_least(x.shape[axis], 1, "`gumbel_softmax` has no categories", inputs=(0,), axis=(axis,))
        return x

    def forward(self, x: TensorType) -> Any:
        return Call("F.gumbel_softmax", In(0), **given(self, "tau", "hard", "dim"))


class Drawn(Op):
    """Base of tensors of random numbers."""

    rule: ClassVar[str] = "`shape`, or that of `like`"
    inputs: ClassVar[tuple[str, ...]] = ()
    ref_inputs: ClassVar[tuple[str, ...]] = ("like",)
    like = arg(ValueRef(), doc=_LIKE_DOC)
    shape = arg(Sizes, None, _SHAPE_DOC)
    dtype = arg(Optional(Choice(*FLOATING, *COMPLEX)), None, "left out: that of `like`")
    training_only = arg(Bool, False, "zeros in evaluation")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"like": "x"}, "float32[B, T, 8]", "float32[B, T, 8]"),
        Example({"like": "x", "shape": [3, 1, 4]}, "float64[B, 8]", "float64[3, 1, 4]"),
        Example({"like": "tokens", "dtype": "bfloat16", "training_only": True}, "int64[B, T]", "bfloat16[B, T]"),
    )

    def infer(self, require: Require, like: TensorType) -> TensorType:
        dtype = self.dtype or like.dtype
        if category(dtype) < 2:
            help = "give `dtype: float32`"
            require.fail("AS303", f"`{self.name}` draws floating point numbers, not {dtype}", inputs=(0,), help=help)
        return TensorType(dtype, like.shape if self.shape is None else self.shape)

    def forward(self, like: TensorType) -> Any:
        drawn = self._made(like, self.name)
        return Training(drawn, self._made(like, "zeros")) if self.training_only else drawn

    def _made(self, like: TensorType, name: str) -> Call:
        dtype = self.dtype or like.dtype
        if self.shape is None:
            other = {} if dtype == like.dtype else {"dtype": Name(f"torch.{dtype}")}
            return Call(f"torch.{name}_like", In(0), **other)
        where = {"dtype": Name(f"torch.{dtype}")} if dtype != "float32" else {}
        return Call(f"torch.{name}", self.shape, **where, device=Attr(In(0), "device"))


@op("rand", "torch.rand")
class Rand(Drawn):
    """Numbers from 0 to 1, all equally likely."""


@op("randn", "torch.randn")
class Randn(Drawn):
    """Numbers of the standard normal distribution: noise to add, the sample of a variational autoencoder."""


@op("randint", "torch.randint")
class Randint(Op):
    """Integers from `low` up to, but without `high`, all equally likely."""

    rule = "`shape`, or that of `like`"
    inputs = ()
    ref_inputs = ("like",)
    high = arg(Int(), doc="the integer after the largest")
    low = arg(Int(), 0, "the smallest")
    like = arg(ValueRef(), doc=_LIKE_DOC)
    shape = arg(Sizes, None, _SHAPE_DOC)
    dtype = arg(Choice("int64", "int32"), "int64", "dtype of the result")
    examples = (
        Example({"like": "x", "high": 10}, "float32[B, T]", "int64[B, T]"),
        Example({"like": "x", "low": -5, "high": 5, "shape": [2, 4], "dtype": "int32"}, "float32[B]", "int32[2, 4]"),
    )

    def validate(self) -> None:
        if self.high <= self.low:
            raise BadValue(f"`high` {self.high} is not above `low` {self.low}", ("high",))
        if not -(2**31) <= self.low <= self.high <= 2**31:
            raise BadValue("`low` and `high` must lie within 32 bits", ("high",))

    def infer(self, require: Require, like: TensorType) -> TensorType:
        return TensorType(self.dtype, like.shape if self.shape is None else self.shape)

    def forward(self, like: TensorType) -> Any:
        shape: tuple[Size, ...] = like.shape if self.shape is None else self.shape
        dtype = {"dtype": Name(f"torch.{self.dtype}")} if self.dtype != "int64" else {}
        return Call("torch.randint", self.low, self.high, shape, **dtype, device=Attr(In(0), "device"))


@op("randperm", "torch.randperm")
class Randperm(Op):
    """The numbers from 0 to n - 1 in a random order: shuffled channels, examples to mix with."""

    rule = "[n]"
    inputs = ()
    ref_inputs = ("like",)
    n = arg(SizeKind(0), doc="how many")
    like = arg(ValueRef(), doc="a value that gives the device")
    examples = (
        Example({"n": 9, "like": "x"}, "int64[B]", "int64[9]"),
        Example({"n": 5, "like": "x"}, "float32[B, 8]", "int64[5]"),
    )

    def infer(self, require: Require, like: TensorType) -> TensorType:
        return TensorType("int64", (self.n,))

    def forward(self, like: TensorType) -> Any:
        return Call("torch.randperm", self.n, device=Attr(In(0), "device"))


@op("bernoulli", "torch.bernoulli")
class Bernoulli(Op):
    """1 with the probability that x is, else 0; no gradient passes."""

    rule = SAME
    examples = (Example({}, "float32[B, 8]", "float32[B, 8]"), Example({}, "float64[]", "float64[]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.floating(x, f"the input of `{self.name}`", inputs=(0,))
        return x

    def forward(self, x: TensorType) -> Any:
        return Call(self.counterpart, In(0))


@op("poisson", "torch.poisson")
class Poisson(Bernoulli):
    """Counts of a Poisson distribution whose rate x is; no gradient passes."""


@op("normal", "torch.normal")
class Normal(Op):
    """Numbers of the normal distribution of a mean and a standard deviation, a tensor or a number; no gradient passes.

    A sample with a gradient is `mean + std * noise`, the noise of `randn`.
    """

    rule = "the shape the inputs broadcast to"
    inputs = ("mean", "std?")
    std = arg(Optional(NonNegativeFloat), None, "the standard deviation as a number; without a tensor it is 1")
    examples = (
        Example({}, ("float32[B, 8]", "float32[B, 8]"), "float32[B, 8]"),
        Example({"std": 0.1}, "float64[B, 8]", "float64[B, 8]"),
        Example({}, "float32[B, 8]", "float32[B, 8]"),
    )

    def infer(self, require: Require, mean: TensorType, std: TensorType | None = None) -> TensorType:
        require.floating(mean, "the mean of `normal`", inputs=(0,))  # of complex numbers no training can pass it
        if std is None:
            return mean
        if self.std is not None:
            require.fail("AS210", "`normal` has two standard deviations: an input and an argument", argument="std")
        require.floating(std, "the standard deviation of `normal`", inputs=(1,))
        return mean.with_shape(broadcast(require, [mean.shape, std.shape], self.name, (0, 1)))

    def forward(self, mean: TensorType, std: TensorType | None = None) -> Any:
        if std is not None:
            return Call("torch.normal", In(0), In(1))
        return Call("torch.normal", In(0), 1.0 if self.std is None else self.std)


@op("multinomial", "torch.multinomial")
class Multinomial(Op):
    """Classes drawn with the probabilities (or weights) that the last dimension has."""

    rule = "[N?, C] → [N?, num_samples]"
    num_samples = arg(SizeKind(1), doc="how many are drawn")
    replacement = arg(Bool, False, "a class may be drawn again")
    examples = (
        Example({"num_samples": 2}, "float32[B, 8]", "int64[B, 2]"),
        Example({"num_samples": 9, "replacement": True}, "float64[4]", "int64[9]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.floating(x, "the probabilities of `multinomial`", inputs=(0,))
        require.rank(x, 1, 2, what="the probabilities of `multinomial`", inputs=(0,))
        least: Size = 1 if self.replacement else self.num_samples
        message = "`multinomial` draws more classes than there are"
        where: dict[str, Any] = {"inputs": (0,), "argument": "num_samples", "axis": (x.rank - 1,)}
        require.at_least(x.shape[-1], least, message, **where)
        return TensorType("int64", (*x.shape[:-1], self.num_samples))

    def forward(self, x: TensorType) -> Any:
        return Call("torch.multinomial", In(0), self.num_samples, **given(self, "replacement"))
