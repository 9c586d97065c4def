"""A loss or gradient that is not finite: the batch is skipped, or training goes back to a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from runtime_standin import digits, net, recipe
from torch.nn import functional as F  # noqa: N812

from archspec.data import Batches, Data
from archspec.recipe.runtime import Checkpoint, Runtime
from archspec.runtime.checkpoints.store import newest
from archspec.runtime.interrupt import Stop
from archspec.runtime.progress import Display
from archspec.runtime.run_folder import RunFolder, read_metrics
from archspec.runtime.trainer import Trainer, TrainingError
from archspec.runtime.wrap import prepare

CPU = torch.device("cpu")
PLAIN: dict[str, Any] = {"schedule": ("constant", {}), "optimizer": ("sgd", {"lr": 0.05, "momentum": 0.9})}
BAD = 7  # the batch (from 0) of the first epoch with the bad sample
EVERY = Runtime(checkpoint=Checkpoint.parse({"steps": 5}))


def spoiled(value: float) -> Data:
    """The digits with one sample of this value in its first pixel."""
    data = digits()
    index = int(Batches(data.train, 64, 0, 0).order()[BAD * 64 + 3])
    data.train.fields["image"][index, 0, 0, 0] = value  # type: ignore[attr-defined]
    return data


def train(path: Path, policy: str, data: Data, **more: Any) -> Trainer:
    given = recipe(**{**PLAIN, "epochs": 1, "runtime": EVERY, "on_nonfinite": policy, **more})
    folder = RunFolder.create(path, "net")
    prepared = prepare(net(), CPU, given.runtime)
    torch.manual_seed(given.seed)
    trainer = Trainer(prepared, data, given, folder, Display(), Stop())
    try:
        trainer.run()
    finally:
        folder.close()
    return trainer


def warnings(run: Path) -> list[str]:
    return [line["message"] for line in read_metrics(run) if line["kind"] == "warning"]


def test_a_skipped_batch_leaves_nothing_behind(tmp_path: Path) -> None:
    data = spoiled(float("nan"))
    state = train(tmp_path / "r", "skip", data).state
    model = net()
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for number, batch in enumerate(Batches(data.train, 64, 0, 0)):
        kept = {name: buffer.clone() for name, buffer in model.named_buffers()}
        loss = F.cross_entropy(model(batch["image"]), batch["label"])
        if number == BAD:
            for name, buffer in model.named_buffers():
                buffer.copy_(kept[name])
            continue
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item() * len(batch["label"]))
    for name, tensor in model.state_dict().items():
        assert torch.equal(state.module.state_dict()[name], tensor), name
    assert state.history[0]["train_loss"] == pytest.approx(sum(losses) / (1437 - 64))
    assert state.passed_over == [[0, BAD * 64]]
    (said,) = warnings(tmp_path / "r")
    assert said.startswith(f"a batch is skipped: the loss is nan at step {BAD + 1}") and "data of input `x`" in said


def test_a_run_goes_back_to_its_checkpoint_and_on_without_the_batch(tmp_path: Path) -> None:
    data = spoiled(float("nan"))
    back = train(tmp_path / "back", "rollback", data).state
    skip = train(tmp_path / "skip", "skip", data).state
    # The same weights but for the random numbers of dropout that the bad batch took: here dropout draws none for it.
    assert back.passed_over == skip.passed_over
    assert back.step == skip.step == 23
    (said,) = warnings(tmp_path / "back")
    assert said.startswith("back to the checkpoint of step 5, to go on without the batch: the loss is nan at step 8")
    again = train(tmp_path / "again", "rollback", data).state
    for name, tensor in back.module.state_dict().items():
        assert torch.equal(tensor, again.module.state_dict()[name]) and bool(torch.isfinite(tensor).all())
    found, _ = newest(tmp_path / "back")
    assert found is not None and found.read()["train"]["counters"]["passed_over"] == [[0, BAD * 64]]


def test_a_gradient_that_is_not_finite_is_seen_before_it_spoils_the_weights(tmp_path: Path) -> None:
    def spoil(grad: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return grad * float("inf") if len(calls) == 4 else grad

    calls: list[int] = []
    given = recipe(**{**PLAIN, "epochs": 1, "runtime": EVERY, "on_nonfinite": "skip"})
    module = net()
    module.fc.weight.register_hook(spoil)
    folder = RunFolder.create(tmp_path / "r", "net")
    trainer = Trainer(prepare(module, CPU, given.runtime), digits(), given, folder, Display(), Stop())
    state = trainer.run()
    folder.close()
    assert state.passed_over == [[0, 3 * 64]]
    assert "the gradient of `fc.weight` is nan at step 4" in warnings(tmp_path / "r")[0]
    assert all(bool(torch.isfinite(p).all()) for p in module.parameters())


def test_it_ends_where_nothing_is_finite_any_more(tmp_path: Path) -> None:
    data = digits()
    data.train.fields["image"].fill_(float("nan"))  # type: ignore[attr-defined]
    for policy in ("skip", "rollback"):
        with pytest.raises(TrainingError, match="20 times in a row"):
            train(tmp_path / policy, policy, data, epochs=3)
    with pytest.raises(TrainingError, match="the loss is nan at step 1"):
        train(tmp_path / "stop", "stop", data)
