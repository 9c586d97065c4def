"""Small networks to export."""

from __future__ import annotations

from pathlib import Path

import torch

from archspec.deploy.export import Options, export
from archspec.deploy.forms import FORMS
from archspec.deploy.verify import Verified
from archspec.runtime.trained import Trained, load_trained

# Needs H and W to be multiples of 2, and has two outputs.
UNET = """
archspec: 1
name: tiny_unet
inputs: {image: "float32[B, 1, H, W]"}
layers:
  - {name: enc, conv2d: {out_channels: 4, kernel_size: 3, padding: 1}}
  - {name: norm, batch_norm2d: {}}
  - {name: down, max_pool2d: 2}
  - {name: mid, conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}
  - {name: up, conv_transpose2d: {out_channels: 4, kernel_size: 2, stride: 2}}
  - {name: join, concat: {dim: 1}, from: [norm, up]}
  - {name: mask, conv2d: {out_channels: 1, kernel_size: 1}}
  - {name: pooled, adaptive_avg_pool2d: 1, from: mid}
  - {name: flat, flatten: {}}
  - {name: label, linear: 3}
outputs: {mask: mask, label: label}
"""
LANGUAGE = """
archspec: 1
name: tiny_language
inputs: {tokens: "int64[B, T]"}
symbols: {T: {max: 64}}
blocks:
  Layer:
    layers:
      - residual:
          - {name: norm, layer_norm: {}}
          - {name: attn, multihead_attention: {num_heads: 2, batch_first: true}}
      - residual: [{name: mlp, linear: 16}, dropout: 0.5]
layers:
  - {name: wte, embedding: {num_embeddings: 50, embedding_dim: 16}}
  - {name: h, repeat: 2, Layer: {}}
  - {name: head, linear: 50}
outputs: {logits: head}
"""
# A loop of as many steps as there are: no tracer can keep T free.
SCAN = """
archspec: 1
name: tiny_scan
inputs: {x: "float32[B, T, 4]"}
layers:
  - {name: start, zeros: {shape: [$B, 8], like: x}}
  - scan:
      over: [x]
      carry: {h: start}
      body:
        - {name: update, linear: 8}
        - {add: {}, from: [update, h]}
        - {name: h, tanh: {}}
    outputs: [states, last]
outputs: {last: last}
"""


def trained(folder: Path, text: str) -> Trained:
    path = folder / "net.yaml"
    path.write_text(text, encoding="utf-8")
    torch.manual_seed(0)
    return load_trained(path)


def exported(folder: Path, text: str, form: str, **fixed: int) -> tuple[Path, Trained, Verified | None]:
    net = trained(folder, text)
    target = folder / f"out{FORMS[form].suffixes[0]}"
    return target, net, export(net.report, net.module, target, FORMS[form], Options(fixed))
