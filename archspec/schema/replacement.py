"""What may stand under `replace`: an item, or what is given anew of one by a path that ends in its name.

What a path with a dot leads to is known with the other spec only. So its value is held against what both say
themselves: with the word of an op or structure in it, it is an item; behind `.repeat`, a `repeat` or an item. The value
of an argument may be anything, as a parameter of a block may have an argument's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Schema = dict[str, Any]

REPLACED: Schema = {"$ref": "#/definitions/replaced"}
_WORDED: Schema = {"$ref": "#/definitions/worded"}


def definitions(item: Schema, words: Iterable[str]) -> dict[str, Schema]:
    """What the others refer to. `item`: the schema of an item; `words`: ops and structures."""
    unnamed = {"type": "object", "required": ["name"], "properties": {"name": {"type": "null"}}}
    several = {"type": "array", "minItems": 1, "items": {"anyOf": [item, unnamed]}}
    return {
        "replaced": {
            "title": "an item, a list of items, or null",
            "anyOf": [item, unnamed, several, {"type": "null"}],
        },
        "worded": {
            "title": "a mapping with the word of an op or structure",
            "type": "object",
            "not": {"propertyNames": {"not": {"enum": sorted(words)}}},
        },
    }


def by_path(keys: Mapping[str, list[Schema]], mappings: Iterable[str]) -> dict[str, Schema]:
    """{pattern of paths with a dot: schema}. `keys`: what may stand behind a key of an item; `mappings`: arguments that
    are mappings, of which a key may be an op's word."""
    either = {"description": "An item, or an argument's value."}
    others = "|".join([*keys, *mappings, "[0-9]+"])
    return {
        r"\.[0-9]+$": REPLACED,
        **{rf"\.{key}$": {"anyOf": [REPLACED, *own]} for key, own in keys.items()},
        **{rf"\.{name}$": either for name in mappings},
        rf"\.(?!({others})$)[^.]+$": {
            **either,
            "if": {"anyOf": [_WORDED, {"type": "array", "contains": _WORDED}]},
            "then": REPLACED,
        },
    }
