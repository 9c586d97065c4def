"""Systems of equations, and what single numbers and spectra say of matrices (torch.linalg)."""

from __future__ import annotations

from typing import Any

from archspec.dims import minimum
from archspec.ops.base import Example, Op, arg
from archspec.ops.broadcast import broadcast, category, normalize_dims
from archspec.ops.calls import given
from archspec.ops.complex import COMPLEX_OF, REAL_OF
from archspec.ops.expr import Attr, Call, In, Method
from archspec.ops.kinds import AnyInt, BadValue, Bool, Choice, Number, OneOf, Spread
from archspec.ops.linalg import OfMatrices, SameShape
from archspec.ops.reduction import whole_sum
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType


@op("solve", "torch.linalg.solve")
class Solve(OfMatrices):
    """X with a @ X = b; singular matrices are an error when the model runs."""

    rule = "[*, N, N], [*, N, K] → [*, N, K], where the [*] broadcast"
    inputs = ("a", "b")
    examples = (
        Example({}, ("float32[B, 4, 4]", "float32[B, 4, 2]"), "float32[B, 4, 2]"),
        Example({}, ("float64[3, 3]", "float64[B, 3, 1]"), "float64[B, 3, 1]"),
    )

    def infer(self, require: Require, a: TensorType, b: TensorType) -> TensorType:
        rows, _ = self.matrices(require, a)
        require.same_dtype(a, b, f"the inputs of `{self.name}`", inputs=(0, 1))
        require.rank(b, least=max(2, a.rank), what=f"with {a}, the right side of `{self.name}`", inputs=(0, 1))
        message = f"`{self.name}` has a right side of another number of rows"
        require.equal(rows, b.shape[-2], message, inputs=(0, 1), axis=(a.rank - 2, b.rank - 2))
        batch = broadcast(require, [a.shape[:-2], b.shape[:-2]], self.name, (0, 1))
        return b.with_shape((*batch, *b.shape[-2:]))

    def forward(self, a: TensorType, b: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1))


@op("lstsq", "torch.linalg.lstsq")
class Lstsq(OfMatrices):
    """The X that brings a @ X nearest to b, for a of full rank: closed-form regression."""

    rule = "[*, M, N], [*, M, K] → [*, N, K]"
    inputs = ("a", "b")
    square = False
    examples = (
        Example({}, ("float32[B, 6, 4]", "float32[B, 6, 2]"), "float32[B, 4, 2]"),
        Example({}, ("float64[3, 3]", "float64[3, 1]"), "float64[3, 1]"),
    )

    def infer(self, require: Require, a: TensorType, b: TensorType) -> TensorType:
        rows, columns = self.matrices(require, a)
        require.same_dtype(a, b, "the inputs of `lstsq`", inputs=(0, 1))
        require.rank(b, a.rank, what=f"with {a}, the right side of `lstsq`", inputs=(0, 1))
        message = "`lstsq` has a right side of another number of rows"
        require.equal(rows, b.shape[-2], message, inputs=(0, 1), axis=(a.rank - 2, b.rank - 2))
        batch = broadcast(require, [a.shape[:-2], b.shape[:-2]], self.name, (0, 1))
        require.elements(a, "the left side of `lstsq`", inputs=(0,))
        return b.with_shape((*batch, columns, b.shape[-1]))

    def forward(self, a: TensorType, b: TensorType) -> Any:
        return Attr(Call(self.counterpart, In(0), In(1)), "solution")


@op("cholesky_solve", "torch.cholesky_solve")
class CholeskySolve(OfMatrices):
    """X with a @ X = b, where `L` is what `cholesky` gives of a."""

    inputs = ("b", "L")
    rule = "[*, N, K], [*, N, N] → [*, N, K], where the [*] broadcast"
    upper = arg(Bool, False, "the triangle is an upper one")
    examples = (
        Example({}, ("float32[B, 4, 2]", "float32[B, 4, 4]"), "float32[B, 4, 2]"),
        Example({"upper": True}, ("float64[B, 3, 1]", "float64[3, 3]"), "float64[B, 3, 1]"),
    )

    def infer(self, require: Require, b: TensorType, a: TensorType) -> TensorType:
        rows, _ = self.matrices(require, a, 1)
        require.same_dtype(a, b, "the inputs of `cholesky_solve`", inputs=(1, 0))
        require.rank(b, least=2, what="the right side of `cholesky_solve`", inputs=(0,))
        message = "`cholesky_solve` has a right side of another number of rows"
        require.equal(rows, b.shape[-2], message, inputs=(1, 0), axis=(a.rank - 2, b.rank - 2))
        batch = broadcast(require, [b.shape[:-2], a.shape[:-2]], self.name, (0, 1))
        return b.with_shape((*batch, *b.shape[-2:]))

    def forward(self, b: TensorType, a: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1), **given(self, "upper"))


@op("cholesky_inverse", "torch.cholesky_inverse")
class CholeskyInverse(SameShape):
    """The inverse of a, of what `cholesky` gives of a."""

    upper = arg(Bool, False, "the triangle is an upper one")


