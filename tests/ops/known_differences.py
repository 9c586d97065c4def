"""The few places where declaration and PyTorch differ on purpose, or PyTorch cannot be asked; one reason each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from archspec.ops.broadcast import category
from archspec.ops.tensor import FLOATING, TensorType

Inputs = tuple[TensorType | None, ...]
Holds = Callable[[Any, Inputs], bool]


def _no_table(op: Any, inputs: Inputs) -> bool:
    return bool(op.num_embeddings < 1)


def _no_bags(op: Any, inputs: Inputs) -> bool:
    few = ((0,), (1,)) if op.include_last_offset else ((0,),)
    return _no_table(op, inputs) or (inputs[1] is not None and inputs[1].shape in few)


def _no_dims(op: Any, inputs: Inputs) -> bool:
    twice = op.normalized_shape is not None and op.dims not in (1, len(op.normalized_shape))
    return twice or (inputs[0] is not None and not 0 < op.dims <= inputs[0].rank)


def _cut_factors(op: Any, inputs: Inputs) -> bool:
    factors = [getattr(op, name) for name in ("value", "beta", "alpha") if hasattr(op, name)]
    return any(isinstance(f, float) for f in factors)


def _uneven(op: Any, inputs: Inputs) -> bool:
    _, index, src = inputs
    return index is not None and src is not None and index.shape != src.shape


def _no_step(op: Any, inputs: Inputs) -> bool:
    return 0 in op.dilation


def _no_windows(op: Any, inputs: Inputs) -> bool:
    sizes = (*op.kernel_size, *(getattr(op, "stride", None) or ()))
    twice = getattr(op, "like", None) is not None and op.output_size is not None  # `like` is archspec's own
    return twice or min(sizes) < 1 or min(getattr(op, "padding", (0,))) < 0


def _two_sizes(op: Any, inputs: Inputs) -> bool:
    return _no_windows(op, inputs) or None not in (op.output_size, op.output_ratio)


def _integers(op: Any, inputs: Inputs) -> bool:
    return inputs[0] is not None and not inputs[0].is_floating


def _biased_vector(op: Any, inputs: Inputs) -> bool:
    return inputs[1] is not None and inputs[1].rank == 1 and inputs[2] is not None


def _loose_bias(op: Any, inputs: Inputs) -> bool:
    bias = inputs[2]
    return _integers(op, inputs) or (bias is not None and (bias.rank != 1 or bias.shape == (1,)))


def _unchecked_dropout(op: Any, inputs: Inputs) -> bool:
    return _integers(op, inputs) or op.p in (0, 1)


def _undocumented(op: Any, inputs: Inputs) -> bool:
    x = inputs[0]
    if x is None:
        return False
    last = x.shape[len(x.shape) - op.axes :]
    sizes = {own if size is None else size for size, own in zip(op.output_size, last, strict=False)}
    return sizes == {1} and not (x.is_floating and op.axes < x.rank < op.axes + 3 and 0 not in last)


def _no_axes(op: Any, inputs: Inputs) -> bool:
    return op.dim == ()


def _strange_attention(op: Any, inputs: Inputs) -> bool:
    unsplit = op.num_heads is not None
    lengths = {t.shape[-2] for t in inputs[1:3] if t is not None and t.rank > 1}
    if op.window is not None and op.window < 1:  # archspec's own
        return True
    q, mask = inputs[0], inputs[3] if len(inputs) > 3 else None
    if q is not None and mask is not None and q.dtype != mask.dtype == "float32":  # kernels of GPUs refuse it
        return True
    empty = {t is not None and 0 in t.shape for t in inputs[:3]}
    return (
        len(lengths) > 1
        or len(empty) > 1
        or not 0 <= op.dropout_p <= 1
        or (op.enable_gqa if unsplit else op.num_kv_heads is not None)
    )


def _no_signal(op: Any, inputs: Inputs) -> bool:
    return inputs[0] is not None and 0 in inputs[0].shape


def _no_probability(op: Any, inputs: Inputs) -> bool:
    return not 0 <= op.dropout <= 1


def _byte_mask(op: Any, inputs: Inputs) -> bool:
    return inputs[0] is not None and inputs[0].dtype == "uint8"


def _complex(op: Any, inputs: Inputs) -> bool:
    return inputs[0] is not None and inputs[0].dtype.startswith("complex")


def _half(op: Any, inputs: Inputs) -> bool:
    return inputs[0] is not None and inputs[0].dtype in ("float16", "bfloat16")


def _half_or_mixed(op: Any, inputs: Inputs) -> bool:
    return _half(op, inputs) or _mixed(op, inputs)


def _mixed(op: Any, inputs: Inputs) -> bool:
    return len({t.dtype for t in inputs if t is not None}) > 1


def _two_ends(op: Any, inputs: Inputs) -> bool:
    cut = op.dtype is not None and op.dtype not in FLOATING and op.usual() != "int64"
    return cut or (op.dim is not None and op.end is not None)


def _judged_by_einops(op: Any, inputs: Inputs) -> bool:
    return True  # test_rearrange.py holds every refusal against einops itself


def _divides_integers(op: Any, inputs: Inputs) -> bool:
    whole = not any(t is not None and (t.is_floating or t.dtype.startswith("complex")) for t in inputs)
    return whole and len(inputs) > 1 and inputs[1] is not None and getattr(op, "rounding_mode", "floor") is not None


def _last_offset(op: Any, inputs: Inputs) -> bool:
    return bool(op.include_last_offset and op.sparse)  # zeros are no last offset, which the sparse gradient reads


# Calls whose fate lies in the numbers: integers are zeros here, and cannot be divided by.
BY_VALUE: dict[str, Holds] = dict.fromkeys(("div", "remainder", "fmod"), _divides_integers)


def _complex_of_real(op: Any, inputs: Inputs) -> bool:
    """Summed in a complex dtype real numbers have a result, but PyTorch fails on its gradient."""
    x = inputs[0]
    return "complex" in str(op.dtype) and x is not None and x.is_floating


BY_VALUE["embedding_bag"] = _last_offset
BY_VALUE["combinations"] = lambda op, inputs: op.r < 1  # an empty result that has no gradient
BY_VALUE |= dict.fromkeys(("mean", "sum", "prod", "cumsum", "cumprod"), _complex_of_real)


def _listed_values(op: Any, inputs: Inputs) -> bool:
    return op.init.name in ("values", "grid", "sinusoidal")


def _states_of_other_rank(op: Any, inputs: Inputs) -> bool:
    return len({t.rank for t in inputs if t is not None}) > 1


def _positive(x: torch.Tensor) -> torch.Tensor:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2] or not (x.is_floating_point() or x.is_complex()):
        return x
    return (x @ x.mH + 3 * torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)).detach()


def _probabilities(x: torch.Tensor) -> torch.Tensor:
    return x.detach().sigmoid() if x.is_floating_point() else x


# Ops that are defined on some numbers only: made of random ones.
PREPARED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"cholesky": _positive, "cholesky_inverse": _positive}
PREPARED |= dict.fromkeys(("bernoulli", "poisson", "multinomial", "normal"), _probabilities)

# Ops whose sizes PyTorch tells on the CPU alone: their kernels look at the numbers.
NO_META = frozenset({"istft", "cov", "corrcoef", "lstsq", "combinations"})


def _two_images(op: Any, inputs: Inputs) -> bool:
    return op.like is not None and op.size is not None


def _no_temperature(op: Any, inputs: Inputs) -> bool:
    return bool(op.tau <= 0)


def _no_distance(op: Any, inputs: Inputs) -> bool:
    return bool(op.d == 0 or op.n < 1)


def _masked(op: Any, inputs: Inputs) -> bool:
    return any(t is not None and t.dtype in ("bool", "uint8") for t in inputs[len(op.inputs) - 1 :])


def _unplaced(op: Any, inputs: Inputs) -> bool:
    return bool(op.dim < 0) or _masked(op, inputs)


def _half_signal(op: Any, inputs: Inputs) -> bool:
    return _no_signal(op, inputs) or _mixed(op, inputs)


def _fraction_of_integers(op: Any, inputs: Inputs) -> bool:
    return isinstance(op.alpha, float) and inputs[0] is not None and category(inputs[0].dtype) < 2


def _narrow_index(op: Any, inputs: Inputs) -> bool:
    return inputs[1] is not None and inputs[1].dtype == "int32"


def _vector(op: Any, inputs: Inputs) -> bool:
    ranks = [t.rank for t in inputs if t is not None]
    return _half_or_mixed(op, inputs) or ranks[1] < max(2, ranks[0])


def _nothing(op: Any, inputs: Inputs) -> bool:
    return bool(op.n == 0)


def _negative_padding(op: Any, inputs: Inputs) -> bool:
    return isinstance(op.padding, tuple) and min(op.padding) < 0


def _two_deviations(op: Any, inputs: Inputs) -> bool:
    return inputs[1] is not None and (op.std is not None or not inputs[1].is_floating)


def _steps_over(op: Any, inputs: Inputs) -> bool:
    last = inputs[0].shape[-op.axes :] if inputs[0] is not None else ()
    return any(pad and step > 1 and size < step for size, pad, step in zip(last, op.padding, op.dilation, strict=False))


def _no_rows(op: Any, inputs: Inputs) -> bool:
    return inputs[0] is not None and inputs[0].shape[:1] == (0,)


# Calls that end the process (PyTorch 2.13 reads out of bounds, or divides by zero).
CRASHES: dict[str, Holds] = {
    "embedding": _no_table,
    "embedding_bag": _no_bags,
    "lstm_cell": _states_of_other_rank,
    "pdist": _no_rows,
}

CRASHES |= dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _steps_over)

# Calls that PyTorch takes on the CPU and archspec refuses.
STRICTER: dict[str, tuple[str, Holds]] = {
    "fftfreq": ("a distance of 0 gives infinities, and no signal has one frequency", _no_distance),
    "functional_linear": ("beside a weight of one dimension a bias goes with some shapes only", _biased_vector),
    "index": ("dimensions before the positions count from the front; what a mask takes lies in its numbers", _unplaced),
    "index_put": ("how many values go to the places of a mask lies in its numbers", _masked),
    "trapezoid": ("PyTorch gives zeros that have no gradient", _no_signal),
    "matrix_norm": ("PyTorch gives zeros that have no gradient", _no_signal),
    "diff": ("where nothing is done, `dim` is not looked at", _nothing),
    "normal": ("a number `std` beside a tensor is archspec's own, and integers are no deviations", _two_deviations),
    "rfftfreq": ("a distance of 0 gives infinities, and no signal has one frequency", _no_distance),
    "arange": ("`dim` of a value is archspec's own; integers lose their fraction after they were counted", _two_ends),
    "rearrange": ("its notation says more than the reshape that it becomes", _judged_by_einops),
    "attention": (
        "kernels look at less: a dropout below 0, keys without values, a wider mask",
        _strange_attention,
    ),
    "lstm_cell": ("states of another dtype pass on the CPU", _mixed),
    "gru_cell": ("states of another dtype pass on the CPU", _mixed),
    "bucketize": ("bool is brought to the other's dtype", _mixed),
    "searchsorted": ("bool is brought to the other's dtype", _mixed),
    "cdist": ("halves are computed in float32, in which the other input may be", _mixed),
    "stft": ("PyTorch pads a signal of nothing with zeros; halves are brought to the window's dtype", _half_signal),
    "index_add": ("beside integers a fraction is cut off on the CPU, and refused elsewhere", _fraction_of_integers),
    "index_reduce": ("an index of int32 does where nothing must be filled in before", _narrow_index),
    "take_along_dim": ("`gather`, which does it where no size is to be found, also takes int32", _narrow_index),
    "transformer_encoder_layer": ("masks of another floating dtype are deprecated", _mixed),
    "transformer_decoder_layer": ("masks of another floating dtype are deprecated", _mixed),
    "lstm": ("a cell state of another dtype passes on the CPU", _mixed),
    "rnn_cell": ("states of another dtype pass on the CPU", _mixed),
    "multihead_attention": (
        "any dropout passes where no kernel looks at it, and a mask of another floating dtype, which is deprecated",
        lambda op, inputs: _no_probability(op, inputs) or _mixed(op, inputs),
    ),
    "to": ("torch only warns where the imaginary part is lost", _complex),
    "where": ("uint8 as a condition is deprecated", _byte_mask),
    "parameter": ("`shape` is archspec's own, where the initialiser tells the values", _listed_values),
    "affine_grid": ("`like` is archspec's own, and stands alone", _two_images),
    "gumbel_softmax": ("any number passes for a temperature", _no_temperature),
    "buffer": ("`shape` is archspec's own, where the initialiser tells the values", _listed_values),
    "layer_norm": ("`dims` is archspec's own: some of the input's, and as many as `normalized_shape` has", _no_dims),
    "rms_norm": ("`dims` is archspec's own: some of the input's, and as many as `normalized_shape` has", _no_dims),
}
for _name in ("conv1d", "conv2d", "conv3d"):
    STRICTER[_name] = ("another mode than zeros takes off cells where the padding is negative", _negative_padding)
for _name in ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"):
    STRICTER[_name] = ("a dilation of 0 slips through one of the kernels", _no_step)
for _name in ("max_unpool1d", "max_unpool2d", "max_unpool3d"):
    STRICTER[_name] = ("only the size of the output is looked at, not how it comes about", _no_windows)
for _name in ("fractional_max_pool2d", "fractional_max_pool3d"):
    STRICTER[_name] = ("a window without cells, and a second size, slip through the function", _two_sizes)
for _name in ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"):
    STRICTER[_name] = (
        "with an output size of 1 it is a mean, and takes what its documentation does not",
        _undocumented,
    )
STRICTER["functional_linear"] = ("integers have a kernel on the CPU alone, and a bias broadcasts", _loose_bias)
for _name in ("functional_conv1d", "functional_conv2d", "functional_conv3d"):
    STRICTER[_name] = ("integers have a kernel on the CPU alone", _integers)
for _name in (
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "alpha_dropout",
    "feature_alpha_dropout",
    "stochastic_depth",
):
    STRICTER[_name] = ("where p is 0 or 1, and in evaluation, PyTorch does not look at the input", _unchecked_dropout)
for _name in (*(f"{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)), "local_response_norm"):
    STRICTER[_name] = ("integers have a kernel on the CPU alone", _integers)
for _name in ("scatter", "scatter_add", "scatter_reduce"):
    STRICTER[_name] = ("a gradient of another shape than src passes where it happens to broadcast", _uneven)
for _name in (
    "cholesky", "det", "eigh", "qr", "svdvals", "solve_triangular", "solve", "lstsq", "cholesky_solve",
    "cholesky_inverse", "svd", "eig", "eigvals", "eigvalsh", "logdet", "householder_product",
):  # fmt: skip
    STRICTER[_name] = (
        "documented for float, double, cfloat and cdouble; only the meta device takes less, and the CPU two dtypes",
        _half_or_mixed,
    )
for _name in ("addcmul", "addmm", "baddbmm"):
    STRICTER[_name] = ("a factor loses its fraction in silence where the dtype holds none", _cut_factors)
for _name in (
    "mean", "sum", "nanmean", "nansum", "count_nonzero", "amax", "amin", "std", "var", "std_mean", "var_mean", "norm",
    "logsumexp", "any", "all",
):  # fmt: skip
    STRICTER[_name] = ("an empty `dim` means all dimensions to some functions and none to others", _no_axes)

for _name in ("solve", "lstsq"):
    STRICTER[_name] = (
        "whether a right side of lower rank is vectors or a matrix depends on its sizes; and as of `det`",
        _vector,
    )

# Ops whose arguments PyTorch knows nothing of; another test judges them.
OWN_NOTATION = frozenset({"rearrange"})

# Ops that take less where a size is a symbol, though it may turn out to be 1.
LESS_OF_SYMBOLS = {"einsum": "where a size is 1, matrices are multiplied element by element, in any two dtypes"}
