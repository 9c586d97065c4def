"""The language as its reference tells it (docs/language.md), item by item, on values of any sort.

A second reading of a spec, which shares no code with `archspec.graph` and unrolls everything. What a value is and how
an op is done is the `Executor`'s affair: tensors and torch, or types and the ops' own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from archspec.ops.base import Op
from archspec.ops.registry import find
from tests.soundness import words
from tests.soundness.naming import Names, goes_by, goes_by_turn, home_of, is_in, loop_names, name_of_turn
from tests.soundness.scopes import ABSENT, Path, Refused, Scope, Step, Turn

COMMON = (
    "name", "from", "outputs", "repeat", "merge", "route", "when", "forward", "inline", "tie", "parametrize", "doc",
)  # fmt: skip
STRUCTURES = ("sequence", "residual", "parallel", "scan")
Args = dict[str, Any]
Step_ = Callable[[list[Any], list[Any]], tuple[list[Any], list[Any]]]  # (slices, carried) → (given, carried)
Turn_ = Callable[[int, Any, list[Any]], Any]  # (number, rows, slices) → rows


class Executor(Protocol):
    """`path` tells modules apart: the second call at a path is a call of the module that the first made."""

    def op(self, cls: type[Op], args: Args, inputs: list[Any], path: Path, tied: dict[str, tuple[Path, str]]) -> Any:
        """The values that the op gives, as a list."""

    def share(self, own: Path, other: Path) -> None:
        """The parameters of one op are from now on those of another, by their names."""

    def type_of(self, value: Any) -> tuple[str, tuple[Any, ...]]:
        """dtype and sizes."""

    def scan(self, over: list[Any], carry: list[Any], dim: int, reverse: bool, step: Step_) -> list[Any]:
        """What the steps along the dimension give, stacked, and what is carried after the last."""

    def route(self, x: Any, chosen: Any, weights: Any, over: list[Any], count: int, turn: Turn_) -> Any:
        """The sum of what the turns give for the rows that chose them. `weights` may be None."""


class Walker:
    """Runs one spec. `sizes` are the values of the symbols of its inputs."""

    def __init__(self, spec: dict[str, Any], executor: Executor, sizes: Mapping[str, Any]) -> None:
        self.spec = spec
        self.executor = executor
        self.env = {**{k: words.value(v, {}) for k, v in spec.get("params", {}).items()}, **sizes}
        self.names = Names()

    def run(self, inputs: dict[str, Any]) -> list[Any]:
        """The spec's outputs."""
        scope = Scope(self.env, ())
        scope.values.update(inputs)
        last = self.items(self.spec["layers"], next(iter(inputs.values())), scope)
        return self.outputs(self.spec.get("outputs"), last, scope)

    def outputs(self, written: Any, last: Any, scope: Scope) -> list[Any]:
        if written is None:
            return [last]
        names = (
            list(written.values()) if isinstance(written, dict) else [written] if isinstance(written, str) else written
        )
        return [scope.value(name) for name in names]

    def items(self, items: list[Any], value: Any, scope: Scope) -> Any:
        for index, item in enumerate(items):
            value = self.item(item, (index,), value, scope)
        return value

    def item(self, item: Any, where: Path, before: Any, scope: Scope) -> Any:
        """One item; gives the value that the next one reads."""
        item = with_op(item, scope.env)
        key = key_of(item)
        if key == "use":
            return self._use(item, before, scope)
        if key == "scan":
            return self._scan(item, where, before, scope)
        read = self._reads(item, key, before, scope)
        turns = list(self._turns(item, (*scope.path, *where), scope.env))
        start = next((value for value in read if value is not None), ABSENT)
        step = Step(item, scope, turns)
        results = self._calls(step, read)
        if not words.value(item.get("forward", True), scope.env):
            results = []
        return self._bind(item, results, start, scope, step)

    # -- what an item reads ----------------------------------------------------------------------------------

    def inputs_of(self, key: str) -> tuple[str, ...]:
        """The names of what an op, block or structure reads, as in `Op.inputs`."""
        if key in STRUCTURES:
            return ("x",)
        if key[0].isupper():
            return tuple(self.spec["blocks"][key].get("inputs", ["x"]))
        cls = find(key)
        assert cls is not None
        return cls.inputs

    def _reads(self, item: dict[str, Any], key: str, before: Any, scope: Scope) -> list[Any]:
        declared = tuple(name for name in self.inputs_of(key) if name.strip("*?") not in slices_of(item))
        needed = [name for name in declared if not name.endswith("?")]
        source = words.value(item.get("from"), scope.env)
        read: list[Any] = [None] * len(declared)
        if source is not None and not declared:
            raise Refused(f"`{key}` reads no value")
        if source is None:
            if len(needed) > 1:
                raise Refused(f"`{key}` reads {len(needed)} values")
            if needed:
                read[declared.index(needed[0])] = before
        elif isinstance(source, dict):
            names = [name.strip("*?") for name in declared]
            for name, value in source.items():
                read[names.index(name)] = scope.value(value)
        else:
            names = source if isinstance(source, list) else [source]
            several = bool(declared) and declared[-1].startswith("*")
            if len(names) < len(needed) or (len(names) > len(declared) and not several):
                raise Refused(f"`{key}` is given {len(names)} values")
            read[: len(names)] = [scope.value(name) for name in names]
        cls = find(key)
        for name in cls.ref_inputs if cls is not None else ():
            given = arguments(cls, item[key]).get(name)
            read.append(None if given is None else scope.value(words.value(given, scope.env)))
        if any(value is ABSENT for value in read):
            raise Refused("reads what is left out")
        if "repeat" in item and all(value is None for value in read):
            raise Refused("a repeat of what reads nothing")
        return read

    def _turns(self, item: dict[str, Any], path: Path, env: Mapping[str, Any]) -> Iterator[Turn]:
        repeat = item.get("repeat")
        if repeat is None:
            if words.value(item.get("when", True), env):
                yield Turn((*path, None), env)
            return
        more: list[dict[str, Any]]
        if isinstance(repeat, dict) and "count" in repeat:
            more = [{} for _ in range(words.value(repeat["count"], env))]
        elif isinstance(repeat, dict):
            each = words.value(repeat["each"], env)
            more = [{repeat["as"]: entry} if "as" in repeat else {} for entry in each]
        else:
            more = [{} for _ in range(words.value(repeat, env))]
        for i, entry in enumerate(more):
            inner = {**env, **entry, "i": i}
            if words.value(item.get("when", True), inner):
                yield Turn((*path, i), inner)

    # -- running ---------------------------------------------------------------------------------------------

    def _calls(self, step: Step, read: list[Any]) -> list[list[Any]]:
        """The results of each turn; the first inputs are threaded through, or the turns joined."""
        if "route" in step.item:
            return [[self._route(step, read)]] if step.turns else []
        out: list[list[Any]] = []
        repeat = step.item.get("repeat")
        carry = repeat.get("carry", 1) if isinstance(repeat, dict) else 1
        for turn in step.turns:
            out.append(self._call(step, turn, read))
            if "merge" not in step.item:
                if carry > 1 and (len(out[-1]) < carry or len(read) < carry):
                    raise Refused(f"{carry} values cannot be handed on")
                read = [*out[-1][:carry], *read[carry:]]
        if "merge" in step.item and out:
            if any(len(result) > 1 for result in out):
                raise Refused("turns that are joined give one value")
            return [[self._merge(step.item["merge"], [result[0] for result in out], step.turns[0])]]
        return out

    def _route(self, step: Step, read: list[Any]) -> Any:
        """A repeat whose turns each read the rows that chose it, and slices of what is `over` them."""
        route, slices = step.item["route"], slices_of(step.item)
        given = [step.scope.value(route[key]) if key in route else None for key in ("chosen", "weights")]
        over = [step.scope.value(source) for source in slices.values()]
        if any(value is ABSENT for value in (*given, *over)):
            raise Refused("reads what is left out")

        def turn(number: int, rows: Any, parts: list[Any]) -> Any:
            named = dict(zip(slices, parts, strict=True))
            values = [rows, *read[1:]]
            for at, name in enumerate(self.inputs_of(key_of(step.item))):
                if name.strip("*?") in named:
                    values.insert(at, named[name.strip("*?")])
            result = self._call(step, step.turns[number], values, {"x": rows, **named})
            if len(result) > 1:
                raise Refused("turns that are joined give one value")
            return result[0]

        return self.executor.route(read[0], *given, over, len(step.turns), turn)

    def _call(self, step: Step, turn: Turn, read: list[Any], named: Mapping[str, Any] | None = None) -> list[Any]:
        """`named`: what the body of a sequence reads by name."""
        key = key_of(step.item)
        written = step.item[key]
        home = step.scope.home
        name = home.called(name_of_turn(step, turn))
        if key in STRUCTURES:
            scope = step.scope
            if named is not None and key == "sequence":
                scope = Scope(turn.env, scope.path, scope)
                scope.values.update(named)
            return self._shared(step, turn, name, [self._structure(step.item, turn, read[0], scope, name)])
        if key[0].isupper():
            if "inline" not in step.item and name is not None:
                self.names.modules.setdefault(home.module, {})[name] = turn.path
            return self._shared(step, turn, name, self._block(step, turn, read))
        cls = find(key)
        assert cls is not None
        if name is not None:
            self.names.ops.setdefault(home.module, {})[name] = turn.path
        tied = {own: self.names.owner(home.module, target) for own, target in ties_of(step, turn).items()}
        return self._op(cls, arguments(cls, written), turn.env, read, turn.path, tied)

    def _shared(self, step: Step, turn: Turn, name: str | None, results: list[Any]) -> list[Any]:
        """What a block or structure gives, once its modules are tied."""
        for own, target in ties_of(step, turn).items():
            for pair in self.names.alike(step.scope.home.module, f"{name}.{own}", target):
                self.executor.share(*pair)
        return results

    def _op(
        self, cls: type[Op], args: Args, env: Mapping[str, Any], read: list[Any], path: Path, tied: dict[str, Any]
    ) -> list[Any]:
        values = {name: bound(words.value(given, env), env) for name, given in args.items()}
        return list(self.executor.op(cls, values, read, path, tied))

    def _structure(self, item: dict[str, Any], turn: Turn, x: Any, outer: Scope, name: str | None) -> Any:
        key = key_of(item)
        written = item[key]
        home = home_of(outer.home, item, name)
        turn_of = frozenset(loop_names(item)) if goes_by_turn(item) else frozenset()

        def run(items: list[Any], where: str, branch: bool = False) -> Any:
            own = home.within(where) if branch else home
            value = self.items(items, x, Scope(turn.env, (*turn.path, where), outer, own, turn_of))
            if value is ABSENT:
                raise Refused("a list without a value")
            return value

        if key == "sequence":
            return run(written, "body")
        if key == "residual":
            parts = written if isinstance(written, dict) else {"body": written}
            values = [run(parts["body"], "body"), run(parts["shortcut"], "shortcut") if "shortcut" in parts else x]
            return self._merge("add", values, turn)
        branches = written["branches"]
        named = isinstance(branches, dict)
        values = [run(items, where, named) for where, items in (branches.items() if named else enumerate(branches))]
        return self._merge(written["merge"], values, turn)

    def _scan(self, item: dict[str, Any], where: Path, before: Any, scope: Scope) -> Any:
        written = item["scan"]
        over = written.get("over")
        names = {"x": None} if over is None else over if isinstance(over, dict) else {name: name for name in over}
        slices = [before if source is None else scope.value(source) for source in names.values()]
        carry = written.get("carry", {})
        path = (*scope.path, *where, None)
        if any(value is ABSENT for value in slices):
            raise Refused("reads what is left out")

        def step(given: list[Any], carried: list[Any]) -> tuple[list[Any], list[Any]]:
            inner = Scope(scope.env, (*path, "body"), scope)
            inner.values.update(zip(names, given, strict=True))
            inner.values.update(zip(carry, carried, strict=True))
            last = self.items(written["body"], given[0], inner)
            stack = written.get("stack")
            out = [last] if stack is None else [inner.value(name) for name in stack]
            if any(value is ABSENT for value in out):
                raise Refused("a list without a value")
            return out, [inner.value(name) for name in carry]

        start = [scope.value(name) for name in carry.values()]
        results = self.executor.scan(slices, start, written.get("dim", 1), written.get("reverse", False), step)
        return self._bind(item, [results], ABSENT, scope, Step(item, scope, []))

    def _merge(self, written: Any, values: list[Any], turn: Turn) -> Any:
        name, args = next(iter(with_op(written, turn.env).items()))
        cls = find(name)
        assert cls is not None
        several = cls.inputs[-1].startswith("*")
        if len(values) < len(cls.inputs) or (len(values) > len(cls.inputs) and not several):
            raise Refused(f"`{name}` is given {len(values)} values")
        return self._op(cls, arguments(cls, args), turn.env, values, (*turn.path, "merge"), {})[0]

    def _block(self, step: Step, turn: Turn, read: list[Any]) -> list[Any]:
        key = key_of(step.item)
        written, block = step.item[key], self.spec["blocks"][key]
        params = block.get("params", {})
        given = written if isinstance(written, dict) else {} if written is None else {next(iter(params)): written}
        env = dict(self.env)
        for name, default in params.items():
            if name in given:
                env[name] = words.value(given[name], turn.env)
            elif default in ("int", "float", "bool", "str", "list", "any"):
                raise Refused(f"`{key}` needs `{name}`")
            else:
                env[name] = words.value(default, self.env)
        declared = block.get("inputs", ["x"])
        if isinstance(declared, dict):
            env.update(self._sizes_of(declared, read, env))
        scope = Scope(env, turn.path, home=step.scope.home if "inline" in step.item else None)
        scope.values.update(zip(declared, read, strict=True))
        last = self.items(block["layers"], read[0] if read else ABSENT, scope)
        out = self.outputs(block.get("outputs"), last, scope)
        if any(value is ABSENT for value in out):
            raise Refused("a block without a value")
        return out

    def _sizes_of(self, declared: dict[str, str | None], read: list[Any], env: dict[str, Any]) -> dict[str, Any]:
        """The block's own sizes, from what it is called with; Refused where that is not as declared."""
        local: dict[str, Any] = {}
        for text, given in zip(declared.values(), read, strict=True):
            if text is None:
                continue
            wanted, sizes = words.parts_of_type(text)
            dtype, shape = self.executor.type_of(given)
            if dtype != words.value(wanted, env) or len(shape) != len(sizes):
                raise Refused(f"{dtype}{shape} is given for {text}")
            for want, size in zip(sizes, shape, strict=True):
                if words.is_symbol(want) and want not in local:
                    local[want] = size
                elif words.size(want, {**env, **local}) != size:
                    raise Refused(f"{dtype}{shape} is given for {text}")
        return local

    # -- naming ----------------------------------------------------------------------------------------------

    def _bind(self, item: dict[str, Any], results: list[list[Any]], start: Any, scope: Scope, step: Step) -> Any:
        name = item.get("name")
        of_turns = goes_by(name, loop_names(item))
        last = results[-1] if results else [start]
        if of_turns:
            for turn, result in zip(step.turns, results, strict=bool(results)):
                scope.values[str(words.value(name, turn.env))] = result[0]
        elif name is not None:
            name = str(words.value(name, scope.env))
            scope.values[name] = last[0]
            if {"scan", "merge", "route", "inline"} & set(item):
                step = Step(item, scope, [])
            else:
                scope.steps[name] = step
            for turn, result in zip(step.turns, results, strict=bool(step.turns and results)):
                if "repeat" in item or len(step.turns) > 1:
                    scope.values[f"{name}.{turn.path[-1]}"] = result[0]
                    scope.steps[f"{name}.{turn.path[-1]}"] = Step(step.item, step.scope, [turn])
        for number, text in enumerate(item.get("outputs", ())):
            if text != "_":
                if results and number >= len(last):
                    raise Refused(f"there is no result {number}")
                scope.values[text] = last[number] if number < len(last) else ABSENT
        self._hand_out(item, scope)
        return last[0]

    def _hand_out(self, item: dict[str, Any], scope: Scope) -> None:
        """Names that go by the turn are those of the list around too."""
        by_turn = set(scope.turn_of) - loop_names(item)
        for written in (item.get("name"), *item.get("outputs", ())):
            if by_turn and scope.parent is not None and goes_by(written, by_turn):
                text = str(words.value(written, scope.env))
                for mine, around in ((scope.values, scope.parent.values), (scope.steps, scope.parent.steps)):
                    around.update({name: each for name, each in mine.items() if is_in(name, text)})

    def _use(self, item: dict[str, Any], before: Any, scope: Scope) -> Any:
        step = scope.step(words.value(item["use"], scope.env))
        read = self._reads({**item, key_of(step.item): step.item[key_of(step.item)]}, key_of(step.item), before, scope)
        start = next((value for value in read if value is not None), ABSENT)
        again = [turn for _ in self._turns(item, (), scope.env) for turn in step.turns]
        return self._bind(item, self._calls(Step(step.item, step.scope, again), read), start, scope, step)


