"""The JSON Schema of `weights:`."""

from __future__ import annotations

from typing import Any

from archspec.schema.skeleton import SECTIONS
from archspec.transfer.section import KEYS, PART_KEYS

Schema = dict[str, Any]


def weights_schema() -> Schema:
    """Of the value of `weights:`; refers to `#/definitions/expression` as the ops' schemas do."""
    text: Schema = {"type": "string", "minLength": 1}
    patterns: Schema = {"anyOf": [text, {"type": "array", "items": text}]}
    order: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2}
    expression: Schema = {"$ref": "#/definitions/expression"}
    properties: dict[str, Schema] = {
        "file": patterns,
        "key": text,
        "ignore": patterns,
        "rename": {"type": "object", "additionalProperties": {"type": "string"}},
        "split": {"type": "object", "additionalProperties": _join("into", expression)},
        "concat": {"type": "object", "additionalProperties": _join("from", expression)},
        "transpose": {"anyOf": [*patterns["anyOf"], {"type": "object", "additionalProperties": order}]},
        "reshape": patterns,
        "fresh": patterns,
        "strict": {"anyOf": [{"type": "boolean"}, expression], "default": True},
    }
    return {
        **SECTIONS["weights"],
        "description": "The file of weights to start from, relative to this one, and how its names become the model's.",
        "items": text,
        "minItems": 1,
        "properties": {key: {**properties[key], "description": doc} for key, doc in KEYS.items()},
        "additionalProperties": False,
    }


def _join(word: str, expression: Schema) -> Schema:
    number: Schema = {"anyOf": [{"type": "integer"}, expression]}
    return {
        "type": "object",
        "properties": {
            word: {"type": "array", "items": {"type": "string"}, "minItems": 2},
            **{key: {**number, "description": doc} for key, doc in PART_KEYS.items()},
        },
        "required": [word],
        "additionalProperties": False,
    }
