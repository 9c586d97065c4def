"""What is trained: a spec with its data, as files for `archspec train` and as tensors for the others."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import archspec

ROOT = Path(__file__).parents[2]
LR = 1e-3


class Took(NamedTuple):
    """Seconds on the wall, and of the processor (all threads of the process)."""

    wall: float
    processor: float

    @classmethod
    def now(cls) -> Took:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return cls(time.perf_counter(), time.process_time())

    def until(self, end: Took) -> Took:
        return Took(end.wall - self.wall, end.processor - self.processor)


class Task(NamedTuple):
    """`inputs` are read by the model, `targets` by cross-entropy; both have a row a sample."""

    name: str
    spec: Path
    inputs: Tensor
    targets: Tensor
    batch_size: int
    params: dict[str, object]
    device: torch.device

    def model(self) -> nn.Module:
        torch.manual_seed(0)
        return archspec.compile(self.spec, params=self.params).train().to(self.device)

    def loss(self, module: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        outputs = module(inputs)
        outputs = outputs if isinstance(outputs, Tensor) else next(iter(outputs.values()))
        return nn.functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())


def digits(folder: Path, samples: int = 12288) -> Task:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(samples, 1, 8, 8, generator=generator)
    labels = torch.randint(0, 10, (samples,), generator=generator)
    text = (ROOT / "specs/digits_cnn.yaml").read_text(encoding="utf-8").partition("\ntrain:")[0] + "\n"
    return _task("digits CNN, 8 x 8", folder, text, images, labels, 64, {})


def resnet18(folder: Path, samples: int = 320, size: int = 32, batch: int = 32) -> Task:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(samples, 3, size, size, generator=generator)
    labels = torch.randint(0, 10, (samples,), generator=generator)
    for name in ("resnet18", "resnet50"):
        shutil.copy(ROOT / f"specs/vision/{name}.yaml", folder)
    text = "archspec: 1\nname: resnet18\nextends: resnet18.yaml\nparams: {classes: 10}\n"
    return _task(f"resnet18, {size} x {size}", folder, text, images, labels, batch, {})


def gpt(folder: Path, samples: int = 160, context: int = 64, dim: int = 128, heads: int = 4, depth: int = 4) -> Task:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 256, (samples, context + 1), generator=generator)
    text = (ROOT / "benchmarks/transformer.yaml").read_text(encoding="utf-8")
    params: dict[str, object] = {"vocab": 256, "context": context, "dim": dim, "heads": heads, "depth": depth}
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    name = f"GPT, {depth} layers of {dim}, {context} tokens"
    return _task(name, folder, text, inputs, targets, 16, params)


def _task(
    name: str,
    folder: Path,
    text: str,
    inputs: Tensor,
    targets: Tensor,
    batch: int,
    params: dict[str, object],
) -> Task:
    stem = name.partition(",")[0].replace(" ", "_")
    spec = folder / f"{stem}_task.yaml"
    np.savez(folder / f"{stem}.npz", x=inputs.numpy(), y=targets.numpy())
    held_out = slice(0, batch)
    np.savez(folder / f"{stem}_held_out.npz", x=inputs[held_out].numpy(), y=targets[held_out].numpy())
    spec.write_text(
        text
        + f"""
train:
  data: {{npz: {{path: {stem}.npz, validation: {stem}_held_out.npz}}}}
  inputs: {{{_input(text, folder)}: x}}
  loss: {{cross_entropy: {{target: y}}}}
  optimizer: {{adamw: {{lr: {LR}}}}}
  epochs: 1
  batch_size: {batch}
""",
        encoding="utf-8",
    )
    return Task(name, spec, inputs, targets, batch, params, torch.device("cpu"))


def _input(text: str, folder: Path) -> str:
    spec = folder / "bare.yaml"
    spec.write_text(text, encoding="utf-8")
    return next(iter(archspec.check(spec).inputs))


TASKS: tuple[Callable[[Path], Task], ...] = (digits, resnet18, gpt)
# Of sizes that keep a GPU busy, but for the first.
GPU_TASKS: tuple[Callable[[Path], Task], ...] = (
    digits,
    lambda folder: resnet18(folder, samples=4096, size=64, batch=128),
    lambda folder: gpt(folder, samples=256, context=512, dim=768, heads=12, depth=12),
)
