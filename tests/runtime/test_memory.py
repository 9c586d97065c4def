"""Activation checkpointing, torch.compile and channels_last: what is computed stays what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from runtime_process import DIGITS, SMALL, archspec
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from archspec import pipeline
from archspec.model.build import from_source
from archspec.recipe.naming import Modules
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.runtime import CheckpointActivations, Compile, Precision, Runtime
from archspec.runtime.compiled import CompileError, compile_modules, uncompiled
from archspec.runtime.optim import build_optimizer
from archspec.runtime.wrap import prepare
from spec_files import FOLDER

CPU = torch.device("cpu")
NET = """\
inputs: {image: "float32[B, 3, 16, 16]"}
blocks:
  Block:
    layers:
      - {name: conv, conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}
      - {name: norm, batch_norm2d: {}}
      - relu
      - dropout: 0.3
layers:
  - {name: h, repeat: 3, Block: {}}
  - flatten
  - {name: head, linear: 5}
outputs: {logits: head}
"""
GPT = (FOLDER / "language" / "gpt2.yaml", {"dim": 32, "depth": 3, "heads": 4, "vocab": 50, "context": 16})


def built(source: Any, params: dict[str, Any] | None = None) -> tuple[nn.Module, Modules]:
    report = pipeline.check(source, params, weights=None).raise_for_errors()
    assert report.typed is not None
    torch.manual_seed(0)
    return from_source(pipeline.emitted(report)), Modules(report.typed)


def trained(module: nn.Module, runtime: Runtime, modules: Modules, *inputs: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """The gradients of one step (and buffers after it), and the output."""
    chosen = {"checkpoint_activations": modules.blocks(), "compile": modules.blocks()}
    prepared = prepare(module, CPU, runtime, chosen=chosen)
    torch.manual_seed(1)
    with prepared.precision:
        output = prepared.module(*inputs)
    output = output if isinstance(output, Tensor) else next(iter(output.values()))
    output.float().square().mean().backward()
    grads = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    assert grads
    return {**grads, **dict(module.named_buffers())}, output.detach()


def remade(mode: str, **more: Any) -> Runtime:
    return Runtime(checkpoint_activations=CheckpointActivations.parse({"mode": mode}), **more)


@pytest.mark.parametrize("mode", ["full", "selective"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_checkpointed_gradients_and_statistics_are_equal_to_the_bit(mode: str, precision: str) -> None:
    image = torch.randn(4, 3, 16, 16)
    given = Precision.parse({"default": precision})
    plain, modules = built(NET)
    want, out = trained(plain, Runtime(precision=given), modules, image)
    again, _ = built(NET)
    got, same = trained(again, remade(mode, precision=given), modules, image)
    assert torch.equal(out, same)
    assert got.keys() == want.keys() and all(torch.equal(got[name], want[name]) for name in want)
    assert again.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize("mode", ["full", "selective"])
def test_so_they_are_of_a_transformer(mode: str) -> None:
    tokens = torch.randint(0, 50, (2, 16))
    plain, modules = built(*GPT)
    assert modules.blocks() == tuple(f"transformer.h.{k}" for k in range(3))
    want, _ = trained(plain, Runtime(), modules, tokens)
    again, _ = built(*GPT)
    got, _ = trained(again, remade(mode), modules, tokens)
    assert all(torch.equal(got[name], want[name]) for name in want)


class Count(TorchDispatchMode):
    """How often each operation runs."""

    def __init__(self) -> None:
        super().__init__()
        self.times: dict[str, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        self.times[name] = self.times.get(name, 0) + 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("mode", "convolutions", "norms"), [("none", 3, 3), ("full", 6, 6), ("selective", 3, 6)])
def test_what_is_computed_again(mode: str, convolutions: int, norms: int) -> None:
    module, modules = built(NET)
    with Count() as count:
        trained(module, remade(mode), modules, torch.randn(2, 3, 16, 16))
    assert count.times["convolution"] == convolutions
    assert count.times["native_batch_norm"] == norms


def saved_bytes(module: nn.Module, runtime: Runtime, modules: Modules, image: Tensor) -> int:
    """What autograd keeps from forward to backward, but for parameters."""
    prepared = prepare(module, CPU, runtime, chosen={"checkpoint_activations": modules.blocks()})
    own = {p.data_ptr() for p in module.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        prepared.module(image)
    return sum(kept.values())


def test_less_is_kept() -> None:
    image = torch.randn(4, 3, 16, 16)
    kept = {mode: saved_bytes(*_with(mode), image) for mode in ("none", "selective", "full")}
    assert kept["full"] < kept["none"] / 2


def _with(mode: str) -> tuple[nn.Module, Runtime, Modules]:
    module, modules = built(NET)
    return module, remade(mode), modules


def test_without_gradients_there_is_one_pass() -> None:
    module, modules = built(NET)
    prepared = prepare(module, CPU, remade("full"), chosen={"checkpoint_activations": modules.blocks()})
    with torch.no_grad(), Count() as count:
        prepared.module(torch.randn(2, 3, 16, 16))
    assert count.times["convolution"] == 3


@pytest.mark.parametrize("blocks", [[], ["Block"]])
@pytest.mark.parametrize("mode", ["none", "full", "selective"])
def test_compiled_is_the_same(blocks: list[str], mode: str) -> None:
    image = torch.randn(4, 3, 16, 16)
    text = NET.replace("      - dropout: 0.3\n", "")
    plain, modules = built(text)
    want, out = trained(plain, Runtime(), modules, image)
    module, _ = built(text)
    compile = Compile.parse({"backend": "aot_eager", "blocks": blocks})
    got, same = trained(module, remade(mode, compile=compile), modules, image)
    torch.testing.assert_close(same, out)
    for name in want:
        torch.testing.assert_close(got[name], want[name], msg=name)
    assert module.state_dict().keys() == plain.state_dict().keys()
    compiled = [path for path, inner in module.named_modules() if inner._compiled_call_impl is not None]
    assert compiled == (["h.0", "h.1", "h.2"] if blocks else [""])
    with uncompiled(module):
        assert all(inner._compiled_call_impl is None for inner in module.modules())
    assert [path for path, inner in module.named_modules() if inner._compiled_call_impl is not None] == compiled


def test_without_a_compiler_it_is_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(CompileError, match=r"needs a C\+\+ compiler"):
        compile_modules(Compile.parse({}), [nn.Linear(1, 1)], CPU)


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 3, 6, 8, 8)])
def test_channels_last_reaches_every_convolution(shape: tuple[int, ...]) -> None:
    ndim = len(shape) - 2
    format = {2: torch.channels_last, 3: torch.channels_last_3d}[ndim]
    sizes = ", ".join(map(str, shape[1:]))
    text = f'inputs: {{x: "float32[B, {sizes}]"}}\nlayers:\n' + "".join(
        f"  - {{name: c{k}, conv{ndim}d: {{out_channels: 4, kernel_size: 3}}}}\n  - relu\n" for k in range(2)
    )
    plain, modules = built(text)
    x = torch.randn(shape)
    want, out = trained(plain, Runtime(), modules, x)
    module, _ = built(text)
    seen: list[bool] = []
    for inner in module.modules():
        if isinstance(inner, (nn.Conv2d, nn.Conv3d)):
            inner.register_forward_hook(lambda m, args, o: seen.append(all(
                t.is_contiguous(memory_format=format) for t in (args[0], o, m.weight)
            )))  # fmt: skip
    got, same = trained(module, Runtime(memory_format="channels_last"), modules, x)
    assert seen == [True, True]
    torch.testing.assert_close(same, out)
    for name in want:
        torch.testing.assert_close(got[name], want[name])


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "adagrad"])
def test_fused_is_the_same_up_to_rounding(optimizer: str) -> None:
    part = OPTIMIZERS.parts[optimizer].parse({"lr": 0.01})
    weights = {}
    for fused in (None, True, False):
        torch.manual_seed(0)
        module = nn.Linear(7, 5)
        stepping = build_optimizer(part, module, fused=fused)
        assert stepping.param_groups[0]["fused"] is fused
        for _ in range(5):
            stepping.zero_grad()
            module(torch.ones(3, 7)).square().mean().backward()
            stepping.step()
        weights[fused] = module.weight.detach()
    assert torch.equal(weights[None], weights[False])
    torch.testing.assert_close(weights[True], weights[None], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_run_with_all_of_it(tmp_path: Path) -> None:
    """Compiled by Inductor, checkpointed, channels_last and fused: it learns, is gone on with, and predicts."""
    more = ("compile=true", "checkpoint_activations=selective", "memory_format=channels_last", "fused=true")
    options = [part for each in more for part in ("--set", f"runtime.{each}")]
    done = archspec("train", DIGITS, *SMALL, *options, "--epochs", "2", "--run", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = set(load_file(tmp_path / "run" / "weights.safetensors"))
    assert names == set(from_source(pipeline.emitted(pipeline.check(DIGITS, weights=None))).state_dict())
    more_epochs = archspec("train", "run", "--epochs", "3", cwd=tmp_path)
    assert more_epochs.returncode == 0, more_epochs.stderr
    shown = archspec("predict", "run", "digits:3", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr


def test_a_run_without_a_compiler_says_so(tmp_path: Path) -> None:
    done = archspec("train", DIGITS, "--set", "runtime.compile=true", cwd=tmp_path, PATH=str(tmp_path), CXX="")
    assert done.returncode == 2 and "needs a C++ compiler" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()
