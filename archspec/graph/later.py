"""Blocks whose structure depends on sizes: `when: $(C != channels)`, where `C` is a size of the block's input.

Such a block is elaborated once its sizes are known, at each call that inference comes to; until then a graph without
nodes stands in its place, which says how the block is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archspec.dims import Dim, Real
from archspec.graph.context import BlockCall, Context, LimitReachedError, freeze
from archspec.graph.ir import Graph
from archspec.graph.limits import check_size

Build = Callable[[dict[str, Any], dict[str, int]], "Graph | None"]  # (parameters given, own sizes) -> graph


class Later:
    """Makes the graph for given sizes; equal sizes give the same graph. `given`: the parameters that the call gives."""

    def __init__(self, ctx: Context, build: Build, given: dict[str, Any], call: BlockCall) -> None:
        self.ctx = ctx
        self.build = build
        self.given = given
        self.call = call

    def __call__(self, bindings: dict[str, Any]) -> Graph | None:
        """`bindings`: sizes by their full names (`Block.D`). None where the block is in error (reported)."""
        ctx = self.ctx
        given = {name: substitute(value, bindings) for name, value in self.given.items()}
        prefix = f"{self.call.block}."
        sizes = {name.removeprefix(prefix): size for name, size in bindings.items() if name.startswith(prefix)}
        known = {name: size for name, size in sizes.items() if isinstance(size, int)}
        key = (self.call.block, "sizes", freeze(given), freeze(known))
        if key in ctx.memo:
            return ctx.memo[key]
        before = ctx.calls, ctx.open_sizes
        ctx.calls, ctx.open_sizes = [self.call], frozenset(prefix + name for name in sizes.keys() - known.keys())
        try:
            graph = self.build(given, known)
            if graph is not None:
                check_size(ctx, graph)
                ctx.decided.append(graph)
        except LimitReachedError:
            graph = None
        ctx.calls, ctx.open_sizes = before
        ctx.memo[key] = graph
        return graph


def substitute(value: Any, bindings: dict[str, Any]) -> Any:
    """The value with sizes in place of the blocks' own symbols."""
    if not bindings:
        return value
    if isinstance(value, (Dim, Real)):
        return value.subs(bindings) if not value.symbols.isdisjoint(bindings) else value
    if isinstance(value, (list, tuple)):
        return [substitute(v, bindings) for v in value]
    if isinstance(value, dict):
        return {k: substitute(v, bindings) for k, v in value.items()}
    return value


def sizes_in(value: Any) -> list[Dim]:
    """The symbolic sizes in arguments or parameters."""
    if isinstance(value, Dim):
        return [value]
    if isinstance(value, Real):
        return list(value.sizes)
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [size for each in value for size in sizes_in(each)]
