"""What would make two sizes agree, where that can be told from how they came about."""

from __future__ import annotations

from typing import Any, NamedTuple

from archspec.diagnostics.model import Edit, Fix
from archspec.graph.ir import Value
from archspec.ops.base import Op
from archspec.reading.nodes import Mapping, Node, Scalar
from archspec.shapes.origin import Origin
from archspec.shapes.trail import back, named
from archspec.shapes.typed import UNKNOWN, Typed, TypedNode

_WIDTHS = ("out_features", "out_channels")  # arguments that say how many channels or features an op gives


class Repair(NamedTuple):
    """Words for the help, and the edit if it is one. It is a guess, and so not safe: another model would be meant."""

    help: str
    fix: Fix | None = None


def repair(
    typed: Typed,
    values: tuple[Value, Value],
    types: tuple[Any, Any],
    axes: tuple[int, int],
    origins: tuple[Origin | None, Origin | None],
) -> Repair | None:
    """For "reads two sizes that differ"."""
    for one, other in ((0, 1), (1, 0)):
        found = origins[one]
        if found is None or found.then is None or found.done is None:
            continue
        there = named(typed, values[other])[0]
        label = _called(found.done)
        stride = _stride(found.done)
        size = types[one].shape[axes[one]]
        if stride is not None and axes[one] >= 2:
            fix = _write(found.done, "stride", stride, 1, f"give `{label}` stride 1")
            return Repair(f"give `{label}` stride 1, or bring `{there}` to the same size (stride {stride})", fix)
        rank = types[one].rank
        width = _width(typed, values, types, axes)
        if axes[one] == 1 and rank in (4, 5) and types[other].rank == rank and isinstance(size, int):
            project = f"conv{rank - 2}d: {{out_channels: {size}, kernel_size: 1}}"
            help = f"give both one number of channels: project `{there}` with {project}"
            return Repair(help, width)
        if width is not None:
            return Repair(width.title, width)
    return None


def _called(done: TypedNode) -> str:
    """What to call an op: by its own name, if it is written."""
    op = done.calls[-1]
    return op.name if done.node.auto and isinstance(op, Op) else done.node.label


def _stride(done: TypedNode) -> int | None:
    """The stride of an op that has one other than 1."""
    op = done.calls[-1]
    stride = getattr(op, "stride", None) if isinstance(op, Op) else None
    if isinstance(stride, tuple) and stride and all(s == stride[0] for s in stride):
        stride = stride[0]
    return stride if isinstance(stride, int) and stride > 1 else None


def _width(typed: Typed, values: tuple[Value, Value], types: tuple[Any, Any], axes: tuple[int, int]) -> Fix | None:
    """The number of features that makes the sizes agree, where only one of both sides has such a number."""
    makers = [_maker(typed, value, axis) for value, axis in zip(values, axes, strict=True)]
    for one, other in ((0, 1), (1, 0)):
        found, wanted = makers[one], types[other].shape[axes[other]]
        if found is not None and makers[other] is None and isinstance(wanted, int) and wanted > 0:
            done, name = found
            size = types[one].shape[axes[one]]
            return _write(done, name, size, wanted, f"give `{_called(done)}` {name} {wanted}")
    return None


def _maker(typed: Typed, value: Value | None, axis: int) -> tuple[TypedNode, str] | None:
    """The op that says how large this axis is, on the way to the value in this graph, and by which argument."""
    while value is not None and value.node >= 0:
        done = typed.nodes[value.node]
        now, op = typed.type_of(value), done.calls[-1] if done.calls else None
        if isinstance(op, Typed) and op.graph.kind == "sequence" and not done.node.repeated:
            typed, value = op, op.graph.outputs[value.output][1]
            continue
        if now is UNKNOWN or not isinstance(op, Op):
            return None
        name = next((name for name in _WIDTHS if name in type(op).args), None)
        if name is not None and axis == (now.rank - 1 if name == "out_features" else 1):
            return done, name
        before = back(typed, value)
        then = typed.type_of(before) if before is not None else UNKNOWN
        if then is UNKNOWN or then.rank != now.rank or then.shape[axis] != now.shape[axis]:
            return None
        value = before
    return None


def _write(done: TypedNode, name: str, old: Any, new: int, title: str) -> Fix | None:
    """Another number where this one is written out; None where it is not, or serves other turns too."""
    op, raw = done.calls[-1], done.node.raw
    if done.node.repeated or not isinstance(op, Op):
        return None
    node: Node | None = raw
    if isinstance(raw, Mapping):
        node = raw.get(name)
    elif next(iter(type(op).args), None) != name:
        return None
    if not isinstance(node, Scalar) or type(node.value) is not int or node.value != old:
        return None
    return Fix(title, (Edit(node.span, str(new), str(old)),), safe=False)
