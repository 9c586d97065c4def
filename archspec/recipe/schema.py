"""The JSON Schema of `train:` and `runtime:`, read off the declarations (draft 7; see archspec.schema.build)."""

from __future__ import annotations

from typing import Any

from archspec.ops.kinds import Kind
from archspec.recipe.augment import DATA_KEYS
from archspec.recipe.averaging import AVERAGES
from archspec.recipe.losses import LOSSES
from archspec.recipe.metrics import METRICS
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.parts import Family
from archspec.recipe.runtime import RUNTIME_PARTS, RUNTIME_VALUES
from archspec.recipe.schedules import SCHEDULES
from archspec.recipe.sections import LOSS_KEYS, REQUIRED, TRAIN_KEYS, TRAIN_VALUES, Value
from archspec.recipe.sources import DATA
from archspec.recipe.stopping import TRAIN_PARTS
from archspec.recipe.tuning import OPTIMIZER_KEYS
from archspec.schema.arguments import arguments_schema


def train_schema() -> dict[str, Any]:
    """Of the value of `train:`; refers to `#/definitions/expression` as the ops' schemas do."""
    loss = family_schema(LOSSES, LOSS_KEYS)
    metric = family_schema(METRICS)
    properties = {
        "data": family_schema(DATA, DATA_KEYS),
        "inputs": {"type": "object", "additionalProperties": {"type": "string"}},
        "loss": {"anyOf": [*loss["anyOf"], {"type": "array", "minItems": 1, "items": loss}]},
        "metrics": {"anyOf": [*metric["anyOf"], {"type": "array", "items": metric}]},
        "freeze": {"anyOf": [_PATTERN, {"type": "array", "items": _PATTERN}]},
        "optimizer": family_schema(OPTIMIZERS, OPTIMIZER_KEYS),
        "schedule": family_schema(SCHEDULES),
        "average": family_schema(AVERAGES),
        **{name: arguments_schema(part) for name, part in TRAIN_PARTS.items()},
        **{key: _value(value) for key, value in TRAIN_VALUES.items()},
    }
    return {
        "type": "object",
        "description": "how the architecture is trained",
        "properties": {key: {**properties[key], "description": doc} for key, doc in TRAIN_KEYS.items()},
        "required": list(REQUIRED),
        "additionalProperties": False,
    }


_PATTERN: dict[str, Any] = {"type": "string", "minLength": 1}


def runtime_schema() -> dict[str, Any]:
    """Of the value of `runtime:`."""
    return {
        "type": "object",
        "description": "where and in what precision it runs",
        "properties": {
            **{name: arguments_schema(part) for name, part in RUNTIME_PARTS.items()},
            **{key: _value(value) for key, value in RUNTIME_VALUES.items()},
        },
        "additionalProperties": False,
    }


def family_schema(family: Family[Any], extra: dict[str, Kind[Any]] | None = None) -> dict[str, Any]:
    """One part of a family: its name, where no argument is required, or its name with its arguments."""
    bare = [name for name, cls in family.parts.items() if not any(a.required for a in cls.args.values())]
    beside = {key: kind.schema() for key, kind in (extra or {}).items()}
    with_arguments = {
        "type": "object",
        "properties": {**{name: arguments_schema(cls) for name, cls in family.parts.items()}, **beside},
        "oneOf": [{"required": [name]} for name in family.parts],
        "additionalProperties": False,
    }
    return {"anyOf": [{"enum": bare}, with_arguments]}


def _value(value: Value) -> dict[str, Any]:
    out = {**value.kind.schema(), "description": value.doc}
    if value.default is not None:
        out["default"] = value.default
    return out
