"""A recipe and data made by hand, so that the trainer is tested apart from the language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn

from archspec.data import Data, TensorSplit
from archspec.diagnostics.model import Span
from archspec.ops.tensor import TensorType
from archspec.recipe.losses import LOSSES
from archspec.recipe.metrics import METRICS
from archspec.recipe.model import DataFacts, DataKind, DataSource, Field, LossTerm, MetricTerm, Recipe
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.runtime import Runtime
from archspec.recipe.schedules import SCHEDULES

FACTS = DataFacts((Field("image", "float32", (1, 8, 8)), Field("label", "int64", (), 10)), 1797)


def digits() -> Data:
    raw = load_digits()
    fields = {
        "image": torch.tensor(raw.images, dtype=torch.float32).unsqueeze(1) / 16,
        "label": torch.tensor(raw.target, dtype=torch.int64),
    }
    order = torch.randperm(len(fields["label"]), generator=torch.Generator().manual_seed(1))
    train, rest = order[:1437], order[1437:]
    return Data(
        TensorSplit({k: v[train] for k, v in fields.items()}),
        TensorSplit({k: v[rest] for k, v in fields.items()}),
        FACTS,
    )


def recipe(**changes: Any) -> Recipe:
    optimizer, optimizer_args = changes.pop("optimizer", ("adamw", {"lr": 2e-3}))
    schedule, schedule_args = changes.pop("schedule", ("cosine", {"warmup": 0.05}))
    given: dict[str, Any] = {
        "data": DataSource(DataKind(), FACTS, Path(), Span("spec.yaml", 1, 1, 1, 1)),
        "feeds": {"x": "image"},
        "inputs": {"x": TensorType("float32", (64, 1, 8, 8))},
        "losses": (LossTerm(LOSSES.parts["cross_entropy"].parse({}), "logits", "label", 1.0, 1),),
        "metrics": (MetricTerm(METRICS.parts["accuracy"].parse({}), "accuracy", "logits", "label", 1),),
        "optimizer": OPTIMIZERS.parts[optimizer].parse(optimizer_args),
        "schedule": SCHEDULES.parts[schedule].parse(schedule_args),
        "epochs": 2,
        "batch_size": 64,
        "seed": 0,
        "clip_grad_norm": None,
        "runtime": Runtime(),
    }
    return Recipe(**{**given, **changes})


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(512, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        out: torch.Tensor = self.fc(self.drop(x.flatten(1)))
        return out


def net(seed: int = 0) -> Net:
    torch.manual_seed(seed)
    return Net()
