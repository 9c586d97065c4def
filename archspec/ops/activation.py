"""Activations of torch.nn. The functional form stands in a `forward`, the module in an `nn.Sequential`."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.base import Example, Op, State, arg
from archspec.ops.broadcast import computed_in, require_holds
from archspec.ops.calls import dtype_of, given
from archspec.ops.expr import Call, In, Module
from archspec.ops.kinds import AnyInt, BadValue, Choice, NonNegativeFloat, Number, PositiveInt, Refined
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.tensor import COMPLEX, DTYPES, FLOATING, INTEGRAL, TensorType

NonZero = Refined(
    Number, lambda value: "expected a number other than 0, got 0" if value == 0 else None, title="a number other than 0"
)


class Activation(Op):
    """Applied to each element. The dtypes are those PyTorch has kernels for."""

    rule: ClassVar[str] = SAME
    nonlinear = True
    functional: ClassVar[str]
    leading: ClassVar[tuple[str, ...]] = ()  # arguments written without their name
    dtypes: ClassVar[tuple[str, ...]] = FLOATING
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, "float32[B, 8]", "float32[B, 8]"),
        Example({}, "bfloat16[B, 3, H, W]", "bfloat16[B, 3, H, W]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.dtype(x, *self.dtypes, what=f"the input of `{self.name}`", inputs=(0,))
        for argument, (dtype, value) in self.converted(x.dtype).items():
            require_holds(require, dtype, value, argument)
        return x

    def converted(self, dtype: str) -> dict[str, tuple[str, float]]:
        """By argument, for inputs of this dtype: the one that PyTorch converts its number to, and the number."""
        values = {name: getattr(self, name) for name in self.args}
        return {name: (computed_in(dtype), value) for name, value in values.items() if isinstance(value, float)}

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis

    def settings(self) -> tuple[list[Any], dict[str, Any]]:
        named = given(self, *self.args)
        return [named.pop(name) for name in self.leading if name in named], named

    def module(self, x: TensorType) -> Call:
        first, named = self.settings()
        return Call(self.counterpart[6:], *first, **named)

    def forward(self, x: TensorType) -> Any:
        first, named = self.settings()
        return Call(self.functional, In(0), *first, **named)


class _ToFloat(Activation):
    """Integers are taken as float32."""

    def infer(self, require: Require, x: TensorType) -> TensorType:
        y = super().infer(require, x)
        return y if x.dtype in (*FLOATING, *COMPLEX) else y.with_dtype("float32")


@op("relu", "torch.nn.ReLU")
class ReLU(Activation):
    """max(0, x)."""

    nonnegative = True
    keeps_nonnegative = True
    functional = "F.relu"
    dtypes = (*FLOATING, *INTEGRAL)


@op("relu6", "torch.nn.ReLU6")
class ReLU6(Activation):
    """min(max(0, x), 6)."""

    nonnegative = True
    functional = "F.relu6"
    dtypes = (*FLOATING, *INTEGRAL)


@op("leaky_relu", "torch.nn.LeakyReLU")
class LeakyReLU(Activation):
    """x where positive, else negative_slope * x."""

    keeps_nonnegative = True
    functional = "F.leaky_relu"
    leading = ("negative_slope",)
    negative_slope = arg(Number, 0.01, "slope below zero")
    examples = (*Activation.examples, Example(0.2, "float64[B, 4]", "float64[B, 4]"))


@op("prelu", "torch.nn.PReLU")
class PReLU(Activation):
    """x where positive, else weight * x; the weight is learned (He et al., 2015)."""

    keeps_nonnegative = True
    num_parameters = arg(PositiveInt, 1, "1, or the number of channels")
    init = arg(Number, 0.25, "first value of the weight")
    examples = (
        *Activation.examples,
        Example({"num_parameters": 4, "init": 0.1}, "float64[B, 4, T]", "float64[B, 4, T]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        super().infer(require, x)
        if self.num_parameters != 1:
            where: dict[str, Any] = {"inputs": (0,), "argument": "num_parameters"}
            if x.rank < 2:
                require.fail("AS302", f"`num_parameters` is {self.num_parameters}, but {x} has no channels", **where)
            require.equal(
                x.shape[1], self.num_parameters, "`num_parameters` is not the number of channels", axis=(1,), **where
            )
        return x

    def converted(self, dtype: str) -> dict[str, tuple[str, float]]:
        return {"init": (dtype, self.init)} if self.num_parameters > 1 else {}  # PyTorch looks only at several

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return axis if self.num_parameters == 1 or axis != 1 else None

    def state(self, x: TensorType) -> tuple[State, ...]:
        return (State("weight", (self.num_parameters,), x.dtype),)

    def module(self, x: TensorType) -> Call:
        return Call("nn.PReLU", **given(self, "num_parameters", "init"), **dtype_of(x))

    def forward(self, x: TensorType) -> Any:
        return Module(In(0))


@op("rrelu", "torch.nn.RReLU")
class RReLU(Activation):
    """leaky_relu with a slope drawn from [lower, upper] in training, and their mean in evaluation."""

    keeps_nonnegative = True
    lower = arg(Number, 1 / 8, "smallest slope below zero")
    upper = arg(Number, 1 / 3, "largest slope below zero")
    examples = (
        Example({}, "float32[B, 8]", "float32[B, 8]"),
        Example({"lower": 0.1, "upper": 0.2}, "float64[B]", "float64[B]"),
    )

    def validate(self) -> None:
        if self.lower > self.upper:
            raise BadValue(f"`lower` must be at most `upper`, got {self.lower:g} and {self.upper:g}", ("lower",))

    @classmethod
    def bare(cls) -> bool:
        return False

    def forward(self, x: TensorType) -> Any:
        return Module(In(0))


@op("elu", "torch.nn.ELU")
class ELU(Activation):
    """x where positive, else alpha * (exp(x) - 1)."""

    keeps_nonnegative = True
    functional = "F.elu"
    leading = ("alpha",)
    alpha = arg(Number, 1.0, "limit below zero, negated")
    examples = (*Activation.examples, Example({"alpha": 0.5}, "float64[B, 4]", "float64[B, 4]"))


@op("selu", "torch.nn.SELU")
class SELU(Activation):
    """Scaled elu that keeps mean 0 and variance 1 (Klambauer et al., 2017)."""

    functional = "F.selu"


@op("celu", "torch.nn.CELU")
class CELU(Activation):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""

    keeps_nonnegative = True
    functional = "F.celu"
    leading = ("alpha",)
    alpha = arg(NonZero, 1.0, "limit below zero, negated")
    examples = (*Activation.examples, Example({"alpha": 0.5}, "float64[B, 4]", "float64[B, 4]"))


@op("gelu", "torch.nn.GELU")
class GELU(Activation):
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016)."""

    functional = "F.gelu"
    approximate = arg(Choice("none", "tanh"), "none", "exact, or by tanh")
    examples = (*Activation.examples, Example({"approximate": "tanh"}, "float64[B, 4]", "float64[B, 4]"))