@op("svd", "torch.linalg.svd")
class Svd(OfMatrices):
    """x = U @ diag(S) @ Vh: singular values, from the largest on, and vectors."""

    rule = "[*, M, N] → [*, M, M], [*, min(M, N)], [*, N, N]; without `full_matrices` U has as many columns as S"
    result = ("U", "S", "Vh")
    square = False
    full_matrices = arg(Bool, True, "square U and Vh; what they have more than K vectors passes no gradient")
    examples = (
        Example(
            {"full_matrices": False}, "float32[B, 4, 6]", ("float32[B, 4, 4]", "float32[B, 4]", "float32[B, 4, 6]")
        ),
        Example({}, "float64[3, 5]", ("float64[3, 3]", "float64[3]", "float64[5, 5]")),
    )

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:
        rows, columns = self.matrices(require, x)
        inner = minimum(rows, columns)
        left, right = (rows, columns) if self.full_matrices else (inner, inner)
        batch, real = x.shape[:-2], REAL_OF.get(x.dtype, x.dtype)
        u, vh = x.with_shape((*batch, rows, left)), x.with_shape((*batch, right, columns))
        return u, TensorType(real, (*batch, inner)), vh

    def forward(self, x: TensorType) -> Any:
        return Call(self.counterpart, In(0), **given(self, "full_matrices"))


@op("eig", "torch.linalg.eig")
class Eig(OfMatrices):
    """Eigenvalues and eigenvectors of square matrices; both are complex."""

    rule = "[*, N, N] → [*, N], [*, N, N]"
    result = ("eigenvalues", "eigenvectors")
    examples = (
        Example({}, "float32[B, 4, 4]", ("complex64[B, 4]", "complex64[B, 4, 4]")),
        Example({}, "complex128[3, 3]", ("complex128[3]", "complex128[3, 3]")),
    )

    def infer(self, require: Require, x: TensorType) -> tuple[TensorType, ...]:
        self.matrices(require, x)
        vectors = x.with_dtype(COMPLEX_OF.get(x.dtype, x.dtype))
        return vectors.with_shape(x.shape[:-1]), vectors


