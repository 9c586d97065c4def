"""Are tied parameters there, of one shape and dtype, and tied to one that is its own?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from archspec.diagnostics.model import Diagnostics, Span
from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.ir import joined
from archspec.ops.base import Op, State
from archspec.ops.tensor import TensorType
from archspec.shapes.again import same_module
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


def tied_entries(done: TypedNode, turn: int) -> dict[str, str]:
    """{own entry of the state: the one that it is} of one call: of a module that is tied, all that it has."""
    if not done.tie:
        return done.tie
    return {
        name: target + name[len(own) :]
        for name, _ in state_of(done.calls[turn], done.call_inputs[turn])
        for own, target in done.tie.items()
        if name == own or name.startswith(f"{own}.")
    }


def tied_inside(callee: Typed) -> set[str]:
    """Entries of the state of a graph that are tied in it, or in what it calls."""
    ties = [own for own, _ in _inside(callee)]
    return {path for path, _ in states(callee) if any(path == own or path.startswith(f"{own}.") for own in ties)}


def with_inner_ties(done: TypedNode) -> Iterator[tuple[str, str]]:
    """(own, the one that it is) of the ties of a node, and of those inside of it to what it ties: they are that too."""
    todo = list(done.tie.items())
    inside = list(_inside(done.calls[0])) if todo else []
    while todo:
        own, target = todo.pop(0)
        yield own, target
        for inner, of in inside:
            apart = inner not in done.tie and not inner.startswith(f"{own}.")  # what is inside of it is there already
            if apart and (of == own or of.startswith(f"{own}.")):
                todo.append((inner, target + of[len(own) :]))


def _inside(callee: Op | Typed) -> Iterator[tuple[str, str]]:
    """The ties in what a node calls."""
    for done in callee.nodes if isinstance(callee, Typed) else ():
        for path, call in zip(done.node.paths, done.calls, strict=True) if done.node.shared is None else ():
            yield from ((joined(path, own), target) for own, target in done.tie.items())
            yield from ((joined(path, own), joined(path, target)) for own, target in _inside(call))


def check_ties(diagnostics: Diagnostics, typed: Typed) -> None:
    """Every tie of one graph whose nodes are all without error.

    Of a module there is one for each parameter; but modules that are alike are one, with their buffers: then `tie` of
    the typed node has it whole.
    """
    known = _Known({name: state for name, state in states(typed) if state.parameter})
    apart = [(done, _take_apart(done, known)) for done in typed.nodes if done.node.tie]
    known.ties = {
        joined(path, own): target
        for done, ties in apart
        for path in done.node.paths
        for own, (target, _) in ties.items()
    }
    for done, ties in apart:
        wrong: Span | None = None
        for own, (target, span) in ties.items():
            if span is wrong:
                continue  # another parameter of the same module was told of
            for turn in range(len(done.calls)):
                if not _check(diagnostics, done, turn, own, (target, span), known):
                    wrong = span
        if wrong is None:
            done.tie = _whole(typed, done, known) or {own: target for own, (target, _) in ties.items()}


def _take_apart(done: TypedNode, known: _Known) -> dict[str, tuple[str, Span]]:
    """{own parameter: (the one that it is, the place of the tie)}."""
    node = done.node
    out: dict[str, tuple[str, Span]] = {}
    for own, target in node.tie.items():
        module = joined(node.paths[0], own)
        inside = known.inside.get(module, []) if target in known.inside else []
        for rest in [name[len(module) :] for name in inside] or [""]:
            out[own + rest] = target + rest, node.tie_spans[own]
    return out


def _whole(typed: Typed, done: TypedNode, known: _Known) -> dict[str, str] | None:
    """The ties as they are written, where every module that is tied is alike to its own."""
    tie = done.node.tie
    for own, target in tie.items():
        there = _module(typed, target)
        if there is None and target not in known.states:
            return None  # a list of modules: which of them there are, and in what order, is no item's affair
        for callee in done.calls if there is not None or _module(done.calls[0], own) is not None else ():
            mine = _module(callee, own)
            if mine is None or there is None or any(each.startswith(f"{own}.") for each in tie):
                return None
            if not (_wired_alike(mine.callee, there.callee) and same_module(*mine, *there)):
                return None
    inside = any(target.startswith(f"{joined(path, own)}.") for path in done.node.paths for own, target in tie.items())
    return None if inside else tie


def _check(
    diagnostics: Diagnostics,
    done: TypedNode,
    turn: int,
    own: str,
    tied: tuple[str, Span],
    known: _Known,
) -> bool:
    """Is the tie right? If not, that is told of."""
    node = done.node
    target, span = tied
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
        if other == target != name or (other == name and known.order[name] < known.order[target]):
            return True  # told at the target, or at the second of the two
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


class _Module(NamedTuple):
    callee: Op | Typed
    inputs: tuple[Any, ...]


def _module(around: Op | Typed, path: str) -> _Module | None:
    """The module at a path inside a call, or in the graph that a tie stands in."""
    if not isinstance(around, Typed):
        return None
    for done in around.nodes:
        if done.node.shared is not None or len(done.calls) < len(done.node.paths):  # or it is in error
            continue
        for own, callee, inputs in zip(done.node.paths, done.calls, done.call_inputs, strict=True):
            if own == path:
                attribute = isinstance(callee, Op) and callee.attribute != "module"
                return None if attribute else _Module(callee, inputs)
            if done.node.in_place or path.startswith(f"{own}."):
                found = _module(callee, path if done.node.in_place else path[len(own) + 1 :])
                if found is not None:
                    return found
    return None


def _wired_alike(a: Op | Typed, b: Op | Typed) -> bool:
    """Do the steps of both read the same of one another?"""
    if not isinstance(a, Typed) or not isinstance(b, Typed):
        return type(a) is type(b)
    if len(a.nodes) != len(b.nodes) or [v for _, v in a.graph.outputs] != [v for _, v in b.graph.outputs]:
        return False
    return all(
        (x.node.inputs, x.node.paths) == (y.node.inputs, y.node.paths)
        and len(x.calls) == len(y.calls)
        and all(map(_wired_alike, x.calls, y.calls))
        for x, y in zip(a.nodes, b.nodes, strict=True)
    )


def _type(state: State) -> TensorType:
    return TensorType(state.dtype, state.shape)


def _listed(names: dict[str, State] | list[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")
