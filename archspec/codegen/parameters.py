"""What differs between a class's instances becomes its constructor's arguments, or an expression of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from archspec.codegen.in_words import AXES
from archspec.codegen.names import Names, identifier
from archspec.codegen.plan import ClassPlan
from archspec.codegen.printer import print_expr
from archspec.codegen.rows import rows
from archspec.codegen.tree import MISSING, Given, Var
from archspec.codegen.unify import UNFLATTENED
from archspec.codegen.written import Expression, evaluated, expression, python
from archspec.graph.reserved import RESERVED
from archspec.ops.expr import Name
from archspec.ops.tensor import DTYPES
from archspec.reading.nodes import Scalar

_SIMPLE = (int, float, bool, str, type(None))
_SPREADS = ("kernel_size", "stride", "padding", "dilation", "output_padding")  # of which one number is several
_INFERRED = frozenset({*AXES, "embed_dim"})  # of what is read
_ONES = ("stride", "dilation", "groups")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Argument(NamedTuple):
    """A constructor argument; `values` by instance; `default` its text, or None."""

    name: str
    values: tuple[Any, ...]
    default: str | None
    inferred: bool


class _Candidate(NamedTuple):
    text: str
    values: tuple[Any, ...]
    names: tuple[str, ...]


class Parameters:
    """Texts for the Vars of one class."""

    def __init__(self, plan: ClassPlan) -> None:
        self.plan = plan
        self.stored: dict[str, str] = {}  # arguments that forward reads: the attributes that keep them
        # attributes that are modules or tensors: a parameter of such a name is kept under another
        paths = (path for n in plan.every_node() if n.ctor is not None for path in n.node.paths)
        self._attributes = Names(*RESERVED, *(path.partition(".")[0] for path in paths))
        self._names = Names("self", "i", "nn", "F", "torch", "math", "_", "range", "enumerate")
        self._used: dict[str, Argument] = {}
        self._block: dict[str, tuple[Any, ...]] = {}
        self._formulas: dict[str, _Candidate] = {}  # variables of the constructor: what a parameter is by its default
        self.computed: dict[str, str] = {}  # those that are used
        self._own: dict[str, _Candidate] = {}  # parameters and sizes of the block that differ: what they are here
        self._defaults: dict[str, str | None] = {}  # of `_block`: their texts
        self._sizes: set[str] = set()  # those of `_block` that are sizes the block names
        self._read: set[str] = set()  # parameters and sizes that an expression reads
        self.constants: dict[str, Any] = dict(plan.constants)
        self._candidates: list[_Candidate] = []
        self._written: dict[Any, list[_Candidate]] = {}  # by the text of the condition in the spec
        self._from_symbols()
        self._from_block()
        if len(plan.instances) > 1:
            self._from_expressions()

    def arguments(self) -> list[Argument]:
        """In the order of the signature: what the input decides, then the block's own parameters, defaults last."""
        order = {name: n for n, name in enumerate(self._block)}
        found = sorted(self._used.values(), key=lambda a: (not a.inferred, order.get(a.name, len(order))))
        return sorted(found, key=lambda a: a.default is not None)

    def names(self) -> list[str]:
        """What the constructor knows: its arguments, and what it computes of them."""
        return [*self._used, *self.computed]

    def text(self, var: Var, forward: bool = False) -> str:
        """The Var as an expression of the constructor's arguments; in forward, of attributes."""
        said = self._written.get(var.source, ())
        found = next((c for c in said if _fits(var.values, c.values)), None)
        found = found or self._meant(var) or self._known(var.values)
        found = found or self._elements(_spread(var), var.hint == UNFLATTENED)
        if found is None and var.hint == "depth":  # what is left after the first turn
            found = next((c._replace(text=f"{c.text} - 1") for c in self._candidates if _less(var.values, c)), None)
        if found is None:
            name = self._names.new(identifier(var.hint or "value"))
            self._used[name] = Argument(name, _filled(var.values), None, True)
            found = _Candidate(name, var.values, (name,))
            self._candidates.append(found)
        return self._take(found, forward)

    def given(self, leaf: Given) -> str | None:
        """The leaf as an expression of the constructor's arguments, if it is one; nothing new is made for it."""
        said = self._candidates if leaf.source is None else self._written.get(leaf.source, ())
        found = next((c for c in said if c.names and _fits(leaf.values, c.values)), None)
        return None if found is None else self._take(found, forward=False)

    def known(self, var: Var) -> str | None:
        """The same for a comment: nothing new is made for it."""
        names = self.names()
        return next((c.text for c in self._fitting(var.values) if all(n in names for n in c.names)), None)

    def written(self, given: Expression, sizes: dict[str, str]) -> str | None:
        """An expression of the spec as text of forward; `sizes`: variables that hold sizes known only then."""
        own = {name: found for name, found in self._own.items() if name in given.names}
        texts = {name: found.text for name, found in own.items()}
        constants = {name: value for name, value in self.constants.items() if name not in sizes}
        kinds = {**_kinds(own), **dict.fromkeys(sizes, int)}
        made = python(given, {**texts, **sizes}, constants, [None], kinds, live=not given.names.isdisjoint(sizes))
        return None if made is None else self._take(_Candidate(made, (), _names(own.values())), forward=True)

    # -- candidates ----------------------------------------------------------------------------------------

    def _take(self, found: _Candidate, forward: bool) -> str:
        for name in found.names:
            if name in self._formulas:
                self.computed[name] = self._take(self._formulas[name], forward=False)
            elif name not in self._used:
                values = self._block[name]
                own_size = name in self._sizes
                self._used[name] = Argument(name, values, self._defaults.get(name), own_size)
        if not forward:
            return found.text
        for name in found.names:
            if name not in self.stored:
                self.stored[name] = self._attributes.new(name)
        return _WORD.sub(lambda m: f"self.{self.stored[m[0]]}" if m[0] in found.names else m[0], found.text)

    def _meant(self, var: Var) -> _Candidate | None:
        """What the spec computes, where a size that it names and nothing reads is as large."""
        if var.hint in _INFERRED:
            return None
        fits = [c for c in self._candidates if c.names and _fits(var.values, c.values)]
        if not fits or fits[0].text not in self._sizes - self._read:
            return None
        return next((c for c in fits if not c.text.isidentifier() and self._sizes.isdisjoint(c.names)), None)

    def _known(self, values: tuple[Any, ...]) -> _Candidate | None:
        return next(self._fitting(values), None)

    def _fitting(self, values: tuple[Any, ...]) -> Iterator[_Candidate]:
        yield from (c for c in self._candidates if _fits(values, c.values))
        related = self._related(values)
        if related is not None:
            yield related

    def _elements(self, values: tuple[Any, ...], one_follows: bool = False) -> _Candidate | None:
        """A tuple or list whose elements are constant, or known: `(0, 0, w % 2)`; `one_follows`: one may be -1."""
        known = [v for v in values if v is not MISSING]
        kinds = set(map(type, known))
        if kinds not in ({tuple}, {list}) or len({len(v) for v in known}) != 1:
            return None
        parts: list[_Candidate] = []
        for at in range(len(known[0])):
            each = tuple(MISSING if v is MISSING else v[at] for v in values)
            some = next(v for v in each if v is not MISSING)
            if isinstance(some, _SIMPLE) and all(v is MISSING or _key(v) == _key(some) for v in each):
                parts.append(_Candidate(print_expr(some), each, ()))
                continue
            found = self._known(each) or self._elements(each)
            if found is None and one_follows:
                one_follows = False
                found = _Candidate("-1", each, ())
            if found is None:
                return None
            parts.append(found)
        inside = ", ".join(part.text for part in parts)
        names = dict.fromkeys(name for part in parts for name in part.names)
        if kinds == {list}:
            return _Candidate(f"[{inside}]", values, tuple(names))
        return _Candidate(f"({inside},)" if len(parts) == 1 else f"({inside})", values, tuple(names))

    def _related(self, values: tuple[Any, ...]) -> _Candidate | None:
        """A multiple of an argument that holds for two different values, or a part of one that holds for three."""
        known = [v for v in values if v is not MISSING]
        if any(type(v) is not int for v in known):
            return None
        for candidate in self._candidates:
            if not candidate.text.isidentifier():
                continue
            pairs = [(v, c) for v, c in zip(values, candidate.values, strict=True) if v is not MISSING]
            if any(type(c) is not int or c <= 0 for _, c in pairs) or len(set(pairs)) < 2:
                continue
            v, c = pairs[0]
            if v % c == 0 and v > c and all(a == v // c * b for a, b in pairs):
                return _Candidate(f"{v // c} * {candidate.text}", values, candidate.names)
            if len(set(pairs)) > 2 and v and c % v == 0 and c > v and all(a * (c // v) == b for a, b in pairs):
                return _Candidate(f"{candidate.text} // {c // v}", values, candidate.names)
        return None

    def _from_block(self) -> None:
        """Parameters of the block; for a named sequence, those it reads of the block around it."""
        graph = self.plan.graph
        for name in graph.params:
            values = tuple(_plain(t.params.get(name, MISSING)) for t in self.plan.instances)
            if not all(_is_simple(v) for v in values):
                self.constants.pop(name, None)
            elif len(set(map(_key, values))) > 1:
                default = self._defaulted(name, values)
                if default is not None:
                    self._own[name] = default
                    continue
                size = name.isupper() and graph.kind == "sequence"  # one that the block around it names
                own = self._names.new(identifier(name.lower() if size else name))
                if size:
                    self._sizes.add(own)
                dtypes = all(isinstance(v, str) and v in DTYPES for v in values)
                self._add(name, own, tuple(Name(f"torch.{v}") for v in values) if dtypes else values)
                if name in graph.defaults:
                    self._defaults[own] = _declared(graph.defaults[name], dtypes)
                elif not size:
                    self._defaults[own] = _default(own, values)
            else:
                self.constants[name] = self.plan.instances[0].params[name]

    def _from_symbols(self) -> None:
        """Sizes that the block names itself: `inputs: {x: "float32[B, T, D]"}`."""
        graph = self.plan.graph
        for number, given in enumerate(graph.inputs):
            for axis, size in enumerate(given.type.shape if given.type is not None else ()):
                name = str(size).removeprefix(f"{graph.name}.")
                values = tuple(t.inputs[number].shape[given.axis(axis, t.inputs[number])] for t in self.plan.instances)
                if name not in graph.local_symbols or name in self._own:
                    continue
                if not all(type(v) is int for v in values):
                    self.constants.pop(name, None)
                elif len(set(values)) > 1:
                    own = self._names.new(identifier(name.lower()))
                    self._sizes.add(own)
                    self._add(name, own, values)
                else:
                    self.constants[name] = values[0]

    def _add(self, name: str, own: str, values: tuple[Any, ...]) -> None:
        self.constants.pop(name, None)
        self._own[name] = _Candidate(own, values, (own,))
        self._block[own] = values
        self._candidates.append(self._own[name])

    def _defaulted(self, name: str, values: tuple[Any, ...]) -> _Candidate | None:
        """A parameter that no instance is given, where its default is a plain expression of sizes: that expression."""
        given = expression(self.plan.graph.defaults.get(name))
        if given is None or not given.names & self._own.keys() or not self._gives(given, values):
            return None
        made = self._made(given, values)
        if made is not None and "math." in made.text:  # a formula is said once
            own = self._names.new(identifier(name))
            self._formulas[own] = made
            made = _Candidate(own, values, (own,))
        if made is not None:
            self._candidates.append(made)
        return made

    def _gives(self, given: Expression, values: tuple[Any, ...]) -> bool:
        """Is this what the expression of parameters and sizes is, in each instance?"""
        return all(_key(self._value(given, at)) == _key(value) for at, value in enumerate(values))

    def _value(self, given: Expression, instance: int) -> Any:
        """What the expression is in an instance, also where that has no use for it; MISSING if it is nothing there."""
        env = {**self.constants, **{name: own.values[instance] for name, own in self._own.items()}}
        return _plain(evaluated(given, env)) if given.names <= env.keys() else MISSING

    def _from_expressions(self) -> None:
        for row in rows(self.plan):
            for text, values in row.expressions():
                given = expression(text)
                if given is None:
                    continue
                if MISSING in values:
                    values = tuple(self._value(given, n) if v is MISSING else v for n, v in enumerate(values))
                self._say(text, given, values)
            when = row.node.when.value if isinstance(row.node.when, Scalar) else None
            given = expression(when)
            # an item may also be missing because the turn or the sequence that it is in is
            if row.present is not None and given is not None and self._gives(given, row.present):
                self._say(when, given, row.present)

    def _say(self, text: Any, given: Expression, values: tuple[Any, ...]) -> None:
        made = self._made(given, values)
        if made is not None:
            self._candidates.append(made)
            self._written.setdefault(text, []).append(made)

    def _made(self, found: Expression, values: tuple[Any, ...]) -> _Candidate | None:
        if not all(_is_simple(v) or v is MISSING for v in values):
            return None
        own = {name: self._own[name] for name in sorted(found.names) if name in self._own}
        self._read.update(each.text for each in own.values())
        texts = {name: each.text for name, each in own.items()}
        made = python(found, texts, self.constants, values, _kinds(own))
        return None if made is None else _Candidate(made, values, _names(own.values()))


def _names(candidates: Iterable[_Candidate]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for each in candidates for name in each.names))


def _kinds(own: Mapping[str, _Candidate]) -> dict[str, type]:
    """Of those names that are of one kind in all instances, that."""
    found = {name: set(map(type, each.values)) for name, each in own.items()}
    return {name: kinds.pop() for name, kinds in found.items() if len(kinds) == 1}


def _plain(value: Any) -> Any:
    """Lists as tuples, as arguments of ops have them."""
    return tuple(map(_plain, value)) if isinstance(value, (list, tuple)) else value


def _is_simple(value: Any) -> bool:
    return isinstance(value, _SIMPLE) or (isinstance(value, tuple) and all(map(_is_simple, value)))


def _key(value: Any) -> Any:
    """Equal for what is equal and of one kind: true is not 1."""
    return tuple(map(_key, value)) if isinstance(value, tuple) else (type(value) is bool, value)


def _fits(values: tuple[Any, ...], known: tuple[Any, ...]) -> bool:
    return all(v is MISSING or _key(v) == _key(k) for v, k in zip(values, known, strict=True))


def _spread(var: Var) -> tuple[Any, ...]:
    """The values, where a number stands for a tuple of it: `stride=1` for `(1, 1)`."""
    lengths = {len(v) for v in var.values if isinstance(v, tuple)}
    if var.hint not in _SPREADS or len(lengths) != 1:
        return var.values
    length = lengths.pop()
    return tuple((v,) * length if isinstance(v, int) else v for v in var.values)


def _filled(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """An instance that lacks the expression still has to pass something."""
    some = next(v for v in values if v is not MISSING)
    return tuple(some if v is MISSING else v for v in values)


def _less(values: tuple[Any, ...], known: _Candidate) -> bool:
    pairs = zip(values, known.values, strict=True)
    return known.text.isidentifier() and all(v is MISSING or (type(k) is int and v == k - 1) for v, k in pairs)


def _declared(default: Any, dtype: bool) -> str | None:
    """The default that the spec gives a parameter; None where it is an expression."""
    if not isinstance(default, _SIMPLE) or (isinstance(default, str) and "$" in default):
        return None
    return f"torch.{default}" if dtype else print_expr(default)


def _default(name: str, values: tuple[Any, ...]) -> str | None:
    """That of one the spec gives none: flags are off unless said, and a stride is 1, as in torch's own signatures."""
    if all(isinstance(v, bool) for v in values):
        return "False"
    if name in _ONES and all(type(v) is int for v in values) and sum(v == 1 for v in values) * 2 >= len(values):
        return "1"
    return None


def default_matches(argument: Argument, value: Any) -> bool:
    """May a call leave this value out?"""
    return argument.default is not None and isinstance(value, _SIMPLE) and print_expr(value) == argument.default
