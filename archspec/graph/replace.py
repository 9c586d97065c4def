"""`replace`: whole items of the spec that is started from, by the path of their module; and what a block says besides
its items, by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from archspec.diagnostics.model import Diagnostics, Label, Span
from archspec.diagnostics.suggest import closest, did_you_mean, rename
from archspec.graph.alter import Given, altered, parts_of
from archspec.graph.names import Plan, Position, inner_lists, is_named, key_of, name_key, name_of
from archspec.reading.nodes import Mapping, Node, Scalar, Sequence
from archspec.schema.skeleton import AMENDED

Address = tuple[str | int, ...]  # of a node: keys and indices from the root
_SHOWN = 12
_BY_KEY = ("params", "init")


class _List(NamedTuple):
    position: Position
    items: Sequence
    address: Address


class _Altering(NamedTuple):
    given: Given
    blocks: Mapping


_Edit = Node | _Altering | None  # None removes


class _Target(NamedTuple):
    address: Address
    item: Node


def replace_items(base: Mapping, changes: Mapping, own_blocks: Node | None, diagnostics: Diagnostics) -> Mapping:
    """`base` with items replaced: `features.0` is one of its layers, `Bottleneck.conv1` one of a block's; null removes.

    A replacement without a name keeps the one of what it replaces, and with `name: null` has none; a list of items puts
    all of them in its place. The name of an argument or a key behind a path, as `Bottleneck.conv2.groups`, gives that
    one anew and leaves the rest. The name of a block leads to what the block says besides its items. All paths are
    those of `base`; `own_blocks` take the place of its blocks. Reports AS206 for a path that leads to nothing, AS207
    for one inside another that is replaced, AS205 for an empty list, and AS201 and AS205 for what a block does not say.
    """
    targets = _targets(base)
    blocks = _blocks(base, own_blocks, changes)
    there = base.get("blocks")
    amendments: dict[str, Node] = {}
    chosen: dict[Address, tuple[str, Node]] = {}
    altering: dict[str, dict[str, tuple[Span, Node]]] = {}
    for path, new in changes.entries.items():
        target = targets.get(path)
        item, _, part = path.rpartition(".")
        if target is None and item in targets and part in parts_of(targets[item].item, blocks):
            altering.setdefault(item, {})[part] = (changes.keys[path], new)
        elif isinstance(new, Sequence) and not new.items:
            diagnostics.error(
                "AS205", new.span, f"nothing is put in the place of `{path}`", help="null removes an item"
            )
        elif target is None and isinstance(there, Mapping) and isinstance(there.get(path), Mapping):
            amendments[path] = new
        elif target is None:
            parts = parts_of(targets[item].item, blocks) if item in targets else ()
            near = [f"{item}.{each}" for each in closest(part, parts)]
            _unknown(path, changes, base, near or targets, diagnostics)
        else:
            chosen[target.address] = (path, new)
    edits: dict[Address, _Edit] = {}
    for item, given in altering.items():
        address = targets[item].address
        for part in given:
            path = f"{item}.{part}"
            if not _is_inside(path, address, len(address) + 1, chosen, changes, diagnostics):
                edits[address] = _Altering(given, blocks)
    for address, (path, new) in chosen.items():
        if _is_inside(path, address, len(address), chosen, changes, diagnostics):
            continue
        removed = isinstance(new, Scalar) and new.value is None
        edits[address] = None if removed else _named(targets[path].item, new)
    edited = _edited(base, edits)
    assert isinstance(edited, Mapping)
    return _amended(edited, amendments, diagnostics)


def _amended(base: Mapping, changes: dict[str, Node], diagnostics: Diagnostics) -> Mapping:
    """`base`, of whose blocks some say other things besides their items: parameters and rules of `init` key by key, all
    else instead of what there was."""
    blocks = base.get("blocks")
    if not changes or not isinstance(blocks, Mapping):
        return base
    entries = dict(blocks.entries)
    for name, new in changes.items():
        if not isinstance(new, Mapping):
            help = f"write `{name}: {{params: …}}`; null under `blocks` removes a block"
            diagnostics.error("AS205", new.span, f"`{name}` is a block: a mapping changes what it says", help=help)
            continue
        block = entries[name]
        assert isinstance(block, Mapping)
        said, keys = dict(block.entries), dict(block.keys)
        for key, node in new.entries.items():
            if key not in AMENDED:
                layers = "`blocks` replaces a block as a whole, a path one of its items"
                help = layers if key == "layers" else f"keys: {', '.join(AMENDED)}"
                diagnostics.error("AS201", new.keys[key], f"`{key}` of a block cannot be replaced here", help=help)
                continue
            old = said.get(key)
            if key in _BY_KEY and isinstance(node, Mapping) and isinstance(old, Mapping):
                node = Mapping({**old.entries, **node.entries}, {**old.keys, **node.keys}, node.span)
            said[key], keys[key] = node, new.keys[key]
        entries[name] = Mapping(said, keys, block.span)
    changed = Mapping(entries, blocks.keys, blocks.span)
    return Mapping({**base.entries, "blocks": changed}, base.keys, base.span)


def _is_inside(
    path: str,
    address: Address,
    most: int,
    chosen: dict[Address, tuple[str, Node]],
    changes: Mapping,
    diagnostics: Diagnostics,
) -> bool:
    """Is what a path leads to in an item that is replaced as a whole? (That is reported.)"""
    outer = next((chosen[address[:n]][0] for n in range(most) if address[:n] in chosen), None)
    if outer is None:
        return False
    diagnostics.error(
        "AS207",
        changes.keys[path],
        f"`{path}` is inside `{outer}`, which is replaced too",
        secondary=[Label(changes.keys[outer], "the item around it")],
        help=f"write the new `{path}` in the new `{outer}`",
    )
    return True


def _blocks(base: Mapping, own: Node | None, changes: Mapping) -> Mapping:
    """The blocks that items may name, with the parameters that they come to have."""
    given = base.get("blocks")
    entries = {**getattr(given, "entries", {}), **getattr(own, "entries", {})}
    for name, block in entries.items():
        params = new.get("params") if isinstance(new := changes.get(name), Mapping) else None
        if isinstance(params, Mapping) and isinstance(block, Mapping):
            whole = Mapping({**getattr(block.get("params"), "entries", {}), **params.entries}, {}, params.span)
            entries[name] = Mapping({**block.entries, "params": whole}, block.keys, block.span)
    return Mapping(entries, {}, base.span)


def _unknown(path: str, changes: Mapping, base: Mapping, targets: Iterable[str], diagnostics: Diagnostics) -> None:
    blocks = base.get("blocks")
    known = [*targets, *(blocks.entries if isinstance(blocks, Mapping) else ())]
    help = did_you_mean(path, known)
    if help is None:
        head, dot, _ = path.rpartition(".")
        near = [name for name in targets if name.startswith(head + dot) and "." not in name[len(head + dot) :]]
        near = near or [name for name in targets if "." not in name]
        help = f"items: {', '.join(near[:_SHOWN])}{', …' if len(near) > _SHOWN else ''}" if near else None
    span = changes.keys[path]
    fix = rename(path, [each for each in known if each not in changes], span)
    diagnostics.error("AS206", span, f"{base.span.file} has no item `{path}` to replace", help=help, fix=fix)


def _targets(base: Mapping) -> dict[str, _Target]:
    out: dict[str, _Target] = {}
    blocks = base.get("blocks")
    if isinstance(blocks, Mapping):
        for name, block in blocks.entries.items():
            layers = block.get("layers") if isinstance(block, Mapping) else None
            if isinstance(layers, Sequence):
                _graph(f"{name}.", [_List((), layers, ("blocks", name, "layers"))], False, out)
    layers = base.get("layers")
    if isinstance(layers, Sequence):
        _graph("", [_List((), layers, ("layers",))], False, out)
    return out


def _graph(prefix: str, lists: list[_List], indexed: bool, out: dict[str, _Target]) -> None:
    """The items of a module's lists, by the names that they have in it."""
    plan = Plan([(each.position, each.items) for each in lists], indexed=indexed)
    for each in lists:
        _walk(prefix, plan, each, out)


