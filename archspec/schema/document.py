"""The schema stage: holds the document around the items against skeleton.py.

It owns which keys the document, its blocks and its promises have, and what kind of value they hold. It does not look
inside items, arguments, or sections (`train`, `weights`, …), nor at names and the values of promises: the graph stage
and the recipe check those, where blocks, parameters and expressions are known. So nothing is reported twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from archspec.diagnostics.model import Diagnostics
from archspec.diagnostics.suggest import closest, did_you_mean, meant_keys, rename, surround, write_instead
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence, renamed
from archspec.schema import skeleton

Path = tuple[str | int, ...]


def _document() -> skeleton.Schema:
    """What is looked at here: all but items, and what `replace` puts in their place."""
    return skeleton.spec(skeleton.item_list(), skeleton.SECTIONS, {}, {})


@cache
def _validator() -> Draft7Validator:
    return Draft7Validator(_document())


MAX_KEPT = 1 << 12  # outlines, and characters of each
_clean: set[str] = set()  # outlines in which nothing was found


def validate(root: Node, diagnostics: Diagnostics) -> bool:
    """Report what is wrong with the document (AS201, AS204, AS205, AS216); False if there is nothing to elaborate."""
    outline = _outline(root)
    text = repr(outline)
    if text not in _clean:
        errors = list(_validator().iter_errors(outline))
        for error in errors:
            _report(error, root, diagnostics)
        if not errors and len(text) <= MAX_KEPT:
            if len(_clean) >= MAX_KEPT:
                _clean.clear()
            _clean.add(text)
    if not isinstance(root, Mapping):
        return False
    return isinstance(root.get("inputs"), Mapping) and isinstance(root.get("layers"), Sequence)


def misspells(root: Mapping, key: str, diagnostics: Diagnostics) -> bool:
    """Is a key of the document, which is not there, misspelt? It is reported then (AS201)."""
    known = list(_document()["properties"])
    for written, meant in meant_keys(root.entries, known).items():
        if meant == key:
            _unknown_key(written, root, known, (), diagnostics)
            return True
    return False


def as_meant(root: Mapping) -> Mapping:
    """The document with its misspelt keys, which are reported, read as what they were meant for."""
    known = _document()["properties"]
    root = renamed(root, meant_keys(root.entries, known))
    blocks = root.get("blocks")
    if not isinstance(blocks, Mapping):
        return root
    keys = skeleton.block(skeleton.item_list())["properties"]
    bodies = {
        name: renamed(body, meant_keys(body.entries, keys)) if isinstance(body, Mapping) else body
        for name, body in blocks.entries.items()
    }
    return Mapping({**root.entries, "blocks": Mapping(bodies, blocks.keys, blocks.span)}, root.keys, root.span)


def _outline(root: Node) -> Any:
    """The document's data without its items and sections."""
    if not isinstance(root, Mapping):
        return root.data()
    out: dict[str, Any] = {}
    for key, node in root.entries.items():
        if key in ("layers", "params", *skeleton.SECTIONS):
            out[key] = _hollow(node)
        elif key == "blocks" and isinstance(node, Mapping):
            out[key] = {name: _block_outline(body) for name, body in node.entries.items()}
        else:
            out[key] = node.data()
    return out


def _block_outline(node: Node) -> Any:
    if not isinstance(node, Mapping):
        return node.data()
    return {key: _hollow(part) if key in ("layers", "params") else part.data() for key, part in node.entries.items()}


def _hollow(node: Node) -> Any:
    if isinstance(node, Sequence):
        return []
    return dict.fromkeys(node.entries) if isinstance(node, Mapping) else node.data()


def _report(error: ValidationError, root: Node, diagnostics: Diagnostics) -> None:
    path: Path = tuple(error.absolute_path)
    node, where = _at(root, path)
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    kind = error.validator
    if (kind in ("pattern", "minimum") and path[-1:] != ("blocks",)) or (path[:1] == ("symbols",) and len(path) == 3):
        return  # the graph stage's
    if kind == "additionalProperties" and isinstance(node, Mapping):
        known = list(schema.get("properties", {}))
        for key in node.entries:
            if key not in known:
                _unknown_key(key, node, known, where, diagnostics)
    elif kind == "required" and isinstance(node, Mapping):
        known = list(schema.get("properties", {}))
        meant = {name for other in node.entries if other not in known for name in closest(other, known)[:1]}
        for key in schema["required"]:
            if key not in node.entries and key not in meant:  # a misspelt key is one error
                _missing_key(key, node, root, where, diagnostics)
    elif kind == "pattern":
        _bad_block_name(str(error.instance), node, diagnostics)
    elif path == ("archspec",):
        diagnostics.error(
            "AS216",
            node.span,
            f"archspec {_shown(node)} is not a version of the language known here",
            help="write `archspec: 1`",
            fix=write_instead(str(node.data()), "1", node.span, safe=True) if node.data() in ("1", 1.0) else None,
        )
    elif kind in ("minProperties", "minItems"):
        diagnostics.error("AS205", node.span, f"{_place(path)} is empty", help=_EMPTY.get(path[-1] if path else ""))
    elif kind == "type" and not path:
        diagnostics.error("AS205", root.span, f"a spec is {schema['title']}, not {_shown(root)}")
    else:
        _bad_value(node, path, schema, diagnostics)


