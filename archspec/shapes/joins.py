"""Types of a repeat whose turns are joined: every turn reads the same, or the rows that are routed to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.dims import Constraints, Dim, Size, symbol
from archspec.graph.ir import Graph, Join, OpCall
from archspec.graph.joins import gives_back_one
from archspec.ops.broadcast import category
from archspec.ops.known import Demand
from archspec.ops.require import Mismatch
from archspec.ops.shaping import product
from archspec.ops.tensor import TensorType
from archspec.shapes import report
from archspec.shapes.site import CallSite
from archspec.shapes.typed import UNKNOWN, TypedNode

_WORDS = {
    "equal": "be equal to", "at_least": "be at least", "divisible": "be a multiple of",
    "broadcasts": "go together with", "stretches": "be 1 or",
}  # fmt: skip

if TYPE_CHECKING:
    from archspec.shapes.infer import Inference


def infer_join(inference: Inference, join: Join, done: TypedNode, bindings: dict[str, Any], site: CallSite) -> None:
    """Fill in the typed node; what is wrong is reported, and its output is then unknown."""
    done.outputs = (UNKNOWN,)
    done.call_inputs.append(done.inputs)
    site = site._replace(turn=-1)  # all of them
    try:
        turns, rows = _inputs(inference, join, done)
    except Mismatch as mismatch:
        report.mismatch(inference.diagnostics, site, mismatch)
        return
    done.call_inputs = []
    calls: list[Any] = []
    results: list[tuple[Any, ...]] = []
    for number, callee in enumerate(done.node.calls):
        here = site._replace(turn=number)
        done.call_inputs.append(turns)
        asked = len(inference.require.demands)
        if isinstance(callee, OpCall):
            found = inference.op(callee, turns, bindings, here)
            if found is None:
                return
            calls.append(found[0])
            results.append(found[1])
        else:
            calls.append(inference.graph(callee, turns, here, bindings))
            results.append(calls[-1].outputs)
        if results[-1][0] is UNKNOWN:
            return
        if rows is not None and not (
            _any_number_of_rows(inference, rows, asked, results[-1][0], here)
            and _no_rows(inference, callee, turns, results[-1][0], bindings, here)
        ):
            return
    try:
        if rows is None:
            assert join.merge is not None
            if len(results) == 1 and gives_back_one(join.merge):
                done.calls, done.results, done.outputs, done.merge = calls, results, results[0], join.merge.op
                return
            merge = inference.op(join.merge, tuple(r[0] for r in results), bindings, site, merging=True)
            if merge is None:
                return
            done.merge, outputs = merge
            output = outputs[0]
        else:
            output = _shared_out(inference, done, results)
    except Mismatch as mismatch:
        report.mismatch(inference.diagnostics, site, mismatch)
        return
    done.calls, done.results, done.outputs = calls, results, (output,)


def _inputs(inference: Inference, join: Join, done: TypedNode) -> tuple[tuple[Any, ...], Dim | None]:
    """What each turn reads, and the symbol for the number of its rows, where they are routed."""
    require = inference.require
    given = list(done.inputs[: len(done.inputs) - join.routed])
    for slot in join.slices:
        x = given[slot]
        require.rank(x, least=1, what="a value of `over`", inputs=(slot,))
        message = "`over` has one slice for each turn along the first dimension"
        require.equal(x.shape[0], len(done.node.calls), message, inputs=(slot,), axis=(0,))
        given[slot] = x.with_shape(x.shape[1:])
    if not join.routed:
        return tuple(given), None
    x, at = done.inputs[0], len(given)
    chosen, weights = done.inputs[at:]
    require.rank(x, least=2, what="what is routed", inputs=(0,))
    require.dtype(chosen, "int64", "int32", what="`chosen`", inputs=(at,))
    require.rank(chosen, x.rank, what="`chosen`, which has the rows' dimensions and one for the choices,", inputs=(at,))
    for axis in range(x.rank - 1):
        message = f"`chosen` says for each row where it goes, and differs in dimension {axis}"
        require.equal(x.shape[axis], chosen.shape[axis], message, inputs=(0, at), axis=(axis, axis))
    if weights is not None:
        require.floating(weights, "`weights`", inputs=(at + 1,))
        require.rank(weights, x.rank, what="`weights`", inputs=(at + 1,))
        for axis in range(x.rank):
            message = f"there is a weight for each choice, and `weights` differs in dimension {axis}"
            require.equal(chosen.shape[axis], weights.shape[axis], message, inputs=(at, at + 1), axis=(axis, axis))
    rows = _fresh(done.inputs)
    given[0] = x.with_shape((rows, x.shape[-1]))
    done.rows = str(rows)
    done.steps = product(chosen.shape)
    return tuple(given), rows


def _fresh(types: tuple[Any, ...]) -> Dim:
    """A symbol for a number of rows that only the values decide."""
    taken = {name for t in types if t is not None for s in t.shape if isinstance(s, Dim) for name in s.symbols}
    name, count = "rows", 2
    while name in taken:
        name, count = f"rows{count}", count + 1
    return symbol(name)


def _always(demand: Demand) -> bool:
    """Does it hold whatever the sizes are?"""
    question, a, b = demand
    anything = Constraints()
    return bool(getattr(anything, question)(a, b)) and not anything.requirements


def _any_number_of_rows(inference: Inference, rows: Dim, asked: int, given: TensorType, site: CallSite) -> bool:
    """Does a turn go with any number of rows, and give as many?"""
    about = [d for d in inference.require.demands[asked:] if any(_in(rows, size) for size in d[1:])]
    wanted = next((d for d in about if not _always(d)), None)
    if wanted is not None:
        question, a, b = wanted
        message = f"how many rows are routed to a turn is not known, and here {a} must {_WORDS[question]} {b}"
        report.routed(inference.diagnostics, site, message)
        return False
    if given.rank != 2 or given.shape[0] != rows:
        message = f"a turn gives as many rows as it reads, {rows} of them, and not {given}"
        report.routed(inference.diagnostics, site, message)
        return False
    return True


def _no_rows(
    inference: Inference,
    callee: OpCall | Graph,
    turns: tuple[Any, ...],
    some: TensorType,
    bindings: dict[str, Any],
    site: CallSite,
) -> bool:
    """Does a turn that gives `some` do with no rows at all? A symbol is 1 or more; a turn may be chosen by none."""
    empty = inference.empty
    none = (turns[0].with_shape((0, turns[0].shape[-1])), *turns[1:])
    before, known = empty.said, set(empty.diagnostics)
    if isinstance(callee, OpCall):
        found = empty.op(callee, none, bindings, site)
        given = UNKNOWN if found is None else found[1][0]
    else:
        given = empty.graph(callee, none, site, bindings).outputs[0]
    if empty.said == before:
        if given.shape == (0, *some.shape[1:]):
            return True
        report.routed(inference.diagnostics, site, f"a turn that no row chooses reads none, and gives {given}")
    for each in empty.diagnostics:  # what was met before is reported already
        if each not in known:
            report.refused_of_none(inference.diagnostics, each)
    return False


def _in(rows: Dim, size: Size) -> bool:
    return isinstance(size, Dim) and not rows.symbols.isdisjoint(size.symbols)


def _shared_out(inference: Inference, done: TypedNode, results: list[tuple[Any, ...]]) -> TensorType:
    """The type of the rows that come back: all turns give the same features."""
    first: TensorType = results[0][0]
    if done.inputs[-1] is not None and category(first.dtype) < 2:
        message = f"rows that are given weights must be floating point or complex, and a turn gives {first}"
        inference.require.fail("AS303", message)
    for number, (other, *_) in enumerate(results):
        if other.dtype != first.dtype or not inference.require.holds("equal", other.shape[1], first.shape[1]):
            inference.require.fail("AS302", f"the turns give different rows: turn 0 {first}, turn {number} {other}")
    x: TensorType = done.inputs[0]
    return first.with_shape((*x.shape[:-1], first.shape[1]))
