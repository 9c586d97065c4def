"""Are tied parameters there, of one shape and dtype, and tied to one that is its own?"""

from __future__ import annotations

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.ir import joined
from archspec.ops.base import State
from archspec.ops.tensor import TensorType
from archspec.shapes.state import state_of, states
from archspec.shapes.typed import Typed, TypedNode


def check_ties(diagnostics: Diagnostics, typed: Typed) -> None:
    """Every tie of one graph whose nodes are all without error."""
    ties = {
        joined(path, own): target
        for done in typed.nodes
        for path in done.node.paths
        for own, target in done.node.tie.items()
    }
    if not ties:
        return
    all_states = {name: state for name, state in states(typed) if state.parameter}
    for done in typed.nodes:
        for own, target in done.node.tie.items():
            for turn in range(len(done.calls)):
                _check(diagnostics, done, turn, own, target, ties, all_states)


def _check(
    diagnostics: Diagnostics,
    done: TypedNode,
    turn: int,
    own: str,
    target: str,
    ties: dict[str, str],
    known: dict[str, State],
) -> None:
    node = done.node
    span: Span = node.tie_spans[own]
    mine = {name: state for name, state in state_of(done.calls[turn], done.call_inputs[turn]) if state.parameter}
    name = joined(node.paths[turn], own)
    if own not in mine:
        help = did_you_mean(own, mine) or (f"its parameters are {_listed(mine)}" if mine else "it has no parameters")
        diagnostics.error("AS206", span, f"`{node.label}` has no parameter `{own}` to tie", help=help)
    elif target not in known:
        head = target.rpartition(".")[0]
        near = [other for other in known if other.startswith(f"{head}.")]
        listed = f"the parameters of `{head}` are {_listed(near)}" if near else f"`{head}` has no parameters"
        help = did_you_mean(target, near) or listed
        diagnostics.error("AS206", span, f"there is no parameter `{target}`", help=help)
    elif target in ties:
        other, order = ties[target], list(ties)
        if other == name and order.index(name) < order.index(target):
            return  # told at the second of the two
        message = f"`{name}` is tied to `{target}`, which is itself tied to `{other}`"
        if target == name:
            message, help = f"`{name}` is tied to itself", "name the parameter of another item"
        else:
            help = "leave one of the two out" if other == name else f"tie both to `{other}`"
        diagnostics.error("AS205", span, message, help=help)
    elif (mine[own].shape, mine[own].dtype) != (known[target].shape, known[target].dtype):
        message = f"`{name}` is {_type(mine[own])}, and `{target}`, to which it is tied, {_type(known[target])}"
        code = "AS302" if mine[own].shape != known[target].shape else "AS303"
        diagnostics.error(code, span, message)


def _type(state: State) -> TensorType:
    return TensorType(state.dtype, state.shape)


def _listed(names: dict[str, State] | list[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")
