"""Walks a graph, asks each op for its output types, and turns a refusal into a diagnostic with spans and a trail.

Work is done once for each graph and input types: a block that repeats costs one look-up a turn.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any

from archspec.diagnostics.model import Diagnostics
from archspec.dims import Constraints, Dim, TooComplex, symbol
from archspec.dims.floors import tidy
from archspec.dims.work import WorkSpentError, charge
from archspec.graph.ir import Graph, GraphInput, OpCall
from archspec.graph.later import sizes_in, substitute
from archspec.graph.names import STRUCTURES
from archspec.ops.base import Op
from archspec.ops.kinds import BadValue
from archspec.ops.known import Demand, Known, remember
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType
from archspec.shapes import report
from archspec.shapes.again import same_module
from archspec.shapes.buffers import infer_buffer
from archspec.shapes.extent import check_extent
from archspec.shapes.joins import infer_join
from archspec.shapes.moved import moved
from archspec.shapes.scans import infer_scan
from archspec.shapes.site import CallSite
from archspec.shapes.ties import check_ties
from archspec.shapes.typed import UNKNOWN, Typed, TypedNode

Bindings = dict[str, Any]
Demands = tuple[Demand, ...]
_AGAIN = 40  # steps that typing a node costs which was typed for other inputs before
MAX_TYPES = 64  # for which the graph of one block is remembered


class Inference:
    """Types for one spec. `constraints` gathers what the architecture demands of the inputs' symbols."""

    def __init__(self, constraints: Constraints, diagnostics: Diagnostics) -> None:
        self.constraints = constraints
        self.diagnostics = diagnostics
        self.require = Require(constraints)
        self._done: dict[tuple[int, tuple[Any, ...], frozenset[Any]], tuple[Typed, Demands, bool]] = {}
        self._met: set[int] = set()  # graphs that were typed, for whatever inputs
        self._unclean = 0
        self._sizes_of: dict[int, frozenset[str]] = {}
        self._ops: dict[tuple[int, tuple[Any, ...]], tuple[Op, tuple[TensorType, ...], Demands]] = {}

    @cached_property
    def empty(self) -> Inference:
        """Where it is tried what goes with no rows at all; what is found there is reported by whoever asks."""
        found = Inference(self.constraints.copy(), Diagnostics())
        found.empty = found
        return found

    def graph(
        self, graph: Graph, inputs: tuple[Any, ...], call: CallSite | None = None, around: Bindings | None = None
    ) -> Typed:
        """The typed graph for these input types; every error in it is in `diagnostics`.

        `around`: sizes that the blocks around it have bound, for a sequence in a block or a parameter that is a size.
        """
        bound = {name: around[name] for name in self._block_sizes(graph) if name in around} if around else {}
        key = (id(graph), inputs, frozenset(bound.items()))
        found = self._done.get(key)
        if found is not None:
            typed, demands, clean = found
            self.require.demands += demands
            self._unclean += not clean
            return typed
        outlived = self._outlived(graph, key[1:])
        if outlived is not None:
            self._done[key] = (*outlived, True)
            return outlived[0]
        self._typed_again(graph)
        asked, said = len(self.require.demands), self.said
        typed = self._graph(graph, inputs, call, bound)
        demands = tuple(dict.fromkeys(self.require.demands[asked:]))
        clean = self.said == said and typed.complete
        self._done[key] = typed, demands, clean
        if graph.known is not None and clean and len(graph.known) < MAX_TYPES:
            graph.known[key[1:]] = typed, demands
        return typed

    def _typed_again(self, graph: Graph) -> None:
        """Count what it costs to type a graph for further inputs. Raises WorkSpentError (reported)."""
        if id(graph) in self._met:
            try:
                charge(_AGAIN * len(graph.nodes))
            except WorkSpentError:
                what, help = f"`{graph.name}` is called with too many different types", "make it a block of fewer items"
                self.diagnostics.error("AS215", graph.span, what, help=help)
                raise
        self._met.add(id(graph))

    @property
    def said(self) -> tuple[int, int]:
        """Changes where anything is reported, and where a graph is met again of which something was."""
        return self.diagnostics.added, self._unclean

    def _outlived(self, graph: Graph, key: tuple[Any, ...]) -> tuple[Typed, Demands] | None:
        """What an earlier check found of the graph of a block, if it holds here too."""
        if graph.known is None:
            return None
        found: tuple[Typed, Demands] | None = graph.known.get(key) or moved(graph, key)
        return found if found is not None and all(self.require.holds(*demand) for demand in found[1]) else None

    def _graph(self, graph: Graph, inputs: tuple[Any, ...], call: CallSite | None, bound: Bindings) -> Typed:
        bindings = self._bind(graph, inputs, call, bound)
        if graph.later is not None:
            decided = graph.later(bindings) if bindings is not None and UNKNOWN not in inputs else None
            if decided is None:
                typed = Typed(graph, inputs)
                typed.outputs = (UNKNOWN,) * len(graph.outputs)
                return typed
            graph = decided
        if bindings is not None and graph.kind == "block":
            inputs = tuple(map(_as_declared, graph.inputs, inputs))
        typed = Typed(graph, inputs)
        typed.params = substitute(graph.params, bindings or {})
        for number, node in enumerate(graph.nodes):
            read = tuple(None if v is None else typed.type_of(v) for v in node.inputs)
            done = TypedNode(node, read)
            typed.nodes.append(done)
            if not node.calls or UNKNOWN in read or bindings is None:
                done.outputs = (UNKNOWN,) * max(1, len(node.names))
                continue
            self._node(typed, number, done, bindings, call)
        typed.outputs = tuple(typed.type_of(value) for _, value in graph.outputs)
        if graph.has_ties and typed.complete:
            check_ties(self.diagnostics, typed)
        return typed

    def _node(self, typed: Typed, number: int, done: TypedNode, bindings: Bindings, call: CallSite | None) -> None:
        node = done.node
        if node.scan is not None:
            infer_scan(self, node.scan, done, bindings, CallSite(typed, number, 0, call))
            return
        if node.buffer is not None:
            infer_buffer(self, node.buffer, done, bindings, CallSite(typed, number, 0, call))
            return
        if node.join is not None:
            infer_join(self, node.join, done, bindings, CallSite(typed, number, 0, call))
            return
        current = done.inputs
        outputs: tuple[Any, ...] = ()
        maker = node
        while maker.shared is not None:
            maker = typed.nodes[maker.shared].node
        inside = node.paths[0] not in maker.paths  # `use` of a module further in
        turn = 0
        while turn < len(node.calls):
            callee = node.calls[turn]
            site = CallSite(typed, number, turn, call)
            sizes = self._sizes_inside(typed, site, callee, bindings) if inside else bindings
            done.call_inputs.append(current)
            if sizes is None:
                done.calls, outputs = [], (UNKNOWN,) * max(1, len(node.names))
                break
            if isinstance(callee, OpCall):
                result = self.op(callee, current, sizes, site)
                if result is None:
                    done.calls = []
                    outputs = (UNKNOWN,) * max(1, len(node.names))
                    break
                op, outputs = result
                done.calls.append(op)
            else:
                inner = self.graph(callee, current, site, sizes)
                outputs = inner.outputs
                done.calls.append(inner)
            done.results.append(outputs)
            turn += 1
            if node.repeated:
                before, current = current, (*outputs[: node.carry], *current[node.carry :])
                if UNKNOWN in current:
                    break
                if current == before:  # the turns that follow find the same, as far as they are the same call
                    more = _alike(node.calls, turn)
                    done.calls += [done.calls[-1]] * more
                    done.call_inputs += [current] * more
                    done.results += [outputs] * more
                    turn += more
        done.outputs = outputs
        if done.calls and UNKNOWN not in outputs and len(outputs) < len(node.names):
            report.too_few(self.diagnostics, site, len(outputs))
            done.calls, done.outputs = [], (UNKNOWN,) * len(node.names)
        if node.shared is not None and done.calls:
            self._shared(typed, number, done, call)

    def _shared(self, typed: Typed, number: int, done: TypedNode, call: CallSite | None) -> None:
        """A module called again must be the module that the first call made."""
        if UNKNOWN in done.outputs:
            return
        for turn, callee in enumerate(done.calls):
            try:
                first, at, _ = self._maker(typed, done.node.paths[turn], {})
            except LookupError:  # what it is in is in error
                return
            if at >= len(first.calls) or UNKNOWN in first.outputs:
                return
            if not same_module(first.calls[at], first.call_inputs[at], callee, done.call_inputs[turn]):
                report.shared(self.diagnostics, CallSite(typed, number, turn, call), first, at)
                done.outputs = (UNKNOWN,) * len(done.outputs)
                return

    def _sizes_inside(
        self, typed: Typed, site: CallSite, callee: OpCall | Graph, bindings: Bindings
    ) -> Bindings | None:
        """The sizes that a module further in is written over: those of its block. None if that is in error."""
        try:
            first, at, sizes = self._maker(typed, typed.graph.nodes[site.number].paths[site.turn], bindings)
        except LookupError:  # what it is in is in error
            return None
        if at >= len(first.calls):
            return None
        read = _symbols(callee.values) if isinstance(callee, OpCall) else self._block_sizes(callee)
        unknown = [name for name in read if name in sizes and not isinstance(sizes[name], int)]
        if unknown:
            report.sizes_inside(self.diagnostics, site, unknown)
            return None
        return sizes

    def _maker(self, typed: Typed, path: str, bindings: Bindings) -> tuple[TypedNode, int, Bindings]:
        """The node that makes the module at a path, the number of its call, and the sizes bound where it stands."""
        for done in typed.nodes:
            if done.node.shared is not None:
                continue
            if done.node.in_place and done.calls:
                with suppress(LookupError):
                    return self._maker(done.calls[0], path, bindings)  # type: ignore[arg-type]
            for at, own in enumerate(done.node.paths):
                if own == path:
                    return done, at, bindings
                if path.startswith(f"{own}.") and at < len(done.calls) and isinstance(inner := done.calls[at], Typed):
                    bound = self._bind(inner.graph, inner.inputs, None, bindings)
                    return self._maker(inner, path[len(own) + 1 :], bound or {})
        raise LookupError(path)

    def substitute(self, value: Any, bindings: Bindings) -> Any:
        """A value with the blocks' own symbols replaced by the sizes they stand for."""
        return substitute(value, bindings)

    def op(
        self,
        call: OpCall,
        inputs: tuple[Any, ...],
        bindings: Bindings,
        site: CallSite,
        *,
        merging: bool = False,
    ) -> tuple[Op, tuple[TensorType, ...]] | None:
        """The op of a call and what it gives; None if it refuses (reported). `merging`: it reads what turns give."""
        op = call.op
        known = op.known.get(inputs) if op is not None else None
        if known is not None and (not known.demands or all(self.require.holds(*d) for d in known.demands)):
            assert op is not None
            return op, known.outputs
        key = (id(call), inputs)
        found = self._ops.get(key)
        if found is not None:
            self.require.demands += found[2]
            return found[:2]
        asked = len(self.require.demands)
        try:
            sized = sizes_in(call.values)
            if op is None or sized:
                values = {k: substitute(v, bindings) for k, v in call.values.items()}
                op = op or call.cls.parse(values)
                if sized:
                    self.require.defined(values)
            result = op.infer(self.require, *inputs)
            outputs = tuple(map(_tidied, (result,) if isinstance(result, TensorType) else result))
            check_extent(self.require, op, inputs, outputs)
        except Mismatch as mismatch:
            mismatch.inputs = () if merging else mismatch.inputs
            report.mismatch(self.diagnostics, site, mismatch)
            return None
        except BadValue as bad:
            report.bad_value(self.diagnostics, site, call, bad)
            return None
        except TooComplex:
            report.too_complex(self.diagnostics, site, call)
            return None
        except WorkSpentError:
            report.too_long(self.diagnostics, site.typed.graph, site)
            raise
        if not self._reachable(call, bindings, inputs, site):
            return None
        if call.op is not None:  # else the same call means another op under other bindings
            demands = tuple(self.require.demands[asked:])
            if sizes_in(call.values):
                self._ops[key] = (op, outputs, demands)
            else:
                remember(op, inputs, Known(outputs, demands))
        return op, outputs

    def _reachable(self, call: OpCall, bindings: Bindings, inputs: tuple[Any, ...], site: CallSite) -> bool:
        """Can forward compute the sizes that the arguments name? They must be those of a tensor that is at hand."""
        own = {f"{site.typed.graph.name}.{name}" for name in site.typed.graph.local_symbols}
        for written in sizes_in(call.values):
            size = substitute(written, bindings)
            if not isinstance(size, Dim) or written.symbols <= own:  # over sizes that stand alone in the block's inputs
                continue
            near = {axis for kind in inputs if kind is not None for axis in kind.shape}
            if size in near:
                continue
            around: CallSite | None = site
            unsure = False
            while around is not None:  # a scan's body has what is at hand around it
                given = [kind for kind in around.typed.inputs if kind is not None]
                unsure |= UNKNOWN in given or _in_doubt(around.typed.graph)
                near.update(axis for kind in given if kind is not UNKNOWN for axis in kind.shape)
                around = around.parent if around.typed.graph.kind == "scan" else None
            missing = next((name for name in sorted(size.symbols) if symbol(name) not in near), None)
            if missing is not None and not unsure:
                report.unreachable(self.diagnostics, site, missing, size)
                return False
        return True

    def _block_sizes(self, graph: Graph) -> frozenset[str]:
        """The blocks' own symbols (`Block.D`) that something in the graph is written in, at any depth."""
        found = self._sizes_of.get(id(graph))
        if found is None:
            names = _symbols([graph.params, *(given.type.shape for given in graph.inputs if given.type)])
            for node in graph.nodes:
                names |= _symbols(node.scan.steps) if node.scan is not None else frozenset()
                for callee in node.calls:
                    names |= _symbols(callee.values) if isinstance(callee, OpCall) else self._block_sizes(callee)
            found = self._sizes_of[id(graph)] = frozenset(name for name in names if "." in name)
        return found

    def _bind(self, graph: Graph, inputs: tuple[Any, ...], call: CallSite | None, around: Bindings) -> Bindings | None:
        """Sizes of a block's own symbols (`inputs: {x: "float32[N, T, D]"}`) from the types it is called with.

        None where a type is not as declared, which has been reported.
        """
        bindings: Bindings = dict(around)
        for number, (declared, given) in enumerate(zip(graph.inputs, inputs, strict=True)):
            wanted = declared.type
            if graph.kind != "block" or wanted is None or given is None or given is UNKNOWN:
                continue
            fits = given.rank >= wanted.rank if declared.open else given.rank == wanted.rank
            if not fits or given.dtype != wanted.dtype:
                report.declared(self.diagnostics, graph, number, given, call)
                return None
            for place, want in enumerate(wanted.shape):
                axis = declared.axis(place, given)
                size = given.shape[axis]
                local = _local_name(graph, want)
                if local is not None and local not in bindings:
                    bindings[local] = size
                    continue
                want = substitute(want, bindings)
                if want != size and not self.require.holds("equal", size, want):
                    report.declared(self.diagnostics, graph, number, given, call, axis)
                    return None
        return bindings


