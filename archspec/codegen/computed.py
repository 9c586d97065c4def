"""What a buffer is computed with, as expressions of the constructor."""

from __future__ import annotations

from typing import Any

from archspec.codegen.names import Names, identifier
from archspec.codegen.sizes import bind_sizes
from archspec.codegen.tree import Computed, Local, rebuild
from archspec.ops.base import Op
from archspec.ops.expr import In, Method, Own
from archspec.shapes import buffers
from archspec.shapes.typed import Typed, TypedNode


def computed(op: buffers.Computed) -> Computed:
    """A variable for each item that has a name or is read twice; the others stand where they are read."""
    writer = _Writer()
    (result,) = writer.graph(op.typed, ())
    if _overlaps(op.typed):  # `load_state_dict` writes into it
        result = Method(result, "contiguous")
    return Computed(writer.steps, result)


_STRETCHED = ("expand", "unfold_dim")
_VIEWS = (
    "transpose", "permute", "movedim", "squeeze", "unsqueeze", "select", "slice", "narrow", "flatten", "unflatten",
    "reshape", "rearrange", "chunk", "split", "unbind", "detach", "identity",
)  # fmt: skip


class _Writer:
    def __init__(self) -> None:
        self.steps: list[tuple[tuple[str, ...], Any]] = []
        self._names = Names("self")

    def graph(self, typed: Typed, given: tuple[Any, ...]) -> list[Any]:
        """The expressions of its outputs, from those of its inputs."""
        reads = [value for done in typed.nodes for value in done.node.inputs] + [v for _, v in typed.graph.outputs]
        made: dict[tuple[int, int], Any] = {(-1, number): expr for number, expr in enumerate(given)}
        for number, done in enumerate(typed.nodes):
            uses = [value for value in reads if value is not None and value.node == number]
            last = number == len(typed.nodes) - 1
            for output, expr in enumerate(self._node(done, made)):
                named = done.node.names[output] if output < len(done.node.names) else ""
                kept = isinstance(expr, Local) or (len(uses) < 2 and (not named or last))
                made[number, output] = expr if kept else self._local(named or done.node.label, expr)
        return [made[value.node, value.output] for _, value in typed.graph.outputs]

    def _node(self, done: TypedNode, made: dict[tuple[int, int], Any]) -> list[Any]:
        current = [None if value is None else made[value.node, value.output] for value in done.node.inputs]
        outputs: list[Any] = []
        for callee, types, results in zip(done.calls, done.call_inputs, done.results, strict=True):
            outputs = self._call(callee, types, tuple(current), done.node.names, done.node.label, len(results))
            current = [*outputs[: done.node.carry], *current[done.node.carry :]]
        return outputs

    def _call(
        self,
        callee: Op | Typed,
        types: tuple[Any, ...],
        given: tuple[Any, ...],
        names: tuple[str, ...],
        label: str,
        count: int,
    ) -> list[Any]:
        if isinstance(callee, Typed):
            return self.graph(callee, given)
        own = bind_sizes(callee.module(*types), types) if callee.attribute == "buffer" else None
        expr = _filled(bind_sizes(callee.forward(*types), types), given, own)
        if count == 1:
            return [expr]
        known = [*names[:count], *[""] * (count - len(names))]
        made = [Local(self._names.new(identifier(name or label))) for name in known]
        self.steps.append((tuple(each.name for each in made), expr))
        return list(made)

    def _local(self, name: str, expr: Any) -> Local:
        made = Local(self._names.new(identifier(name)))
        self.steps.append(((made.name,), expr))
        return made


def _overlaps(typed: Typed) -> bool:
    """May elements of what it gives be of one place in memory?"""
    return _seen_through(typed) is None


def _seen_through(typed: Typed) -> int | None:
    """The input that its output is a view of, or -1 if it is a tensor of its own; None where elements may overlap."""
    number, output = typed.graph.outputs[0][1]
    while number >= 0:
        done = typed.nodes[number]
        callee, slot = done.calls[-1], 0
        if isinstance(callee, Typed):
            found = _seen_through(callee)
            if found is None or found < 0:
                return found
            slot = found
        elif callee.name in _STRETCHED:
            return None
        elif callee.name not in _VIEWS:
            return -1
        read = done.node.inputs[slot]
        assert read is not None
        number, output = read
    return output


def _filled(expr: Any, given: tuple[Any, ...], own: Any) -> Any:
    """An op's expression over the expressions of what it reads."""
    if isinstance(expr, In):
        return given[expr.index]
    if isinstance(expr, Own):
        return own
    return rebuild(expr, lambda part: _filled(part, given, own))
