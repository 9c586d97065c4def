"""Linear algebra on matrices, the dimensions before them a batch (torch.linalg)."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size, minimum
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast
from archspec.ops.calls import given
from archspec.ops.complex import REAL_OF
from archspec.ops.expr import Call, In, Method
from archspec.ops.kinds import AnyInt, Bool, Choice
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import COMPLEX, FLOATING, INTEGRAL, TensorType


class OfMatrices(Op):
    """Base: matrices of float32, float64 or complex numbers, `square` where they must be."""

    square: ClassVar[bool] = True
    dtypes: tuple[str, ...] = ("float32", "float64", *COMPLEX)

    def matrices(self, require: Require, x: TensorType, number: int = 0) -> tuple[Size, Size]:
        """Rows and columns."""
        require.dtype(
            x,
            *self.dtypes,
            what=f"the matrices of `{self.name}`",
            inputs=(number,),
        )
        require.rank(x, least=2, what=f"the matrices of `{self.name}`", inputs=(number,))
        rows, columns = x.shape[-2:]
        if self.square:
            message = f"the matrices of `{self.name}` must be square"
            columns = require.equal(rows, columns, message, inputs=(number,) * 2, axis=(x.rank - 2, x.rank - 1))
        return rows, columns

    def forward(self, *inputs: Any) -> Any:
        return Call(self.counterpart, In(0), **given(self, *self.args))


_SQUARE = (
    Example({}, "float32[B, 4, 4]", "float32[B, 4, 4]"),
    Example({}, "float64[3, 3]", "float64[3, 3]"),
)


class SameShape(OfMatrices):
    """Base of a matrix of each matrix."""

    rule: ClassVar[str] = "[*, N, N] → [*, N, N]"
    examples: ClassVar[tuple[Example, ...]] = _SQUARE

    def infer(self, require: Require, x: TensorType) -> TensorType:
        self.matrices(require, x)
        return x


@op("inv", "torch.linalg.inv")
class Inv(SameShape):
    """Inverse matrices."""


@op("matrix_exp", "torch.linalg.matrix_exp")
class MatrixExp(SameShape):
    """Exponentials of matrices; of skew-symmetric ones they are rotations."""

    dtypes = (*FLOATING, *COMPLEX)

    def forward(self, x: TensorType) -> Any:
        read = Method(In(0), "contiguous") if x.rank > 3 else In(0)  # the dimensions of the batch are viewed as one
        return Call(self.counterpart, read)


@op("matrix_power", "torch.linalg.matrix_power")
class MatrixPower(SameShape):
    """Matrices multiplied by themselves."""

    n = arg(AnyInt, doc="how often; a negative number multiplies the inverses")
    examples = (
        Example(3, "float32[B, 4, 4]", "float32[B, 4, 4]"),
        Example(-1, "float64[3, 3]", "float64[3, 3]"),
    )

    def validate(self) -> None:
        if self.n >= 0:  # no inverse is taken
            self.dtypes = (*FLOATING, *INTEGRAL, *COMPLEX, *(("bool",) if self.n < 2 else ()))

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        n = abs(self.n)  # squared again and again, and multiplied where n has a bit
        products = max(n.bit_length() - 1 + n.bit_count() - 1, 0)
        size: Size = outputs[0].shape[-1]
        return 2 * products * outputs[0].numel() * size

    def forward(self, x: TensorType) -> Any:
        return Call(self.counterpart, In(0), self.n)


@op("cholesky", "torch.linalg.cholesky")
class Cholesky(SameShape):
    """L with x = L @ L.mH, for positive definite x; others are an error when the model runs."""

    upper = arg(Bool, False, "give the upper triangle, L.mH")


@op("det", "torch.linalg.det")
class Det(OfMatrices):
    """Determinants."""

    rule = "[*, N, N] → [*]"
    examples = (Example({}, "float32[B, 4, 4]", "float32[B]"), Example({}, "float64[3, 3]", "float64[]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        self.matrices(require, x)
        return x.with_shape(x.shape[:-2])


@op("slogdet", "torch.linalg.slogdet")
class Slogdet(OfMatrices):
    """Sign and logarithm of the absolute value of determinants: invertible 1x1 convolutions (Kingma et al., 2018)."""

    rule = "[*, N, N] → [*], [*]"
    result = ("sign", "logabsdet")
    examples = (
        Example({}, "float32[B, 4, 4]", ("float32[B]", "float32[B]")),
        Example({}, "complex128[3, 3]", ("complex128[]", "float64[]")),
    )

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:
        self.matrices(require, x)
        sign = x.with_shape(x.shape[:-2])
        return sign, sign.with_dtype(REAL_OF.get(x.dtype, x.dtype))


@op("eigh", "torch.linalg.eigh")
class Eigh(OfMatrices):
    """Eigenvalues, from the least on, and eigenvectors of symmetric or Hermitian matrices."""

    rule = "[*, N, N] → [*, N], [*, N, N]"
    result = ("eigenvalues", "eigenvectors")
    UPLO = arg(Choice("L", "U"), "L", "which triangle is read")
    examples = (
        Example({}, "float32[B, 4, 4]", ("float32[B, 4]", "float32[B, 4, 4]")),
        Example({"UPLO": "U"}, "complex64[3, 3]", ("float32[3]", "complex64[3, 3]")),
    )

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:
        self.matrices(require, x)
        return x.with_shape(x.shape[:-1]).with_dtype(REAL_OF.get(x.dtype, x.dtype)), x


@op("pinv", "torch.linalg.pinv")
class Pinv(OfMatrices):
    """Pseudoinverses (Moore and Penrose) of matrices of any shape."""

    rule = "[*, M, N] → [*, N, M]"
    square = False
    hermitian = arg(Bool, False, "the matrices are symmetric or Hermitian")
    examples = (
        Example({}, "float32[B, 4, 6]", "float32[B, 6, 4]"),
        Example({"hermitian": True}, "float64[3, 3]", "float64[3, 3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        rows, columns = self.matrices(require, x)
        if self.hermitian:
            message = "`pinv` of `hermitian` matrices needs square ones"
            require.equal(rows, columns, message, inputs=(0, 0), argument="hermitian", axis=(x.rank - 2, x.rank - 1))
        return x.with_shape((*x.shape[:-2], columns, rows))


@op("qr", "torch.linalg.qr")
class Qr(OfMatrices):
    """x = Q @ R, the columns of Q orthonormal and R an upper triangle."""

    rule = "[*, M, N] → [*, M, K], [*, K, N], where K = min(M, N); `mode: complete` makes K of M"
    result = ("q", "r")
    square = False
    mode = arg(Choice("reduced", "complete"), "reduced", "as many columns of Q as needed, or a square Q")
    examples = (
        Example({}, "float32[B, 4, 6]", ("float32[B, 4, 4]", "float32[B, 4, 6]")),
        Example({"mode": "complete"}, "float64[3, 4]", ("float64[3, 3]", "float64[3, 4]")),
    )

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:
        rows, columns = self.matrices(require, x)
        if self.mode == "complete":
            message = "a complete `qr` has a gradient for matrices with no more rows than columns"
            require.at_least(columns, rows, message, inputs=(0,), argument="mode", axis=(x.rank - 1,))
        inner = rows if self.mode == "complete" else minimum(rows, columns)
        batch = x.shape[:-2]
        return x.with_shape((*batch, rows, inner)), x.with_shape((*batch, inner, columns))


@op("svdvals", "torch.linalg.svdvals")
class Svdvals(OfMatrices):
    """Singular values, from the largest on."""

    rule = "[*, M, N] → [*, K], where K = min(M, N)"
    square = False
    examples = (
        Example({}, "float32[B, 4, 6]", "float32[B, 4]"),
        Example({}, "complex128[4, 3]", "float64[3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        rows, columns = self.matrices(require, x)
        return TensorType(REAL_OF.get(x.dtype, x.dtype), (*x.shape[:-2], minimum(rows, columns)))


@op("solve_triangular", "torch.linalg.solve_triangular")
class SolveTriangular(OfMatrices):
    """X with a @ X = b, for triangular a."""

    rule = "[*, N, N], [*, N, K] → [*, N, K], where the [*] broadcast"
    inputs = ("a", "b")
    upper = arg(Bool, doc="a is an upper triangle, else a lower one")
    unitriangular = arg(Bool, False, "the diagonal of a counts as ones")
    examples = (
        Example({"upper": False}, ("float32[B, 4, 4]", "float32[B, 4, 2]"), "float32[B, 4, 2]"),
        Example({"upper": True, "unitriangular": True}, ("float64[3, 3]", "float64[B, 3, 1]"), "float64[B, 3, 1]"),
    )

    def infer(self, require: Require, a: TensorType, b: TensorType) -> TensorType:
        rows, _ = self.matrices(require, a)
        require.same_dtype(a, b, "the inputs of `solve_triangular`", inputs=(0, 1))
        require.rank(b, least=2, what="the right side of `solve_triangular`", inputs=(1,))
        message = "`solve_triangular` has a right side of another number of rows"
        require.equal(rows, b.shape[-2], message, inputs=(0, 1), axis=(a.rank - 2, b.rank - 2))
        batch = broadcast(require, [a.shape[:-2], b.shape[:-2]], self.name, (0, 1))
        return b.with_shape((*batch, *b.shape[-2:]))

    def forward(self, a: TensorType, b: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1), upper=self.upper, **given(self, "unitriangular"))
