"""The Trainer of Hugging Face's transformers with all that costs time and is not training switched off."""

from __future__ import annotations

import tempfile
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from benchmarks.trainers.task import LR, Task, Took


class Module(nn.Module):
    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        self.module = task.model()

    def forward(self, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {"loss": self.task.loss(self.module, inputs, targets)}


class Rows(Dataset[dict[str, Tensor]]):
    def __init__(self, task: Task) -> None:
        self.task = task

    def __len__(self) -> int:
        return len(self.task.inputs)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"inputs": self.task.inputs[index], "targets": self.task.targets[index]}


class Clock(TrainerCallback):
    begun = taken = Took(0.0, 0.0)

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self.begun = Took.now()

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        self.taken = self.begun.until(Took.now())


def collate(rows: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {key: torch.stack([row[key] for row in rows]) for key in rows[0]}


def epoch(task: Task) -> Took:
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="archspec-bench-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=1, per_device_train_batch_size=task.batch_size, learning_rate=LR,
            optim="adamw_torch", weight_decay=0.01, lr_scheduler_type="constant", max_grad_norm=0.0, save_strategy="no",
            logging_strategy="no", report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
            use_cpu=task.device.type == "cpu",
        )  # fmt: skip
        trainer = Trainer(Module(task), arguments, train_dataset=Rows(task), data_collator=collate, callbacks=[clock])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return clock.taken
