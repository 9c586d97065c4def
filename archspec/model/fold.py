"""The weights of an optimised model: those of the whole, with batch norms folded into the layers before them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from archspec.codegen.emit import Source
from archspec.model.build import from_source
from archspec.optimize.model import Fold, Optimized


def optimized_module(source: Source, found: Optimized, module: nn.Module) -> nn.Module:
    """The optimised model in evaluation mode, with the weights (and their dtype) of `module`."""
    left = from_source(source)
    state = folded(module.state_dict(), found.folds)
    with torch.no_grad():
        for name, own in left.state_dict(keep_vars=True).items():
            own.data = state[name].clone()
    for name, buffer in left.named_buffers():
        if name not in state and buffer.is_floating_point():  # those that are in no state dict
            buffer.data = dict(module.named_buffers())[name].clone()
    return left.eval()


def folded(state: Mapping[str, Tensor], folds: Iterable[Fold]) -> dict[str, Tensor]:
    """Weights after folding, computed in float64: `weight * s` and `(bias - running_mean) * s + norm's bias`, where s
    is the norm's `weight / sqrt(running_var + eps)`."""
    out = dict(state)
    for fold in folds:
        weight = state[f"{fold.into}.weight"]
        mean = state[f"{fold.norm}.running_mean"].double()
        scale = (state[f"{fold.norm}.running_var"].double() + fold.eps).rsqrt()
        if fold.affine:
            scale = scale * state[f"{fold.norm}.weight"].double()
        bias = (state[f"{fold.into}.bias"].double() - mean if fold.bias else -mean) * scale
        if fold.affine:
            bias = bias + state[f"{fold.norm}.bias"].double()
        along = scale.reshape(-1, *[1] * (weight.dim() - 1))
        out[f"{fold.into}.weight"] = (weight.double() * along).to(weight.dtype)
        out[f"{fold.into}.bias"] = bias.to(weight.dtype)
    return out
