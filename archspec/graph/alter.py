"""One argument or key of an item given anew, by `replace` with its name behind the item's path."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf

from archspec.diagnostics.model import Span
from archspec.graph.names import COMMON, key_of
from archspec.ops.registry import find
from archspec.reading.nodes import Mapping, Node, Scalar

Given = MappingOf[str, tuple[Span, Node]]  # what is given anew: the place of its name, and its value; null removes it


def parts_of(item: Node, blocks: Mapping) -> tuple[str, ...]:
    """The arguments that the item's op or block takes, and the keys that any item may have."""
    key = key_of(item)
    op = find(key) if key is not None else None
    if op is not None:
        return (*op.args, *(word for word in COMMON if word not in op.args))
    params = _params(key, blocks)
    return (*params, *(word for word in COMMON if word not in params))


def altered(item: Node, given: Given, blocks: Mapping) -> Node:
    """The item with these arguments and keys in place of its own."""
    key = key_of(item)
    assert key is not None
    op = find(key)
    arguments = list(op.args) if op is not None else _params(key, blocks)
    if not isinstance(item, Mapping):
        item = Mapping({key: Scalar(None, item.span)}, {key: item.span}, item.span)
    own = item.entries[key]
    if not isinstance(own, Mapping) and not given.keys().isdisjoint(arguments):  # a lone value is the first argument's
        alone = {} if isinstance(own, Scalar) and own.value is None else {arguments[0]: own}
        own = Mapping(alone, dict.fromkeys(alone, own.span), own.span)
    if isinstance(own, Mapping):
        own = _with(own, {name: each for name, each in given.items() if name in arguments})
    changed = _with(item, {name: each for name, each in given.items() if name not in arguments})
    changed.entries[key] = own
    return changed


def _params(key: str | None, blocks: Mapping) -> list[str]:
    block = blocks.get(key) if key is not None else None
    params = block.get("params") if isinstance(block, Mapping) else None
    return list(params.entries) if isinstance(params, Mapping) else []


def _with(node: Mapping, given: Given) -> Mapping:
    entries, keys = dict(node.entries), dict(node.keys)
    for name, (span, value) in given.items():
        if isinstance(value, Scalar) and value.value is None:
            entries.pop(name, None)
            keys.pop(name, None)
        else:
            entries[name], keys[name] = value, span
    return Mapping(entries, keys, node.span)
