"""The JSON Schema of a declaration's arguments: of an op, a loss, an optimizer."""

from __future__ import annotations

from typing import Any

from archspec.ops.base import Declared

Schema = dict[str, Any]


def arguments_schema(cls: type[Declared]) -> Schema:
    """A mapping of arguments; a lone value for the first of them; or nothing, where none is required."""
    properties: Schema = {}
    for key, declared in cls.args.items():
        properties[key] = {**declared.kind.schema()}
        if declared.doc:
            properties[key]["description"] = declared.doc
        if not declared.required:
            properties[key]["default"] = declared.default
    required = required_arguments(cls)
    mapping: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        mapping["required"] = required
    forms = [mapping]
    if not required:
        forms.append({"type": "null"})
    if cls.args and set(required) <= {next(iter(cls.args))}:
        forms.append({"not": {"type": ["object", "null"]}, **next(iter(cls.args.values())).kind.schema()})
    return {"description": summary(cls), "anyOf": forms}


def required_arguments(cls: type[Declared]) -> list[str]:
    return [key for key, declared in cls.args.items() if declared.required]


def summary(cls: type[Declared]) -> str:
    """Its documentation in one line, with its PyTorch name."""
    doc = " ".join((cls.__doc__ or "").split())
    return f"{doc} ({cls.counterpart})" if cls.counterpart and cls.counterpart not in doc else doc
