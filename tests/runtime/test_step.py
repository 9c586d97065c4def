"""A batch in parts: the same gradient as the whole, for every loss; and steps that do not fit into memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from runtime_standin import digits, recipe
from torch import nn

from archspec.recipe.losses import LOSSES
from archspec.recipe.model import LossTerm
from archspec.recipe.runtime import Precision, Runtime
from archspec.runtime.interrupt import Stop
from archspec.runtime.losses import Objective
from archspec.runtime.progress import Display
from archspec.runtime.run_folder import RunFolder, read_metrics
from archspec.runtime.trainer import Trainer, TrainingError
from archspec.runtime.wrap import prepare

CPU = torch.device("cpu")
N, C, T = 12, 5, 3


def term(name: str, args: dict[str, Any], class_dim: int | None = None, weight: float = 1.0) -> LossTerm:
    return LossTerm(LOSSES.parts[name].parse(args), "out", "target", weight, class_dim)


def classes(*shape: int) -> torch.Tensor:
    return torch.randint(0, C, shape, generator=torch.Generator().manual_seed(3))


def values(*shape: int, seed: int = 4) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


IGNORED = torch.where(torch.arange(N) % 3 == 0, torch.tensor(-100), classes(N))
SIGNS = values(N, C, seed=6).sign()
LISTS = torch.where(torch.arange(C) < classes(N)[:, None], torch.arange(C), torch.tensor(-1))  # class numbers, then -1
CASES: dict[str, tuple[LossTerm, torch.Tensor, torch.Tensor]] = {
    "classes": (term("cross_entropy", {}, 1), values(N, C), classes(N)),
    "ignored": (term("cross_entropy", {"label_smoothing": 0.1}, 1), values(N, C), IGNORED),
    "weighted": (
        term("cross_entropy", {"weight": [0.1, 1, 2, 0, 5], "label_smoothing": 0.1}, 1),
        values(N, C),
        IGNORED,
    ),
    "tokens": (term("cross_entropy", {}, -1), values(N, T, C), classes(N, T)),
    "planes": (term("cross_entropy", {}, 1), values(N, C, T, T), classes(N, T, T)),
    "shares": (term("cross_entropy", {}, 1), values(N, C), values(N, C, seed=5).softmax(1)),
    "nll": (term("nll", {"weight": [1, 2, 3, 4, 5]}, 1), values(N, C).log_softmax(1), classes(N)),
    "kl_mean": (term("kl_div", {}), values(N, C).log_softmax(1), values(N, C, seed=5).softmax(1)),
    "kl_batch": (
        term("kl_div", {"reduction": "batchmean"}),
        values(N, C).log_softmax(1),
        values(N, C, seed=5).softmax(1),
    ),
    "kl_sum": (term("kl_div", {"reduction": "sum"}), values(N, C).log_softmax(1), values(N, C, seed=5).softmax(1)),
    "weight": (term("mse", {}, weight=0.3), values(N, C), values(N, C, seed=5)),
    **{name: (term(name, {}), values(N, C), values(N, C, seed=5)) for name in ("mse", "l1", "smooth_l1", "huber")},
    "bce_logits": (
        term("bce_with_logits", {"pos_weight": [1, 2, 3, 4, 5]}),
        values(N, C),
        values(N, C, seed=5).sigmoid(),
    ),
    "poisson_nll": (term("poisson_nll", {}), values(N, C), values(N, C, seed=5).abs()),
    "gaussian_nll": (term("gaussian_nll", {"var": "other"}), values(N, C), values(N, C, seed=5)),
    "soft_margin": (term("soft_margin", {}), values(N, C), SIGNS),
    "hinge_embedding": (term("hinge_embedding", {"margin": 0.5}), values(N, C), SIGNS),
    "margin_ranking": (term("margin_ranking", {"other": "other", "margin": 0.1}), values(N, C), SIGNS),
    "cosine_embedding": (term("cosine_embedding", {"other": "other"}), values(N, C), SIGNS[:, 0]),
    "multi_margin": (term("multi_margin", {"weight": [1, 2, 3, 4, 5]}, 1), values(N, C), classes(N)),
    "multilabel_margin": (term("multilabel_margin", {}), values(N, C), LISTS),
    "multilabel_soft": (
        term("multilabel_soft_margin", {"weight": [1, 2, 3, 4, 5]}),
        values(N, C),
        values(N, C, seed=5).sigmoid(),
    ),
    "triplet_margin": (term("triplet_margin", {"positive": "other", "negative": "away"}), values(N, C), SIGNS),
    "ctc": (term("ctc", {}), values(N, 2 * T, C).log_softmax(2), classes(N, T).sort(-1, descending=True).values),
    "bce": (term("bce", {}), values(N, C).sigmoid(), values(N, C, seed=5).sigmoid()),
}


def test_every_loss_has_a_case() -> None:
    assert {case[0].loss.name for case in CASES.values()} == set(LOSSES.parts)


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [1, 5, 12])
def test_parts_add_up_to_the_whole(name: str, size: int) -> None:
    one, given, target = CASES[name]
    objective = Objective((one,), CPU)
    whole = given.clone().requires_grad_()
    other = values(*given.shape, seed=9).abs() + 0.5
    away = values(*given.shape, seed=10)
    loss = objective({"out": whole, "other": other, "away": away}, {"target": target})
    loss.backward()
    parts = given.clone().requires_grad_()
    counts = objective.counts({"target": target})
    total = 0.0
    for start in range(0, N, size):
        here = slice(start, start + size)
        outputs = {"out": parts[here], "other": other[here], "away": away[here]}
        share = objective.part(outputs, {"target": target[here]}, counts)
        share.backward()
        total += share.item()
    assert total == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(parts.grad, whole.grad, rtol=1e-5, atol=1e-7)


def run(path: Path, runtime: Runtime, module: nn.Module | None = None) -> Trainer:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    given = recipe(epochs=1, runtime=runtime, optimizer=("sgd", {"lr": 0.1, "momentum": 0.9}))
    folder = RunFolder.create(path, "net")
    trainer = Trainer(prepare(module or plain, CPU, runtime), digits(), given, folder, Display(), Stop())
    try:
        trainer.run()
    finally:
        folder.close()
    return trainer


@pytest.mark.parametrize("size", [1, 10, 33, 64, 1000])
def test_training_in_parts_is_training(tmp_path: Path, size: int) -> None:
    whole = run(tmp_path / "whole", Runtime()).state
    parts = run(tmp_path / "parts", Runtime(micro_batch_size=size)).state
    assert parts.history[0]["train_loss"] == pytest.approx(whole.history[0]["train_loss"], rel=1e-5)
    for name, tensor in whole.module.state_dict().items():
        torch.testing.assert_close(parts.module.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)


class Small(nn.Module):
    """A device with room for so many samples."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 10)
        self.room = room
        self.seen: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and len(x) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        self.seen.append(len(x))
        out: torch.Tensor = self.fc(x.flatten(1))
        return out


