"""together_process.py on processors that have the kernel of GPUs for float32.

What goes round is PyTorch's, and the kernel a stand-in, which gives what the shape rule of the kernel in PyTorch says.
FOLDER/calls-RANK.json tells the lengths that the kernel was called with.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import together_process
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import pad, scaled_dot_product_attention

from archspec.runtime.parallel import attention, mesh, ring
from archspec.runtime.world import leave

BLOCK = 32  # the kernel tells as many sums as fill blocks of these (meta__scaled_dot_product_efficient_attention)
lengths: list[int] = []


def _weights(query: Tensor, key: Tensor, is_causal: bool, scale: float | None) -> tuple[Tensor, float]:
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = query @ key.transpose(-1, -2) * scale
    if is_causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[-2:], dtype=torch.bool).tril(), -math.inf)
    return scores, scale


def _laid(tensor: Tensor) -> Tensor:
    """[B, H, T, E] that lies in memory as the kernel's results do, [B, T, H, E]."""
    return tensor.transpose(1, 2).contiguous().transpose(1, 2)


def forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_bias: Tensor | None,
    compute_log_sumexp: bool,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
) -> tuple[Tensor, ...]:
    assert attn_bias is None and compute_log_sumexp and not dropout_p
    lengths.append(query.shape[-2])
    scores, _ = _weights(query, key, is_causal, scale)
    sums = scores.logsumexp(-1)
    out = (scores - sums.unsqueeze(-1)).exp() @ value
    return _laid(out), pad(sums, (0, -sums.shape[-1] % BLOCK), value=math.inf), torch.tensor(0), torch.tensor(0)


def backward(
    grad_out_: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_bias: Tensor | None,
    out: Tensor,
    logsumexp: Tensor,
    philox_seed: Tensor,
    philox_offset: Tensor,
    dropout_p: float,
    grad_input_mask: list[bool],
    is_causal: bool = False,
    *,
    scale: float | None = None,
) -> tuple[Tensor | None, ...]:
    scores, scale = _weights(query, key, is_causal, scale)
    weights = (scores - logsumexp[..., : query.shape[-2], None]).exp()
    inner = weights * (grad_out_ @ value.transpose(-1, -2) - (grad_out_ * out).sum(-1, keepdim=True)) * scale
    gradients = inner @ key, inner.transpose(-1, -2) @ query, weights.transpose(-1, -2) @ grad_out_
    return *map(_laid, gradients), None


def chosen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **more: Any,
) -> Any:
    """What scaled_dot_product_attention of tensors on a GPU chooses for float32: this kernel where it may, or none."""
    fits = mask is None and not dropout_p and not more.get("enable_gqa") and query.dtype == torch.float32
    if not fits or not torch.backends.cuda.mem_efficient_sdp_enabled():
        with sdpa_kernel(SDPBackend.MATH):
            return scaled_dot_product_attention(query, key, value, mask, dropout_p, is_causal, **more)
    kernel = torch.ops.aten._scaled_dot_product_efficient_attention
    return kernel(query, key, value, None, True, 0.0, is_causal, scale=more.get("scale"))[0]


def main(spec: str, folder: str, choices: str) -> None:
    library = torch.library.Library("aten", "IMPL")  # kept until the end of the process
    library.impl("_scaled_dot_product_efficient_attention", forward, "CPU")
    library.impl("_scaled_dot_product_efficient_attention_backward", backward, "CPU")
    mesh.KERNELS = ("cpu",)
    for module in (functional, attention, ring):
        module.scaled_dot_product_attention = chosen
    together_process.main(spec, folder, choices)
    (Path(folder) / f"calls-{os.environ['RANK']}.json").write_text(json.dumps(lengths))


if __name__ == "__main__":
    main(*sys.argv[1:])
    leave(0)