def _walk(prefix: str, plan: Plan, given: _List, out: dict[str, _Target]) -> None:
    for index, item in enumerate(given.items.items):
        here = (*given.position, index)
        address = (*given.address, index)
        path = name_of(item) if is_named(item) else plan.auto.get(here)
        inside = prefix if path is None else f"{prefix}{path}."
        if path is not None:
            out.setdefault(f"{prefix}{path}", _Target(address, item))
        own: list[_List] = []
        for where, inner, branch in inner_lists(item):
            there = (*address, *_steps(item, where))
            if branch is not None:
                _graph(f"{inside}{branch}.", [_List((), inner, there)], True, out)
            elif path is None:
                _walk(prefix, plan, _List((*here, *where), inner, there), out)
            else:
                own.append(_List(where, inner, there))
        if own:
            _graph(inside, own, key_of(item) == "sequence", out)


def _steps(item: Node, where: Position) -> Address:
    """From an item to one of its lists."""
    key = key_of(item)
    assert key is not None
    assert isinstance(item, Mapping)
    if where[0] == "branch":
        return (key, "branches", where[1])
    return (key,) if isinstance(item.entries[key], Sequence) else (key, where[0])


def _named(old: Node, new: Node) -> Node:
    """The new item with the name of the old one, unless it says its own, or null; of several items, the last, unless
    one before it says that name."""
    if isinstance(new, Sequence) and new.items:
        said = any(_name(item) is not None and _name(item) == _name(old) for item in new.items[:-1])
        last = _nameless(new.items[-1]) if said else _named(old, new.items[-1])
        return Sequence([*new.items[:-1], last], new.span)
    if (nameless := _nameless(new)) is not new:
        return nameless
    key = name_key(old)
    if not isinstance(old, Mapping) or key is None:
        return new
    name, span = old.entries[key], old.keys[key]
    if isinstance(new, Scalar) and isinstance(new.value, str):
        return Mapping({"name": name, new.value: Scalar(None, new.span)}, {"name": span, new.value: new.span}, new.span)
    if isinstance(new, Mapping) and "name" not in new:
        return Mapping({"name": name, **new.entries}, {"name": span, **new.keys}, new.span)
    return new


