"""How parameters begin, at the end of `__init__`: `nn.init.trunc_normal_(self.fc.weight, std=0.02)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.codegen.ctor import components
from archspec.codegen.names import Names, is_attribute
from archspec.codegen.printer import print_expr, quoted
from archspec.codegen.tree import MISSING
from archspec.codegen.unify import NotUnifiableError, unify
from archspec.graph.ir import joined
from archspec.ops.base import Op
from archspec.ops.expr import Attr, Call, In, Method
from archspec.ops.initial import MADE, PARAMETER_INITS, Init
from archspec.shapes.typed import Typed, TypedNode

if TYPE_CHECKING:
    from archspec.codegen.attributes import Attributes
    from archspec.codegen.construct import Construct
    from archspec.codegen.plan import ClassPlan, Planner


class Place(NamedTuple):
    """A module of a class: the path of its node there, and how it is reached from that (`[0].norm`).

    `every`: the path is a container's, and each module in it is meant. `state`: the parameter; "" is the module itself,
    a `parameter`. In a class that is an `nn.Sequential` itself the path is "".
    """

    path: str
    suffix: str
    every: bool
    state: str


class Filling(NamedTuple):
    """`expr`: what fills the parameter, the call's first input. `optional`: some instances lack the module."""

    place: Place
    expr: Any
    optional: bool


Own = dict[Place, tuple[Init, tuple[int, ...], str]]


def fillings(plan: ClassPlan, planner: Planner) -> list[Filling]:
    """Of one class, merged from its instances. Raises NotUnifiableError where they differ in more than numbers."""
    own = _own if plan.chain is None else _own_chain
    owns = [dict(own(typed, planner)) for typed in plan.instances]
    if not any(owns):
        return []
    paths = [{done.node.paths[0] for done in typed.nodes} for typed in plan.instances]
    out: list[Filling] = []
    for place in dict.fromkeys(place for own in owns for place in own):
        given = [own.get(place, MISSING) for own in owns]
        absent = [
            number
            for number, each in enumerate(given)
            if each is MISSING and (place.path in paths[number] or plan.chain is not None or place.every)
        ]
        optional = MISSING in given
        if absent or (optional and not (is_attribute(place.path) and place.state)):
            raise NotUnifiableError
        out.append(Filling(place, _merged(given), optional))
    return out


def _merged(given: list[Any]) -> Any:
    known = [each for each in given if each is not MISSING]
    if len({(init.name, *(name for name, _ in init.then)) for init, _, _ in known}) > 1:
        raise NotUnifiableError
    table = PARAMETER_INITS[known[0][0].name]
    written = [key for key in table if any(init.args[key] != table[key][1] for init, _, _ in known)]
    return unify([each if each is MISSING else _expression(each, written) for each in given])


def _expression(given: tuple[Init, tuple[int, ...], str], written: list[str]) -> Any:
    init, shape, dtype = given
    if init.then or init.name in MADE:
        return Method(Attr(In(0), "data"), "copy_", init.expression(shape, dtype))
    if init.name == "constant":
        return Call("nn.init.constant_", In(0), init.args["val"])
    return Call(f"nn.init.{init.name}_", In(0), **{key: init.args[key] for key in written})


# -- which modules -----------------------------------------------------------------------------------------------------


def _own(typed: Typed, planner: Planner) -> Iterator[tuple[Place, Any]]:
    """What begins otherwise among the modules that the class of this graph makes itself."""
    for done in typed.nodes:
        if done.node.shared is not None:
            continue
        if done.node.scan is not None:  # its body's modules are the class's own
            yield from _own(done.calls[0], planner)  # type: ignore[arg-type]
            continue
        turns = [list(_inside(done, turn, planner)) for turn in range(len(done.calls))]
        if _alike(typed, done, turns):
            container = done.node.paths[0].rpartition(".")[0]
            for suffix, state, what in turns[0]:
                yield Place(container, suffix, True, state), what
            continue
        for path, turn in zip(done.node.paths, turns, strict=True):
            for suffix, state, what in turn:
                yield Place(path, suffix, False, state), what


