"""Discrete Fourier transforms (torch.fft)."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import category, normalize_dims
from archspec.ops.calls import given
from archspec.ops.complex import REAL_OF, complex_of
from archspec.ops.expr import Call, In
from archspec.ops.kinds import AnyInt, BadValue, Choice, ListOf, Optional, SizeKind
from archspec.ops.reduction import SomeDims
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.rules import SAME
from archspec.ops.shaping import Dims
from archspec.ops.tensor import TensorType

Norm = Choice("backward", "ortho", "forward")
_NORM_DOC = "where the factor 1/n stands: in the inverse, as 1/sqrt(n) in both, or in the forward transform"


class Transform(Op):
    """Base of all. `real_input`: takes real numbers only; `real_output`: gives them. The real side is twice as long."""

    real_input: ClassVar[bool] = False
    real_output: ClassVar[bool] = False
    norm = arg(Norm, "backward", _NORM_DOC)

    def dtype(self, require: Require, x: TensorType) -> str:
        if x.dtype in ("float16", "bfloat16"):
            require.fail("AS303", f"`{self.name}` does not take {x.dtype}", inputs=(0,))
        if self.real_input and category(x.dtype) == 3:
            require.fail("AS303", f"`{self.name}` takes real numbers, got {x.dtype}", inputs=(0,))
        dtype = complex_of(x.dtype)
        return REAL_OF[dtype] if self.real_output else dtype

    def spectrum(self, require: Require, dtype: str, shape: tuple[Size, ...]) -> TensorType:
        for axis, size in enumerate(shape):  # MKL takes no empty batch
            message = f"`{self.name}` has nothing to transform in dimension {axis}"
            require.at_least(size, 1, message, inputs=(0,), axis=(axis,))
        return TensorType(dtype, shape)

    def length(self, require: Require, x: TensorType, axis: int, wanted: Size | None, last: bool) -> Size:
        """The size of the result along an axis; `last`: the one whose other half a real signal does not need."""
        size = x.shape[axis] if wanted is None else wanted
        where: dict[str, Any] = {"inputs": (0,), "axis": (axis,)}
        if last and self.real_output:
            size = 2 * (size - 1) if wanted is None else size
        require.at_least(size, 1, f"`{self.name}` has nothing to transform in dimension {axis}", **where)
        return size // 2 + 1 if last and self.real_input else size

    def forward(self, x: TensorType) -> Any:
        settings = given(self, *self.args)
        for name in ("s", "dim"):  # sizes and axes are written out as they are meant
            if name in settings:
                settings[name] = getattr(self, name)
        return Call(self.counterpart, In(0), **settings)


class OneAxis(Transform):
    """Base of transforms along one dimension."""

    n = arg(Optional(SizeKind(1)), None, "length of the signal, which is cut or filled up with zeros")
    dim = arg(AnyInt, -1, "the dimension to transform")
    norm = arg(Norm, "backward", _NORM_DOC)

    def infer(self, require: Require, x: TensorType) -> TensorType:
        dtype = self.dtype(require, x)
        require.rank(x, least=1, what=f"the input of `{self.name}`", inputs=(0,))
        axis = require.axis(x, self.dim)
        size = self.length(require, x, axis, self.n, last=True)
        return self.spectrum(require, dtype, (*x.shape[:axis], size, *x.shape[axis + 1 :]))


@op("fft", "torch.fft.fft")
class Fft(OneAxis):
    """Fourier transform along one dimension."""

    rule = "the shape of x, with n or S along `dim`"
    examples = (
        Example({}, "float32[B, T]", "complex64[B, T]"),
        Example({"dim": 1, "n": 16, "norm": "ortho"}, "complex128[B, T, 4]", "complex128[B, 16, 4]"),
    )


@op("ifft", "torch.fft.ifft")
class Ifft(OneAxis):
    """Inverse Fourier transform along one dimension."""

    rule = "the shape of x, with n or S along `dim`"
    examples = (
        Example({}, "complex64[B, T]", "complex64[B, T]"),
        Example({"dim": 1, "n": 16, "norm": "forward"}, "float64[B, T, 4]", "complex128[B, 16, 4]"),
    )


@op("rfft", "torch.fft.rfft")
class Rfft(OneAxis):
    """Fourier transform of a real signal: the half of the spectrum that says it all."""

    real_input = True
    rule = "the shape of x, with (n or S)//2 + 1 along `dim`"
    examples = (
        Example({}, "float32[B, T]", "complex64[B, T//2 + 1]"),
        Example({"dim": 1, "n": 16, "norm": "ortho"}, "float64[B, T, 4]", "complex128[B, 9, 4]"),
    )


@op("irfft", "torch.fft.irfft")
class Irfft(OneAxis):
    """The real signal of half a spectrum; its length is even, unless `n` says it."""

    real_output = True
    rule = "the shape of x, with n or 2*(S - 1) along `dim`"
    examples = (
        Example({}, "complex64[B, 9]", "float32[B, 16]"),
        Example({"n": 15}, "complex64[B, 8]", "float32[B, 15]"),
        Example({"dim": 1, "norm": "ortho"}, "complex128[B, 9, 4]", "float64[B, 16, 4]"),
    )


@op("hfft", "torch.fft.hfft")
class Hfft(OneAxis):
    """The real spectrum of half a signal that is symmetric (Hermitian)."""

    real_output = True
    rule = "the shape of x, with n or 2*(S - 1) along `dim`"
    examples = (
        Example({}, "complex64[B, 9]", "float32[B, 16]"),
        Example({"dim": 1, "n": 15, "norm": "ortho"}, "complex128[B, 9, 4]", "float64[B, 15, 4]"),
    )


@op("ihfft", "torch.fft.ihfft")
class Ihfft(OneAxis):
    """Half the symmetric (Hermitian) signal of a real spectrum."""

    real_input = True
    rule = "the shape of x, with (n or S)//2 + 1 along `dim`"
    examples = (
        Example({}, "float32[B, T]", "complex64[B, T//2 + 1]"),
        Example({"dim": 1, "n": 16, "norm": "ortho"}, "float64[B, T, 4]", "complex128[B, 9, 4]"),
    )


class Several(Transform):
    """Base of transforms along several dimensions."""

    rule: ClassVar[str] = "the sizes of x, or those of `s` along `dim`"
    s = arg(
        Optional(ListOf(SizeKind(1, infer=True))),
        None,
        "sizes along `dim`, cut or filled up with zeros; -1: as it is",
    )
    dim = arg(Optional(Dims), None, "the dimensions to transform; left out: the last as many as `s` has, or all")
    norm = arg(Norm, "backward", _NORM_DOC)

    def validate(self) -> None:
        if self.s is not None and self.dim is not None and len(self.s) != len(self.dim):
            raise BadValue(f"`s` has {len(self.s)} sizes for {len(self.dim)} dimensions", ("s",))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        dtype = self.dtype(require, x)
        axes = self.axes(require, x)
        if not axes and (self.real_input or self.real_output):
            require.fail("AS301", f"`{self.name}` transforms at least one dimension", inputs=(0,), argument="dim")
        shape = list(x.shape)
        for place, axis in enumerate(axes):
            wanted = None if self.s is None or self.s[place] == -1 else self.s[place]
            shape[axis] = self.length(require, x, axis, wanted, last=place == len(axes) - 1)
        return self.spectrum(require, dtype, tuple(shape))

    def axes(self, require: Require, x: TensorType) -> tuple[int, ...]:
        if self.dim is not None:
            if self.dim:  # elsewhere a number has the dimensions 0 and -1, here it has none
                require.rank(x, least=1, what=f"the input of `{self.name}`", inputs=(0,), argument="dim")
            return normalize_dims(require, x, self.dim)
        if self.s is None:
            return tuple(range(x.rank))
        require.rank(x, least=len(self.s), what=f"for the sizes `s`, the input of `{self.name}`", inputs=(0,))
        return tuple(range(x.rank - len(self.s), x.rank))


class Two(Several):
    """Base of transforms of images."""

    dim = arg(Dims, [-2, -1], "the dimensions to transform")


_PLAIN = (
    Example({"norm": "ortho"}, "float32[B, 3, H, W]", "complex64[B, 3, H, W]"),
    Example({"s": [4, -1], "dim": [1, 2]}, "complex128[B, H, W, 4]", "complex128[B, 4, W, 4]"),
)
_REAL = (
    Example({"norm": "ortho", "dim": [-2, -1]}, "float32[B, 3, H, W]", "complex64[B, 3, H, W//2 + 1]"),
    Example({"s": [4, 8], "dim": [1, 2]}, "float64[B, H, W, 4]", "complex128[B, 4, 5, 4]"),
)
_BACK = (
    Example({"norm": "ortho", "dim": [-2, -1]}, "complex64[B, 3, H, 5]", "float32[B, 3, H, 8]"),
    Example({"s": [4, 7], "dim": [1, 2]}, "complex128[B, H, 4, 4]", "float64[B, 4, 7, 4]"),
)


class _ToHalf:
    """Of a real signal the half of the spectrum that says it all."""

    real_input: ClassVar[bool] = True
    rule: ClassVar[str] = "the sizes of x, or those of `s` along `dim`; the last of these becomes S//2 + 1"
    examples: ClassVar[tuple[Example, ...]] = _REAL


class _FromHalf:
    """The real signal of half a spectrum."""

    real_output: ClassVar[bool] = True
    rule: ClassVar[str] = "the sizes of x, or those of `s` along `dim`; without `s` the last of these becomes 2*(S - 1)"
    examples: ClassVar[tuple[Example, ...]] = _BACK


@op("fft2", "torch.fft.fft2")
class Fft2(Two):
    """Fourier transform along two dimensions."""

    examples = _PLAIN


@op("ifft2", "torch.fft.ifft2")
class Ifft2(Two):
    """Inverse Fourier transform along two dimensions."""

    examples = _PLAIN


@op("rfft2", "torch.fft.rfft2")
class Rfft2(_ToHalf, Two):
    """Fourier transform of a real image: of the last dimension the half that says it all."""


@op("irfft2", "torch.fft.irfft2")
class Irfft2(_FromHalf, Two):
    """The real image of half a spectrum; its last size is even, unless `s` says it."""


@op("fftn", "torch.fft.fftn")
class Fftn(Several):
    """Fourier transform along several dimensions."""

    examples = _PLAIN


@op("ifftn", "torch.fft.ifftn")
class Ifftn(Several):
    """Inverse Fourier transform along several dimensions."""

    examples = _PLAIN


@op("rfftn", "torch.fft.rfftn")
class Rfftn(_ToHalf, Several):
    """Fourier transform of a real signal along several dimensions: of the last the half that says it all."""


@op("irfftn", "torch.fft.irfftn")
class Irfftn(_FromHalf, Several):
    """The real signal of half a spectrum along several dimensions; its last size is even, unless `s` says it."""


_SYMMETRIC = (
    Example({"norm": "ortho"}, "float32[B, 8, 8]", "complex64[B, 8, 5]"),
    Example({"s": [4, 8], "dim": [1, 2]}, "float64[B, 6, 6, 4]", "complex128[B, 4, 5, 4]"),
)


@op("hfft2", "torch.fft.hfft2")
class Hfft2(_FromHalf, Two):
    """The real spectrum of half a symmetric (Hermitian) image; its last size is even, unless `s` says it."""


@op("ihfft2", "torch.fft.ihfft2")
class Ihfft2(_ToHalf, Two):
    """Half the symmetric (Hermitian) image of a real spectrum."""

    examples = _SYMMETRIC


@op("hfftn", "torch.fft.hfftn")
class Hfftn(_FromHalf, Several):
    """The real spectrum of half a symmetric (Hermitian) signal of several dimensions."""


@op("ihfftn", "torch.fft.ihfftn")
class Ihfftn(_ToHalf, Several):
    """Half the symmetric (Hermitian) signal of a real spectrum of several dimensions."""


class Shift(Op):
    """Base of moving the frequency 0."""

    rule: ClassVar[str] = SAME
    dim = arg(Optional(SomeDims), None, "dimension or dimensions; left out: all")
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, "complex64[B, T]", "complex64[B, T]"),
        Example([-2, -1], "float32[B, 3, H, W]", "float32[B, 3, H, W]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, least=1, what=f"the input of `{self.name}`", inputs=(0,))
        for dim in self.dim or ():
            require.axis(x, dim)
        return x

    def forward(self, x: TensorType) -> Any:
        dim = {} if self.dim is None else {"dim": self.dim[0] if len(self.dim) == 1 else self.dim}
        return Call(self.counterpart, In(0), **dim)


@op("fftshift", "torch.fft.fftshift")
class Fftshift(Shift):
    """The frequency 0 in the middle."""


@op("ifftshift", "torch.fft.ifftshift")
class Ifftshift(Shift):
    """The frequency 0 in front again."""
