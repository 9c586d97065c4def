"""Parameters, state and FLOPs of a typed graph, counted once for each distinct one."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

from archspec.dims import Dim, Size, TooComplex
from archspec.dims.size import from_terms, terms_of
from archspec.ops.base import Op, State
from archspec.ops.tensor import ITEMSIZE
from archspec.shapes.state import states
from archspec.shapes.ties import tied_entries, tied_inside
from archspec.shapes.typed import Typed, TypedNode

Types = tuple[Any, ...]


class Cost(NamedTuple):
    """`parameters`: elements, shared ones once; `trainable`: of those that require a gradient. `buffers`: elements of
    persistent ones. `flops`: one forward pass.

    `flops` is None where its formula has more terms than are of use. `param_bytes`: memory of the parameters in their
    own dtypes; `state_bytes`: of parameters and persistent buffers, which is what a file of weights holds.
    """

    parameters: int = 0
    buffers: int = 0
    flops: Size | None = 0
    param_bytes: int = 0
    state_bytes: int = 0
    trainable: int = 0

    def plus(self, other: Cost) -> Cost:
        return _together([(self, 1), (other, 1)])

    def without_state(self) -> Cost:
        """What calling the same modules again adds."""
        return Cost(flops=self.flops)


class Counted(NamedTuple):
    """FLOPs at sizes, {symbol: value}; `flops` is None where they are not known."""

    sizes: Mapping[str, int] = {}
    flops: int | None = None


class Costs:
    """Costs of typed graphs; each graph keeps what was worked out."""

    def of(self, typed: Typed) -> Cost:
        if typed.cost is None:
            typed.cost = _together([(self.of_node(done), 1) for done in typed.nodes])
        found: Cost = typed.cost
        return found

    def of_node(self, done: TypedNode) -> Cost:
        """Of one node, all its turns together. A node that calls shared modules again adds FLOPs only."""
        if len(done.calls) == 1 and done.node.shared is None and done.node.join is None:
            outputs = done.calls[0].outputs if isinstance(done.calls[0], Typed) else done.outputs
            return self.of_call(done, done.calls[0], done.call_inputs[0], outputs)
        runs = _runs(each_call(done))
        total = _together([(self._of_call(done, callee, *types), count) for (callee, *types), count in runs])
        if done.rows:
            total = total._replace(flops=routed(total.flops, done, len(done.calls)))
        if (joining := merging(done)) is not None:
            total = total.plus(op_cost(*joining))
        return total.without_state() if done.node.shared is not None else _as_held(total, done)

    def of_call(self, done: TypedNode, callee: Op | Typed, inputs: Types, outputs: Types) -> Cost:
        """Of one turn, tied parameters left out."""
        cost = _as_held(self._of_call(done, callee, inputs, outputs), done)
        return cost._replace(flops=routed(cost.flops, done, 1)) if done.rows else cost

    def _of_call(self, done: TypedNode, callee: Op | Typed, inputs: Types, outputs: Types) -> Cost:
        """The same, in the number of rows where they are routed."""
        if isinstance(callee, Typed):
            inner = self.of(callee)
            if done.node.scan is not None:
                inner = inner._replace(flops=_times(done.steps, inner.flops))
            if not done.tie:
                return inner
            entries = tied_entries(done, done.calls.index(callee))
            inside = tied_inside(callee)  # which are left out already
            every = [s for path, s in states(callee) if path in entries and path not in inside]
            tied = [s for s in every if s.parameter]
            buffers = [s for s in every if s.persistent and not s.parameter]
            size = sum(map(_bytes, tied))
            return inner._replace(
                parameters=inner.parameters - sum(math.prod(s.shape) for s in tied),
                buffers=inner.buffers - sum(math.prod(s.shape) for s in buffers),
                param_bytes=inner.param_bytes - size,
                state_bytes=inner.state_bytes - size - sum(map(_bytes, buffers)),
                trainable=inner.trainable - sum(math.prod(s.shape) for s in tied if s.requires_grad),
            )
        if done.tie:
            return op_cost(callee, inputs, outputs, done.tie)
        known = callee.known.get(inputs)
        if known is None:
            return op_cost(callee, inputs, outputs)
        if known.cost is None:
            known.cost = op_cost(callee, inputs, outputs)
        cost: Cost = known.cost
        return cost


def _together(costs: list[tuple[Cost, int]]) -> Cost:
    """The sum of costs, each so many times."""
    parameters = buffers = param_bytes = state_bytes = trainable = 0
    flops: list[Size | None] = []
    for cost, count in costs:
        parameters += count * cost.parameters
        buffers += count * cost.buffers
        param_bytes += count * cost.param_bytes
        state_bytes += count * cost.state_bytes
        trainable += count * cost.trainable
        flops.append(cost.flops if count == 1 else _times(count, cost.flops))
    return Cost(parameters, buffers, _sum(flops), param_bytes, state_bytes, trainable)


def op_cost(op: Op, inputs: Types, outputs: Types, tied: Container[str] = ()) -> Cost:
    parameters = trainable = buffers = param_bytes = buffer_bytes = 0
    for state in op.state(*inputs):
        if state.parameter and state.name not in tied:
            parameters += math.prod(state.shape)
            trainable += math.prod(state.shape) * state.requires_grad
            param_bytes += _bytes(state)
        elif state.persistent and not state.parameter:
            buffers += math.prod(state.shape)
            buffer_bytes += _bytes(state)
    try:
        flops: Size | None = op.flops(inputs, outputs)
    except TooComplex:
        flops = None
    return Cost(parameters, buffers, flops, param_bytes, param_bytes + buffer_bytes, trainable)


def _as_held(cost: Cost, done: TypedNode) -> Cost:
    """Of modules that forward does not call, or training does not change."""
    if not done.node.forward:
        cost = cost._replace(flops=0)
    return cost if done.node.requires_grad else cost._replace(trainable=0)


def _bytes(state: State) -> int:
    return math.prod(state.shape) * ITEMSIZE[state.dtype]


def _sum(many: list[Size | None]) -> Size | None:
    known = [flops for flops in many if flops is not None]
    try:
        return from_terms([term for flops in known for term in terms_of(flops)]) if len(known) == len(many) else None
    except TooComplex:
        return None


def _times(steps: Size, flops: Size | None) -> Size | None:
    if flops is None:
        return None
    try:
        return steps * flops
    except TooComplex:
        return None


def routed(flops: Size | None, done: TypedNode, turns: int) -> Size | None:
    """FLOPs of so many turns of a node whose rows are routed, each of its even share of the rows; None as `Cost.flops`.

    `flops`: of the turns together, in the number of rows of one. All choices together are `done.steps` rows.
    """
    if not isinstance(flops, Dim):
        return flops
    try:
        fixed, one, two = (flops.subs({done.rows: rows}) for rows in (0, 1, 2))
        if two - one != one - fixed:  # not row by row
            return None
        return (one - fixed) * done.steps // len(done.calls) + fixed
    except TooComplex:
        return None


_Call = tuple[Op | Typed, Types, Types]


def _runs(calls: Iterator[_Call]) -> Iterator[tuple[_Call, int]]:
    """Calls that follow one another and are the same, with their number."""
    last: _Call | None = None
    count = 0
    for call in calls:
        if last is not None and call[0] is last[0] and call[1] is last[1]:
            count += 1
            continue
        if last is not None:
            yield last, count
        last, count = call, 1
    if last is not None:
        yield last, count


def merging(done: TypedNode) -> tuple[Op, Types, Types] | None:
    """The op that joins the turns of a repeat, with the types it reads and gives."""
    if done.merge is None:
        return None
    return done.merge, tuple(outputs[0] for outputs in done.results), done.outputs


def each_call(done: TypedNode) -> Iterator[_Call]:
    """(callee, input types, output types) of each call of a node."""
    results = [done.outputs] if done.node.scan is not None else done.results
    yield from zip(done.calls, done.call_inputs, results, strict=True)
