"""Types of a `scan`: slices go into its body, carried values keep their types, outputs are stacked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.dims import Size
from archspec.graph.ir import Graph, Scan
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType
from archspec.shapes import report
from archspec.shapes.site import CallSite
from archspec.shapes.typed import UNKNOWN, TypedNode

if TYPE_CHECKING:
    from archspec.shapes.infer import Inference


def infer_scan(inference: Inference, scan: Scan, done: TypedNode, bindings: dict[str, Any], site: CallSite) -> None:
    """Fill in the typed node of a scan; what is wrong is reported, and its outputs are then unknown."""
    graph = done.node.calls[0]
    assert isinstance(graph, Graph)
    done.outputs = (UNKNOWN,) * (scan.stack + scan.carry)
    done.call_inputs.append(done.inputs)
    try:
        steps, slices = _slices(inference, scan, done.inputs, bindings)
    except Mismatch as mismatch:
        report.mismatch(inference.diagnostics, site, mismatch)
        return
    read = (*slices, *done.inputs[scan.over :])
    inner = inference.graph(graph, read, site, bindings)
    if UNKNOWN in inner.outputs:
        return
    if not _carried(inference, scan, graph, read, inner.outputs, site):
        return
    try:
        stacked = [_stacked(inference.require, scan, x, steps) for x in inner.outputs[: scan.stack]]
    except Mismatch as mismatch:
        report.mismatch(inference.diagnostics, site, mismatch)
        return
    done.calls, done.call_inputs, done.steps = [inner], [read], steps
    done.outputs = (*stacked, *done.inputs[scan.over : scan.over + scan.carry])


def _slices(
    inference: Inference, scan: Scan, inputs: tuple[Any, ...], bindings: dict[str, Any]
) -> tuple[Size, list[TensorType]]:
    """The number of steps, and the type of one slice of each value that is gone over."""
    require = inference.require
    steps: Size | None = None
    out: list[TensorType] = []
    for number, x in enumerate(inputs[: scan.over]):
        if not -x.rank <= scan.dim < x.rank:
            require.fail("AS301", f"`scan` goes along dimension {scan.dim}; {x} has {x.rank}", inputs=(number,))
        axis = scan.dim % x.rank
        if steps is None:
            steps = x.shape[axis]
        else:
            message = f"`scan` goes over values of different sizes along dimension {scan.dim}"
            first = scan.dim % inputs[0].rank
            steps = require.equal(steps, x.shape[axis], message, inputs=(0, number), axis=(first, axis))
        out.append(x.with_shape(x.shape[:axis] + x.shape[axis + 1 :]))
    if steps is None:
        steps = inference.substitute(scan.steps, bindings)
    require.at_least(steps, 1, "the number of steps of a `scan`", inputs=(0,) if scan.over else ())
    return steps, out


def _carried(
    inference: Inference,
    scan: Scan,
    graph: Graph,
    before: tuple[Any, ...],
    after: tuple[Any, ...],
    site: CallSite,
) -> bool:
    """Has each carried value the same type before a step and after it?"""
    healthy = True
    for k in range(scan.carry):
        x, y = before[scan.over + k], after[scan.stack + k]
        same = x.dtype == y.dtype and x.rank == y.rank
        if same and all(
            a == b or inference.require.holds("equal", a, b) for a, b in zip(x.shape, y.shape, strict=True)
        ):
            continue
        value = graph.outputs[scan.stack + k][1]
        at = graph.nodes[value.node].key_span if value.node >= 0 else graph.inputs[value.output].span
        name = graph.inputs[scan.over + k].name
        report.carried(inference.diagnostics, site, name, scan.over + k, (x, y), at)
        healthy = False
    return healthy


def _stacked(require: Require, scan: Scan, x: TensorType, steps: Size) -> TensorType:
    rank = x.rank + 1
    if not -rank <= scan.dim < rank:
        message = f"`scan` stacks what a step gives along dimension {scan.dim}; {x} has {x.rank}"
        require.fail("AS301", message, argument="dim")
    axis = scan.dim % rank
    return x.with_shape((*x.shape[:axis], steps, *x.shape[axis:]))