_EMPTY: dict[str | int, str] = {
    "inputs": "declare what the model reads: `inputs: {image: float32[B, 3, 224, 224]}`",
    "outputs": "leave it out to give back the last value",
}


def _bad_value(node: Node, path: Path, schema: dict[str, Any], diagnostics: Diagnostics) -> None:
    help = fix = None
    last = path[-1] if path else ""
    if last == "layers" and isinstance(node, Mapping):
        help = "put a dash before each item: `- linear: 10`"
    elif _names_value(schema) and isinstance(node, Scalar) and type(node.value) is int:
        help = f'a name of digits is quoted: `"{node.value}"`'
        fix = surround(node.span, '"', '"')
    elif last == "outputs" and isinstance(node, Mapping):
        written = ", ".join(str(value.data()) for value in node.entries.values())
        help = f"what it gives is named where it is called: `outputs: [{written}]`"
    elif last == "outputs" and isinstance(node, Scalar) and node.value is not None:
        quote = '"' * (type(node.value) is int)
        name = f"{quote}{node.value}{quote}"
        help = f"write `outputs: [{name}]`, or `outputs: {{name: {name}}}`"
        fix = surround(node.span, f"[{quote}", f"{quote}]")
    elif path[:1] == ("inputs",) and isinstance(node, Sequence):
        sizes = ", ".join(str(item.data()) for item in node.items)
        help = f"write the dtype and the sizes: float32[{sizes}]" if len(path) == 2 else "write `name: type` for each"
    elif last == "name" and isinstance(node, Scalar) and node.value is not None:
        help = f'quote it: "{node.value}"'
        fix = surround(node.span, '"', '"')
    title = schema.get("title", "another value")
    diagnostics.error("AS205", node.span, f"{_place(path)} takes {title}, got {_shown(node)}", help=help, fix=fix)


def _names_value(schema: dict[str, Any]) -> bool:
    return str(schema.get("title", "")).startswith("the name of a value")


def _unknown_key(key: str, node: Mapping, known: list[str], where: Path, diagnostics: Diagnostics) -> None:
    help = did_you_mean(key, known)
    if help is None and not where and _LEFT_OUT.get(key):
        help = _LEFT_OUT[key]
    if help is None:
        help = f"keys: {', '.join(known)}"
    fix = rename(key, [each for each in known if each not in node], node.keys[key])
    diagnostics.error("AS201", node.keys[key], f"{_owner(where)} has no key `{key}`", help=help, fix=fix)


_LEFT_OUT = {
    "optimizer": "it belongs under `train:`",
    "loss": "it belongs under `train:`",
    "data": "it belongs under `train:`",
    "epochs": "it belongs under `train:`",
    "batch_size": "it belongs under `train:`",
    "metrics": "it belongs under `train:`",
    "precision": "it belongs under `runtime:`",
}


def _missing_key(key: str, node: Mapping, root: Node, where: Path, diagnostics: Diagnostics) -> None:
    example = {
        "inputs": "`inputs: {image: float32[B, 3, 224, 224]}`",
        "layers": "`layers:` and a list of items: `- linear: 10`",
    }.get(key)
    span = node.keys[next(iter(node.keys))] if node is root and node.keys else node.span
    if where:
        parent, _ = _at(root, where[:-1])
        if isinstance(parent, Mapping):
            span = parent.keys.get(str(where[-1]), span)
    diagnostics.error("AS204", span, f"{_owner(where)} needs `{key}`", help=example)


def _bad_block_name(name: str, node: Node, diagnostics: Diagnostics) -> None:
    span = node.keys[name] if isinstance(node, Mapping) and name in node.keys else node.span
    words = "".join(c if c.isalnum() and c.isascii() else " " for c in name).split()
    camel = "".join(word[:1].upper() + word[1:] for word in words).lstrip("0123456789")
    what = f"a block is called in CamelCase, so that it is told from an op; got `{name}`"
    diagnostics.error("AS205", span, what, help=f"`{camel}`" if camel else None)


def _at(root: Node, path: Iterable[str | int]) -> tuple[Node, Path]:
    """The node at a path, or the innermost one on the way, with the path to it."""
    node, done = root, []
    for step in path:
        if isinstance(node, Mapping) and step in node.entries:
            node = node.entries[str(step)]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            break
        done.append(step)
    return node, tuple(done)


def _owner(path: Path) -> str:
    if not path:
        return "a spec"
    if path[0] == "blocks" and len(path) == 2:
        return f"the block `{path[1]}`"
    return f"`{path[-1]}`"


def _place(path: Path) -> str:
    if len(path) == 3 and path[0] == "blocks":
        return f"`{path[2]}` of `{path[1]}`"
    words = [str(step) for step in path if isinstance(step, str)]
    if path and isinstance(path[-1], int):
        return f"each of `{words[-1]}`" if words else "each"
    if len(words) > 1 and words[0] not in ("inputs", "outputs"):
        return f"`{words[-1]}` of `{words[-2]}`"
    return f"`{words[-1]}`" if words else "a spec"


def _shown(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    value = node.data()
    if value is None:
        return "nothing"
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
