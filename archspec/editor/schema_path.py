"""The JSON Schema of the language along a path: what may stand there, and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from archspec.editor.tree import Step

Schema = dict[str, Any]
_DEEP = 24


class Option(NamedTuple):
    """Something that may be written: a key or a value. `takes`: whether a key is followed by a mapping."""

    text: str
    doc: str = ""
    default: Any = None
    required: bool = False


@cache
def language() -> Schema:
    """The whole schema, put together from the declarations."""
    from archspec.recipe.schema import runtime_schema, train_schema
    from archspec.schema.build import build
    from archspec.transfer.schema import weights_schema

    return build(train=train_schema(), runtime=runtime_schema(), weights=weights_schema())


def along(path: tuple[Step, ...]) -> list[Schema]:
    """The schemas that may apply to what stands at a path."""
    current = list(_flat(language()))
    for step in path:
        following: list[Schema] = []
        for schema in current:
            following += _inner(schema, step)
        current = [flat for schema in following for flat in _flat(schema)]
    return _once(current)


def keys(path: tuple[Step, ...]) -> list[Option]:
    """The keys that a mapping at a path may have."""
    found: dict[str, Option] = {}
    for schema in along(path):
        required = schema.get("required", ())
        for key, value in schema.get("properties", {}).items():
            if key not in found or not found[key].doc:
                found[key] = Option(key, _doc(value), _default(value), key in required)
    return list(found.values())


def values(path: tuple[Step, ...]) -> list[Option]:
    """The words that may stand at a path."""
    found: dict[str, Option] = {}
    for schema in along(path):
        for word in [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]:
            if isinstance(word, str):
                found.setdefault(word, Option(word))
        kind = schema.get("type")
        if "boolean" in (kind if isinstance(kind, list) else [kind]):
            found |= {word: Option(word) for word in ("true", "false")}
    return list(found.values())


def doc(path: tuple[Step, ...]) -> str:
    """What the schema says of a key at a path."""
    for schema in along(path):
        if text := schema.get("description"):
            return str(text)
    return ""


def _inner(schema: Schema, step: Step) -> list[Schema]:
    if isinstance(step, int):
        items = schema.get("items")
        return [items] if isinstance(items, dict) else []
    found = schema.get("properties", {}).get(step)
    if isinstance(found, dict):
        return [found]
    import re

    matching = [s for pattern, s in schema.get("patternProperties", {}).items() if re.search(pattern, step)]
    more = schema.get("additionalProperties")
    return matching or ([more] if isinstance(more, dict) else [])


def _flat(schema: Any, depth: int = 0) -> Iterator[Schema]:
    """The schema and all that it is put together from."""
    if not isinstance(schema, dict) or depth > _DEEP:
        return
    if (ref := schema.get("$ref")) is not None:
        target: Any = language()
        for part in str(ref).removeprefix("#/").split("/"):
            target = target[int(part)] if isinstance(target, list) else target.get(part, {})
        yield from _flat(target, depth + 1)
        if "description" in schema:
            yield {"description": schema["description"]}
        return
    yield schema
    for word in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(word, ()):
            yield from _flat(part, depth + 1)
    for word in ("then", "else"):
        yield from _flat(schema.get(word), depth + 1)


def _once(schemas: list[Schema]) -> list[Schema]:
    return list({id(schema): schema for schema in schemas}.values())


def _doc(schema: Any) -> str:
    return next((str(s["description"]) for s in _flat(schema) if s.get("description")), "")


def _default(schema: Any) -> Any:
    return next((s["default"] for s in _flat(schema) if "default" in s), None)
