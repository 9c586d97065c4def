"""Special functions of one tensor, element by element."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.base import Example, arg
from archspec.ops.expr import Call, In, Method
from archspec.ops.kinds import NonNegativeInt, Number, Optional, PositiveInt
from archspec.ops.pointwise import FloatPointwise, Pointwise
from archspec.ops.registry import op
from archspec.ops.tensor import TensorType


class Special(FloatPointwise):
    """Base: of real numbers."""

    refused: ClassVar[tuple[int, ...]] = (3,)
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, "float32[B, 4]", "float32[B, 4]"),
        Example({}, "int32[B, T, 4]", "float32[B, T, 4]"),
        Example({}, "float64[]", "float64[]"),
    )

    def forward(self, x: TensorType) -> Any:
        return Call(self.counterpart, In(0))


@op("erfc", "torch.erfc")
class Erfc(Special):
    """1 - erf(x), exact for large x."""


@op("erfinv", "torch.erfinv")
class Erfinv(Special):
    """The inverse of the error function."""


@op("erfcx", "torch.special.erfcx")
class Erfcx(Special):
    """exp(x * x) * erfc(x)."""


@op("lgamma", "torch.lgamma")
class Lgamma(Special):
    """Logarithm of the absolute value of the gamma function."""


@op("digamma", "torch.digamma")
class Digamma(Special):
    """Derivative of the logarithm of the gamma function."""


@op("polygamma", "torch.polygamma")
class Polygamma(Special):
    """The n-th derivative of digamma."""

    n = arg(NonNegativeInt, doc="which derivative")
    examples = (
        Example(1, "float32[B, 4]", "float32[B, 4]"),
        Example(2, "int32[B, T, 4]", "float32[B, T, 4]"),
    )

    def forward(self, x: TensorType) -> Any:
        return Call("torch.polygamma", self.n, In(0))


@op("multigammaln", "torch.special.multigammaln")
class Multigammaln(Special):
    """Logarithm of the multivariate gamma function, for x above (p - 1) / 2."""

    refused = (0, 3)
    p = arg(PositiveInt, doc="the dimension")
    examples = (
        Example(1, "float32[B, 4]", "float32[B, 4]"),
        Example(2, "float64[B, T, 4]", "float64[B, T, 4]"),
    )

    def forward(self, x: TensorType) -> Any:
        return Call(self.counterpart, In(0), self.p)


@op("sinc", "torch.sinc")
class Sinc(FloatPointwise):
    """sin(pi * x) / (pi * x), and 1 at 0."""

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "sinc")


@op("logit", "torch.logit")
class Logit(Special):
    """log(x / (1 - x)), the inverse of sigmoid."""

    eps = arg(Optional(Number), None, "x is first limited to [eps, 1 - eps]")
    examples = (*Special.examples, Example(1e-6, "float32[B, 4]", "float32[B, 4]"))

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "logit", *([] if self.eps is None else [self.eps]))


@op("entr", "torch.special.entr")
class Entr(Special):
    """-x * log(x), and 0 at 0: what each probability adds to the entropy."""


@op("ndtr", "torch.special.ndtr")
class Ndtr(Special):
    """Distribution function of the standard normal distribution."""


@op("ndtri", "torch.special.ndtri")
class Ndtri(Special):
    """The inverse of ndtr: quantiles of the standard normal distribution."""


@op("log_ndtr", "torch.special.log_ndtr")
class LogNdtr(Special):
    """log(ndtr(x)), exact far from the mean."""


@op("i0", "torch.i0")
class I0(Special):
    """Modified Bessel function of the first kind, of order 0."""


@op("i0e", "torch.special.i0e")
class I0e(Special):
    """exp(-|x|) * i0(x)."""


@op("i1", "torch.special.i1")
class I1(Special):
    """Modified Bessel function of the first kind, of order 1."""


@op("i1e", "torch.special.i1e")
class I1e(Special):
    """exp(-|x|) * i1(x)."""


@op("nan_to_num", "torch.nan_to_num")
class NanToNum(Pointwise):
    """x with numbers in the place of what is none, and of the infinities."""

    refused = (3,)

    nan = arg(Optional(Number), None, "for what is not a number; null: 0")
    posinf = arg(Optional(Number), None, "for infinity; null: the largest number of the dtype")
    neginf = arg(Optional(Number), None, "for minus infinity; null: the smallest number of the dtype")
    examples = (*Pointwise.examples, Example({"nan": 1.0, "posinf": 100}, "float32[B, 4]", "float32[B, 4]"))

    def forward(self, x: TensorType) -> Any:
        given = {name: getattr(self, name) for name in self.args}
        return Method(In(0), "nan_to_num", **{k: v for k, v in given.items() if v is not None})
