"""Attention whose keys and values go round the processes that have parts of a sequence, by the kernels of GPUs.

PyTorch's ring attention (Liu et al., 2023, arXiv:2310.01889) takes what its kernels tell of each part: their results
and the logarithms of the sums over it. What it does not take, brings keys and values together.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.distributed.tensor import DTensor, Shard
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from archspec.runtime.parallel.attention import attention_by, recorded

PARTS = (Shard(2),)  # of [B, H, T, E]
# The memory-efficient kernel tells as many sums as fill blocks of these, which the ring takes for one a place.
BLOCK = 32


@contextmanager
def ring_attention() -> Iterator[None]:
    """Meanwhile `scaled_dot_product_attention` is `ring`, also where backward computes it again."""
    # Of an experimental module, and without names of their own there: what PyTorch's own trainer (torchtitan) calls.
    from torch.distributed.tensor.experimental import _attention as experimental

    balanced = experimental._cp_options.enable_load_balance
    experimental._cp_options.enable_load_balance = False  # it takes sequences in another order than they come in
    experimental._enable_context_parallel_dispatcher()
    try:
        with attention_by(ring):
            yield
    finally:
        experimental._disable_context_parallel_dispatcher()
        experimental._cp_options.enable_load_balance = balanced


@recorded
def ring(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **more: Any,
) -> Tensor:
    """`scaled_dot_product_attention` of whatever is given, tensors in parts of [B, H, T, E] among it."""
    kernels = [SDPBackend.MATH]
    if attn_mask is None and not dropout_p and _go_round(query, key, value):
        kernels += [SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION]
        if query.to_local().shape[2] % BLOCK == 0:  # type: ignore[attr-defined]
            kernels.append(SDPBackend.EFFICIENT_ATTENTION)
        for tensor in (query, key, value):
            if tensor.requires_grad:
                tensor.register_hook(_laid)
    with sdpa_kernel(kernels):
        return scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, **more)


def _go_round(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Is each of them in parts of its places, of as many?"""
    return query.shape[-2] == key.shape[-2] and all(
        isinstance(tensor, DTensor) and tensor.ndim == 4 and tensor.placements == PARTS
        for tensor in (query, key, value)
    )


def _laid(grad: DTensor) -> DTensor:
    """A gradient that lies in memory as it says. (Those of keys and values are read from what has gone round.)"""
    strides = grad.stride()
    order = sorted(range(grad.ndim), key=lambda axis: -strides[axis])
    local = grad.to_local().permute(order).contiguous().permute([order.index(axis) for axis in range(grad.ndim)])
    return DTensor.from_local(
        local, grad.device_mesh, grad.placements, run_check=False, shape=grad.shape, stride=strides
    )