@op("eigvals", "torch.linalg.eigvals")
class Eigvals(OfMatrices):
    """Eigenvalues of square matrices, which are complex."""

    rule = "[*, N, N] → [*, N]"
    examples = (
        Example({}, "float32[B, 4, 4]", "complex64[B, 4]"),
        Example({}, "complex128[3, 3]", "complex128[3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        self.matrices(require, x)
        return TensorType(COMPLEX_OF.get(x.dtype, x.dtype), x.shape[:-1])


@op("eigvalsh", "torch.linalg.eigvalsh")
class Eigvalsh(OfMatrices):
    """Eigenvalues, from the least on, of symmetric or Hermitian matrices."""

    rule = "[*, N, N] → [*, N]"
    UPLO = arg(Choice("L", "U"), "L", "which triangle is read")
    examples = (
        Example({}, "float32[B, 4, 4]", "float32[B, 4]"),
        Example({"UPLO": "U"}, "complex64[3, 3]", "float32[3]"),
    )

    def infer(self, require: Require, x: TensorType) -> TensorType:
        self.matrices(require, x)
        return TensorType(REAL_OF.get(x.dtype, x.dtype), x.shape[:-1])


@op("logdet", "torch.logdet")
class Logdet(OfMatrices):
    """Logarithm of determinants; not a number where they are negative."""

    rule = "[*, N, N] → [*]"
    examples = (Example({}, "float32[B, 4, 4]", "float32[B]"), Example({}, "float64[3, 3]", "float64[]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        self.matrices(require, x)
        return x.with_shape(x.shape[:-2])


@op("matrix_norm", "torch.linalg.matrix_norm")
class MatrixNorm(Op):
    """A norm of matrices: of Frobenius, nuclear, or by its number (2: the largest singular value)."""

    rule = "[*, M, N] → [*]; with `keepdim` there are two sizes of 1, and `dim` names other dimensions"
    ord = arg(OneOf(Choice("fro", "nuc"), Number, title="fro, nuc, 1, -1, 2, -2, .inf or -.inf"), "fro", "which norm")
    dim = arg(Spread(2, AnyInt), [-2, -1], "the rows and the columns")
    keepdim = arg(Bool, False, "keep the two dimensions, with size 1")
    examples = (
        Example({}, "float32[B, 4, 6]", "float32[B]"),
        Example({"ord": "nuc", "keepdim": True}, "float64[B, 3, 3]", "float64[B, 1, 1]"),
        Example({"ord": 2, "dim": [0, 2]}, "float32[4, B, 3]", "float32[B]"),
    )

    def validate(self) -> None:
        if self.ord not in ("fro", "nuc") and abs(self.ord) not in (1, 2, float("inf")):
            raise BadValue(f"`ord` is no norm of matrices: {self.ord:g}", ("ord",))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        spectral = self.ord in ("nuc", 2, -2)
        if category(x.dtype) < 2 or (spectral and x.dtype in ("float16", "bfloat16")):
            require.fail("AS303", f"this `matrix_norm` does not take {x.dtype}", inputs=(0,))
        require.rank(x, least=2, what="the matrices of `matrix_norm`", inputs=(0,))
        axes = normalize_dims(require, x, self.dim)
        if self.ord not in ("fro", "nuc"):
            for axis in axes:
                message = f"`matrix_norm` of no elements in dimension {axis}"
                require.at_least(x.shape[axis], 1, message, inputs=(0,), axis=(axis,))
        kept = [1 if a in axes else s for a, s in enumerate(x.shape) if self.keepdim or a not in axes]
        return TensorType(REAL_OF.get(x.dtype, x.dtype), tuple(kept))

    def forward(self, x: TensorType) -> Any:
        ord = self.ord if isinstance(self.ord, str) or abs(self.ord) == float("inf") else int(self.ord)
        options = {} if self.ord == "fro" else {"ord": ord}
        dim = {} if self.dim == (-2, -1) else {"dim": self.dim}
        return Call(self.counterpart, In(0), **options, **dim, **given(self, "keepdim"))


@op("trace", "torch.trace")
class Trace(Op):
    """The sum of the diagonal of a matrix."""

    rule = "[N, M] → []"
    examples = (Example({}, "float32[4, N]", "float32[]"), Example({}, "int32[3, 3]", "int64[]"))

    def infer(self, require: Require, x: TensorType) -> TensorType:
        require.rank(x, 2, what="the matrix of `trace`", inputs=(0,))
        if x.dtype == "bool":
            require.fail("AS303", "`trace` does not take bool", inputs=(0,))
        return TensorType(whole_sum(x.dtype), ())

    def forward(self, x: TensorType) -> Any:
        return Method(In(0), "trace")


@op("householder_product", "torch.linalg.householder_product")
class HouseholderProduct(OfMatrices):
    """The first columns of a product of Householder reflections: matrices with orthonormal columns, learned."""

    rule = "[*, M, N], [*, K] → [*, M, N]"
    inputs = ("x", "tau")
    square = False
    examples = (
        Example({}, ("float32[B, 6, 4]", "float32[B, 4]"), "float32[B, 6, 4]"),
        Example({}, ("float64[3, 3]", "float64[2]"), "float64[3, 3]"),
    )

    def infer(self, require: Require, x: TensorType, tau: TensorType) -> TensorType:
        rows, columns = self.matrices(require, x)
        require.same_dtype(x, tau, "the inputs of `householder_product`", inputs=(0, 1))
        require.rank(tau, x.rank - 1, what=f"with {x}, the factors", inputs=(0, 1))
        for axis in range(x.rank - 2):
            message = f"the inputs of `householder_product` differ in dimension {axis}"
            require.equal(x.shape[axis], tau.shape[axis], message, inputs=(0, 1), axis=(axis, axis))
        message = "`householder_product` has more columns than rows"
        require.at_least(rows, columns, message, inputs=(0,), axis=(x.rank - 2,))
        message = "`householder_product` has more factors than columns"
        require.at_least(columns, tau.shape[-1], message, inputs=(0, 1), axis=(x.rank - 1, tau.rank - 1))
        return x

    def forward(self, x: TensorType, tau: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1))


@op("vecdot", "torch.linalg.vecdot")
class Vecdot(Op):
    """The dot product of vectors along a dimension, the first conjugated."""

    rule = "the shape the inputs broadcast to without `dim`"
    inputs = ("x", "y")
    dim = arg(AnyInt, -1, "the dimension of the vectors")
    examples = (
        Example({}, ("float32[B, T, 8]", "float32[B, T, 8]"), "float32[B, T]"),
        Example({"dim": 0}, ("float64[3, 4]", "float64[3, 1]"), "float64[4]"),
    )

    def infer(self, require: Require, x: TensorType, y: TensorType) -> TensorType:
        for number, t in enumerate((x, y)):
            if category(t.dtype) < 2:
                require.floating(t, "each input of `vecdot`", inputs=(number,))
        require.same_dtype(x, y, "the inputs of `vecdot`", inputs=(0, 1))
        if x.rank == y.rank == 1:  # the dot product of two vectors does not broadcast
            message = "`vecdot` of two vectors needs them of one length"
            require.equal(x.shape[0], y.shape[0], message, inputs=(0, 1), axis=(0, 0))
            return x.with_shape(())  # whatever `dim` says: PyTorch does not look at it then
        joint = x.with_shape(broadcast(require, [x.shape, y.shape], self.name, (0, 1)))
        axis = require.axis(joint, self.dim)
        return joint.with_shape(s for a, s in enumerate(joint.shape) if a != axis)

    def forward(self, x: TensorType, y: TensorType) -> Any:
        return Call(self.counterpart, In(0), In(1), **given(self, "dim"))