def test_out_of_memory_halves_what_goes_through_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    module = Small(20)
    trainer = run(tmp_path / "run", Runtime(), module)
    assert trainer.state.micro_batch_size == 16 and set(module.seen[:4]) == {16}
    torch.manual_seed(0)
    roomy = run(tmp_path / "roomy", Runtime(), Small(64))
    torch.testing.assert_close(module.fc.weight, roomy.state.module.fc.weight, rtol=1e-4, atol=1e-6)
    warned = [line["message"] for line in read_metrics(tmp_path / "run") if line["kind"] == "warning"]
    assert warned == [f"out of memory: {n} samples at once from step 1 on" for n in (32, 16)]
    assert "out of memory: 16" in capsys.readouterr().err


def test_a_step_that_memory_was_too_small_for_leaves_nothing_behind(tmp_path: Path) -> None:
    class Tight(nn.Module):
        def __init__(self, words: str) -> None:
            super().__init__()
            self.norm, self.fc, self.words = nn.BatchNorm1d(64), nn.Linear(64, 10), words

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.norm(x.flatten(1))
            if self.training and len(x) > 40:
                raise RuntimeError(self.words)
            out: torch.Tensor = self.fc(x)
            return out

    words = "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"
    modules = {}
    for name, given in {"tight": Runtime(), "told": Runtime(micro_batch_size=32)}.items():
        torch.manual_seed(0)
        modules[name] = run(tmp_path / name, given, Tight(words)).state
    assert modules["tight"].micro_batch_size == 32
    for name, tensor in modules["told"].module.state_dict().items():
        assert torch.equal(modules["tight"].module.state_dict()[name], tensor), name  # statistics moved once
    with pytest.raises(RuntimeError, match="another"):
        run(tmp_path / "another", Runtime(), Tight("another failure"))


def test_out_of_memory_in_the_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    with pytest.raises(TrainingError, match="out of memory in the optimizer's update"):
        run(tmp_path / "run", Runtime())


def test_out_of_memory_with_one_sample(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="out of memory with a single sample"):
        run(tmp_path / "run", Runtime(), Small(0))


@pytest.mark.parametrize("precision", ["tf32", "bf16", "fp16"])
def test_a_precision_trains(tmp_path: Path, precision: str) -> None:
    state = run(tmp_path / "run", Runtime(precision=Precision.parse({"default": precision}))).state
    plain = run(tmp_path / "plain", Runtime()).state
    assert state.history[0]["train_loss"] == pytest.approx(plain.history[0]["train_loss"], rel=0.05)
    assert all(p.dtype == torch.float32 for p in state.module.parameters())
    assert state.scaler.is_enabled() is (precision == "fp16")


def test_blocks_kept_in_float32() -> None:
    seen: dict[str, torch.dtype] = {}

    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.fc(x)
            seen["inner"] = out.dtype
            return out

    module = nn.Sequential(nn.Linear(4, 4), Inner(), nn.Linear(4, 4))
    prepared = prepare(module, CPU, Runtime(precision=Precision.parse({"default": "bf16", "float32": ["Inner"]})))
    with prepared.precision:
        assert prepared.module(torch.randn(2, 4)).dtype == torch.bfloat16
    assert seen["inner"] == torch.float32
