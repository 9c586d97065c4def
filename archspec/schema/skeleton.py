"""The document around the items: which keys a spec, a block and a promise have, and what kind of value each holds.

Stated once, as JSON Schema: the whole schema (build.py) is made of it, and so are the checks of document.py. `title`
is the words for the value in an error.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

VERSION = 1
BLOCK_NAME = "^[A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*$"
NAME = "^[A-Za-z_][A-Za-z0-9_]*$"
INPUT = NAME[:-1] + r"\??$"  # of a block: a name, `?` behind one that a call may leave out
LIBRARY = ("archspec", "doc", "blocks")  # what a file that is included may have
# With `extends`: merged key by key, where what the spec itself says replaces. null removes, save in `params`, where it
# is a default.
MERGED = ("params", "inputs", "symbols", "blocks", "outputs", "budget", "init", "weights", "train", "runtime")
REMOVABLE = ("doc", "symbols", "blocks", "outputs", "budget", "init", "weights", "train", "runtime")
AMENDED = ("doc", "params", "inputs", "outputs", "init")  # of a block that `replace` names
FILE = r"^[^$\\]+\.ya?ml$"
SECTIONS: dict[str, Schema] = {  # which a later stage looks at
    "init": {"title": "a mapping", "type": "object"},
    "weights": {"title": "a file, a list of files, or a mapping", "type": ["string", "array", "object"]},
    "train": {"title": "a mapping", "type": "object"},
    "runtime": {"title": "a mapping", "type": "object"},
}
# The keys of a spec that is one file, in the order in which a whole is put together.
WHOLE = ("archspec", "name", "doc", "params", "inputs", "symbols", "blocks", "layers", "outputs", "budget", *SECTIONS)


def spec(items: Schema, sections: dict[str, Schema], replaced: Schema, by_path: dict[str, Schema]) -> Schema:
    """The whole. `items`: schema of a list of items; `sections`: of SECTIONS; `replaced`: what may stand for an item
    under `replace`; `by_path`: what may stand there for paths of a pattern, whatever they lead to."""
    return {
        "title": "a mapping of `archspec`, `inputs`, `layers` and the rest",
        "type": "object",
        "properties": {
            "archspec": {
                "title": "the version of the language, 1",
                "description": "Version of the language.",
                "const": VERSION,
            },
            "name": _text("Name of the model."),
            "doc": _text("What the model is, and where it is published."),
            "extends": {
                "title": "the path of a spec",
                "description": "The spec to start from, relative to this file. What this file says replaces that.",
                "type": "string",
                "pattern": FILE,
            },
            "include": {
                "title": "a list of paths",
                "description": "Files of blocks, relative to this file.",
                "type": "array",
                "items": {"type": "string", "pattern": FILE},
            },
            "replace": {
                "title": "a mapping of paths to items",
                "description": "Items instead of those of the spec that `extends` names, by their path: "
                "`fc: {linear: 10}`, `Bottleneck.conv1: …` in a block; a list puts in several. "
                "`Bottleneck.conv2.groups: 32` is one argument of an item. null removes. "
                "`Bottleneck: {params: …}` changes what a block says besides its items.",
                "type": "object",
                "patternProperties": {
                    BLOCK_NAME: {"anyOf": [amendment(items), replaced]},
                    **by_path,
                },
                "additionalProperties": replaced,
            },
            "params": params(
                "What a user may change: a default, or a type word if required (int, float, bool, str, list, any)."
            ),
            "inputs": {
                "title": "a mapping of input names to types",
                "description": "The model's inputs: `image: float32[B, 3, H, W]`. A name that begins with a capital is "
                "a size that is known only when the model runs.",
                "type": "object",
                "propertyNames": {"pattern": NAME},
                "minProperties": 1,
                "additionalProperties": {"title": "a type such as float32[B, 3, H, W]", "type": "string"},
            },
            "symbols": {
                "title": "a mapping of sizes to promises",
                "description": "What is promised of the sizes of the inputs: `T: {max: 1024}`, `H: {multiple_of: 32}`.",
                "type": "object",
                "additionalProperties": promise(),
            },
            "blocks": {
                "title": "a mapping of block names to blocks",
                "description": "Blocks: items by their own name, each compiled to a class of that name.",
                "type": "object",
                "propertyNames": {"title": "a block's name, in CamelCase", "pattern": BLOCK_NAME},
                "additionalProperties": block(items),
            },
            "layers": {
                **items,
                "description": "The model: a chain of items, each reading the value of the one before.",
            },
            "outputs": {
                "title": "a mapping of output names to values, or a list of values",
                "description": "What the model gives back: `{logits: fc}`. Left out: the last value.",
                "type": ["object", "array"],
                "propertyNames": {"pattern": NAME},
                "additionalProperties": {"title": "the name of a value", "type": "string"},
                "items": {"title": "the name of a value", "type": "string"},
                "minProperties": 1,
                "minItems": 1,
            },
            "budget": budget(),
            **sections,
        },
        "required": ["inputs", "layers"],
        "additionalProperties": False,
    }


def block(items: Schema) -> Schema:
    return {
        "title": "a block, a mapping with `layers`",
        "type": "object",
        "properties": {
            "doc": _text("What the block is."),
            "params": params("Parameters: a default, or a type word if required (int, float, bool, str, list, any)."),
            "inputs": {
                "title": "a list of names, or a mapping of names to types",
                "description": "What it reads; `[x]` if left out, nothing if `[]`. "
                "A type binds its sizes: `{x: float32[N, T, D]}`.",
                "type": ["array", "object"],
                "items": {"title": "a name", "type": "string", "pattern": INPUT},
                "propertyNames": {"pattern": INPUT},
                "additionalProperties": {
                    "title": "a type such as float32[N, T, D], or null",
                    "type": ["string", "null"],
                },
                "minProperties": 1,
            },
            "layers": {**items, "description": "The block: a chain of items."},
            "init": {**SECTIONS["init"], "description": "How parameters in it begin, where no item says so itself."},
            "outputs": {
                "title": "the name of a value, or a list of them",
                "description": "What it gives back. Left out: the last value.",
                "type": ["string", "array"],
                "items": {"title": "the name of a value", "type": "string"},
                "minItems": 1,
            },
        },
        "required": ["layers"],
        "additionalProperties": False,
    }


def amendment(items: Schema) -> Schema:
    """What `replace` changes of a block by its name: all but its items."""
    said = block(items)["properties"]
    return {
        "title": "what a block says besides its items",
        "type": "object",
        "properties": {key: said[key] for key in AMENDED},
        "additionalProperties": False,
    }


def params(description: str) -> Schema:
    return {
        "title": "a mapping of parameter names to defaults or types",
        "description": description,
        "type": "object",
        "propertyNames": {"pattern": NAME},
    }


def promise() -> Schema:
    number = {"title": "a positive integer", "type": ["integer", "string"], "minimum": 1, "pattern": r"\$"}
    return {
        "title": "a mapping of `min`, `max`, `multiple_of`",
        "type": "object",
        "properties": {
            "min": {**number, "description": "The least value."},
            "max": {**number, "description": "The greatest value."},
            "multiple_of": {**number, "description": "What divides it."},
        },
        "additionalProperties": False,
        "minProperties": 1,
    }


def budget() -> Schema:
    def amount(title: str, description: str) -> Schema:
        return {"title": title, "description": description, "type": ["number", "string"], "minimum": 0}

    return {
        "title": "a mapping of `params`, `flops`, `param_bytes`, `state_bytes` and `at`",
        "description": "What the model may cost at most.",
        "type": "object",
        "properties": {
            "params": amount("a number such as 5M", "The most parameters, shared ones counted once."),
            "flops": amount(
                "a number such as 2G", "The most FLOPs of one forward pass (a multiply-add is 2), at the sizes of `at`."
            ),
            "param_bytes": amount("a size such as 20MB", "The most bytes that the parameters take."),
            "state_bytes": amount("a size such as 20MB", "The most bytes of parameters and buffers: of a weight file."),
            "at": {
                "title": "a mapping of sizes to numbers",
                "description": "Numbers for the symbols of the inputs: `{H: 224, W: 224}`. B is 1 if left out.",
                "type": "object",
                "additionalProperties": {
                    "title": "a positive integer",
                    "type": ["integer", "string"],
                    "minimum": 1,
                    "pattern": r"\$",
                },
            },
        },
        "additionalProperties": False,
        "minProperties": 1,
    }


def item_list() -> Schema:
    """A list of items whose items are not looked at (the graph stage does)."""
    return {"title": "a list of items", "type": "array"}


def _text(description: str) -> Schema:
    return {"title": "text", "description": description, "type": "string"}
