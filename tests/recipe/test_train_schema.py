"""The JSON Schema of `train:` says what the checker says, as far as a schema can."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft7Validator

from archspec.recipe.losses import LOSSES
from archspec.recipe.metrics import METRICS
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.parts import Family
from archspec.recipe.schedules import SCHEDULES
from archspec.recipe.schema import runtime_schema, train_schema
from archspec.recipe.sections import TRAIN_KEYS
from archspec.recipe.sources import DATA

EXPRESSION = {"type": "string", "pattern": r"^\$"}
GOOD: dict[str, Any] = {
    "data": {"digits": {}},
    "loss": {"cross_entropy": {"input": "logits", "target": "label"}},
    "metrics": ["accuracy", {"top_k_accuracy": {"k": 3}}],
    "optimizer": {"adamw": {"lr": 1e-3}},
    "schedule": {"cosine": {"warmup": 0.05}},
    "epochs": 20,
    "batch_size": 64,
}


def errors(schema: dict[str, Any], data: Any) -> list[str]:
    whole = {**schema, "definitions": {"expression": EXPRESSION}}
    Draft7Validator.check_schema(whole)
    return [e.message for e in Draft7Validator(whole).iter_errors(data)]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"data": "digits"},
        {"loss": [{"mse": {}, "weight": 2}, "l1"]},
        {"loss": "mse"},
        {"metrics": "accuracy"},
        {"optimizer": "sgd"},
        {"optimizer": {"adamw": None}},
        {"epochs": "$(2 * rounds)"},
        {"clip_grad_norm": None},
        {"inputs": {"image": "image"}},
        {"data": {"csv": {"path": "a.csv", "target": "y"}}},
        {"data": {"csv": {"path": "a.csv", "target": ["y"], "features": ["a"], "categories": "b"}}},
        {
            "data": {
                "csv": {
                    "path": "a.csv",
                    "target": {"y": "y", "z": ["b", "c"]},
                    "task": {"y": "class", "z": "regression"},
                    "features": {"x": "a", "more": ["d"]},
                    "categories": ["k"],
                }
            }
        },
        {"schedule": {"exponential": 0.9}},
        {"average": "ema"},
        {"average": {"swa": {"start": 0.5, "lr": 0.1}}},
        {"early_stopping": 5},
        {"early_stopping": {"monitor": "loss", "mode": "min"}},
        {"optimizer": {"muon": {"adamw": {"lr": 1e-3}, "exclude": "head"}}},
    ],
)
def test_accepted(change: dict[str, Any]) -> None:
    assert errors(train_schema(), {**GOOD, **change}) == []


@pytest.mark.parametrize(
    "change",
    [
        {"data": "npz"},
        {"data": {"digits": {}, "npz": {"path": "x"}}},
        {"data": {"digitz": {}}},
        {"data": {"csv": {"path": "a.csv"}}},
        {"data": {"csv": {"path": "a.csv", "target": {}}}},
        {"data": {"csv": {"path": "a.csv", "target": {"y": 1}}}},
        {"data": {"csv": {"path": "a.csv", "target": {"y": "y"}, "task": {"y": "number"}}}},
        {"data": {"csv": {"path": "a.csv", "target": "y", "features": {"x": []}}}},
        {"loss": []},
        {"loss": {"cross_entropy": {"label_smoothing": 2}}},
        {"metrics": ["acc"]},
        {"optimizer": {"adamw": {"learning_rate": 1}}},
        {"schedule": "step"},
        {"epochs": 0},
        {"seed": -1},
        {"batch": 3},
        {"average": "mean"},
        {"early_stopping": {"patience": 0}},
        {"optimizer": {"muon": {"adamw": {"rate": 1e-3}}}},
        {"inputs": ["image"]},
    ],
)
def test_refused(change: dict[str, Any]) -> None:
    assert errors(train_schema(), {**GOOD, **change})


@pytest.mark.parametrize("key", ["data", "loss", "optimizer", "epochs", "batch_size"])
def test_required(key: str) -> None:
    assert errors(train_schema(), {k: v for k, v in GOOD.items() if k != key})


def test_runtime() -> None:
    assert errors(runtime_schema(), {"precision": "bf16", "device": "cpu"}) == []
    assert errors(runtime_schema(), {"precision": "fp8"})
    assert errors(runtime_schema(), {"compiled": True})


@pytest.mark.parametrize("family", [DATA, LOSSES, METRICS, OPTIMIZERS, SCHEDULES], ids=lambda f: f.word)
def test_everything_is_documented(family: Family[Any]) -> None:
    for name, cls in family.parts.items():
        assert cls.__doc__, name
        assert all(a.doc for a in cls.args.values()), name
    assert set(train_schema()["properties"]) == set(TRAIN_KEYS)
