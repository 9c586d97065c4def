"""Arguments in the words of the spec: `$channels` is `channels`, also where a size that is read has the same values.

What only some instances of a class have, and all of these alike, is a number once they are laid over one another:
`nn.Conv2d(64, 128, stride=2)`. The spec writes it as `$channels`, and reads it of an input that other instances have in
other sizes; so does the class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.codegen.tree import MISSING, Chain, Child, Either, Given, Made, New, Var, rebuild
from archspec.codegen.unify import positional
from archspec.codegen.written import written
from archspec.graph.ir import Node, OpCall
from archspec.ops.expr import Method

if TYPE_CHECKING:
    from archspec.codegen.plan import NodePlan

_SIMPLE = (int, float, bool, str)
_AXES = {"in_channels": 1, "num_features": 1, "num_channels": 1, "in_features": -1, "input_size": -1, "features": -1}

Shapes = tuple[Any, ...]  # of what is read, by instance


def texts_of(node: Node) -> dict[str, str]:
    """Arguments of a call that are written as an expression, whole."""
    call = node.calls[0]
    if node.repeated or node.buffer is not None:
        return {}
    lone = next(iter(call.cls.args if isinstance(call, OpCall) else call.params), "")
    return {str(path[0]): text for path, text in written(node.raw, lone) if len(path) == 1}


def over_parameters(nodes: list[NodePlan]) -> None:
    """What makes the modules of a class, with Givens for such numbers and Vars that know how they are written."""
    for aligned in nodes:
        shapes: Shapes | None = None
        present = (True,) * len(aligned.done)
        if aligned.present is not None:
            present = aligned.present.values
            shapes = tuple(_read(nodes, aligned, j) for j in range(len(aligned.done)))
        aligned.ctor = in_words(aligned.ctor, present, None if shapes is None or None in shapes else shapes)


def _read(nodes: list[NodePlan], aligned: NodePlan, instance: int) -> Any:
    """The shape of what a node reads first, or would read if the instance had it; None if that is not there."""
    at = aligned
    while at.sources and at.sources[0] is not None:
        number, output = at.sources[0]
        if number < 0:
            return at.instances[instance].inputs[output].shape
        at = nodes[number]
        if at.done[instance] is not MISSING:
            return at.done[instance].outputs[output].shape
        if output:
            return None
    return None


def in_words(expr: Any, present: tuple[bool, ...], read: Shapes | None = None) -> Any:
    """`present`: the instances that have it; `read`: the shape of its first input in every instance, if known."""
    if isinstance(expr, Chain):
        children = [_child(child, present, None if at else read) for at, child in enumerate(expr.children)]
        return Chain(expr.fn, children)
    if isinstance(expr, Either):
        there = expr.present.values if isinstance(expr.present, Var) else present
        both = tuple(a and b is True for a, b in zip(present, there, strict=True))
        return Either(expr.present, in_words(expr.expr, both, read))
    if isinstance(expr, Made):
        args = [
            _leaf(value, positional(expr, at), expr.texts, present, read if at == 0 else None)
            for at, value in enumerate(expr.args)
        ]
        kwargs = {name: _leaf(value, name, expr.texts, present, None) for name, value in expr.kwargs.items()}
        return Made(expr.op, expr.fn, *args, **kwargs)
    if isinstance(expr, New):
        values = {name: _leaf(value, name, expr.texts, present, read) for name, value in expr.values.items()}
        return New(expr.plan, values)
    return rebuild(expr, lambda part: in_words(part, present, read if isinstance(expr, Method) else None))


def _child(child: Child, present: tuple[bool, ...], read: Shapes | None) -> Child:
    return Child(child.names, in_words(child.expr, present, read), child.count, child.turn, child.when)


def _leaf(value: Any, name: str, texts: dict[str, str], present: tuple[bool, ...], read: Shapes | None) -> Any:
    if isinstance(value, Var) and value.source is None and name in texts:
        return Var(value.values, value.hint, texts[name])
    if not isinstance(value, _SIMPLE) or all(present):
        return value
    if name in texts:
        return Given(tuple(value if there else MISSING for there in present), value, texts[name])
    axis = _AXES.get(name)
    if axis is None or read is None or any(len(shape) < 2 for shape in read):
        return value
    sizes = [shape[axis] for shape in read]
    known = all(type(size) is int for size in sizes) and len(set(sizes)) > 1
    fits = all(size == value for size, there in zip(sizes, present, strict=True) if there)
    return Given(tuple(sizes), value) if known and fits else value
