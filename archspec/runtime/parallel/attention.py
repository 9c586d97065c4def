"""Attention of tensors that are shared along two axes, heads by `tensor` and places by `context`.

Each process has its queries, of its heads and places, and brings together the keys and values of its heads: their
gradients are sums over the places. PyTorch's own sharding of attention (2.13) takes one axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from torch import Tensor, fx
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Placement, Replicate, Shard
from torch.nn import functional
from torch.nn.functional import scaled_dot_product_attention

from archspec.runtime.parallel.layout import evenly, placements

AXES = ("context", "tensor")


@contextmanager
def attention_by(form: Callable[..., Any]) -> Iterator[None]:
    """Meanwhile `scaled_dot_product_attention` is this form of it, also where backward computes it again."""
    functional.scaled_dot_product_attention = form
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = scaled_dot_product_attention


def recorded(form: Callable[..., Any]) -> Callable[..., Any]:
    """A form of attention that is one call where a module is traced."""

    @wraps(form)
    def attention(query: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(query, fx.Proxy):
            return query.tracer.create_proxy("call_function", attention, (query, *args), kwargs)
        return form(query, *args, **kwargs)

    return attention


@recorded
def attention(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
    """`scaled_dot_product_attention` of whatever is given."""
    mesh = next((t.device_mesh for t in (query, key, value) if isinstance(t, DTensor)), None)
    if mesh is None:
        return scaled_dot_product_attention(query, key, value, *args, **kwargs)
    return _attention(mesh, query, key, value, *args, **kwargs)


def _attention(
    mesh: DeviceMesh,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **more: Any,
) -> DTensor:
    """query [..., H, L, E], key [..., H, S, E], value [..., H, S, V], attn_mask [..., L, S]; all whole tensors."""
    at = {"context": query.ndim - 2, "tensor": query.ndim - 3}  # the axis of each that is in parts: places, heads
    split = {axis for axis in AXES if _evenly(query, axis, at[axis])}
    if not all(_evenly(tensor, "tensor", at["tensor"]) for tensor in (key, value)):
        split.discard("tensor")
    count, length = query.shape[-2], key.shape[-2]
    own = {axis: Shard(at[axis]) for axis in split}
    heads = {axis: place for axis, place in own.items() if axis == "tensor"}
    queries = _local(mesh, query, own, split)
    keys, values = (_local(mesh, tensor, heads, split) for tensor in (key, value))
    if is_causal:
        attn_mask = torch.ones(count, length, dtype=torch.bool, device=mesh.device_type).tril()
    if attn_mask is not None:
        axes = {axis: attn_mask.ndim - query.ndim + at[axis] for axis in split}
        parts = {axis: Shard(n) for axis, n in axes.items() if n >= 0 and attn_mask.shape[n] > 1}
        attn_mask = _local(mesh, attn_mask, parts, split)
    out = scaled_dot_product_attention(queries, keys, values, attn_mask, dropout_p, **more)
    return DTensor.from_local(out.contiguous(), mesh, placements(mesh, **own), run_check=False)


def _evenly(tensor: Tensor, axis: str, number: int) -> bool:
    """Is it shared out, and in equal parts of its dimension `number`, which is none of a batch?"""
    return isinstance(tensor, DTensor) and number >= 1 and evenly(tensor, axis, number)


def _local(mesh: DeviceMesh, tensor: Tensor, parts: dict[str, Shard], split: set[str]) -> Tensor:
    """What this process needs of a tensor. Where the result is `split` and the tensor is not, its gradient is a sum."""
    if not isinstance(tensor, DTensor):  # which every process has made alike
        tensor = DTensor.from_local(tensor, mesh, placements(mesh), run_check=False)
    gradient: dict[str, Placement] = {axis: parts.get(axis, Partial()) for axis in split}
    there = tensor.redistribute(placements=placements(mesh, **parts))
    local = there.to_local(grad_placements=[gradient.get(axis, Replicate()) for axis in AXES])
    if local.requires_grad:
        size, stride = local.size(), local.stride()  # DTensor takes gradients to lie in memory as their tensors do
        local.register_hook(lambda grad: grad.new_empty_strided(size, stride).copy_(grad))
    return local
