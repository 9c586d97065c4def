"""The whole language as one JSON Schema (draft 7), for editors and for whoever checks specs without archspec.

It is made of skeleton.py and of the declarations of ops; sections (`train`, `weights`, …) come from who declares them.
What it cannot say is left to the stages: names, wiring, shapes, values of expressions, and that no item has
two blocks.
"""

from __future__ import annotations

import json
from typing import Any

from archspec.ops.base import Op
from archspec.ops.initial import PARAMETER_INITS, InitKind
from archspec.ops.parametrized import ParametrizationKind
from archspec.ops.registry import all_ops
from archspec.schema import skeleton
from archspec.schema.arguments import arguments_schema, required_arguments, summary
from archspec.schema.replacement import REPLACED, by_path, definitions

Schema = dict[str, Any]

URL = "https://archspec.dev/schemas/archspec-1.schema.json"


def build(**given: Schema) -> Schema:
    """The schema. `given`: of the values of sections (`train`, …); those left out may hold anything."""
    items = {"$ref": "#/definitions/items"}
    ops = sorted(all_ops())
    item = {"$ref": "#/definitions/item"}
    parts: Schema = {}
    given = {"init": {"$ref": "#/definitions/init"}, **given}
    sections = {name: _by_reference(name, given.get(name, plain), parts) for name, plain in skeleton.SECTIONS.items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": URL,
        **_document(skeleton.spec(items, sections, REPLACED, _by_path()), parts),
        "title": "archspec 1",
        "description": "A neural architecture, as archspec compiles it to PyTorch.",
        "definitions": {
            "expression": {
                "title": "an expression",
                "description": "$name is a parameter's value; $(...) an expression.",
                "type": "string",
                "pattern": r"\$",
            },
            "items": {"title": "a list of items", "type": "array", "items": {"$ref": "#/definitions/item"}},
            "item": {
                "title": "an item",
                "anyOf": [{"$ref": "#/definitions/full_item"}, {"$ref": "#/definitions/bare_item"}],
            },
            "bare_item": _bare(ops),
            "full_item": _full(ops),
            "beside": {"title": "a key beside the op or block", "enum": list(_COMMON)},
            "merge": _merge(ops),
            **definitions(item, [*ops, *_STRUCTURES]),
            "names": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            **parts,
            **_init(),
            **{f"op_{name}": arguments_schema(all_ops()[name]) for name in ops},
        },
    }


def _init() -> Schema:
    """`init`: patterns of names with an initialiser each, or an op's name with one for each of its parameters."""
    initialiser = {"$ref": "#/definitions/initialiser"}
    own = {"type": "object", "additionalProperties": initialiser}
    ops = [op for op in all_ops().values() if op.state is not Op.state]
    return {
        "initialiser": InitKind(PARAMETER_INITS).schema(),
        "init": {
            "title": "a mapping",
            "description": "How parameters begin: `{weight: {normal: {std: 0.02}}}`, by a pattern of names, or by op.",
            "type": "object",
            "properties": {op.name: {**own, "description": f"Of every {op.name}: {{weight: zeros}}."} for op in ops},
            "additionalProperties": initialiser,
        },
    }


def _by_path() -> dict[str, Schema]:
    """What may stand under `replace` for a path with a dot; arguments may have the name of an item's key."""
    keys: dict[str, list[Schema]] = {key: [{"$ref": f"#/definitions/full_item/properties/{key}"}] for key in _COMMON}
    mappings: set[str] = set()
    for op in all_ops().values():
        for name, declared in op.args.items():
            if name in keys:
                keys[name].append({"$ref": f"#/definitions/op_{op.name}/anyOf/0/properties/{name}"})
            elif any(one.get("type") == "object" for one in declared.kind.schema().get("anyOf", ())):
                mappings.add(name)
    return by_path(keys, sorted(mappings))


def _by_reference(name: str, section: Schema, parts: Schema) -> Schema:
    """The section with the schemas of its keys moved to `parts`, as it stands in the file more than once."""
    keys = section.get("properties", {})
    parts.update({f"{name}_{key}": value for key, value in keys.items()})
    return (
        {**section, "properties": {key: {"$ref": f"#/definitions/{name}_{key}"} for key in keys}} if keys else section
    )


def _document(spec: Schema, parts: Schema) -> Schema:
    """The top level: a whole spec, one that extends another, or a file of blocks to include."""
    block = spec["properties"]["blocks"]
    one = block["additionalProperties"]
    begins = {"$ref": "#/definitions/init", "description": one["properties"]["init"]["description"]}
    parts["block"] = {**one, "properties": {**one["properties"], "init": begins}}
    blocks = {**block, "additionalProperties": {"$ref": "#/definitions/block"}}
    spec = {**spec, "properties": {**spec["properties"], "blocks": blocks}}
    library = {key: spec["properties"][key] for key in skeleton.LIBRARY}
    return {
        "type": "object",
        "if": {"required": ["extends"]},
        "then": _extending(spec),
        "else": {
            "if": {"required": ["blocks"], "propertyNames": {"enum": list(library)}},
            "then": {"properties": library},
            "else": {**spec, "properties": {**spec["properties"], "replace": False}},
        },
    }