@op("silu", "torch.nn.SiLU")
class SiLU(Activation):
    """x * sigmoid(x), also called swish."""

    functional = "F.silu"


@op("mish", "torch.nn.Mish")
class Mish(Activation):
    """x * tanh(softplus(x))."""

    functional = "F.mish"


@op("softplus", "torch.nn.Softplus")
class Softplus(Activation):
    """log(1 + exp(beta * x)) / beta, linear where beta * x is above the threshold."""

    nonnegative = True
    functional = "F.softplus"
    beta = arg(Number, 1.0, "sharpness")
    threshold = arg(Number, 20.0, "above it the function is x")
    examples = (*Activation.examples, Example({"beta": 2, "threshold": 10}, "float64[B, 4]", "float64[B, 4]"))


@op("softsign", "torch.nn.Softsign")
class Softsign(_ToFloat):
    """x / (1 + |x|)."""

    functional = "F.softsign"
    dtypes = (*FLOATING, *INTEGRAL, *COMPLEX)


class _Shrink(Activation):
    """Base of those with a zone of zero, whose width the dtype must be able to hold."""

    lambd: float

    def converted(self, dtype: str) -> dict[str, tuple[str, float]]:
        return {"lambd": (dtype, self.lambd)}


@op("softshrink", "torch.nn.Softshrink")
class Softshrink(_Shrink):
    """x moved towards zero by lambd; zero within it."""

    functional = "F.softshrink"
    leading = ("lambd",)
    lambd = arg(NonNegativeFloat, 0.5, "width of the zero zone")
    examples = (*Activation.examples, Example({"lambd": 0.25}, "float64[B, 4]", "float64[B, 4]"))


