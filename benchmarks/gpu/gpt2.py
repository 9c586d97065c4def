"""GPT-2 (124M) on a GPU: bf16, compiled; tokens a second and the share of the GPU's peak (MFU), `archspec`'s wrapping
against the same module in a loop by hand."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from archspec import pipeline
from archspec.model.build import from_source
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.runtime import Compile, Precision, Runtime
from archspec.runtime.optim import build_optimizer
from archspec.runtime.wrap import prepare
from benchmarks.pairs import timed

SPEC = Path(__file__).parents[2] / "specs/language/gpt2.yaml"
BATCH, CONTEXT, STEPS = 16, 1024, 20
PEAK = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12}  # dense bf16, from the makers' data sheets


def main() -> None:
    report = pipeline.check(SPEC, weights=None)
    tokens = torch.randint(0, 50257, (BATCH, CONTEXT + 1), device="cuda")
    ways = {"archspec": _ours(report, tokens), "by hand": _by_hand(report, tokens)}
    for run in ways.values():
        for _ in range(3):
            timed(run)
    taken = {name: [] for name in ways}  # type: dict[str, list[float]]
    for _ in range(STEPS):
        for name, run in ways.items():
            taken[name].append(timed(run))
    per_token = 6 * report.parameters + 12 * 12 * 768 * CONTEXT  # PaLM's count (Chowdhery et al., 2022, appendix B)
    name = torch.cuda.get_device_name()
    peak = next((value for key, value in PEAK.items() if key in name), None)
    for way, seconds in taken.items():
        rate = BATCH * CONTEXT / statistics.median(seconds)
        mfu = f", MFU {rate * per_token / peak:.1%}" if peak else ""
        print(f"GPT-2 124M, bf16, compiled, {name}: {way:10}{rate:12,.0f} tokens/s{mfu}")


def _step(forward: Callable[[Tensor], Tensor], optimizer: torch.optim.Optimizer, tokens: Tensor) -> Callable[[], None]:
    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            logits = forward(tokens[:, :-1])
        logits = logits if isinstance(logits, Tensor) else next(iter(logits.values()))
        torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten()).backward()
        optimizer.step()
        torch.cuda.synchronize()

    return step


def _ours(report: pipeline.Report, tokens: Tensor) -> Callable[[], None]:
    runtime = Runtime(precision=Precision.parse({"default": "bf16"}), compile=Compile.parse({}), fused=True)
    prepared = prepare(from_source(pipeline.emitted(report)), torch.device("cuda"), runtime)
    optimizer = build_optimizer(OPTIMIZERS.parts["adamw"].parse({}), prepared.bare, fused=True)
    return _step(prepared.module, optimizer, tokens)


def _by_hand(report: pipeline.Report, tokens: Tensor) -> Callable[[], None]:
    module = from_source(pipeline.emitted(report)).cuda()
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)
    return _step(torch.compile(module), optimizer, tokens)
