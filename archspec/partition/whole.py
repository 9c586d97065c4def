"""Ops that PyTorch (2.13) does not work out for tensors laid out over processes, `DTensor`s, not even for whole ones.

tests/partition/test_whole.py holds this against PyTorch, example by example.
"""

from __future__ import annotations

from typing import Any

from archspec.diagnostics.model import Span
from archspec.ops.base import Op
from archspec.shapes.typed import Typed

# Without a sharding strategy, forward or backward, in training or in evaluation.
UNSHARED = {
    "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d", "affine_grid",
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "bilinear", "block_diag", "cdist", "combinations", "copysign",
    "embedding_bag", "fold", "fractional_max_pool2d", "fractional_max_pool3d", "group_norm", "gru", "hardshrink",
    "hardsigmoid", "hardswish", "hardtanh", "householder_product", "ihfft2", "ihfftn", "istft", "local_response_norm",
    "log_sigmoid", "lp_pool1d", "lp_pool2d", "lp_pool3d", "lstm", "lstsq", "masked_scatter", "max_pool3d",
    "multihead_attention", "nanquantile", "normal", "pdist", "poisson", "polar", "prelu", "put", "quantile", "relu6",
    "renorm", "rnn", "scatter_reduce", "searchsorted", "sgn", "softshrink", "stft", "take", "transformer",
    "transformer_encoder_layer", "unfold", "unfold_dim", "view_as_complex", "view_as_real",
}  # fmt: skip
UNSHARED_COMPLEX = {"angle", "imag", "real", "slogdet"}
REFLECTED = ("reflect", "replicate")


def unshared(typed: Typed) -> list[tuple[str, Span]]:
    """The ops of a model that cannot be shared out, and where they are."""
    found: dict[Span, str] = {}
    seen: set[int] = set()

    def look(graph: Typed) -> None:
        if id(graph) in seen:
            return
        seen.add(id(graph))
        for done in graph.nodes:
            if done.rows:  # whose number the values decide
                found[done.node.span] = "route"
            for callee, types in zip(done.calls, done.call_inputs, strict=False):
                if isinstance(callee, Typed):
                    look(callee)
                elif refused(callee, types):
                    found[done.node.span] = callee.name

    look(typed)
    return [(name, span) for span, name in found.items()]


def refused(op: Op, types: tuple[Any, ...]) -> bool:
    """Does PyTorch refuse it with inputs of these types?"""
    if op.name in UNSHARED:
        return True
    if op.name in UNSHARED_COMPLEX:
        return bool(types[0].dtype.startswith("complex"))
    if op.name == "embedding":
        return bool(getattr(op, "max_norm") is not None or getattr(op, "sparse"))  # noqa: B009
    mode = getattr(op, "mode" if op.name == "pad" else "padding_mode", None)
    return mode in REFLECTED and op.name != "grid_sample"
