"""Lightning's Trainer with all that costs time and is not training switched off."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.trainers.task import LR, Task, Took

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Module(lightning.LightningModule):
    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        self.module = task.model()

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        return self.task.loss(self.module, *batch)

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), lr=LR)


class Clock(lightning.Callback):
    """From the first step of the epoch to its last."""

    begun = taken = Took(0.0, 0.0)

    def on_train_epoch_start(self, *_: Any) -> None:
        self.begun = Took.now()

    def on_train_epoch_end(self, *_: Any) -> None:
        self.taken = self.begun.until(Took.now())


def epoch(task: Task) -> Took:
    clock = Clock()
    data = DataLoader(TensorDataset(task.inputs, task.targets), batch_size=task.batch_size, shuffle=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=1, accelerator="cpu" if task.device.type == "cpu" else "gpu", logger=False, callbacks=[clock],
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        )  # fmt: skip
        trainer.fit(Module(task), data)
    return clock.taken