def _own_chain(typed: Typed, planner: Planner) -> Iterator[tuple[Place, Any]]:
    """The same of a class that is an `nn.Sequential` itself."""
    (first, *more) = typed.nodes
    turns = [list(_inside(first, turn, planner)) for turn in range(len(first.calls))]
    if not more and first.node.repeated and len(turns) > 1 and all(turn == turns[0] for turn in turns):
        for suffix, state, what in turns[0]:
            yield Place("", suffix, True, state), what
        return
    for reach, state, what in _chain(typed, planner):
        yield Place("", reach, False, state), what


def _alike(typed: Typed, done: TypedNode, turns: list[list[Any]]) -> bool:
    """Is it a repeat whose turns fill a container, and begin alike?"""
    if not done.node.repeated or not turns[0] or any(turn != turns[0] for turn in turns):
        return False
    paths = done.node.paths
    container = paths[0].rpartition(".")[0]
    others = [path for other in typed.nodes if other is not done for path in other.node.paths]
    own = not any(path == container or path.startswith(f"{container}.") for path in others)
    return bool(container) and own and paths == [joined(container, str(turn)) for turn in range(len(paths))]


def _inside(done: TypedNode, turn: int, planner: Planner) -> Iterator[tuple[str, str, Any]]:
    """(how the module is reached, its parameter, how that begins) in one call of a node."""
    callee = done.calls[turn]
    if isinstance(callee, Op):
        begins = done.init[turn] if done.init else {}
        for state in callee.state(*done.call_inputs[turn]):
            if state.name in begins and state.parameter:
                yield "", state.name, (begins[state.name], state.shape, state.dtype)
    elif planner.plan_of(callee) is None:  # an nn.Sequential written in place
        yield from _chain(callee, planner)


def _chain(typed: Typed, planner: Planner) -> Iterator[tuple[str, str, Any]]:
    names = [name for done in typed.nodes for name in components(done.node) or ()]
    numbered = names == [str(number) for number in range(len(names))]
    for done in typed.nodes:
        for turn, path in enumerate(done.node.paths):
            head, *rest = path.split(".")
            reach = f"[{head}]" if numbered else f".{head}" if is_attribute(head) else f".get_submodule({quoted(head)})"
            reach += "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in rest)
            for suffix, state, what in _inside(done, turn, planner):
                yield reach + suffix, state, what


# -- text --------------------------------------------------------------------------------------------------------------


class _Module(NamedTuple):
    """How a module is reached, as in Place, and what fills its parameters."""

    base: str
    suffix: str
    every: bool
    optional: bool
    filled: list[Filling]

    @property
    def text(self) -> str:
        return self.base + self.suffix


def lines(plan: ClassPlan, construct: Construct, attributes: Attributes | None) -> list[str]:
    """Statements for the end of `__init__`. Modules that begin alike share them, in a loop where that is shorter."""
    modules: dict[Place, _Module] = {}
    for filling in plan.fillings:
        place = filling.place
        base = "self" if attributes is None else attributes.reach(place.path)
        key = place._replace(state="" if not place.state else ".")
        module = modules.setdefault(key, _Module(base, place.suffix, place.every, filling.optional, []))
        module.filled.append(filling)

    def statements(module: _Module, target: str) -> list[str]:
        return [
            print_expr(filling.expr, (joined(target, filling.place.state),), "", construct.leaf)
            if filling.place.state
            else print_expr(filling.expr, (target,), "", construct.leaf)
            for filling in module.filled
        ]

    alike: dict[Any, list[_Module]] = {}
    for module in modules.values():
        apart = module.text if module.every or module.optional else ""
        alike.setdefault((*statements(module, "layer"), apart), []).append(module)
    variable = Names("self", "nn", *construct.parameters.names()).new("layer")
    out: list[str] = []
    for group in alike.values():
        first = group[0]
        count, each = len(group), len(first.filled)
        if first.every:
            made = [f"for {variable} in {first.base}:"]
            made += [f"    {line}" for line in statements(first, variable + first.suffix)]
        elif count * each > each + max(1, count - 2):
            made = [f"for {variable} in ({', '.join(module.text for module in group)}):"]
            made += [f"    {line}" for line in statements(first, variable)]
        else:
            made = [line for module in group for line in statements(module, module.text)]
        if first.optional:
            made = [f"if {first.base} is not None:", *(f"    {line}" for line in made)]
        out += made
    return out
