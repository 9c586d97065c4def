"""A typed graph as it is best run in evaluation: batch norms folded into the layers before them, and without what does
nothing, what is computed twice and what no output reads. Paths of modules stay as they are."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.graph.ir import joined
from archspec.ops.base import Op
from archspec.optimize.model import Fold, Optimized
from archspec.optimize.scope import Done, Scope
from archspec.shapes.typed import Typed, TypedNode


def optimize(root: Typed) -> Optimized:
    """What is left of a complete graph, and what was taken out of it, by module paths."""
    whole = _Whole(root)
    left = whole.graph(root).typed
    folds: list[Fold] = []
    idle: list[str] = []
    dead: list[str] = []
    repeated: list[str] = []
    for prefix, done in whole.places(root, ""):
        folds += [
            Fold(joined(prefix, into), joined(prefix, norm), op.eps, op.affine, bias)
            for into, norm, op, bias in done.folds
        ]
        for found, paths in ((idle, done.idle), (dead, done.dead), (repeated, done.repeated)):
            found += [joined(prefix, path) for path in paths]
    counted = _Count()
    return Optimized(left, tuple(folds), tuple(idle), tuple(dead), tuple(repeated), counted(root), counted(left))


class _Whole:
    """Every graph is optimised once, however often it is called."""

    def __init__(self, root: Typed) -> None:
        self._done: dict[int, Done] = {}
        self._tied: set[str] = set()
        seen: set[int] = set()
        stack = [root]
        while stack:
            typed = stack.pop()
            if id(typed) in seen:
                continue
            seen.add(id(typed))
            for done in typed.nodes:
                self._tied.update(done.tie.values())
                self._tied.update(joined(path, own) for path in done.node.paths for own in done.tie)
                stack += [call for call in done.calls if isinstance(call, Typed)]

    def graph(self, typed: Typed) -> Done:
        if id(typed) not in self._done:
            calls: dict[int, list[Op | Typed]] = {}
            shared = {done.node.shared for done in typed.nodes}
            for number, done in enumerate(typed.nodes):
                if number in shared or not self._opens(done):
                    continue
                inner = [self.graph(call).typed if isinstance(call, Typed) else call for call in done.calls]
                if any(a is not b for a, b in zip(inner, done.calls, strict=True)):
                    calls[number] = inner
            self._done[id(typed)] = Scope(typed, calls, self._tied).run()
        return self._done[id(typed)]

    def _opens(self, done: TypedNode) -> bool:
        """Are the graphs that a node calls optimised? Not bodies of its own, nor what is called from elsewhere too:
        all of its calls must stay alike."""
        node = done.node
        return node.scan is None and node.join is None and node.buffer is None and node.shared is None

    def places(self, typed: Typed, prefix: str) -> Iterator[tuple[str, Done]]:
        """Every graph at every place where it is called, with what was done to it."""
        known = self._done.get(id(typed))
        if known is None:
            return
        yield prefix, known
        shared = {done.node.shared for done in typed.nodes}
        for number, done in enumerate(typed.nodes):
            if number in shared or not self._opens(done):
                continue
            for path, call in zip(done.node.paths, done.calls, strict=True):
                if isinstance(call, Typed):
                    yield from self.places(call, joined(prefix, path))


class _Count:
    """How many ops a graph runs."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Typed, int]] = {}

    def __call__(self, typed: Typed) -> int:
        if id(typed) not in self._known:
            total = sum(self(call) if isinstance(call, Typed) else 1 for done in typed.nodes for call in done.calls)
            self._known[id(typed)] = (typed, total)
        return self._known[id(typed)][1]
