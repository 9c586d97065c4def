"""How deep in the network each parameter lies: the layers of layer-wise learning rates."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.parameters.table import Table
from archspec.shapes.typed import Typed, TypedNode


def layers(typed: Typed, table: Table) -> tuple[dict[str, int], int]:
    """{name: number of its layer, from 0 at the input}, and how many layers there are.

    A turn of a repeat (of blocks or structures; the innermost such) is a layer. What stands before the first repeat,
    between two, or after the last is one layer each: the embeddings, the head. A model without repeats has a layer for
    each of its items. (For a vision transformer these are the layers of BEiT, https://arxiv.org/abs/2106.08254.)
    """
    held: set[str] = set()  # every path with something in it
    for name in table.entries:
        path = name
        while path and path not in held:
            held.add(path)
            path = path.rpartition(".")[0]
    number: dict[str, int] = {}
    count, alone = 0, True
    for path, own in _steps(typed, "", _Repeats()):
        if path in held:
            count += own or alone  # the items between two repeats go together
            number[path] = count - 1
            alone = own
    out: dict[str, int] = {}
    for name in table.entries:
        path = name
        while path and path not in number:
            path = path.rpartition(".")[0]
        out[name] = number.get(path, 0)
    return out, max(count, 1)


class _Repeats:
    """Which graphs have layers in them, at any depth."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}

    def within(self, typed: Typed) -> bool:
        found = self._known.get(id(typed))
        if found is None:
            found = self._known[id(typed)] = any(
                _is_stack(done) or any(isinstance(callee, Typed) and self.within(callee) for callee in done.calls[:1])
                for done in typed.nodes
            )
        return found


def _is_stack(done: TypedNode) -> bool:
    """Layers on one another: a repeat of something that holds several ops."""
    return done.node.repeated and len(done.calls) > 1 and isinstance(done.calls[0], Typed)


def _steps(typed: Typed, prefix: str, repeats: _Repeats) -> Iterator[tuple[str, bool]]:
    """Module paths in the order of the chain, each with whether it is a layer of its own."""
    stacked = bool(prefix) or repeats.within(typed)
    for done in typed.nodes:
        if done.node.shared is not None:
            continue
        for path, callee in zip(done.node.paths, done.calls, strict=True):
            if isinstance(callee, Typed) and repeats.within(callee):
                yield from _steps(callee, f"{prefix}{path}." if path else prefix, repeats)
            elif path:
                yield prefix + path, _is_stack(done) or not stacked