def _nameless(item: Node) -> Node:
    """The item without its name, where that is null."""
    if not (isinstance(item, Mapping) and isinstance(name := item.get("name"), Scalar) and name.value is None):
        return item
    entries, keys = dict(item.entries), dict(item.keys)
    del entries["name"], keys["name"]
    return Mapping(entries, keys, item.span)


def _name(item: Node) -> object:
    key = name_key(item)
    return item.entries[key].data() if isinstance(item, Mapping) and key is not None else None


def _edited(node: Node, edits: dict[Address, _Edit]) -> Node:
    """The tree with the nodes at these addresses replaced. What is not on the way to one is the same object: an alias
    of a list that is changed stays as it was."""
    if not edits:
        return node
    below: dict[str | int, dict[Address, _Edit]] = {}
    for address, new in edits.items():
        below.setdefault(address[0], {})[address[1:]] = new
    if isinstance(node, Sequence):
        items: list[Node] = []
        for index, item in enumerate(node.items):
            inside = below.get(index, {})
            here = () in inside
            edit = inside.pop((), None)
            changed: Node | None
            if isinstance(edit, _Altering):
                changed = altered(_edited(item, inside), edit.given, edit.blocks)
            else:
                changed = edit if here else _edited(item, inside)
            if here and isinstance(changed, Sequence):
                items += changed.items
            elif changed is not None:
                items.append(changed)
        return Sequence(items, node.span)
    assert isinstance(node, Mapping)
    entries = {key: _edited(value, below.get(key, {})) for key, value in node.entries.items()}
    return Mapping(entries, node.keys, node.span)