def _extending(spec: Schema) -> Schema:
    """Nothing is required, and null removes what the other spec has."""
    properties = dict(spec["properties"])
    for key in skeleton.MERGED:
        properties[key] = section = {name: value for name, value in properties[key].items() if name != "required"}
        if "properties" in section:
            section["properties"] = {name: _or_null(value) for name, value in section["properties"].items()}
        if isinstance(section.get("additionalProperties"), dict):
            section["additionalProperties"] = _or_null(section["additionalProperties"])
    for key in skeleton.REMOVABLE:
        properties[key] = _or_null(properties[key])
    return {**spec, "properties": properties, "required": ["extends"]}


def _or_null(schema: Schema) -> Schema:
    own: Schema = {key: schema[key] for key in ("title", "description") if key in schema}
    return {**own, "anyOf": [schema, {"type": "null"}]}


def text(schema: Schema) -> str:
    """The file's text: the same for the same declarations."""
    return json.dumps(schema, indent=1, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def _bare(ops: list[str]) -> Schema:
    """`- relu`: an op that needs no arguments, or a block."""
    alone = [name for name in ops if not required_arguments(all_ops()[name])]
    described = [{"const": name, "description": summary(all_ops()[name])} for name in alone]
    return {
        "title": "an op or block without arguments",
        "anyOf": [*described, {"type": "string", "pattern": skeleton.BLOCK_NAME}, _CHOSEN],
    }


def _full(ops: list[str]) -> Schema:
    """`- linear: 10`: one op, block or structure, and keys beside it.

    Each word says that no other stands beside it. A `oneOf` of the words would say so too, and a validator would look
    at all of them for each item: thirty times as long for a spec.
    """
    beside = {"$ref": "#/definitions/beside"}
    return {
        "title": "an item: one op, block or structure, with what goes beside it",
        "type": "object",
        "properties": {
            **_COMMON,
            **_STRUCTURES,
            **{name: {"$ref": f"#/definitions/op_{name}"} for name in ops},
        },
        "patternProperties": {
            skeleton.BLOCK_NAME: {"description": "A block, with its parameters."},
            _CHOSEN["pattern"]: {"description": "The op or block that a parameter names, with its arguments."},
        },
        "additionalProperties": False,
        "not": {"propertyNames": beside},
        "dependencies": {
            word: {"propertyNames": {"anyOf": [{"const": word}, beside]}} for word in [*ops, *_STRUCTURES]
        },
    }


def _merge(ops: list[str]) -> Schema:
    return {
        "title": "an op that joins the branches",
        "description": "How the branches are joined: `add`, `{concat: {dim: 1}}`.",
        "anyOf": [
            {"enum": [name for name in ops if not required_arguments(all_ops()[name])]},
            _CHOSEN,
            {
                "type": "object",
                "properties": {name: {"$ref": f"#/definitions/op_{name}"} for name in ops},
                "patternProperties": {"^\\$": {}},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ],
    }


_CHOSEN: Schema = {
    "description": "The op or block that a parameter names: `$act`.",
    "type": "string",
    "pattern": "^\\$",
}
_EXPRESSION: Schema = {"$ref": "#/definitions/expression"}
_ITEMS: Schema = {"$ref": "#/definitions/items"}
_NAMES: Schema = {"$ref": "#/definitions/names"}

_VALUES: Schema = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}
_NAME_OR_NONE: Schema = {"type": ["string", "null"]}
_CARRY: Schema = {
    "description": "How many values a turn hands on to the next: 1, if left out.",
    "anyOf": [{"type": "integer", "minimum": 1}, _EXPRESSION],
}

_COMMON: dict[str, Schema] = {
    "name": {
        "description": "The value's name, and the module's path: its parameters' keys in the state_dict begin with it.",
        "type": "string",
        "minLength": 1,
    },
    "from": {
        "description": "What is read: a name, or a list of names in the op's input order; `_` is the value before. "
        "null: an optional input that is not given. Left out: the value before.",
        "anyOf": [
            {"type": "string"},
            {"type": "array", "minItems": 1, "items": _NAME_OR_NONE},
            {"type": "object", "minProperties": 1, "additionalProperties": _NAME_OR_NONE},
        ],
    },
    "outputs": {
        "description": "Names for the results of an op with several.",
        "type": "array",
        "minItems": 1,
        "items": {"type": "string"},
    },
    "repeat": {
        "description": "How often: a count, or once for each element. `$i` is the index.",
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 10000},
            _EXPRESSION,
            {
                "type": "object",
                "properties": {
                    "each": {"description": "The list to go through.", "anyOf": [{"type": "array"}, _EXPRESSION]},
                    "as": {
                        "description": "What an element, or each entry of a list, is called in expressions.",
                        "anyOf": [
                            {"type": "string", "pattern": skeleton.NAME},
                            {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": skeleton.NAME}},
                        ],
                    },
                    "carry": _CARRY,
                },
                "required": ["each"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {
                    "count": {
                        "description": "How many turns.",
                        "anyOf": [{"type": "integer", "minimum": 0}, _EXPRESSION],
                    },
                    "carry": _CARRY,
                },
                "required": ["count"],
                "additionalProperties": False,
            },
        ],
    },
    "merge": {
        "description": "The turns of the `repeat` all read the same, and this op joins what they give.",
        "$ref": "#/definitions/merge",
    },
    "route": {
        "description": "Each turn of the `repeat` reads the rows that chose it, and their shares are added up: a "
        "mixture of experts.",
        "type": "object",
        "properties": {
            "chosen": {"description": "Numbers of turns: [..., choices] for rows [..., features].", "type": "string"},
            "weights": {"description": "A weight for each choice; all 1 if left out.", "type": "string"},
            "over": {
                "description": "Values of which turn t reads slice t of the first dimension: their names, or {input of "
                "the turn: value}.",
                "anyOf": [_NAMES, _VALUES],
            },
        },
        "required": ["chosen"],
        "additionalProperties": False,
    },
    "when": {
        "description": "false: the item is left out, and its value is its input.",
        "anyOf": [{"type": "boolean"}, _EXPRESSION],
    },
    "forward": {
        "description": "false: forward leaves the item out, as `when` does, and what it keeps is in the state_dict.",
        "anyOf": [{"type": "boolean"}, _EXPRESSION],
    },
    "tie": {
        "description": "This item's parameter is another, or all those of a module: `{weight: wte.weight}`.",
        "type": "object",
        "additionalProperties": {"type": "string", "minLength": 1},
    },
    "init": {"$ref": "#/definitions/init"},
    "parametrize": {
        "description": "Parameters that are computed from others: `{weight: weight_norm}`.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": ParametrizationKind().schema(),
    },
    "requires_grad": {
        "description": "false: training leaves the item's parameters as they are.",
        "anyOf": [{"type": "boolean"}, _EXPRESSION],
    },
    "register_buffer": {
        "description": "What this `sequence` computes is a buffer: made once, with the module.",
        "type": "object",
        "properties": {"persistent": {"description": "Part of state_dict().", "type": "boolean", "default": True}},
        "additionalProperties": False,
    },
    "inline": {
        "description": "true: the block is no module of its own; its items are those of the list around.",
        "type": "boolean",
    },
    "doc": {"description": "One line for the reader.", "type": "string"},
}

_STRUCTURES: dict[str, Schema] = {
    "sequence": {**_ITEMS, "description": "A chain of its own; with a name, a submodule."},
    "residual": {
        "description": "The sum of a chain and its input, or of a `body` and a `shortcut`.",
        "anyOf": [
            _ITEMS,
            {
                "type": "object",
                "properties": {"body": _ITEMS, "shortcut": _ITEMS},
                "required": ["body"],
                "additionalProperties": False,
            },
        ],
    },
    "parallel": {
        "description": "Chains that read the same value, and how they are joined.",
        "type": "object",
        "properties": {
            "branches": {
                "description": "Lists of items: by name, each a submodule, or without.",
                "anyOf": [
                    {"type": "object", "minProperties": 1, "additionalProperties": _ITEMS},
                    {"type": "array", "minItems": 1, "items": _ITEMS},
                ],
            },
            "merge": {"$ref": "#/definitions/merge"},
        },
        "required": ["branches", "merge"],
        "additionalProperties": False,
    },
    "scan": {
        "description": "A chain that is run for each slice of a dimension, with values carried from step to step.",
        "type": "object",
        "properties": {
            "over": {
                "description": "Values of which each step reads one slice along `dim`: their names, or {name in the "
                "body: value}. Left out: the value before, read as `x`.",
                "anyOf": [{"type": "string"}, _NAMES, _VALUES],
            },
            "carry": {
                "description": "{name: the value it begins with}. The item of the body that has the name, or a result "
                "of that name, gives its next value.",
                **_VALUES,
            },
            "body": {**_ITEMS, "description": "The items of one step."},
            "stack": {
                "description": "Values of the body that are stacked along `dim`; the last one if left out.",
                "type": "array",
                "items": {"type": "string"},
            },
            "dim": {
                "description": "The dimension that is gone along, and stacked along; 1 if left out.",
                "anyOf": [{"type": "integer"}, _EXPRESSION],
            },
            "reverse": {
                "description": "From the last slice to the first.",
                "anyOf": [{"type": "boolean"}, _EXPRESSION],
            },
            "steps": {
                "description": "How many steps, where none is a slice of a value.",
                "anyOf": [{"type": "integer", "minimum": 1}, _EXPRESSION],
            },
        },
        "required": ["body"],
        "additionalProperties": False,
    },
    "use": {"description": "Call the modules of an earlier item again: its name.", "type": "string"},
}
