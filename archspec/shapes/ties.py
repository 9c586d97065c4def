"""Are tied parameters there, of one shape and dtype, and tied to one that is its own?"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.ir import joined
from archspec.ops.base import State
from archspec.ops.tensor import TensorType
from archspec.shapes.state import state_of, states
from archspec.shapes.typed import Typed, TypedNode


class _Known:
    """The parameters of a graph by their names, and its ties."""

    def __init__(self, states: dict[str, State]) -> None:
        self.states = states
        self.ties: dict[str, str] = {}

    @cached_property
    def order(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.ties)}

    @cached_property
    def inside(self) -> dict[str, list[str]]:
        """The names of the parameters in a module, and in those within it."""
        out: dict[str, list[str]] = {}
        for name in self.states:
            parts = name.split(".")
            for end in range(1, len(parts)):
                out.setdefault(".".join(parts[:end]), []).append(name)
        return out


def check_ties(diagnostics: Diagnostics, typed: Typed) -> None:
    """Every tie of one graph whose nodes are all without error; that of a module is made one for each parameter."""
    known = _Known({name: state for name, state in states(typed) if state.parameter})
    for done in typed.nodes:
        if done.node.tie:
            _take_apart(done, known)
    known.ties = {
        joined(path, own): target
        for done in typed.nodes
        for path in done.node.paths
        for own, target in done.node.tie.items()
    }
    for done in typed.nodes:
        wrong: Span | None = None
        for own, target in done.node.tie.items():
            if done.node.tie_spans[own] is wrong:
                continue  # another parameter of the same module was told of
            for turn in range(len(done.calls)):
                if not _check(diagnostics, done, turn, own, target, known):
                    wrong = done.node.tie_spans[own]


def _take_apart(done: TypedNode, known: _Known) -> None:
    node = done.node
    tie: dict[str, str] = {}
    spans: dict[str, Span] = {}
    for own, target in node.tie.items():
        module = joined(node.paths[0], own)
        inside = known.inside.get(module, []) if target in known.inside else []
        for rest in [name[len(module) :] for name in inside] or [""]:
            tie[own + rest] = target + rest
            spans[own + rest] = node.tie_spans[own]
    if tie != node.tie:
        done.node = replace(node, tie=tie, tie_spans=spans)


def _check(
    diagnostics: Diagnostics,
    done: TypedNode,
    turn: int,
    own: str,
    target: str,
    known: _Known,
) -> bool:
    """Is the tie right? If not, that is told of."""
    node = done.node
    span: Span = node.tie_spans[own]
    mine = {name: state for name, state in state_of(done.calls[turn], done.call_inputs[turn]) if state.parameter}
    name = joined(node.paths[turn], own)
    if own not in mine and name not in known.inside:
        help = did_you_mean(own, mine) or (f"its parameters are {_listed(mine)}" if mine else "it has no parameters")
        diagnostics.error("AS206", span, f"`{node.label}` has no parameter `{own}` to tie", help=help)
    elif target not in known.states:
        head = target if target in known.inside else target.rpartition(".")[0]
        near = known.inside.get(head, [])
        listed = f"the parameters of `{head}` are {_listed(near)}" if near else f"`{head}` has no parameters"
        help = listed if head == target else did_you_mean(target, near) or listed
        diagnostics.error("AS206", span, f"there is no parameter `{target}`", help=help)
    elif own not in mine:
        diagnostics.error("AS205", span, f"`{name}` is a module, and `{target}`, to which it is tied, a parameter")
    elif target in known.ties:
        other = known.ties[target]
        if other == name and known.order[name] < known.order[target]:
            return True  # told at the second of the two
        message = f"`{name}` is tied to `{target}`, which is itself tied to `{other}`"
        if target == name:
            message, help = f"`{name}` is tied to itself", "name the parameter of another item"
        else:
            help = "leave one of the two out" if other == name else f"tie both to `{other}`"
        diagnostics.error("AS205", span, message, help=help)
    elif (mine[own].shape, mine[own].dtype) != ((there := known.states[target]).shape, there.dtype):
        message = f"`{name}` is {_type(mine[own])}, and `{target}`, to which it is tied, {_type(there)}"
        code = "AS302" if mine[own].shape != there.shape else "AS303"
        diagnostics.error(code, span, message)
    else:
        return True
    return False


def _type(state: State) -> TensorType:
    return TensorType(state.dtype, state.shape)


def _listed(names: dict[str, State] | list[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")
