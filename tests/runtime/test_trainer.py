"""The trainer against a loop written by hand, and what happens when a run does not go well."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from runtime_standin import FACTS, digits, net, recipe
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from archspec.data import Batches, Data, TensorSplit
from archspec.model import weights
from archspec.recipe.losses import LOSSES
from archspec.recipe.metrics import METRICS
from archspec.recipe.model import DataFacts, Field, LossTerm, MetricTerm, Recipe
from archspec.recipe.runtime import Precision
from archspec.runtime import interrupt
from archspec.runtime.interrupt import Stop, stop_on_signals
from archspec.runtime.progress import Display
from archspec.runtime.run_folder import LAST, WEIGHTS, RunFolder, read_metrics
from archspec.runtime.state import TrainState
from archspec.runtime.trainer import Trainer, TrainingError
from archspec.runtime.wrap import DeviceError, pick_device, prepare

CPU = torch.device("cpu")


def train(
    path: Path, given: Recipe, module: nn.Module | None = None, data: Data | None = None, stop: Stop | None = None
) -> TrainState:
    folder = RunFolder.create(path, "net")
    torch.manual_seed(given.seed)
    prepared = prepare(module or net(), CPU, given.runtime)
    torch.manual_seed(given.seed)
    trainer = Trainer(prepared, data or digits(), given, folder, Display(), stop or Stop())
    try:
        return trainer.run()
    finally:
        folder.close()


def by_hand(epochs: int, *, clip: float | None = None) -> tuple[nn.Module, list[float], list[float]]:
    """Training of the stand-in as a PyTorch tutorial writes it; gives mean training losses and held-out accuracies."""
    model, data = net(), digits()
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 23 * epochs)
    losses, accuracies = [], []
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for batch in Batches(data.train, 64, 0, epoch):
            loss = F.cross_entropy(model(batch["image"]), batch["label"])
            optimizer.zero_grad()
            loss.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            scheduler.step()
            total += loss.item() * len(batch["label"])
        losses.append(total / len(data.train))
        model.eval()
        with torch.no_grad():
            held_out = data.holdout.take(torch.arange(len(data.holdout)))
            accuracies.append((model(held_out["image"]).argmax(1) == held_out["label"]).double().mean().item())
    return model, losses, accuracies


@pytest.mark.parametrize("clip", [None, 0.5])
def test_equal_to_a_loop_written_by_hand(tmp_path: Path, clip: float | None) -> None:
    state = train(tmp_path / "run", recipe(schedule=("cosine", {}), clip_grad_norm=clip))
    model, losses, accuracies = by_hand(2, clip=clip)
    # The rates are computed by another formula (closed, not recursive): equal to rounding, hence not bitwise.
    assert [e["train_loss"] for e in state.history] == pytest.approx(losses, rel=1e-4)
    assert [e["accuracy"] for e in state.history] == pytest.approx(accuracies, abs=1 / 360)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(state.module.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


def test_constant_rate_is_bitwise_the_loop_written_by_hand(tmp_path: Path) -> None:
    given = recipe(schedule=("constant", {}), optimizer=("sgd", {"lr": 0.05, "momentum": 0.9}), epochs=1)
    state = train(tmp_path / "run", given)
    model = net()
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for batch in Batches(digits().train, 64, 0, 0):
        optimizer.zero_grad()
        F.cross_entropy(model(batch["image"]), batch["label"]).backward()
        optimizer.step()
    for name, tensor in model.state_dict().items():
        assert torch.equal(state.module.state_dict()[name], tensor), name


def test_one_seed_one_result(tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(tmp_path / name, recipe())
    for file in (WEIGHTS, LAST):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()

    def measured(name: str) -> list[dict[str, Any]]:
        timed = ("seconds", "samples_per_second")
        return [{k: v for k, v in e.items() if k not in timed} for e in read_metrics(tmp_path / name)]

    assert measured("a") == measured("b")
    train(tmp_path / "c", recipe(seed=1))
    assert (tmp_path / "a" / LAST).read_bytes() != (tmp_path / "c" / LAST).read_bytes()


def test_what_the_folder_holds(tmp_path: Path) -> None:
    state = train(tmp_path / "run", recipe(epochs=3))
    lines = list(read_metrics(tmp_path / "run"))
    epochs = [e for e in lines if e["kind"] == "epoch"]
    steps = [e for e in lines if e["kind"] == "step"]
    assert [e["epoch"] for e in epochs] == [1, 2, 3] and [e["step"] for e in epochs] == [23, 46, 69]
    assert [e["step"] for e in steps] == list(range(1, 70))
    assert state.samples == 3 * 1437 and state.step == 69
    first = [e["loss"] for e in steps if e["epoch"] == 1]
    sizes = [64] * 22 + [29]
    assert sum(a * b for a, b in zip(first, sizes, strict=True)) / 1437 == pytest.approx(epochs[0]["train_loss"])
    best = max(epochs, key=lambda e: (e["accuracy"], -e["loss"]))
    assert state.best == best["accuracy"]
    assert [e["best"] for e in epochs][state.best_epoch - 1]
    last = net(seed=5)
    weights.load(last, tmp_path / "run" / LAST)
    for name, tensor in state.module.state_dict().items():
        assert torch.equal(last.state_dict()[name], tensor)
    # The best weights give the best accuracy again.
    held_out = digits().holdout.take(torch.arange(360))
    weights.load(last, tmp_path / "run" / WEIGHTS)
    last.eval()
    with torch.no_grad():
        accuracy = (last(held_out["image"]).argmax(1) == held_out["label"]).double().mean().item()
    assert accuracy == pytest.approx(state.best)


def test_of_equally_good_epochs_the_one_with_the_smallest_loss_counts(tmp_path: Path) -> None:
    fields = {"image": torch.linspace(-1, 1, 64)[:, None, None, None], "label": torch.arange(64) // 32}
    data = Data(TensorSplit(fields), TensorSplit(fields), FACTS)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    state = train(tmp_path / "run", recipe(epochs=30, optimizer=("adamw", {"lr": 0.1})), model, data)
    best = max(e["accuracy"] for e in state.history)
    ties = [e for e in state.history if e["accuracy"] == best]
    assert len(ties) > 1 and state.best_epoch == min(ties, key=lambda e: e["loss"])["epoch"] > ties[0]["epoch"]


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(tmp_path: Path) -> None:
    data = digits()
    good = data.train.take(torch.arange(1437))
    bad = {**good, "image": good["image"].clone()}
    bad["image"][Batches(data.train, 64, 0, 1).order()[64 * 4]] = torch.nan  # the fifth step of the second epoch

    class TurnsBad(TensorSplit):
        taken = 0

        def take(self, indices: Tensor) -> dict[str, Tensor]:
            self.taken += 1
            return {name: tensor[indices] for name, tensor in (bad if self.taken > 23 else good).items()}

    with pytest.raises(TrainingError, match=r"the loss is nan at step 28 \(epoch 2\)"):
        train(tmp_path / "run", recipe(epochs=5), data=Data(TurnsBad(good), data.holdout, FACTS))
    for file in (WEIGHTS, LAST):
        assert all(t.isfinite().all() for t in safetensors.torch.load_file(tmp_path / "run" / file).values())


def test_a_stop_between_two_steps_keeps_the_weights(tmp_path: Path) -> None:
    class After(Stop):
        """Asks to stop after so many looks."""

        def __init__(self, looks: int) -> None:
            self.looks = looks

        @property
        def signal(self) -> int:  # type: ignore[override]
            self.looks -= 1
            return signal.SIGINT if self.looks < 0 else 0

    state = train(tmp_path / "run", recipe(epochs=5), stop=After(40))
    assert state.epoch == 1 and 23 < state.step < 46
    stored = safetensors.torch.load_file(tmp_path / "run" / LAST)
    assert all(torch.equal(stored[name], tensor) for name, tensor in state.module.state_dict().items())
    assert (tmp_path / "run" / WEIGHTS).is_file()
    state = train(tmp_path / "early", recipe(epochs=5), stop=After(3))
    assert state.epoch == 0 and state.best is None
    assert (tmp_path / "early" / WEIGHTS).read_bytes() == (tmp_path / "early" / LAST).read_bytes()


def test_signals_ask_and_the_second_insists() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signals() as stop:
        assert stop.exit_code == 0
        signal.raise_signal(signal.SIGINT)
        assert stop.signal == signal.SIGINT and stop.exit_code == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_is_handed_on_is_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: got.append(number))
    clock = [100.0]
    monkeypatch.setattr(interrupt.time, "monotonic", lambda: clock[0])
    try:
        with stop_on_signals() as stop:
            for _ in range(3):  # the process group, the launcher, the shell
                signal.raise_signal(signal.SIGTERM)
            assert stop.signal == signal.SIGTERM and not got
            clock[0] += 2 * interrupt.ECHO
            signal.raise_signal(signal.SIGTERM)
            assert got == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` has it
    try:
        with stop_on_signals() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop.signal == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_bf16_trains(tmp_path: Path) -> None:
    given = recipe(epochs=1)
    given.runtime = given.runtime._replace(precision=Precision.parse({"default": "bf16"}))
    state = train(tmp_path / "run", given)
    assert state.history[0]["train_loss"] < 2.4
    assert all(p.dtype == torch.float32 for p in state.module.parameters())


def test_a_fixed_batch_drops_the_rest_in_training_and_fills_it_up_in_evaluation(tmp_path: Path) -> None:
    seen: list[int] = []

    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = net()

        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            out: Tensor = self.inner(x)
            return out

    fixed = train(tmp_path / "fixed", recipe(epochs=1, batch=64), Fixed())
    assert set(seen) == {64} and fixed.samples == 22 * 64
    held_out = digits().holdout.take(torch.arange(360))
    fixed.module.eval()
    with torch.no_grad():
        expected = F.cross_entropy(fixed.module(held_out["image"]), held_out["label"]).item()
    assert fixed.history[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_too_few_samples_for_a_fixed_batch(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="too few"):
        train(tmp_path / "run", recipe(batch=2000, batch_size=2000))


def test_several_inputs_outputs_and_losses(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    fields = {
        "tokens": torch.randint(0, 5, (70, 6), generator=generator),
        "scale": torch.rand(70, generator=generator),
        "flag": torch.randint(0, 2, (70,), generator=generator),
    }
    facts = DataFacts((Field("tokens", "int64", (6,), 5), Field("scale", "float32", ()), Field("flag", "int64", (), 2)))
    data = Data(TensorSplit(fields), TensorSplit({k: v[:20] for k, v in fields.items()}), facts)

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head, self.score = nn.Embedding(5, 8), nn.Linear(8, 5), nn.Linear(8, 1)

        def forward(self, scale: Tensor, tokens: Tensor) -> dict[str, Tensor]:
            h = self.embed(tokens) * scale[:, None, None]
            return {"next": self.head(h), "flag": self.score(h.mean(1)).squeeze(-1)}

    def part(family: Any, name: str, **args: Any) -> Any:
        return family.parts[name].parse(args)

    given = recipe(
        feeds={"a": "scale", "b": "tokens"},
        inputs={"a": None, "b": None},
        losses=(
            LossTerm(part(LOSSES, "cross_entropy", weight=[1, 2, 1, 1, 1]), "next", "tokens", 1.0, -1),
            LossTerm(part(LOSSES, "bce_with_logits", pos_weight=[2.0]), "flag", "flag", 0.5, None, True),
        ),
        metrics=(
            MetricTerm(part(METRICS, "perplexity"), "perplexity", "next", "tokens", -1),
            MetricTerm(part(METRICS, "f1"), "f1", "flag", "flag", None, 0.0),
        ),
        batch_size=16,
        epochs=4,
        schedule=("constant", {}),
    )
    torch.manual_seed(3)
    model = Two()
    state = train(tmp_path / "run", given, model, data)
    model.eval()
    with torch.no_grad():
        out = model(fields["scale"][:20], fields["tokens"][:20])
    tokens, flag = fields["tokens"][:20], fields["flag"][:20].float()
    second = F.binary_cross_entropy_with_logits(out["flag"], flag, pos_weight=torch.tensor([2.0]))
    # Weighted cross-entropy is a weighted mean: over one batch it is exact.
    batches = [
        F.cross_entropy(
            out["next"][k : k + 16].flatten(0, 1), tokens[k : k + 16].flatten(), torch.tensor([1.0, 2, 1, 1, 1])
        ).item()
        * n
        for k, n in ((0, 16), (16, 4))
    ]
    assert state.history[-1]["loss"] == pytest.approx(sum(batches) / 20 + 0.5 * second.item(), rel=1e-5)
    expected = F.cross_entropy(out["next"].flatten(0, 1), tokens.flatten()).exp().item()
    assert state.history[-1]["perplexity"] == pytest.approx(expected, rel=1e-5)
    assert state.best == min(e["perplexity"] for e in state.history)


def test_devices() -> None:
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type in ("cpu", "cuda", "mps", "xpu")
    for wrong in ("cuda:99", "tpu", "", "cpu:x", "meta"):
        with pytest.raises(DeviceError):
            pick_device(wrong)


def test_metrics_lines_are_json(tmp_path: Path) -> None:
    train(tmp_path / "run", recipe(epochs=1))
    for line in (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        assert isinstance(json.loads(line), dict)


def test_a_step_line_holds_the_mean_since_the_line_before(tmp_path: Path) -> None:
    given = recipe(epochs=5, batch_size=16, schedule=("constant", {}))  # 450 steps: every ninth
    train(tmp_path / "coarse", given)
    train(tmp_path / "same", recipe(epochs=1, batch_size=16, schedule=("constant", {})))  # 90: every one
    single = [e["loss"] for e in read_metrics(tmp_path / "same") if e["kind"] == "step"]
    coarse = [e for e in read_metrics(tmp_path / "coarse") if e["kind"] == "step"]
    assert [e["step"] for e in coarse] == list(range(9, 451, 9))
    sizes = torch.tensor([16.0] * 89 + [13])
    sums = (torch.tensor(single) * sizes).view(10, 9).sum(1) / sizes.view(10, 9).sum(1)
    assert [e["loss"] for e in coarse[:10]] == pytest.approx(sums.tolist(), rel=1e-5)  # the first epoch of both is one
