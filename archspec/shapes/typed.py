"""A graph whose every value has a type. Made once for each graph and input types, and shared from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.dims import Size
from archspec.graph.ir import Graph, Node, Value
from archspec.ops.base import Op
from archspec.ops.tensor import TensorType

if TYPE_CHECKING:
    from archspec.shapes.moved import Copied


class _Unknown:
    """The type of a value whose producer is in error; what reads it stays silent."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Any = _Unknown()


class TypedNode:
    """`calls` runs parallel to `node.calls`: a checked Op, or the Typed of a Graph. Empty where the node is in error.

    `inputs`: types of the node's inputs (None: an absent optional one). `call_inputs`: the same for each call, which
    differ in a repeat. `results`: what each call gives. `outputs`: what the node gives. `steps`: of a scan, how often
    its one call is made. `init`: for each call of an op, how its parameters begin, by their names, where that is not as
    in PyTorch. Of a repeat whose turns are joined: `merge`, the op; or, for rows that are routed, `rows`, the symbol of
    how many a turn has, and `steps`, how many all turns have together.
    `tie`: of parameters, or of modules that are alike.
    """

    __slots__ = (
        "call_inputs",
        "calls",
        "init",
        "inputs",
        "merge",
        "node",
        "outputs",
        "results",
        "rows",
        "steps",
        "tie",
    )

    def __init__(self, node: Node, inputs: tuple[Any, ...]) -> None:
        self.node = node
        self.inputs = inputs
        self.calls: list[Op | Typed] = []
        self.call_inputs: list[tuple[Any, ...]] = []
        self.outputs: tuple[Any, ...] = ()
        self.steps: Size = 1
        self.init: list[dict[str, Any]] = []
        self.results: list[tuple[Any, ...]] = []
        self.merge: Op | None = None
        self.rows = ""
        self.tie: dict[str, str] = node.tie

    def copy(self, node: Node, calls: list[Op | Typed]) -> TypedNode:
        """The same of another node, with calls that are as these are."""
        new = TypedNode(node, self.inputs)
        new.calls, new.call_inputs, new.results, new.outputs = calls, self.call_inputs, self.results, self.outputs
        new.steps, new.init, new.merge, new.rows = self.steps, self.init, self.merge, self.rows
        new.tie = self.tie
        return new


class Typed:
    """`inputs` and `outputs` are TensorTypes (UNKNOWN after an error). `params`: a block's, with their sizes known."""

    __slots__ = ("_copied", "_inner", "cost", "graph", "inputs", "nodes", "outputs", "params", "silent")

    def __init__(self, graph: Graph, inputs: tuple[Any, ...]) -> None:
        self.graph = graph
        self.inputs = inputs
        self.nodes: list[TypedNode] = []
        self.outputs: tuple[Any, ...] = ()
        self.params: dict[str, Any] = graph.params
        self.cost: Any = None  # filled in by the cost stage
        self.silent: Any = None  # under which promises of sizes there is nothing to warn of (archspec.lint)
        self._inner: tuple[tuple[Typed, str], ...] | None = None
        self._copied: Copied | None = None

    def __getattr__(self, name: str) -> Any:
        """The nodes, in a copy that nothing has looked into yet (moved.py)."""
        if name != "nodes" or self._copied is None:
            raise AttributeError(name, name=name, obj=self)
        self.nodes = self._copied.nodes()
        self._copied = None
        return self.nodes

    @property
    def inner(self) -> tuple[tuple[Typed, str], ...]:
        """The graphs that it calls, each once, with the path of the first call."""
        if self._inner is None:
            found: dict[int, tuple[Typed, str]] = {}
            for done in self.nodes:
                last: Any = None
                for turn, callee in enumerate(done.calls):
                    if callee is not last and isinstance(callee, Typed):
                        found.setdefault(id(callee), (callee, done.node.paths[turn]))
                    last = callee
            self._inner = tuple(found.values())
        return self._inner

    def type_of(self, value: Value) -> TensorType | Any:
        """The type of a value of this graph, UNKNOWN after an error."""
        types = self.inputs if value.node < 0 else self.nodes[value.node].outputs
        return types[value.output] if value.output < len(types) else UNKNOWN

    def value(self, name: str, around: dict[str, Any]) -> Any:
        """What an expression of this graph reads by a name: a parameter, a size of its inputs, else of `around`; None
        where that has none."""
        if name in self.params:
            return self.params[name]
        for number, given in enumerate(self.graph.inputs if name in self.graph.local_symbols else ()):
            for axis, size in enumerate(given.type.shape if given.type is not None else ()):
                if str(size) == f"{self.graph.name}.{name}":
                    return self.inputs[number].shape[given.axis(axis, self.inputs[number])]
        return around.get(name)

    @property
    def complete(self) -> bool:
        """No value in it, nor in what it calls, is unknown."""
        return all(n.calls and UNKNOWN not in n.outputs for n in self.nodes) and UNKNOWN not in self.outputs
