"""The elaborated spec: parameters evaluated, repeats unrolled, names resolved. Sizes are not known yet.

A `Graph` is one scope that becomes a Python class: the root, a block with given parameters, or a named `sequence`
(`residual`, `parallel`). Unnamed structures are spliced into the graph around them. A block with equal parameters is
elaborated once: call nodes share its `Graph` object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.diagnostics.model import Span
from archspec.ops.base import Op
from archspec.ops.tensor import TensorType
from archspec.reading.nodes import Mapping
from archspec.reading.nodes import Node as YamlNode

if TYPE_CHECKING:
    import networkx as nx

    from archspec.graph.context import Context
    from archspec.graph.initial import InitRule
    from archspec.graph.later import Later
    from archspec.graph.moved import Mover


class Value(NamedTuple):
    """One tensor in a graph: output `output` of node number `node`, or input number `output` when node is -1."""

    node: int
    output: int = 0


@dataclass(slots=True, eq=False)
class OpCall:
    """An op with evaluated arguments. `op` is None while arguments hold sizes that only shape inference can bind."""

    cls: type[Op]
    values: dict[str, Any]
    op: Op | None

    def bare(self) -> bool:
        """Has it no module or tensor of its own?"""
        return self.cls.bare_with(self.values)


class Scan(NamedTuple):
    """How a node's body is run step after step: counts of its inputs and outputs, and what the steps go along.

    The node's inputs, and those of its body, are `over` values, of which the body gets a slice, `carry` values, of
    which it gets what the step before gave, and then captured ones. The body gives `stack` values, which are stacked,
    and the carried ones of the next step; so does the node. `steps`: how many, where nothing is sliced.
    """

    over: int
    carry: int
    stack: int
    dim: int
    reverse: bool
    steps: Any = None


class Join(NamedTuple):
    """How the turns of a repeat that all read the same are put together.

    By `merge`, an op that reads what each gives; or, without, each turn reads the rows that are routed to it, and gives
    its share of them: then the node's last `routed` inputs are the numbers of the turns chosen for each row, and their
    weights (None for all 1). `slices`: the inputs of which turn t reads slice t of the first dimension.
    """

    merge: OpCall | None
    slices: tuple[int, ...] = ()
    routed: int = 0


class Buffer(NamedTuple):
    """How what a sequence computes is kept. `persistent`: part of `state_dict()`."""

    persistent: bool


def joined(path: str, name: str) -> str:
    """A path inside the module at `path`; a body that runs in place has the path ""."""
    return f"{path}.{name}" if path else name


@dataclass(slots=True, eq=False)
class Node:
    """One step of a graph.

    `calls`: what is run: one entry, or for a repeat one per turn (`repeated`); each an OpCall or a Graph.
    `paths`: the module path of each call inside this graph ("conv1", "encoder.0", "layer1.2"); always given, though
             only calls with state (or modules) come to use it.
    `inputs`: what is read; None for an absent optional input. In a repeat, the first `carry`
             are threaded through the turns.
    `names`: what its outputs are called in the spec ("" where unnamed).
    `item`: identity of the spec item it came from, equal in all instances of a block (for codegen's alignment).
    `raw`: the YAML of the arguments; its expressions are what codegen prints where arguments differ by instance.
    `shared`: number of the node whose modules this one calls again (`use`), else None.
    `tie`: {path of an own parameter or module: path of the one it is, from the root of this graph}.
    `init`: for each call, how its parameters begin; None where nothing is said.
    `join`: of a repeat whose turns do not follow one another.
    `forward`: false where its modules are made and kept, and forward does not call them; then nothing reads it.
    `requires_grad`: false where training leaves all parameters of its calls as they are.
    `buffer`: its one call is run once, when the module is made, and what it gives is kept.
    `scan`: its one call is a body run step after step.
    `inline`: its one call is a block that is no module. Of both the modules are this graph's own (`in_place`), and the
             path is "". (Once sizes are known the steps of an inline block are this graph's own too: shapes/inline.py.)
    """

    calls: list[OpCall | Graph]
    paths: list[str]
    inputs: tuple[Value | None, ...]
    names: tuple[str, ...]
    item: Any
    span: Span
    key_span: Span
    input_spans: tuple[Span | None, ...] = ()
    raw: YamlNode | None = None
    repeated: bool = False
    carry: int = 1
    shared: int | None = None
    tie: dict[str, str] = field(default_factory=dict)
    tie_spans: dict[str, Span] = field(default_factory=dict)
    doc: str = ""
    when: YamlNode | None = None
    repeat: YamlNode | None = None
    auto: bool = False  # the path was made up (index or op name), not written
    scan: Scan | None = None
    init: list[tuple[InitRule, ...]] | None = None
    join: Join | None = None
    buffer: Buffer | None = None
    forward: bool = True
    requires_grad: bool = True
    inline: bool = False

    @property
    def in_place(self) -> bool:
        """Are the modules of what it calls this graph's own?"""
        return self.inline or self.scan is not None

    @property
    def container(self) -> str:
        """The path that holds all turns of a repeat; empty where they lie apart."""
        first = self.paths[0].rpartition(".")[0]
        return first if all(path.rpartition(".")[0] == first for path in self.paths) else ""

    @property
    def steps(self) -> int:
        """How many nodes it comes to with all that it calls written out."""
        total, last, steps = 0, None, 0
        for call in self.calls:
            if call is not last:
                last, steps = call, max(call.steps, 1) if isinstance(call, Graph) else 1
            total += steps
        return total

    @property
    def label(self) -> str:
        """What to call it in a message."""
        if self.names and self.names[0]:
            return self.names[0]
        first = self.calls[0] if self.calls else None
        return self.paths[0] or (first.name if isinstance(first, Graph) else "")


@dataclass(slots=True, eq=False)
class GraphInput:
    name: str
    span: Span
    type: TensorType | None = None  # declared (always at the root, optional in a block), evaluated
    type_text: YamlNode | None = None
    optional: bool = False  # of a block: a call may leave it out
    open: bool = False  # any number of sizes before those of `type`

    def axis(self, number: int, given: TensorType) -> int:
        """Where size `number` of the declared type is in one that is given."""
        assert self.type is not None
        return number + given.rank - self.type.rank if self.open else number


@dataclass(slots=True, eq=False)
class Graph:
    """`kind`: "root", "block", "sequence", or "scan" for the body of one. `params`: a block's evaluated parameters, in
    order of declaration; for the others, what their expressions read. `fed`: how many inputs a call is given;
    the others are captured from the graph around.

    `template` is equal for all instances of one block or named sequence, and different otherwise.
    `init`: how parameters in it begin, where no item says so itself.
    `later`: makes the graph once the sizes are known on which the block's structure depends; it has no nodes till then.
    """

    kind: str
    name: str
    template: Any
    params: dict[str, Any]
    inputs: list[GraphInput]
    nodes: list[Node]
    outputs: list[tuple[str, Value]]
    span: Span
    doc: str = ""
    local_symbols: tuple[str, ...] = ()
    output_spans: list[Span] = field(default_factory=list)
    known: dict[Any, Any] | None = None  # of a block that outlives the check: what the shape stage has found, by types
    fed: int | None = None
    later: Later | None = None
    defaults: dict[str, Any] = field(default_factory=dict)  # of parameters, as written: values and expressions
    init: tuple[InitRule, ...] = ()

    origin: Graph | None = field(default=None, init=False)  # the same block's, where it stood in an earlier check
    _copied: tuple[Mover, Graph] | None = field(default=None, init=False)  # as long as nothing has looked into the copy
    _initialises: bool | None = field(default=None, init=False)
    _inlines: bool | None = field(default=None, init=False)
    _inner: tuple[Graph, ...] | None = field(default=None, init=False)
    _has_ties: bool | None = field(default=None, init=False)
    _steps: int | None = field(default=None, init=False)

    def __getattr__(self, name: str) -> Any:
        """What is not there yet, in a copy for another place (moved.py)."""
        copied = None if name == "_copied" else self._copied
        if copied is None:
            raise AttributeError(name, name=name, obj=self)
        mover, of = copied
        mover.fill(self, of)
        return getattr(self, name)

    @property
    def steps(self) -> int:
        """How many nodes it has with all that it calls written out."""
        if self._steps is None:
            self._steps = sum(node.steps for node in self.nodes)
        return self._steps

    @property
    def has_ties(self) -> bool:
        if self._has_ties is None:
            self._has_ties = any(node.tie for node in self.nodes)
        return self._has_ties

    @property
    def initialises(self) -> bool:
        """May there be something in it, at any depth, that says how parameters begin?"""
        if self._initialises is None:
            said = bool(self.init) or self.later is not None or any(node.init for node in self.nodes)
            self._initialises = said or any(graph.initialises for graph in self.inner)
        return self._initialises

    @property
    def inlines(self) -> bool:
        """May there be an inline block in it, at any depth?"""
        if self._inlines is None:
            own = self.later is not None or any(node.inline for node in self.nodes)
            self._inlines = own or any(graph.inlines for graph in self.inner)
        return self._inlines

    @property
    def inner(self) -> tuple[Graph, ...]:
        """The graphs that it calls, each once."""
        if self._inner is None and self._copied is not None:
            mover, of = self._copied
            self._inner = tuple(map(mover.graph, of.inner))
        elif self._inner is None:
            found = dict.fromkeys(call for node in self.nodes for call in node.calls if isinstance(call, Graph))
            self._inner = tuple(found)
        return self._inner

    def to_networkx(self) -> nx.DiGraph[Any]:
        """Nodes are numbers (-1-k is input k) with the `Node` or `GraphInput` as `data`; edges carry `slots`."""
        import networkx as nx

        out: nx.DiGraph[Any] = nx.DiGraph()
        for k, given in enumerate(self.inputs):
            out.add_node(-1 - k, data=given)
        for number, node in enumerate(self.nodes):
            out.add_node(number, data=node)
            for slot, value in enumerate(node.inputs):
                if value is not None:
                    source = value.node if value.node >= 0 else -1 - value.output
                    if out.has_edge(source, number):
                        out.edges[source, number]["slots"].append((slot, value.output))
                    else:
                        out.add_edge(source, number, slots=[(slot, value.output)])
        return out


class Elaboration(NamedTuple):
    """What the graph stage hands on.

    A node in error has `calls == []`: what it gives is unknown, and later stages say nothing about it.
    `input_types` go with `graph.inputs`; None where the text is in error. `facts` are the promises of `symbols:`,
    `fact_spans` their places. `env`: parameters and size symbols, for expressions of the `train` section of `root`.
    `context`: what the stage knew, for what can be said only when sizes are known.
    """

    graph: Graph
    input_types: list[TensorType | None]
    facts: dict[str, dict[str, int]]
    fact_spans: dict[str, Span]
    params: dict[str, Any]
    name: str
    doc: str
    root: Mapping
    env: dict[str, Any]
    context: Context
