"""The JSON Schema (draft 7) of `archspec diff --format json`; `python -m archspec.schema` writes it to a file.

Within version 1 keys are only added, so a reader ignores keys that it does not know.
"""

from __future__ import annotations

from archspec.compare.model import STATUSES
from archspec.diagnostics.formats.json_schema import Schema, count, described, record

URL = "https://archspec.dev/schemas/archspec-diff-1.schema.json"
_NAMES: Schema = {"type": "array", "items": {"type": "string"}}
_MAP: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def schema() -> Schema:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": URL,
        "title": "archspec diff, version 1",
        "description": "What `archspec diff --format json` found.",
        **record(
            {
                "$schema": {"type": "string"},
                "version": {"description": "Version of this format.", "const": 1},
                "archspec": described("Version of archspec."),
                "same": {"description": "Both compute the same by weights of the same names.", "type": "boolean"},
                "before": {"$ref": "#/definitions/side"},
                "after": {"$ref": "#/definitions/side"},
                "nodes": {"type": "array", "items": {"$ref": "#/definitions/node"}},
                "weights": {"$ref": "#/definitions/weights"},
            }
        ),
        "definitions": {"side": _side(), "node": _node(), "weights": _weights()},
    }


def _side() -> Schema:
    return record(
        {
            "file": described("As named; `REVISION:path` for a file of a git revision."),
            "name": described("The spec's `name`."),
            "parameters": count("Elements of all parameters, shared ones once."),
            "flops": {
                "description": "FLOPs of one forward pass at `sizes` (a multiply-add is 2); null if these miss some.",
                "type": ["integer", "null"],
                "minimum": 0,
            },
            "flops_formula": {
                "description": "The formula instead; null where it is too long.",
                "type": ["string", "null"],
            },
            "sizes": {
                "description": "Numbers for the symbols of the inputs.",
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 1},
            },
            "inputs": {**_MAP, "description": "Types by name: `float32[B, 3, H, W]`."},
            "outputs": {**_MAP, "description": "Types by name."},
            "requirements": {**_NAMES, "description": "What is demanded of the sizes of the inputs."},
        }
    )


def _node() -> Schema:
    change = record({"what": {"type": "string"}, "before": {"type": "string"}, "after": {"type": "string"}})
    return record(
        {
            "status": {
                "description": "`moved` steps may have changed too; of a `reshaped` one the result alone differs.",
                "enum": list(STATUSES),
            },
            "path": described(
                "Of the module in the second model (in the first, if removed); `a.0 … 3` for equal turns."
            ),
            "before": {
                "description": "The path in the first model, where it is another one.",
                "type": ["string", "null"],
            },
            "op": described("The op, the block, or `sequence`."),
            "times": {"description": "How many equal turns it stands for.", "type": "integer", "minimum": 1},
            "depth": count("How many modules it stands in."),
            "changes": {"description": "Arguments, `reads`, `output`, …", "type": "array", "items": change},
            "outputs": {**_NAMES, "description": "Types of its results."},
            "parameters": record({"before": count("Then, all turns."), "after": count("Now, all turns.")}),
        }
    )


def _weights() -> Schema:
    shape: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0}}
    return {
        "description": "What becomes of the entries of the first model's state_dict in the second.",
        **record(
            {
                "total": count("How many there are."),
                "equal": {**_NAMES, "description": "Load as they are: name and shape are there."},
                "renamed": {**_MAP, "description": "{name: its name now}; name them anew to load them."},
                "reshaped": {
                    "description": "There in another shape: `load_state_dict` refuses them.",
                    "type": "object",
                    "additionalProperties": record({"before": shape, "after": shape}),
                },
                "misplaced": {
                    **_MAP,
                    "description": "{name: the name of what it was}: name and shape are there, but of another layer.",
                },
                "lost": {**_NAMES, "description": "There is nothing for them."},
                "new": {**_NAMES, "description": "Only in the second model."},
            }
        ),
    }