def key_of(item: dict[str, Any]) -> str:
    """The op, block or structure of an item."""
    keys = [key for key in item if key not in COMMON]
    return "use" if "use" in keys else keys[0]


def slices_of(item: dict[str, Any]) -> dict[str, str]:
    """Values of which each turn of a route reads one slice, by the names that they have there."""
    over = item.get("route", {}).get("over", {})
    return over if isinstance(over, dict) else {name: name for name in over}


def with_op(item: Any, env: Mapping[str, Any]) -> dict[str, Any]:
    """The item as a mapping, its op or block outright where a parameter names it."""
    item = item if isinstance(item, dict) else {item: None}
    key = next((key for key in item if key.startswith("$")), None)
    if key is None:
        return dict(item)
    name = words.value(key, env)
    args = None if name is None else item[key]
    return {name or "identity" if each == key else each: args if each == key else item[each] for each in item}


def ties_of(step: Step, turn: Turn) -> dict[str, str]:
    return {own: words.value(target, turn.env) for own, target in step.item.get("tie", {}).items()}


def arguments(cls: type[Op], written: Any) -> Args:
    """Arguments by name: a lone scalar or list is the first one's."""
    if written is None:
        return {}
    return dict(written) if isinstance(written, dict) else {next(iter(cls.args)): written}


def bound(value: Any, env: Mapping[str, Any]) -> Any:
    """An argument in which symbols stand plainly: `[B, 3]`."""
    if isinstance(value, list):
        return [bound(each, env) for each in value]
    return env[value] if isinstance(value, str) and words.is_symbol(value) and value in env else value
