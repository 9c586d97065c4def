"""Sizes that `forward` reads off its arguments before anything else: `H, W = x.shape[-2:]`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from archspec.codegen.parameters import Parameters
from archspec.codegen.plan import ClassPlan, NodePlan
from archspec.codegen.rows import Row
from archspec.codegen.sizes import SizeText
from archspec.codegen.tree import MISSING
from archspec.codegen.variables import Variables
from archspec.codegen.written import Expression, expression
from archspec.dims import Dim, symbol
from archspec.dims.over import over
from archspec.shapes.typed import Typed

Place = tuple[int, int]  # number of an argument, and its axis


class SizeUnknownError(Exception):
    """A size is needed in a class none of whose inputs has it."""

    def __init__(self, symbol: str, node: Any) -> None:
        super().__init__(symbol)
        self.symbol = symbol
        self.node = node


class Heads:
    """The variables that hold them, by what they hold."""

    def __init__(self, plan: ClassPlan, parameters: Parameters, variables: Variables) -> None:
        self.plan = plan
        self.parameters = parameters
        self.variables = variables
        self.signature = variables.inputs
        self._names: dict[Place, str] = {}
        self._derived: dict[str, str] = {}  # variables for parameters that are expressions of these, by their text

    def symbol(self, name: str, node: Any) -> str:
        """A variable for a symbol of the spec's inputs."""
        place = self._place([symbol(name)] * len(self.plan.instances))
        if place is None:
            raise SizeUnknownError(name, node)
        return self._named(place, name)

    def whole(self, size: SizeText) -> str | None:
        """A variable for a size that an input has as it stands, where no input has its symbols; None elsewhere."""
        instances = self.plan.instances
        if size.inputs or all(self._place([symbol(name)] * len(instances)) is not None for name in size.symbols):
            return None
        place = self._place([size.dim] * len(instances))  # without inputs it is one size in all instances
        if place is None:
            return None
        return self._named(
            place, next((n for n in self.plan.graph.local_symbols if self._place_of(n) == place), "size")
        )

    def by_others(self, aligned: NodePlan, size: SizeText, texts: list[str]) -> str | None:
        """A size by way of others, where no input has its symbols: `(W + 3)//4` of an input of `(W + 1)//2`."""
        instances = self.plan.instances
        if all(self._place([symbol(name)] * len(instances)) is not None for name in size.symbols):
            return None
        near = [kinds for done in aligned.done if done is not MISSING for kinds in done.call_inputs]
        given = [*_alike(near, texts), *_alike([typed.inputs for typed in instances], self.signature)]

        def atom(part: Dim) -> str | None:
            for held, text in given:
                found = (0, 1) if held == part else over(part, held)
                if found is not None:
                    offset, divisor = found
                    whole = f"({text} {'-' if offset < 0 else '+'} {abs(offset)})" if offset else text
                    return whole if divisor == 1 else f"({whole} // {divisor})"
            if len(part.symbols) == 1 and str(part) in part.symbols:
                lacking.append(str(part))
            return None

        lacking: list[str] = []
        text = size.dim.render(atom)
        return None if lacking else ast.unparse(ast.parse(text, mode="eval"))

    def written(self, row: Row, size: SizeText) -> str | None:
        """The expression that the spec has where `row` takes this size, over variables; None if it has none there."""
        for text, values in row.expressions():
            value = next((v for v in values if v is not MISSING), None)
            given = expression(text) if isinstance(value, Dim) and value == size.dim else None
            near = not size.symbols  # `x.shape[0]` says what `$N` does, once
            found = self._over_variables(given, near) if given is not None else None
            if found is not None:
                return found
        return None

    def _over_variables(self, given: Expression, near: bool = False) -> str | None:
        """An expression of the spec over variables that hold what it reads. `near`: a bare name gets no variable."""
        sizes = {name: place for name in sorted(given.names) if (place := self._place_of(name)) is not None}
        texts: dict[str, str] = {}
        for name in sorted(given.names - sizes.keys()):
            default = expression(self.plan.graph.defaults.get(name))
            text = self._over_variables(default) if default is not None else None
            if text is not None and isinstance(self._value(self.plan.instances[0], name), Dim):
                texts[name] = self._derived.setdefault(text, self._derived.get(text) or self.variables.fresh(name))
        alone = near and isinstance(given.tree, ast.Name)
        if not (sizes or texts) or (alone and not set(sizes.values()) <= self._names.keys()):
            return None
        if self.parameters.written(given, {**dict.fromkeys(sizes, "x"), **texts}) is None:
            return None
        return self.parameters.written(given, {**{n: self._named(p, n) for n, p in sizes.items()}, **texts})

    def lines(self) -> list[str]:
        out = []
        for number, given in enumerate(self.signature):
            axes = sorted(axis for k, axis in self._names if k == number)
            if not axes:
                continue
            rank = len(self.plan.instances[0].inputs[number].shape)
            names = [self._names[number, axis] for axis in axes]
            first, last = axes[0], axes[-1]
            if first >= 0 and len(axes) > 1 and last - first + 1 == len(axes):
                part = f"[{first}:{last + 1}]" if last < rank - 1 else f"[-{len(axes)}:]"
                out.append(f"{', '.join(names)} = {given}.shape{'' if len(axes) == rank else part}")
            else:
                out += [f"{name} = {given}.shape[{axis}]" for name, axis in zip(names, axes, strict=True)]
        return out + [f"{name} = {text}" for text, name in self._derived.items()]

    def _named(self, place: Place, wanted: str) -> str:
        if place not in self._names:
            self._names[place] = self.variables.fresh(wanted)
        return self._names[place]

    def _place_of(self, name: str) -> Place | None:
        """Where an input has the size that an expression reads by this name, in all instances."""
        values = [self._value(typed, name) for typed in self.plan.instances]
        return None if any(not isinstance(v, Dim) for v in values) else self._place(values)

    def _value(self, typed: Typed, name: str) -> Any:
        root = self.plan.planner.root
        symbols = {
            each for given in root.inputs for size in given.shape if isinstance(size, Dim) for each in size.symbols
        }
        found = typed.value(name, root.params)
        return symbol(name) if found is None and name in symbols else found

    def _place(self, sizes: list[Any]) -> Place | None:
        for number in range(len(self.plan.instances[0].inputs)):
            ranks = {0 if t.inputs[number] is None else t.inputs[number].rank for t in self.plan.instances}
            for axis in range(*((0, *ranks) if len(ranks) == 1 else (-min(ranks), 0))):
                if all(
                    t.inputs[number].shape[axis] == size for t, size in zip(self.plan.instances, sizes, strict=True)
                ):
                    return number, axis
        return None


def _alike(types: Sequence[Sequence[Any]], texts: Sequence[str]) -> Iterator[tuple[Dim, str]]:
    """The sizes that are the same in all of these lists of tensors, each with its text."""
    for number, text in enumerate(texts):
        each = [kinds[number] for kinds in types if number < len(kinds)]
        if len(each) < len(types) or any(kind is None or kind.rank != each[0].rank for kind in each):
            continue
        for axis, size in enumerate(each[0].shape):
            if isinstance(size, Dim) and all(kind.shape[axis] == size for kind in each):
                yield size, f"{text}.shape[{axis}]"
