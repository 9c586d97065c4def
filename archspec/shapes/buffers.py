"""Buffers that a sequence computes once, when the module is made: to what reads them they are an op without inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.dims import Dim
from archspec.graph.ir import Buffer, Graph
from archspec.ops.base import Op, State, arg
from archspec.ops.expr import Call, Own
from archspec.ops.kinds import Bool, Str
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType
from archspec.shapes.site import CallSite
from archspec.shapes.typed import UNKNOWN, Typed, TypedNode

if TYPE_CHECKING:
    from archspec.shapes.infer import Inference


class Computed(Op):
    """A buffer with what computes it: `typed`, a graph without inputs."""

    name = "register_buffer"
    inputs = ()
    attribute = "buffer"
    persistent = arg(Bool, True, "part of state_dict()")
    computed = arg(Str, "", "with what it is computed: what two buffers are compared by")
    typed: Typed

    @classmethod
    def of(cls, typed: Typed, persistent: bool) -> Computed:
        self = cls.parse({"persistent": persistent, "computed": _told(typed)})
        self.typed = typed
        return self

    def module(self) -> Call:
        return Call("register_buffer", self.computed)

    def infer(self, require: Require) -> TensorType:
        made: TensorType = self.typed.outputs[0]
        return made

    def state(self) -> tuple[State, ...]:
        made: TensorType = self.typed.outputs[0]
        shape = tuple(int(size) for size in made.shape)  # type: ignore[arg-type]
        return (State("", shape, made.dtype, parameter=False, persistent=self.persistent),)

    def forward(self) -> Any:
        return Own()


def _told(typed: Typed) -> str:
    """`1 arange(end=3); 2 div(other=2) of 1`: its ops, their arguments, and the numbers of what they read."""
    out: list[str] = []

    def number(value: tuple[int, int]) -> str:
        return f"{value[0] + 1}" if value[0] >= 0 else f"x{value[1]}"

    for at, done in enumerate(typed.nodes, start=1):
        reads = ", ".join(number((v.node, v.output)) for v in done.node.inputs if v is not None)
        for call in done.calls:
            if isinstance(call, Typed):
                what = f"{call.graph.name}({_told(call)})"
            else:
                said = {name: getattr(call, name) for name in call.args}
                given = ", ".join(f"{name}={v!r}" for name, v in said.items() if v != call.args[name].default)
                what = f"{call.name}({given})"
            out.append(f"{at} {what}{f' of {reads}' if reads else ''}")
    return "; ".join(out)


def infer_buffer(
    inference: Inference, buffer: Buffer, done: TypedNode, bindings: dict[str, Any], site: CallSite
) -> None:
    """Fill in the typed node; what is wrong is reported, and its output is then unknown."""
    graph = done.node.calls[0]
    assert isinstance(graph, Graph)
    done.outputs = (UNKNOWN,)
    typed = inference.graph(graph, (), site, bindings)
    if not typed.complete:
        return
    found = _unfit(typed)
    if found is not None:
        node, why = found
        help = "compute it in the forward pass, without `register_buffer`"
        inference.diagnostics.error("AS205", node.node.key_span, f"a buffer cannot be computed with {why}", help=help)
        return
    made = typed.outputs[0]
    if any(isinstance(size, Dim) for size in made.shape):
        what = f"the buffer would be {made}, whose size is known only when the model runs"
        inference.diagnostics.error("AS306", done.node.key_span, what)
        return
    op = Computed.of(typed, buffer.persistent)
    done.calls, done.call_inputs, done.outputs, done.results = [op], [()], (made,), [(made,)]


def _unfit(typed: Typed) -> tuple[TypedNode, str] | None:
    """Something in it that cannot be written as expressions of the constructor, and what it is."""
    for done in typed.nodes:
        node = done.node
        if node.scan is not None or node.join is not None or node.shared is not None or node.buffer is not None:
            return done, f"`{node.label}`, which is no plain item"
        for callee in done.calls:
            if isinstance(callee, Typed):
                found = _unfit(callee)
                if found is not None:
                    return found
            elif callee.attribute == "parameter" or not (type(callee).bare() or callee.attribute == "buffer"):
                return done, f"`{callee.name}`, which has a module or parameters of its own"
            elif callee.unpack is not None:
                return done, f"`{callee.name}`"
    return None