@op("hardshrink", "torch.nn.Hardshrink")
class Hardshrink(_Shrink):
    """x, but zero where |x| <= lambd."""

    functional = "F.hardshrink"
    leading = ("lambd",)
    lambd = arg(Number, 0.5, "width of the zero zone")
    examples = (*Activation.examples, Example({"lambd": 0.25}, "float64[B, 4]", "float64[B, 4]"))


@op("tanhshrink", "torch.nn.Tanhshrink")
class Tanhshrink(_ToFloat):
    """x - tanh(x)."""

    functional = "F.tanhshrink"
    dtypes = (*FLOATING, *INTEGRAL, *COMPLEX)


@op("hardtanh", "torch.nn.Hardtanh")
class Hardtanh(Activation):
    """x limited to [min_val, max_val]."""

    dtypes = (*FLOATING, *INTEGRAL)
    functional = "F.hardtanh"
    min_val = arg(Number, -1.0, "lower limit")
    max_val = arg(Number, 1.0, "upper limit")
    examples = (*Activation.examples, Example({"min_val": 0, "max_val": 6}, "float64[B, 4]", "float64[B, 4]"))

    def converted(self, dtype: str) -> dict[str, tuple[str, float]]:
        limits = {"min_val": self.min_val, "max_val": self.max_val}
        return {name: (dtype, float(int(v)) if dtype in INTEGRAL else v) for name, v in limits.items()}

    def validate(self) -> None:
        if self.min_val >= self.max_val:
            raise BadValue(
                f"`min_val` must be below `max_val`, got {self.min_val:g} and {self.max_val:g}", ("min_val",)
            )


@op("hardsigmoid", "torch.nn.Hardsigmoid")
class Hardsigmoid(Activation):
    """x / 6 + 1 / 2 limited to [0, 1]."""

    nonnegative = True
    functional = "F.hardsigmoid"


@op("hardswish", "torch.nn.Hardswish")
class Hardswish(Activation):
    """x * hardsigmoid(x) (Howard et al., 2019)."""

    functional = "F.hardswish"


@op("sigmoid", "torch.nn.Sigmoid")
class Sigmoid(_ToFloat):
    """1 / (1 + exp(-x))."""

    nonnegative = True
    functional = "torch.sigmoid"
    dtypes = DTYPES


@op("log_sigmoid", "torch.nn.LogSigmoid")
class LogSigmoid(Activation):
    """log(sigmoid(x))."""

    functional = "F.logsigmoid"


@op("tanh", "torch.nn.Tanh")
class Tanh(_ToFloat):
    """Hyperbolic tangent."""

    functional = "torch.tanh"
    dtypes = DTYPES


@op("threshold", "torch.nn.Threshold")
class Threshold(Activation):
    """x where above the threshold, else the value."""

    dtypes = (*FLOATING, *INTEGRAL)
    functional = "F.threshold"
    leading = ("threshold", "value")
    threshold = arg(Number, doc="what x must exceed to stay")
    value = arg(Number, doc="what stands in for the rest")
    examples = (Example({"threshold": 0.1, "value": 20}, "float32[B, 8]", "float32[B, 8]"),)

    def converted(self, dtype: str) -> dict[str, tuple[str, float]]:
        return {"threshold": (computed_in(dtype), self.threshold), "value": (dtype, self.value)}


@op("glu", "torch.nn.GLU")
class GLU(Activation):
    """Gated linear unit: the first half along `dim` times the sigmoid of the second (Dauphin et al., 2016)."""

    rule = "the shape of x, with S//2 along `dim`"
    nonlinear = False  # it halves its input: one may follow another
    functional = "F.glu"
    dim = arg(AnyInt, -1, "the dimension that is halved")
    examples = (
        Example({}, "float32[B, 8]", "float32[B, 4]"),
        Example({"dim": 1}, "float64[B, 6, T]", "float64[B, 3, T]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        super().infer(require, x)
        require.rank(x, least=1, what="the input of `glu`", inputs=(0,))
        axis = require.axis(x, self.dim)
        require.divisible(x.shape[axis], 2, "`glu` halves a dimension", inputs=(0,), axis=(axis,))
        return x.with_shape((*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :]))

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        return None if axis == self.dim % output.rank else axis
