"""Measure a published network for `data/NAME.json` (see README.md). Needs the packages that hold the references.

    python tests/golden/record.py swin_v2_t torchvision 'swin_v2_t()' x=2,3,64,64
    python tests/golden/record.py segformer_b0 transformers 'SegformerForImageClassification(SegformerConfig())' \\
        pixel_values=1,3,64,64 --outputs logits
    python tests/golden/record.py some_lm transformers 'GPT2LMHeadModel(GPT2Config())' input_ids=2,16:50257

An input is `name=sizes`, with `*scale` behind for a larger wave, or `:high` for tokens below `high`.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import math
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TIMM_FUSED_ATTN", "1")

import torch

import golden

LICENSES = {"torchvision": "BSD-3-Clause", "torch": "BSD-3-Clause", "timm": "Apache-2.0", "transformers": "Apache-2.0"}
MODULES = {"torchvision": ("torchvision.models",), "timm": ("timm", "timm.models"), "transformers": ("transformers",)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("package", choices=LICENSES)
    parser.add_argument("call", help="a Python expression in the package's namespace")
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--outputs", default="", help="names, where the network gives several or a mapping")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent / "data")
    given = parser.parse_args()
    data: dict[str, Any] = {"name": given.name, "license": LICENSES[given.package]}
    data["inputs"] = dict(map(_input, given.inputs))
    version = importlib.metadata.version(given.package).partition("+")[0]
    data["source"] = {"package": given.package, "version": version, "call": given.call}
    record(data, build(given.package, given.call), [n for n in given.outputs.split(",") if n])
    target = given.to / f"{given.name}.json"
    target.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{target}: {target.stat().st_size} bytes, {data['deviation']}")


def _input(text: str) -> tuple[str, dict[str, Any]]:
    name, _, rest = text.partition("=")
    sizes, _, high = rest.partition(":")
    sizes, _, scale = sizes.partition("*")
    shape = [int(size) for size in sizes.split(",")]
    if high:
        return name, {"shape": shape, "dtype": "int64", "rule": "tokens", "high": int(high)}
    return name, {"shape": shape, "dtype": "float32", "rule": "wave", "scale": float(scale or 1)}


def build(package: str, call: str) -> torch.nn.Module:
    names = _Names({"torch": torch, "nn": torch.nn})
    names.modules = [importlib.import_module(module) for module in MODULES.get(package, ())]
    torch.manual_seed(0)
    made: torch.nn.Module = eval(call, {}, names)  # a developer's own command line
    return made


class _Names(dict[str, Any]):
    """What is in some modules, by name; a module may give a name only when it is asked for it."""

    modules: list[Any]

    def __missing__(self, name: str) -> Any:
        for module in self.modules:
            if hasattr(module, name):
                return getattr(module, name)
        raise KeyError(name)


def record(data: dict[str, Any], module: torch.nn.Module, outputs: list[str]) -> None:
    """Fill in what is measured."""
    sizes = [(p.numel(), p.numel() * p.requires_grad) for p in module.parameters()]
    total, trainable = map(sum, zip(*sizes, strict=True))
    state = golden.tensors(module)
    data["parameters"] = {"total": total, "trainable": trainable}
    data["state"] = [[name, list(t.shape), str(t.dtype)[6:]] for name, t in state.items()]
    groups = {frozenset(n for n in state if state[n] is t) for t in state.values()}
    data["tied"] = sorted(sorted(group) for group in groups if len(group) > 1)
    data["nonpersistent"] = [
        [name, list(t.shape), str(t.dtype)[6:]] for name, t in module.named_buffers() if name not in state
    ]
    data["outputs"] = dict.fromkeys(outputs or ["out"])
    golden.fill_(module)
    single = golden.measure(module, data, torch.float32)
    exact = golden.measure(golden.fill_(module.double()), data, torch.float64)
    data["flops"] = exact["flops"]
    data["outputs"] = _short(single["outputs"])
    data["train_step"] = _step(single, exact, state)
    data["float64"] = {"outputs": exact["outputs"], "train_step": _step(exact, exact, state)}
    off = {
        "outputs": max(map(_outputs_off, single["outputs"].values(), exact["outputs"].values())),
        "gradients": max(
            abs(a - b) / abs(b)
            for (_, a), (_, b) in zip(data["train_step"].values(), data["float64"]["train_step"].values(), strict=True)
        ),
    }
    data["deviation"] = {"float32": off}
    tolerance = {"outputs": max(2e-5, 10 * off["outputs"]), "gradients": max(1e-3, 10 * off["gradients"])}
    data["tolerance"] = {"float32": tolerance, "float64": {"outputs": 1e-9, "gradients": 1e-9}}


def _step(measured: dict[str, Any], exact: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """The first and last parameter that has a gradient worth the name."""
    moved = [name for name in state if exact["grads"].get(name, 0) > 1e-9 * exact["total"]]
    grads = measured["grads"]
    return {
        "loss": ["loss", measured["loss"]],
        "first": [moved[0], grads[moved[0]]],
        "last": [moved[-1], grads[moved[-1]]],
        "total": ["total", measured["total"]],
    }


def _outputs_off(a: dict[str, Any], b: dict[str, Any]) -> float:
    scale = b["l2"] / math.sqrt(math.prod(b["shape"]))
    each = [abs(x - y) / scale for field in ("values", "spread") for x, y in zip(a[field], b[field], strict=True)]
    return max(*each, *(abs(a[f] - b[f]) / scale for f in ("mean", "std")), abs(a["l2"] - b["l2"]) / b["l2"])


def _short(outputs: dict[str, Any]) -> dict[str, Any]:
    """float32 values as the shortest decimals that read back the same."""
    for out in outputs.values():
        for field in ("values", "spread"):
            out[field] = [_shortest(value) for value in out[field]]
    return outputs


def _shortest(value: float) -> float:
    for digits in range(6, 10):
        text = float(f"{value:.{digits}g}")
        if torch.tensor(text, dtype=torch.float32).item() == torch.tensor(value, dtype=torch.float32).item():
            return text
    return value


if __name__ == "__main__":
    main()
