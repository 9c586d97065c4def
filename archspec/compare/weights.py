"""Which weights of one model the other one still takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archspec.compare.entries import Entry
from archspec.compare.model import Reshaped, Weights
from archspec.compare.nodes import Nodes
from archspec.graph.ir import joined
from archspec.shapes.state import states
from archspec.shapes.typed import Typed

Shapes = dict[str, tuple[int, ...]]


def compare_weights(nodes: Nodes, a: Typed, b: Typed) -> Weights:
    """What becomes of each entry of the first one's `state_dict()`."""
    before, after = shapes(a), shapes(b)
    now = dict(_same_modules(nodes, a, b))
    targets = {target for name, target in now.items() if name in before and target in after}
    equal, renamed, reshaped, lost, misplaced = [], {}, [], [], {}
    taken: set[str] = set()
    for name, shape in before.items():
        target = now.get(name)
        if target is None and name in after and name not in targets:
            target = name  # another module, but its entry is called and shaped so
        if target is None or target not in after:
            if name in after and after[name] == shape:
                misplaced[name] = "nothing that is left"
            else:
                lost.append(name)
            continue
        taken.add(target)
        if after[target] != shape:
            reshaped.append(Reshaped(target, shape, after[target]))
        elif target == name:
            equal.append(name)
        elif after.get(name) == shape:
            misplaced[name] = target
        else:
            renamed[name] = target
    new = tuple(name for name in after if name not in taken)
    return Weights(tuple(equal), renamed, tuple(reshaped), tuple(lost), misplaced, new)


def shapes(typed: Typed) -> Shapes:
    """{name: shape} of a `state_dict()`, in its order."""
    return {name: tuple(state.shape) for name, state in states(typed) if state.persistent}


def _same_modules(
    nodes: Nodes, a: Typed, b: Typed, inside_a: str = "", inside_b: str = ""
) -> Iterator[tuple[str, str]]:
    """(name then, name now) for the state of modules that are the same."""
    level = nodes.level(a, b)
    for number_a, number_b in level.pairs.to_b.items():
        x, y = level.a[number_a], level.b[number_b]
        if x.shared or y.shared:
            continue
        path_a, path_b = joined(inside_a, x.path), joined(inside_b, y.path)
        if x.inner is not None and y.inner is not None:
            yield from _same_modules(nodes, x.inner, y.inner, path_a, path_b)
        elif x.inner is None and y.inner is None:
            theirs = set(_names(y, path_b))
            own = {name: name.removeprefix(path_a) for name in _names(x, path_a)}
            yield from ((name, path_b + rest) for name, rest in own.items() if path_b + rest in theirs)
    for move in level.moves.found:
        yield from zip(
            _names(move.a, joined(inside_a, move.path_a)), _names(move.b, joined(inside_b, move.path_b)), strict=True
        )


def _names(entry: Entry, path: str) -> list[str]:
    """Names of the state of a module at a path."""
    if entry.inner is not None:
        return [name for name, _ in states(entry.inner, f"{path}." if path else "")]
    return [joined(path, s.name) if s.name else path for s in entry.callee.state(*entry.inputs)]


def grouped(names: Mapping[str, object] | tuple[str, ...] | list[str]) -> dict[str, list[str]]:
    """Names under one pattern each, numbers as `*`: `h.*.attn.weight`."""
    out: dict[str, list[str]] = {}
    for name in names:
        pattern = ".".join("*" if part.isdecimal() else part for part in name.split("."))
        out.setdefault(pattern, []).append(name)
    return {(group[0] if len(group) == 1 else pattern): group for pattern, group in out.items()}
