"""Arguments in the words of the spec: `$channels` is `channels`, also where a size that is read has the same values.

What only some instances of a class have, and all of these alike, is a number once they are laid over one another:
`nn.Conv2d(64, 128, stride=2)`. The spec writes it as `$channels`, and reads it of an input that other instances have in
other sizes; so does the class.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from archspec.codegen.tree import MISSING, Chain, Child, Either, Given, Made, New, Var, rebuild
from archspec.codegen.unify import positional
from archspec.codegen.written import written_arguments
from archspec.graph.ir import Node
from archspec.ops.expr import Method

if TYPE_CHECKING:
    from archspec.codegen.plan import NodePlan

_SIMPLE = (int, float, bool, str)
# Sizes that PyTorch's constructors have of what is read, and which dimension of it they are.
AXES = {"in_channels": 1, "num_features": 1, "num_channels": 1, "in_features": -1, "input_size": -1, "features": -1}

Shapes = tuple[Any, ...]  # of what is read, by instance
Said = tuple[str, tuple[Any, ...]]  # how something is written, and what it is in each instance


def texts_of(node: Node) -> dict[str, str]:
    """Arguments of a call that are written as an expression, whole."""
    if node.repeated or node.buffer is not None:
        return {}
    return {str(path[0]): text for path, text in written_arguments(node) if len(path) == 1}


def over_parameters(nodes: list[NodePlan]) -> None:
    """What makes the modules of a class, with Givens for such numbers and Vars that know how they are written."""
    for aligned in nodes:
        shapes: Shapes | None = None
        present = (True,) * len(aligned.done)
        if aligned.present is not None:
            present = aligned.present.values
            shapes = tuple(_read(nodes, aligned, j) for j in range(len(aligned.done)))
        known = None if shapes is None or None in shapes else shapes
        aligned.ctor = in_words(aligned.ctor, present, known, _made_before(nodes, aligned))


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


def _made_before(nodes: list[NodePlan], aligned: NodePlan) -> list[Said]:
    """What is written where the first input of a node is made, or what that is made of."""
    at = aligned
    while at.sources and at.sources[0] is not None and at.sources[0][0] >= 0:
        at = nodes[at.sources[0][0]]
        found = _said(at.ctor)
        if found:
            return found
    return []


def _said(expr: Any) -> list[Said]:
    """The arguments that differ by instance, as they are written; of several modules, those of the last."""
    if isinstance(expr, Chain):
        return next(filter(None, (_said(child.expr) for child in reversed(expr.children))), [])
    if isinstance(expr, Either):
        return _said(expr.expr)
    if isinstance(expr, Made):
        values = {positional(expr, at): value for at, value in enumerate(expr.args)} | expr.kwargs
    elif isinstance(expr, New):
        values = expr.values
    else:
        return []
    return [(expr.texts[k], v.values) for k, v in values.items() if isinstance(v, Var) and k in expr.texts]


def in_words(expr: Any, present: tuple[bool, ...], read: Shapes | None = None, before: list[Said] | None = None) -> Any:
    """`present`: the instances that have it; `read`: the shape of its first input in every instance, if known;
    `before`: what is written where that is made."""
    before = before or []
    if isinstance(expr, Chain):
        children = []
        for at, child in enumerate(expr.children):
            children.append(_child(child, present, None if at else read, before))
            before = (_said(child.expr) or before) if expr.fn == "nn.Sequential" else []
        return Chain(expr.fn, children)
    if isinstance(expr, Either):
        there = expr.present.values if isinstance(expr.present, Var) else present
        both = tuple(a and b is True for a, b in zip(present, there, strict=True))
        return Either(expr.present, in_words(expr.expr, both, read, before))
    if isinstance(expr, Made):
        args = [
            _leaf(value, positional(expr, at), expr.texts, present, None if at else read, [] if at else before)
            for at, value in enumerate(expr.args)
        ]
        kwargs = {name: _leaf(value, name, expr.texts, present) for name, value in expr.kwargs.items()}
        return expr.over(args, kwargs)
    if isinstance(expr, New):
        inferred = {argument.name for argument in expr.plan.arguments if argument.inferred}
        values = {
            name: _leaf(value, name, expr.texts, present, read, before if name in inferred else [])
            for name, value in expr.values.items()
        }
        return New(expr.plan, values, expr.texts)
    if isinstance(expr, Method):
        return rebuild(expr, lambda part: in_words(part, present, read, before))
    return rebuild(expr, lambda part: in_words(part, present))


def _child(child: Child, present: tuple[bool, ...], read: Shapes | None, before: list[Said]) -> Child:
    return Child(child.names, in_words(child.expr, present, read, before), child.count, child.turn, child.when)


def _leaf(
    value: Any,
    name: str,
    texts: dict[str, str],
    present: tuple[bool, ...],
    read: Shapes | None = None,
    before: Iterable[Said] = (),
) -> Any:
    if isinstance(value, Var) and value.source is None:
        said = texts.get(name) or next((text for text, values in before if values == value.values), None)
        return Var(value.values, value.hint, said)
    if not isinstance(value, _SIMPLE) or all(present):
        return value
    if name in texts:
        return Given(tuple(value if there else MISSING for there in present), value, texts[name])
    axis = AXES.get(name)
    if axis is None or read is None or any(len(shape) < 2 for shape in read):
        return value
    sizes = [shape[axis] for shape in read]
    known = all(type(size) is int for size in sizes) and len(set(sizes)) > 1
    fits = all(size == value for size, there in zip(sizes, present, strict=True) if there)
    return Given(tuple(sizes), value) if known and fits else value
