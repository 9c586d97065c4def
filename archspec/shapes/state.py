"""What a typed graph adds to `state_dict()`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archspec.ops.base import Op, State
from archspec.shapes.typed import Typed, TypedNode


def states(typed: Typed, prefix: str = "") -> Iterator[tuple[str, State]]:
    """(full name, entry) of all state, in the order of `state_dict()`; tied names included."""
    for done in typed.nodes:
        if done.node.shared is not None:
            continue
        for path, callee, inputs in zip(done.node.paths, done.calls, done.call_inputs, strict=False):
            if isinstance(callee, Typed):
                for name, state in states(callee, f"{prefix}{path}." if path else prefix):
                    yield name, held(done, state)
            else:
                own = prefix + path
                for state in callee.state(*inputs):
                    # a raw parameter is the attribute itself
                    yield (f"{own}.{state.name}" if state.name else own), held(done, state)


def held(done: TypedNode, state: State) -> State:
    """An entry of a node's callee, as the node has it."""
    return state if done.node.requires_grad else state._replace(requires_grad=False)


def state_of(callee: Op | Typed, inputs: tuple[Any, ...]) -> list[tuple[str, State]]:
    """The state of one callee, names relative to it."""
    if isinstance(callee, Typed):
        return list(states(callee))
    return [(state.name, state) for state in callee.state(*inputs)]
