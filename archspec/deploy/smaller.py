"""Models made smaller: weights of least magnitude set to zero, weights of ONNX as int8.

What that costs is told, not judged: the largest difference of an output from the whole model's, on random inputs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from archspec.deploy.errors import ExportError
from archspec.deploy.inputs import inputs, outputs
from archspec.deploy.sizes import examples
from archspec.pipeline import Report

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_INTEGER = {"MatMulInteger", "DynamicQuantizeLinear", "DequantizeLinear"}


class Pruned(NamedTuple):
    """`zeros` of `weights` numbers, in `layers` layers. `difference`: of the outputs, as a share of the largest."""

    layers: int
    zeros: int
    weights: int
    difference: float


class Quantised(NamedTuple):
    """Sizes of the file in bytes, and the difference of the outputs, as a share of the largest."""

    before: int
    after: int
    difference: float


def difference(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> float:
    """The largest difference of a floating output, as a share of its largest value."""
    worst = 0.0
    for name, whole in wanted.items():
        if whole.numel() and (whole.is_floating_point() or whole.is_complex()):
            wide = torch.complex128 if whole.is_complex() else torch.float64
            finite = torch.isfinite(whole) & torch.isfinite(found[name])
            gap = (found[name].to(wide) - whole.to(wide)).abs()[finite]
            largest = whole.to(wide).abs()[finite]
            if gap.numel():
                worst = max(worst, float(gap.max() / largest.max().clamp(min=1e-30)))
    return worst


def read_pruning(text: str) -> float | tuple[int, int]:
    """`0.5` as a share, `2:4` as a pattern. Raises ExportError."""
    pattern = re.fullmatch(r"(\d{1,3}):(\d{1,3})", text)
    if pattern is not None:
        kept, of = int(pattern[1]), int(pattern[2])
        if 0 < kept < of:
            return kept, of
    else:
        try:
            share = float(text)
        except ValueError:
            share = -1.0
        if 0 < share < 1:
            return share
    raise ExportError(f"`--prune {text}` is neither a share between 0 and 1 nor a pattern as 2:4")


def pruned(report: Report, module: nn.Module, how: float | tuple[int, int], fixed: Mapping[str, int]) -> Pruned:
    """Set weights of linear layers and convolutions to zero, for good: the share of least magnitude in all of them
    together, or, of (2, 4), all but the 2 largest of each 4 that follow one another along what a row of the weight
    reads (which NVIDIA's sparse matrix units want). Biases, norms and embeddings stay.

    Raises ExportError where there is nothing to prune.
    """
    layers = _prunable(module, how if isinstance(how, tuple) else None)
    if not layers:
        fit = f" whose rows divide into {how[1]}" if isinstance(how, tuple) else ""
        raise ExportError(f"there is nothing to prune: no linear layer or convolution{fit}")
    tried = examples(report, fixed)[0]
    names = list(report.outputs)
    given = inputs(report, tried)
    whole = outputs(module, given, names)
    weights = [layer.weight for layer in layers]
    masks = [_mask(weight, *how) for weight in weights] if isinstance(how, tuple) else _smallest(weights, how)
    with torch.no_grad():
        for weight, mask in zip(weights, masks, strict=True):
            weight.mul_(mask)
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    total = sum(weight.numel() for weight in weights)
    return Pruned(len(layers), zeros, total, difference(outputs(module, given, names), whole))


def _prunable(module: nn.Module, pattern: tuple[int, int] | None) -> list[Any]:
    """The layers, each weight once; a weight that an embedding has too stays."""
    kept = {id(m.weight) for m in module.modules() if isinstance(m, (nn.Embedding, nn.EmbeddingBag))}
    found = []
    for layer in module.modules():
        if not isinstance(layer, _LAYERS) or id(layer.weight) in kept:
            continue
        kept.add(id(layer.weight))
        if pattern is None or layer.weight[0].numel() % pattern[1] == 0:
            found.append(layer)
    return found


def _smallest(weights: list[Tensor], share: float) -> list[Tensor]:
    """For each weight where it is kept: the share of least magnitude of all of them is not."""
    together = torch.cat([weight.detach().flatten() for weight in weights])
    mask = torch_prune.L1Unstructured(share).compute_mask(together, torch.ones_like(together))
    parts = mask.split([weight.numel() for weight in weights])
    return [part.reshape(weight.shape) for part, weight in zip(parts, weights, strict=True)]


def _mask(weight: Tensor, kept: int, of: int) -> Tensor:
    groups = weight.detach().abs().reshape(-1, of)
    mask = torch.zeros_like(groups)
    mask.scatter_(1, groups.topk(kept, dim=1).indices, 1)
    return mask.reshape(weight.shape)


def quantise(path: Path) -> tuple[int, int]:
    """The ONNX file with the weights of its matrix products and tables as int8, and what they multiply quantised as
    the model runs (onnxruntime.quantization.quantize_dynamic). Returns sizes before and after; raises ExportError."""
    import logging

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    before = size(path)
    target = path.with_name(f"int8.{path.name}")
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        types = ["MatMul", "Gemm", "Gather"]
        quantize_dynamic(path, target, op_types_to_quantize=types, weight_type=QuantType.QInt8, per_channel=False)
        done = _INTEGER & {node.op_type for node in onnx.load(str(target), load_external_data=False).graph.node}
    except Exception as error:
        words = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ExportError(f"onnxruntime cannot quantise the model: {words}") from None
    finally:
        logging.disable(level)
    if not done:
        raise ExportError("there is nothing to quantise: no linear layer or embedding")
    target.replace(path)
    path.with_name(f"{path.name}.data").unlink(missing_ok=True)  # its weights are in the file now
    return before, size(path)


def size(path: Path) -> int:
    """Bytes of a file and of the weights beside it."""
    beside = path.with_name(f"{path.name}.data")
    return path.stat().st_size + (beside.stat().st_size if beside.exists() else 0)
