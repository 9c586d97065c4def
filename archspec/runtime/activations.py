"""Activation checkpointing (Chen et al., 2016, arXiv:1604.06174), by torch.utils.checkpoint: the forward pass of a
module keeps its inputs only, and backward runs it once more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from archspec.runtime.override import override

# What `selective` keeps: a result costs far more to compute than to hold. Names in torch.ops.aten.
_KEPT = (
    "mm", "addmm", "bmm", "baddbmm", "linear", "convolution", "_scaled_mm", "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention", "_scaled_dot_product_attention_math",
)  # fmt: skip
_Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


def checkpoint_activations(blocks: Iterable[nn.Module], *, selective: bool) -> None:
    """Let these modules keep no activations, in place: parameters keep their names.

    Random numbers of the second pass are those of the first, and running statistics of norms move once. Without
    gradients there is one pass.
    """
    for block in blocks:
        _again(block, selective)


def _again(module: nn.Module, selective: bool) -> None:
    plain = type(module).forward
    policy = _saving if selective else None
    tracked = bool(_tracked(module))

    def with_checkpoint(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return plain(self, *args, **kwargs)
        context_fn: Callable[[], _Contexts] | None = policy
        if tracked and not torch.compiler.is_compiling():  # the compiler's own second pass leaves statistics alone
            context_fn = partial(_contexts, _tracked(self), policy)
        if context_fn is None:
            return checkpoint(plain, self, *args, use_reentrant=False, **kwargs)
        return checkpoint(plain, self, *args, use_reentrant=False, context_fn=context_fn, **kwargs)

    override(module, with_checkpoint)


def _tracked(module: nn.Module) -> list[_NormBase]:
    """The norms in it that keep running statistics."""
    return [inner for inner in module.modules() if isinstance(inner, _NormBase) and inner.track_running_stats]


def _saving() -> _Contexts:
    contexts: _Contexts = create_selective_checkpoint_contexts(_policy)
    return contexts


def _policy(_: Any, op: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
    packet = getattr(op, "overloadpacket", op)
    return CheckpointPolicy.MUST_SAVE if packet in _ops() else CheckpointPolicy.PREFER_RECOMPUTE


_found: set[Any] = set()


def _ops() -> set[Any]:
    if not _found:
        _found.update(getattr(torch.ops.aten, name) for name in _KEPT if hasattr(torch.ops.aten, name))
    return _found


def _contexts(norms: list[_NormBase], policy: Callable[[], _Contexts] | None) -> _Contexts:
    """What the two passes run in."""
    first, second = policy() if policy else (nullcontext(), nullcontext())
    return first, _both(second, norms)


@contextmanager
def _both(inner: AbstractContextManager[Any], norms: list[_NormBase]) -> Iterator[None]:
    """In the second pass the norms move copies of their running statistics."""
    kept = [(norm, dict(norm._buffers)) for norm in norms if norm.training]
    for norm, buffers in kept:
        norm._buffers.update({name: None if tensor is None else tensor.clone() for name, tensor in buffers.items()})
    try:
        with inner:
            yield
    finally:
        for norm, buffers in kept:
            norm._buffers.update(buffers)
