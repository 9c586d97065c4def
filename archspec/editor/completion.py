"""What may be written at the cursor: ops, blocks, keys, arguments, words, names of values and parameters."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from archspec.editor import schema_path
from archspec.editor.analysis import Analysis
from archspec.editor.cursor import Cursor, cursor
from archspec.editor.definition import Scene, item_path, reads, replaceable
from archspec.editor.names import Definition, before, blocks, is_item, is_list_of_items, parameters_at, values_at
from archspec.editor.tree import Step, at, text
from archspec.graph.names import COMMON, TYPES, WORDS
from archspec.ops.registry import find as find_op
from archspec.ops.words import first_line, value
from archspec.reading.dtypes import DTYPES
from archspec.reading.files import SUFFIXES
from archspec.reading.nodes import Mapping, Node

_SYMBOL = re.compile(r"\b[A-Z][A-Za-z0-9_]*\b")
_MOST_FILES = 200


class Completion(NamedTuple):
    """`kind`: "op", "block", "key", "argument", "word", "value" or "parameter". `insert`: what is put in."""

    label: str
    kind: str
    detail: str = ""
    doc: str = ""
    insert: str = ""
    sort: str = ""


def complete(analysis: Analysis, line: int, col: int) -> list[Completion]:
    """The completions at a place of a text that may be broken."""
    place = cursor(analysis.text, line, col)
    if place is None:
        return []
    if place.dollar:
        return _parameters(place)
    if place.role != "key" and reads(place.path):
        return _values(analysis, place)
    if (own := _own(analysis, place)) is not None:
        return own
    if place.role == "key":
        return _keys(analysis, place)
    if place.role == "item" and is_list_of_items(place.path):
        return _items(analysis, place)
    found = [Completion(option.text, "word", insert=option.text) for option in schema_path.values(place.path)]
    if place.role == "value":
        # A lone value is an op's first argument, or a mapping to come.
        found += _first_argument(place)
    return found


def _own(analysis: Analysis, place: Cursor) -> list[Completion] | None:
    """What no schema knows: types, symbols, files, what a spec that is extended has; None for all other places."""
    match place.path, place.role:
        case ("inputs", _) | ("blocks", _, "inputs", _), "value":
            return [Completion(dtype, "word", insert=f"{dtype}[") for dtype in DTYPES]
        case ("params", _) | ("blocks", _, "params", _), "value":
            return [Completion(word, "word", f"a value that has to be given: {like}") for word, like in TYPES.items()]
        case ("symbols",), "key":
            texts = [found for found in map(text, _inputs(place.root)) if found is not None]
            named = dict.fromkeys(word for found in texts for word in _SYMBOL.findall(found))
            return [Completion(word, "word", "symbol", insert=f"{word}: ") for word in named]
        case ("include",), "value" | "item":
            return _files(analysis)
        case ("extends",), "value":
            return _files(analysis)
        case ("replace",), "key":
            found = replaceable(Scene(place.root, analysis.report.assembled))
            return [Completion(each.name, each.kind, insert=f"{each.name}: ") for each in found]
    return None


def _inputs(root: Node) -> list[Node]:
    given = at(root, ("inputs",))
    return list(given.entries.values()) if isinstance(given, Mapping) else []


def _files(analysis: Analysis) -> list[Completion]:
    """The YAML files beside this one."""
    with suppress(OSError):
        names = sorted(path.name for path in analysis.base.iterdir() if path.suffix in SUFFIXES)
        return [Completion(name, "word", "file") for name in names[:_MOST_FILES] if name != Path(analysis.file).name]
    return []


def _values(analysis: Analysis, place: Cursor) -> list[Completion]:
    out: dict[str, Completion] = {}
    at_item: tuple[Step, ...] = item_path(place.path)
    if place.path[:1] == ("outputs",):
        at_item = ("layers", 1 << 30)
    if "from" in place.path and (known := before(place.root, at_item)) is not None:
        out[known.name] = Completion(known.name, "value", known.kind, insert=known.name)
    for known in values_at(place.root, at_item):
        types = analysis.type_of(known.node) if known.node is not None else None
        detail = ", ".join(map(str, types.outputs)) if types is not None else known.kind
        if known.kind == "input" and (given := analysis.report.inputs.get(known.name)) is not None:
            detail = str(given)
        out[known.name] = Completion(known.name, "value", detail, insert=known.name)
    return list(out.values())


def _parameters(place: Cursor) -> list[Completion]:
    out = {}
    for known in parameters_at(place.root, place.path):
        detail = value(known.node.data()) if known.node is not None and known.kind == "parameter" else known.kind
        out[known.name] = Completion(known.name, "parameter", detail, insert=known.name)
    return list(out.values())


def _keys(analysis: Analysis, place: Cursor) -> list[Completion]:
    owner = at(place.root, place.path)
    taken = set(owner.entries) if isinstance(owner, Mapping) else set()
    if place.path and isinstance(place.path[-1], int) and is_list_of_items(place.path[:-1]):
        called = any(key not in COMMON for key in taken if not key.startswith("cursor"))
        found = [_key(option) for option in schema_path.keys(place.path) if option.text in COMMON]
        return [c for c in found if c.label not in taken] + ([] if called else _items(analysis, place, key=True))
    params = _block_params(analysis, place)
    options = params if params is not None else [_key(option) for option in schema_path.keys(place.path)]
    return [option for option in options if option.label not in taken]


def _key(option: schema_path.Option) -> Completion:
    default = "required" if option.required else "" if option.default is None else f"default {value(option.default)}"
    return Completion(
        option.text, "key", default, option.doc, f"{option.text}: ", f"{0 if option.required else 1}{option.text}"
    )


def _block_params(analysis: Analysis, place: Cursor) -> list[Completion] | None:
    """The parameters of a block, where the cursor is in a call of it."""
    name = place.path[-1] if is_item(place.root, place.path[:-1]) else None
    if not isinstance(name, str) or not name[:1].isupper():
        return None
    for known in _all_blocks(analysis, place.root):
        if known.name == name and isinstance(known.node, Mapping):
            params = known.node.get("params")
            if not isinstance(params, Mapping):
                return []
            return [
                Completion(key, "argument", value(given.data()), insert=f"{key}: ")
                for key, given in params.entries.items()
            ]
    return None


def _items(analysis: Analysis, place: Cursor, *, key: bool = False) -> list[Completion]:
    """Ops, blocks and structures; `key`: as the key of an item that is a mapping."""
    from archspec.ops.registry import all_ops

    end = ": " if key else ""
    found = []
    for known in _all_blocks(analysis, place.root):
        doc = text(known.node.get("doc")) if isinstance(known.node, Mapping) else None
        found.append(Completion(known.name, "block", "block", doc or "", f"{known.name}{end}", f"1{known.name}"))
    for name, op in all_ops().items():
        required = [arg for arg in op.args.values() if arg.required]
        needs = ": " if required or key else ""
        found.append(Completion(name, "op", op.counterpart, first_line(op.__doc__), f"{name}{needs}", f"2{name}"))
    found += [Completion(word, "key", "structure", insert=f"{word}: ", sort=f"0{word}") for word in WORDS]
    if not key:
        found.append(Completion("name", "key", insert="{name: ", sort="0"))
    return found


def _all_blocks(analysis: Analysis, root: Node) -> list[Definition]:
    whole = analysis.report.assembled
    names = {known.name: known for known in (blocks(whole) if whole is not None else [])}
    return list({**names, **{known.name: known for known in blocks(root)}}.values())


def _first_argument(place: Cursor) -> list[Completion]:
    name = place.path[-1] if place.path else None
    op = find_op(name) if isinstance(name, str) else None
    if op is None or not op.args:
        return []
    first = next(iter(op.args.values()))
    names = ", ".join(op.args)
    return [Completion("{}", "argument", f"{first.name}: {first.kind.title}", f"arguments: {names}", "{", "9")]
