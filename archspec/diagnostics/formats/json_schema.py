"""The JSON Schema (draft 7) of `archspec check --format json`; `python -m archspec.schema` writes it to a file.

Within version 1 keys are only added, so a reader ignores keys that it does not know.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

URL = "https://archspec.dev/schemas/archspec-check-1.schema.json"


def schema() -> Schema:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": URL,
        "title": "archspec check, version 1",
        "description": "What `archspec check --format json` found.",
        **record(
            {
                "$schema": {"type": "string"},
                "version": {"description": "Version of this format.", "const": 1},
                "archspec": described("Version of archspec."),
                "summary": record(
                    {
                        "specs": count("Specs that were named."),
                        "ok": count("Specs without findings; with --strict, without warnings too."),
                        "errors": count("Errors in all specs together."),
                        "warnings": count("Warnings in all specs together."),
                    }
                ),
                "specs": {"type": "array", "items": {"$ref": "#/definitions/spec"}},
            }
        ),
        "definitions": {
            "spec": record(
                {
                    "file": _path(),
                    "ok": {"description": "No errors; with --strict, no warnings either.", "type": "boolean"},
                    "model": {
                        "description": "What the spec describes; null where it has errors.",
                        "anyOf": [{"$ref": "#/definitions/model"}, {"type": "null"}],
                    },
                    "diagnostics": {"type": "array", "items": {"$ref": "#/definitions/diagnostic"}},
                }
            ),
            "model": _model(),
            "tensor": _tensor(),
            "diagnostic": _diagnostic(),
            "span": _span(),
        },
    }


def _model() -> Schema:
    return record(
        {
            "name": described("The spec's `name`."),
            "parameters": count("Elements of all parameters, shared ones once."),
            "flops": {
                "description": "FLOPs of one forward pass (a multiply-add is 2); null where sizes are not known.",
                "type": ["integer", "null"],
                "minimum": 0,
            },
            "flops_formula": {
                "description": "The same in the symbols of the inputs; null where it is too long to be of use.",
                "type": ["string", "null"],
            },
            "sizes": {
                "description": "Sizes of a budget at which `flops` are counted, by symbol.",
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 1},
            },
            "inputs": {"type": "array", "items": {"$ref": "#/definitions/tensor"}},
            "outputs": {"type": "array", "items": {"$ref": "#/definitions/tensor"}},
            "requirements": {
                "description": "What the architecture demands of the sizes of its inputs: `H % 32 == 0`.",
                "type": "array",
                "items": {"type": "string"},
            },
        }
    )


def _tensor() -> Schema:
    return record(
        {
            "name": {"type": "string"},
            "dtype": described("As PyTorch calls it: `float32`."),
            "shape": {
                "description": "Sizes; a symbolic one is a formula: `H//32`.",
                "type": "array",
                "items": {"type": ["integer", "string"], "minimum": 0},
            },
        }
    )


def _diagnostic() -> Schema:
    span = {"$ref": "#/definitions/span"}
    related = {"type": "array", "items": record({"span": span, "text": {"type": "string"}})}
    return record(
        {
            "code": {"description": "`archspec explain CODE` says more.", "type": "string", "pattern": "^AS[0-9]{3}$"},
            "severity": {"enum": ["error", "warning"]},
            "message": {"type": "string"},
            "span": span,
            "option": {
                "description": "The option of the command line at fault, if one is: `--set`.",
                "type": ["string", "null"],
            },
            "label": {"description": "A few words about the span.", "type": ["string", "null"]},
            "related": {**related, "description": "Other places that have to do with it."},
            "trail": {"description": "How the value at fault came about.", "type": ["string", "null"]},
            "help": {"description": "What to do.", "type": ["string", "null"]},
            "notes": {"type": "array", "items": {"type": "string"}},
            "fix": {
                "description": "A repair; null where none is known. `archspec check --fix` makes the safe ones.",
                "anyOf": [{"type": "null"}, _fix()],
            },
            "fingerprint": {
                "description": "The same for the same finding after lines have moved.",
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
            },
        }
    )


def _fix() -> Schema:
    edit = record({"span": {"$ref": "#/definitions/span"}, "text": described("What stands at the span instead.")})
    return record(
        {
            "title": described("What it does."),
            "safe": {"description": "Is it surely what was meant?", "type": "boolean"},
            "edits": {"description": "All are made, or none.", "type": "array", "minItems": 1, "items": edit},
        }
    )


def _span() -> Schema:
    number = {"type": "integer", "minimum": 1}
    return {
        "description": "Lines and columns (Unicode characters) count from 1; the end is exclusive.",
        **record({"file": _path(), "line": number, "column": number, "end_line": number, "end_column": number}),
    }


def _path() -> Schema:
    return described("From the root of the repository; absolute for a file outside; `<stdin>` for standard input.")


def described(description: str) -> Schema:
    return {"description": description, "type": "string"}


def count(description: str) -> Schema:
    return {"description": description, "type": "integer", "minimum": 0}


def record(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
