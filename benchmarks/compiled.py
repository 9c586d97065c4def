"""Compiled specs against the same networks written by hand: forward, and forward with backward, at batch 1.

Both have the same weights; that they compute the same is asserted before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

import archspec
from benchmarks.handwritten.resnet18 import ResNet18
from benchmarks.handwritten.transformer import Transformer
from benchmarks.pairs import line, paired

ROOT = Path(__file__).parents[1]
SMALL = {"vocab": 256, "context": 64, "dim": 64, "heads": 4, "depth": 12}  # little arithmetic: what is left is Python
AIM = "<= 1.02"


def cases() -> Iterator[tuple[str, nn.Module, nn.Module, Tensor, int]]:
    """(name, compiled, written by hand, input, pairs)."""
    image = torch.randn(1, 3, 224, 224)
    yield "resnet18, 224 x 224", archspec.compile(ROOT / "specs/vision/resnet18.yaml"), ResNet18(), image, 40
    spec = ROOT / "benchmarks/transformer.yaml"
    own = Transformer(8192, 256, 384, 6, 12)
    yield "12-layer transformer, width 384, 64 tokens", archspec.compile(spec), own, torch.randint(0, 8192, (1, 64)), 40
    own = Transformer(**SMALL)
    tiny = archspec.compile(spec, params=SMALL)
    yield "12-layer transformer, width 64, 8 tokens", tiny, own, torch.randint(0, 256, (1, 8)), 400


def forward(module: nn.Module, x: Tensor) -> Callable[[], object]:
    def run() -> Tensor:
        with torch.no_grad():
            return module(x)

    return run


def step(module: nn.Module, x: Tensor) -> Callable[[], object]:
    def run() -> None:
        module.zero_grad()
        module(x).square().mean().backward()

    return run


def main() -> None:
    torch.manual_seed(0)
    print(f"{'compiled against written by hand, batch 1':56}{'compiled':>13} {'by hand':>13}   ratio (quartiles)")
    for name, compiled, own, x, pairs in cases():
        own.load_state_dict(compiled.state_dict())
        with torch.no_grad():
            torch.testing.assert_close(compiled.eval()(x), own.eval()(x))
        print(line(f"{name}: forward", paired(forward(compiled, x), forward(own, x), pairs), AIM))
        print(line(f"{name}: forward and backward", paired(step(compiled, x), step(own, x), pairs // 2), AIM))


if __name__ == "__main__":
    main()
