"""Training on an NVIDIA GPU: the numbers of a processor, each precision, and going on bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from runtime_process import DIGITS, SMALL, archspec, killed, python
from torch import Tensor, nn
from trained_together import same, written

from archspec.recipe.runtime import Compile, Precision, Runtime
from archspec.runtime.checkpoints.store import newest
from archspec.runtime.run_folder import read_facts, read_metrics
from archspec.runtime.session import train
from archspec.runtime.wrap import prepare

if not torch.cuda.is_available():
    pytest.skip("no GPU here", allow_module_level=True)
pytestmark = pytest.mark.gpu

GPU = torch.device("cuda")


def trained(spec: Path, run: Path, **settings: Any) -> list[dict[str, Any]]:
    """The epochs' lines."""
    train(spec, params={key.replace("__", "."): value for key, value in settings.items()}, run=run, quiet=True)
    return [line for line in read_metrics(run) if line["kind"] == "epoch"]


def test_as_on_a_processor(tmp_path: Path) -> None:
    spec = written(tmp_path)
    for device in ("cpu", "cuda"):
        trained(spec, tmp_path / device, runtime__device=device)
    same(tmp_path / "cuda", tmp_path / "cpu", 1e-9)


OPTIONS: dict[str, dict[str, Any]] = {
    "micro-batches": {"runtime.micro_batch_size": 2},
    "activations computed again": {"runtime.checkpoint_activations": "full"},
    "selectively": {"runtime.checkpoint_activations": "selective"},
    "fused": {"runtime.fused": True},
    "compiled": {"runtime.compile": True},
    "blocks compiled": {"runtime.compile": {"blocks": "Layer"}},
    "workers": {"runtime.workers": 2},
    "deterministic": {"runtime.deterministic": True},
    "offloaded": {"runtime.parallel": {"data": "fsdp", "offload": True}},
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    trained(written(folder), folder / "cpu", runtime__device="cpu")
    return folder


@pytest.mark.parametrize("name", OPTIONS)
def test_each_option_as_on_a_processor(name: str, plain: Path, tmp_path: Path) -> None:
    train(plain / "spec.yaml", params={"runtime.device": "cuda", **OPTIONS[name]}, run=tmp_path / "r", quiet=True)
    same(tmp_path / "r", plain / "cpu", 1e-9)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16", "fp16"])
def test_digits_are_learned(precision: str, tmp_path: Path) -> None:
    epochs = trained(DIGITS, tmp_path / "r", runtime__device="cuda", runtime__precision=precision)
    assert max(line["accuracy"] for line in epochs) > 0.97
    assert read_facts(tmp_path / "r")["device"] == "cuda"


class Both(nn.Module):
    """A convolution and a matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(64, 64, 3)
        self.fc = nn.Linear(64, 64)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.conv(x), self.fc(x.mean((2, 3)))


@pytest.mark.parametrize(
    ("precision", "least", "most"),
    [("float32", 0.0, 2e-6), ("tf32", 2e-5, 2e-3), ("bf16", 5e-4, 2e-2), ("fp16", 2e-5, 2e-3)],
)
def test_how_exact_a_precision_is(precision: str, least: float, most: float) -> None:
    """Significant bits: 23 of float32, 10 of tf32 and fp16, 7 of bf16 (IEEE 754; NVIDIA; Google)."""
    torch.manual_seed(0)
    module, x = Both(), torch.randn(4, 64, 16, 16)
    exact = [out.double() for out in Both.forward(module.double(), x.double())]
    prepared = prepare(module.float(), GPU, Runtime(precision=Precision.parse({"default": precision})))
    with prepared.precision:
        outs = prepared.module(x.cuda())
    for out, want in zip(outs, exact, strict=True):
        off = (out.double().cpu() - want).norm() / want.norm()
        assert least <= off <= most


def test_a_named_module_stays_in_float32() -> None:
    precision = Precision.parse({"default": "bf16", "float32": ["fc"]})
    prepared = prepare(Both(), GPU, Runtime(precision=precision, compile=Compile.parse({"enabled": False})))
    with prepared.precision:
        conv, fc = prepared.module(torch.randn(4, 64, 16, 16, device=GPU))
    assert (conv.dtype, fc.dtype) == (torch.bfloat16, torch.float32)


ARGS = (*SMALL, "--epochs", "3", "--set", "runtime.deterministic=true", "--set", "runtime.checkpoint={steps: 5}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    done = archspec("train", DIGITS, *ARGS, "--run", "r", "--device", "cuda", "--quiet", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "r"


@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
@pytest.mark.parametrize("delay", [0.1, 0.5])
def test_a_killed_run_goes_on_bit_for_bit(precision: str, delay: float, tmp_path: Path) -> None:
    args = (*ARGS, "--set", f"runtime.precision={precision}", "--device", "cuda", "--quiet")
    done = archspec("train", DIGITS, *args, "--run", "whole", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    killed("train", DIGITS, *args, run=tmp_path / "r", delay=delay)
    done = archspec("train", DIGITS, *args, "--run", "r", cwd=tmp_path)
    assert done.returncode == 0 or "finished" in done.stderr, done.stderr
    for name in ("weights.safetensors", "last.safetensors"):
        ours, theirs = (safetensors.torch.load_file(tmp_path / run / name) for run in ("r", "whole"))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs), name


def test_a_run_of_a_gpu_goes_on_on_a_processor(whole: Path, tmp_path: Path) -> None:
    """And is judged there as it was on the GPU."""
    done = archspec("evaluate", whole, "--device", "cpu", "--json", cwd=tmp_path)
    there = archspec("evaluate", whole, "--device", "cuda", "--json", cwd=tmp_path)
    assert done.returncode == there.returncode == 0, done.stderr + there.stderr
    ours, theirs = json.loads(done.stdout), json.loads(there.stdout)
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)


def test_what_has_no_deterministic_algorithm_is_named(tmp_path: Path) -> None:
    """`adaptive_avg_pool2d` has none backward on a GPU (torch.use_deterministic_algorithms)."""
    text = DIGITS.read_text(encoding="utf-8")
    spec = tmp_path / "spec.yaml"
    spec.write_text(text.replace("  - flatten\n", "  - adaptive_avg_pool2d: 3\n  - flatten\n", 1), encoding="utf-8")
    assert spec.read_text(encoding="utf-8") != text
    done = archspec("train", spec, *ARGS, "--device", "cuda", "--run", "r", cwd=tmp_path)
    assert done.returncode == 2 and "`deterministic`" in done.stderr and "adaptive_avg_pool2d" in done.stderr


def test_the_first_bad_line_is_named_and_the_weights_are_good(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    text = written(tmp_path).read_text(encoding="utf-8")
    spec.write_text(text.replace("outputs: {logits: head}", "  - {name: bad, log: {}}\noutputs: {logits: bad}"))
    done = archspec("train", spec, "--device", "cuda", "--run", "r", cwd=tmp_path)
    assert done.returncode == 2 and "is the first to give NaN" in done.stderr and ".log()" in done.stderr
    found, _ = newest(tmp_path / "r")
    assert found is not None


def test_memory_that_is_too_small_is_halved_until_it_fits(tmp_path: Path) -> None:
    """A GPU of 160 MiB, as PyTorch's allocator is told."""
    script = tmp_path / "small.py"
    script.write_text(
        "import sys, torch\n"
        "from archspec.runtime.session import train\n"
        "total = torch.cuda.get_device_properties(0).total_memory\n"
        "torch.cuda.set_per_process_memory_fraction(160 * 2**20 / total)\n"
        "train(sys.argv[1], params={'runtime.device': 'cuda', 'channels': [64, 64, 64],\n"
        "      'train.batch_size': 1024, 'train.epochs': 1}, run='r', quiet=True)\n"
    )
    done = python(script, DIGITS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = [line["message"] for line in read_metrics(tmp_path / "r") if line["kind"] == "warning"]
    assert any(line.startswith("out of memory: ") for line in said)
