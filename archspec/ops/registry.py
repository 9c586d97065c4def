"""The closed set of ops a spec may name. A family (a file) is imported when one of its ops is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

from archspec.ops.base import Op

O = TypeVar("O", bound=type[Op])  # noqa: E741

# Each family with its ops. An op that is declared and not listed here, or listed and not declared, is an error.
FAMILIES = {
    "linear": "linear bilinear identity",
    "conv": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    "functional": "functional_linear functional_conv1d functional_conv2d functional_conv3d",
    "pool": "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d",
    "adaptive": "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d"
    " adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d",
    "unpool": "max_unpool1d max_unpool2d max_unpool3d fractional_max_pool2d fractional_max_pool3d",
    "folding": "unfold fold unfold_dim",
    "norm": "batch_norm1d batch_norm2d batch_norm3d instance_norm1d instance_norm2d instance_norm3d"
    " layer_norm rms_norm group_norm local_response_norm",
    "activation": "relu relu6 leaky_relu prelu rrelu elu selu celu gelu silu mish softplus softsign softshrink"
    " hardshrink tanhshrink hardtanh hardsigmoid hardswish sigmoid log_sigmoid tanh threshold glu",
    "softmax": "softmax softmin log_softmax softmax2d",
    "dropout": "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout stochastic_depth",
    "noise": "gumbel_softmax rand randn randint randperm bernoulli poisson normal multinomial",
    "embedding": "embedding embedding_bag",
    "padding": "pad",
    "upsample": "interpolate pixel_shuffle pixel_unshuffle channel_shuffle",
    "sampling": "grid_sample affine_grid",
    "arithmetic": "add mul sub rsub div remainder pow maximum minimum clamp",
    "pointwise": "neg abs square sign floor ceil trunc round exp exp2 expm1 log log1p log2 log10 sqrt rsqrt reciprocal"
    " sin cos tan asin acos atan sinh cosh asinh acosh atanh erf frac sgn signbit isnan isfinite isinf isposinf"
    " isneginf isreal deg2rad rad2deg logical_not to",
    "special": "erfc erfinv erfcx lgamma digamma polygamma multigammaln sinc logit entr ndtr ndtri log_ndtr i0 i0e i1"
    " i1e nan_to_num",
    "pairwise": "atan2 hypot copysign fmod logaddexp logaddexp2 xlogy xlog1py float_power fmax fmin gcd lcm isclose",
    "bitwise": "bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift",
    "blending": "lerp addcmul addcdiv addmm baddbmm",
    "comparison": "eq ne lt le gt ge logical_and logical_or logical_xor where masked_fill",
    "joining": "concat stack chunk split tensor_split unbind",
    "indexing": "select slice narrow index_select gather take_along_dim",
    "scatter": "scatter scatter_add scatter_reduce index_add index_copy index_fill masked_scatter"
    " select_scatter slice_scatter",
    "positions": "index index_put take put index_reduce diagonal_scatter unravel_index isin",
    "combining": "meshgrid broadcast_tensors cartesian_prod combinations block_diag vander",
    "shaping": "flatten unflatten reshape permute transpose movedim squeeze unsqueeze expand contiguous detach",
    "rearrange": "rearrange",
    "reduction": "mean sum prod max min amax amin argmax argmin std var norm logsumexp any all",
    "statistics": "median nanmedian quantile nanquantile mode kthvalue nanmean nansum count_nonzero aminmax std_mean"
    " var_mean cov corrcoef histc",
    "ordering": "cumsum cumprod topk sort argsort cummax cummin logcumsumexp diff gradient trapezoid"
    " cumulative_trapezoid bucketize searchsorted",
    "arranging": "roll flip repeat_interleave tile tril triu diagonal rot90 diag_embed",
    "complex": "real imag conj angle complex polar view_as_complex view_as_real",
    "fourier": "fft ifft rfft irfft hfft ihfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn hfft2"
    " ihfft2 hfftn ihfftn fftshift ifftshift",
    "spectrogram": "stft istft",
    "products": "matmul einsum",
    "vectors": "outer cross kron",
    "linalg": "inv matrix_exp matrix_power cholesky det slogdet eigh pinv qr svdvals solve_triangular",
    "solving": "solve lstsq cholesky_solve cholesky_inverse svd eig eigvals eigvalsh logdet matrix_norm trace"
    " householder_product vecdot",
    "similarity": "normalize cosine_similarity pairwise_distance cdist pdist dist renorm",
    "creation": "arange zeros ones full one_hot",
    "ranges": "linspace logspace eye tril_indices triu_indices fftfreq rfftfreq",
    "windows": "hann_window hamming_window blackman_window bartlett_window kaiser_window gaussian_window"
    " exponential_window cosine_window nuttall_window",
    "parameters": "parameter buffer",
    "recurrent": "lstm gru rnn",
    "cells": "lstm_cell gru_cell rnn_cell",
    "attention": "attention",
    "multihead": "multihead_attention",
    "transformer": "transformer_encoder_layer transformer_decoder_layer transformer",
}
_FAMILY_OF = {name: family for family, names in FAMILIES.items() for name in names.split()}

_ops: dict[str, type[Op]] = {}
_in_order: dict[str, type[Op]] = {}  # all of them, once they are asked for


def op(name: str, counterpart: str = "") -> Callable[[O], O]:
    """Class decorator: register an op under its `snake_case` name; `counterpart` is its PyTorch name."""

    def register(cls: O) -> O:
        family = cls.__module__.rpartition(".")[2]
        if name in _ops or _FAMILY_OF.get(name) != family:
            raise ValueError(f"op {name!r} is declared twice, or not listed under {family!r} in FAMILIES")
        cls.name = name
        cls.counterpart = counterpart
        _ops[name] = cls
        return cls

    return register


def find(name: str) -> type[Op] | None:
    """The op of this name."""
    found = _ops.get(name)
    if found is None and name in _FAMILY_OF:
        import_module(f"archspec.ops.{_FAMILY_OF[name]}")
        found = _ops[name]
    return found


def names() -> list[str]:
    """The names of all ops, none of which is imported for it."""
    return list(_FAMILY_OF)


def all_ops() -> dict[str, type[Op]]:
    """Every op by name, in the order of `FAMILIES`."""
    if not _in_order:
        for family in FAMILIES:
            import_module(f"archspec.ops.{family}")
        _in_order.update((name, _ops[name]) for name in _FAMILY_OF)
    return _in_order
