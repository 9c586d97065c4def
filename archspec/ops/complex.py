"""Complex numbers: their parts, and making them of real ones."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.ops.base import Example, Op
from archspec.ops.broadcast import broadcast, category, floating_result
from archspec.ops.expr import Attr, Call, In, Method
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import BROADCAST, SAME
from archspec.ops.tensor import COMPLEX, TensorType

REAL_OF = {"complex64": "float32", "complex128": "float64"}
COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}


class Part(Op):
    """Base of what a complex number is made of."""

    rule: ClassVar[str] = SAME
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, "complex64[B, 4]", "float32[B, 4]"),
        Example({}, "complex128[]", "float64[]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        return x.with_dtype(REAL_OF.get(x.dtype, x.dtype))

    def forward(self, x: TensorType) -> Any:
        return Attr(In(0), self.name)


@op("real", "torch.real")
class Real(Part):
    """The real part; of a real number, itself."""

    examples = (*Part.examples, Example({}, "int64[B]", "int64[B]"))


@op("imag", "torch.imag")
class Imag(Part):
    """The imaginary part of complex numbers."""

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.dtype(x, *COMPLEX, what="the input of `imag`", inputs=(0,))
        return super().infer(require, x)


@op("conj", "torch.conj")
class Conj(Op):
    """The complex conjugate; of a real number, itself."""

    rule = SAME
    examples = (Example({}, "complex64[B, 4]", "complex64[B, 4]"), Example({}, "float32[B]", "float32[B]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        return x

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "conj")


@op("angle", "torch.angle")
class Angle(Part):
    """The angle of complex numbers in radians; of a real number 0, or pi where it is negative."""

    examples = (*Part.examples, Example({}, "float64[B]", "float64[B]"), Example({}, "int64[B]", "float32[B]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        return super().infer(require, x.with_dtype(floating_result(x.dtype)))

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "angle")


class OfTwo(Op):
    """Base of complex numbers made of two real ones, with broadcasting."""

    rule: ClassVar[str] = BROADCAST
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ("float32[B, 4]", "float32[B, 4]"), "complex64[B, 4]"),
        Example({}, ("float64[B, 1]", "float64[4]"), "complex128[B, 4]"),
    )

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        for number, t in enumerate((x, y)):
            require.dtype(t, *COMPLEX_OF, what=f"each input of `{self.name}`", inputs=(number,))
        require.same_dtype(x, y, f"the inputs of `{self.name}`", inputs=(0, 1))
        return TensorType(COMPLEX_OF[x.dtype], broadcast(require, [x.shape, y.shape], self.name, (0, 1)))

    def forward(self, x: TensorType, y: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1))


@op("complex", "torch.complex")
class Complex(OfTwo):
    """Complex numbers of their real and imaginary parts."""

    inputs = ("real", "imag")


@op("polar", "torch.polar")
class Polar(OfTwo):
    """Complex numbers of their absolute values and angles."""

    inputs = ("abs", "angle")


@op("view_as_complex", "torch.view_as_complex")
class ViewAsComplex(Op):
    """The two numbers of the last dimension as the parts of a complex one."""

    rule = "[*, P] → [*], and P is 2"
    examples = (
        Example({}, "float32[B, T, 2]", "complex64[B, T]"),
        Example({}, "float64[2]", "complex128[]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.dtype(x, *COMPLEX_OF, what="the input of `view_as_complex`", inputs=(0,))
        require.rank(x, least=1, what="the input of `view_as_complex`", inputs=(0,))
        message = "`view_as_complex` reads pairs in the last dimension"
        require.equal(x.shape[-1], 2, message, inputs=(0,), axis=(x.rank - 1,))
        return TensorType(COMPLEX_OF[x.dtype], x.shape[:-1])

    def forward(self, x: TensorType) -> Any:
        return Call("torch.view_as_complex", Method(In(0), "contiguous"))  # the pairs have to lie together


@op("view_as_real", "torch.view_as_real")
class ViewAsReal(Op):
    """Real and imaginary part as a new last dimension of 2."""

    rule = "[*] → [*, 2]"
    examples = (
        Example({}, "complex64[B, T]", "float32[B, T, 2]"),
        Example({}, "complex128[]", "float64[2]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.dtype(x, *COMPLEX, what="the input of `view_as_real`", inputs=(0,))
        return TensorType(REAL_OF[x.dtype], (*x.shape, 2))

    def forward(self, x: TensorType) -> Any:
        return Call("torch.view_as_real", Method(In(0), "resolve_conj"))  # of a real one, `ifft` gives a conjugate view


def complex_of(dtype: str) -> str:
    """The complex dtype of a Fourier transform of this dtype; integers count as the default dtype."""
    return dtype if category(dtype) == 3 else COMPLEX_OF[floating_result(dtype)]