def _as_declared(declared: GraphInput, given: Any) -> Any:
    """The type with the numbers that the block declares, to which its sizes were found equal."""
    if declared.type is None or given is None or given is UNKNOWN:
        return given
    shape = list(given.shape)
    for place, want in enumerate(declared.type.shape):
        if isinstance(want, int):
            shape[declared.axis(place, given)] = want
    return given if shape == list(given.shape) else given._replace(shape=tuple(shape))


def _tidied(given: TensorType) -> TensorType:
    shape = tuple(map(tidy, given.shape))
    return given if shape == given.shape else given.with_shape(shape)


def _alike(calls: list[Any], turn: int) -> int:
    """How many calls from that one on are the one before."""
    end = turn
    while end < len(calls) and calls[end] is calls[turn - 1]:
        end += 1
    return end - turn


def _local_name(graph: Graph, size: Any) -> str | None:
    """The symbol's name if `size` is one of the block's own symbols standing alone."""
    if not isinstance(size, Dim) or len(size.symbols) != 1:
        return None
    (name,) = size.symbols
    own = name.removeprefix(f"{graph.name}.")
    return name if own != name and own in graph.local_symbols and size == symbol(name) else None


def _in_doubt(graph: Graph) -> bool:
    """Has a structure an item in error? Without it, it may be no module, and has what is around it."""
    return graph.kind in STRUCTURES and any(not node.calls for node in graph.nodes)


def _symbols(value: Any) -> frozenset[str]:
    return frozenset[str]().union(*(size.symbols for size in sizes_in(value)))
