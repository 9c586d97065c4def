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
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TIMM_FUSED_ATTN", "1")

import torch

import golden

sys.path.append(str(Path(__file__).parents[2]))
from benchmarks.handwritten import HANDWRITTEN

LICENSES = {
    "torchvision": "BSD-3-Clause",
    "torch": "BSD-3-Clause",
    "timm": "Apache-2.0",
    "transformers": "Apache-2.0",
    "diffusers": "Apache-2.0",
    "rtdl_revisiting_models": "MIT",
    "make_golden": "written for these references",
}
MODULES = {
    "torchvision": ("torchvision.models",),
    "timm": ("timm", "timm.models"),
    "transformers": ("transformers",),
    "diffusers": ("diffusers",),
    "rtdl_revisiting_models": ("rtdl_revisiting_models",),
    "make_golden": HANDWRITTEN,
}
LEAST = {
    "float32": {"outputs": 2e-5, "gradients": 1e-3},
    "float64": {"outputs": 1e-9, "gradients": 1e-9},
}  # tolerances, where less than a tenth of it was measured


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
    own = given.package == "make_golden"
    version = importlib.metadata.version("torch" if own else given.package).partition("+")[0]
    version = f"torch {version}" if own else version
    data["source"] = {"package": given.package, "version": version, "call": given.call}
    torch.manual_seed(0)
    module = build(given.package, given.call)
    record(data, module, build_exact(given.package, given.call), [n for n in given.outputs.split(",") if n])
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
    made: torch.nn.Module = eval(call, {}, names)  # a developer's own command line
    return made


def build_exact(package: str, call: str) -> torch.nn.Module:
    """The network made in float64, what it computes when it is made included."""
    torch.set_default_dtype(torch.float64)
    try:
        with golden.Promote():
            return build(package, call).double()
    finally:
        torch.set_default_dtype(torch.float32)


class _Names(dict[str, Any]):
    """What is in some modules, by name; a module may give a name only when it is asked for it."""

    modules: list[Any]

    def __missing__(self, name: str) -> Any:
        for module in self.modules:
            if hasattr(module, name):
                return getattr(module, name)
        raise KeyError(name)


def record(data: dict[str, Any], module: torch.nn.Module, exact_module: torch.nn.Module, outputs: list[str]) -> None:
    """Fill in what is measured; `exact_module` is the network made in float64.

    Constants that a network computes when it is made, in float32, are not the same in every implementation that is
    right. How much that moves the results is measured too, and is part of the tolerance.
    """
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
    made_single = golden.measure(golden.fill_(module.double()), data, torch.float64)
    exact = golden.measure(golden.fill_(exact_module), data, torch.float64)
    data["flops"] = exact["flops"]
    data["outputs"] = _short(single["outputs"])
    data["train_step"] = _step(single, exact, state)
    data["float64"] = {"outputs": exact["outputs"], "train_step": _step(exact, exact, state)}
    data["deviation"] = {"float32": _off(single, exact, state), "float64": _off(made_single, exact, state)}
    data["tolerance"] = {
        name: {field: max(least, 10 * data["deviation"][name][field]) for field, least in leasts.items()}
        for name, leasts in LEAST.items()
    }


def _off(measured: dict[str, Any], exact: dict[str, Any], state: dict[str, Any]) -> dict[str, float]:
    """How far from the exact results, relative."""
    steps = _step(measured, exact, state).values(), _step(exact, exact, state).values()
    return {
        "outputs": max(map(_outputs_off, measured["outputs"].values(), exact["outputs"].values())),
        "gradients": max(abs(a - b) / abs(b) for (_, a), (_, b) in zip(*steps, strict=True)),
    }


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
