"""The JSON Schema of `train:` and `runtime:`, read off the declarations (draft 7; see archspec.schema.build)."""

from __future__ import annotations

from typing import Any

from archspec.ops.kinds import Kind
from archspec.recipe.data_kinds import DATA
from archspec.recipe.losses import LOSSES
from archspec.recipe.metrics import METRICS
from archspec.recipe.model import Part
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.parts import Family
from archspec.recipe.schedules import SCHEDULES
from archspec.recipe.sections import LOSS_KEYS, REQUIRED, RUNTIME_VALUES, TRAIN_KEYS, TRAIN_VALUES, Value


def train_schema() -> dict[str, Any]:
    """Of the value of `train:`; refers to `#/definitions/expression` as the ops' schemas do."""
    loss = family_schema(LOSSES, LOSS_KEYS)
    metric = family_schema(METRICS)
    properties = {
        "data": family_schema(DATA),
        "inputs": {"type": "object", "additionalProperties": {"type": "string"}},
        "loss": {"anyOf": [*loss["anyOf"], {"type": "array", "minItems": 1, "items": loss}]},
        "metrics": {"anyOf": [*metric["anyOf"], {"type": "array", "items": metric}]},
        "optimizer": family_schema(OPTIMIZERS),
        "schedule": family_schema(SCHEDULES),
        **{key: _value(value) for key, value in TRAIN_VALUES.items()},
    }
    return {
        "type": "object",
        "description": "how the architecture is trained",
        "properties": {key: {**properties[key], "description": doc} for key, doc in TRAIN_KEYS.items()},
        "required": list(REQUIRED),
        "additionalProperties": False,
    }


def runtime_schema() -> dict[str, Any]:
    """Of the value of `runtime:`."""
    return {
        "type": "object",
        "description": "where and in what precision it runs",
        "properties": {key: _value(value) for key, value in RUNTIME_VALUES.items()},
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


def arguments_schema(cls: type[Part]) -> dict[str, Any]:
    """The arguments of a part: a mapping, or a lone value for the first of them, or nothing."""
    doc = " ".join((cls.__doc__ or "").split())
    if cls.counterpart:
        doc += f" ({cls.counterpart})"
    properties = {}
    for key, declared in cls.args.items():
        properties[key] = {**declared.kind.schema(), "description": declared.doc}
        if not declared.required:
            properties[key]["default"] = declared.default
    required = [key for key, declared in cls.args.items() if declared.required]
    mapping: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        mapping["required"] = required
    forms: list[dict[str, Any]] = [mapping]
    if not required:
        forms.append({"type": "null"})
    if cls.args and set(required) <= {next(iter(cls.args))}:
        forms.append({"not": {"type": ["object", "null"]}, **next(iter(cls.args.values())).kind.schema()})
    return {"description": doc, "anyOf": forms}


def _value(value: Value) -> dict[str, Any]:
    out = {**value.kind.schema(), "description": value.doc}
    if value.default is not None:
        out["default"] = value.default
    return out
