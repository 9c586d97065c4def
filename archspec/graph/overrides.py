"""`--set path=value`: parameters, and entries of sections: `train.epochs=3`, `weights.strict=false`."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from typing import Any

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.context import FAILED, Context
from archspec.graph.params import Given, Param
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.schema.skeleton import SECTIONS

FILE = "--set"  # the pseudo file of what is given on the command line: one override a line, `path=value`


def override_spans(overrides: dict[str, Any]) -> dict[str, tuple[Span, Span]]:
    """Places of each override's path and value in the pseudo file."""
    out: dict[str, tuple[Span, Span]] = {}
    for line, (path, value) in enumerate(overrides.items(), start=1):
        at = len(path) + 2
        out[path] = (
            Span(FILE, line, 1, line, len(path) + 1),
            Span(FILE, line, at, line, at + max(len(_text(value)), 1)),
        )
    return out


def override_source(overrides: dict[str, Any]) -> str:
    """The text of the pseudo file, for rendering."""
    return "".join(f"{path}={_text(value)}\n" for path, value in overrides.items())


def apply_overrides(root: Mapping, overrides: dict[str, Any], diagnostics: Diagnostics) -> Mapping:
    """The tree with entries of sections overridden; what names nothing is reported (AS219).

    Parameters stay as declared: their types and defaults are checked against the override when they are bound.
    """
    params = root.get("params")
    names = list(params.entries) if isinstance(params, Mapping) else []
    for path, (span, value_span) in override_spans(overrides).items():
        head, *rest = path.split(".")
        if head == "train" and rest and "train" not in root:
            diagnostics.error("AS219", span, "this spec has no `train` section to change")
        elif head in SECTIONS and rest:
            short = root.get("weights")  # `weights: a.safetensors` is `weights: {file: a.safetensors}`
            if head == "weights" and short is not None and not isinstance(short, Mapping):
                whole = Mapping({"file": short}, {"file": short.span}, short.span)
                root = Mapping({**root.entries, "weights": whole}, root.keys, root.span)
            root = _with(root, [head, *rest], _node(overrides[path], value_span), span)
        elif head not in names:
            help = did_you_mean(head, [*names, *SECTIONS])
            listed = f"parameters: {', '.join(names)}" if names else "this spec has no parameters"
            help = f"{help} ({listed})" if help else listed
            diagnostics.error("AS219", span, f"there is no parameter `{head}`", help=help)
    return root


def given_params(ctx: Context, declared: MappingOf[str, Param], overrides: dict[str, Any]) -> dict[str, Given]:
    """Values for parameters from the command line; `a.b` replaces an entry of a record's default."""
    given: dict[str, Given] = {}
    for path, (span, value_span) in override_spans(overrides).items():
        head, *rest = path.split(".")
        if head not in declared:
            continue  # reported by apply_overrides
        if not rest:
            given[head] = Given(overrides[path], value_span)
            continue
        param = declared[head]
        record = given[head].value if head in given else ctx.evaluate(param.node, {}) if param.type is None else None
        if record is FAILED:
            continue
        changed = _replaced(record, rest, overrides[path])
        if changed is None:
            inner = record if isinstance(record, dict) else {}
            help = did_you_mean(rest[0], inner) or (f"keys: {', '.join(inner)}" if inner else f"`{head}` is no mapping")
            ctx.error("AS219", span, f"there is no `{path}`", help=help)
            continue
        given[head] = Given(changed, value_span)
    return given


def _replaced(record: Any, path: list[str], value: Any) -> dict[str, Any] | None:
    """The record with one entry replaced; None if it has no such entry."""
    if not isinstance(record, dict) or path[0] not in record:
        return None
    inner = value if len(path) == 1 else _replaced(record[path[0]], path[1:], value)
    if inner is None and len(path) > 1:
        return None
    return {**record, path[0]: inner}


def _with(node: Mapping, path: list[str], value: Node, span: Span) -> Mapping:
    key, *rest = path
    if rest:
        inner = node.get(key)
        value = _with(inner if isinstance(inner, Mapping) else Mapping({}, {}, span), rest, value, span)
    return Mapping({**node.entries, key: value}, {**node.keys, key: node.keys.get(key, span)}, node.span)


def _node(value: Any, span: Span) -> Node:
    if isinstance(value, dict):
        return Mapping({key: _node(item, span) for key, item in value.items()}, dict.fromkeys(value, span), span)
    if isinstance(value, (list, tuple)):
        return Sequence([_node(item, span) for item in value], span)
    return Scalar(value, span, plain=not isinstance(value, str))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_text, value)) + "]"
    return str(value)
