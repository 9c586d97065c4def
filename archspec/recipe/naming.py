"""The modules of a model by path, and the names of `runtime` that choose among them, known without building it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archspec.codegen.groups import in_place, needs_attribute
from archspec.codegen.names import camel
from archspec.diagnostics.model import Diagnostics
from archspec.diagnostics.suggest import did_you_mean
from archspec.graph.ir import joined
from archspec.ops.base import Op
from archspec.ops.expr import Call
from archspec.parameters.selection import Rule, Selection, pattern_at
from archspec.parameters.table import TooManyError
from archspec.reading.nodes import Mapping, Node, Sequence
from archspec.recipe.runtime import Runtime
from archspec.recipe.tuning import Model
from archspec.shapes.typed import Typed

MOST = 200_000  # modules that are looked at one by one


class Modules:
    """`names`: {module path: what it is called}: its block (`Attention`), or its op and class (`layer_norm`,
    `LayerNorm`). `turns`: the paths of the blocks that a repeat calls, the outermost repeats only.
    """

    def __init__(self, typed: Typed) -> None:
        """Raises TooManyError for a model of more modules than MOST."""
        self.names: dict[str, frozenset[str]] = {}
        self.turns: list[str] = []
        for path, names, turn in _walk(typed, "", False):
            if len(self.names) >= MOST:
                raise TooManyError(f"a model with more than {MOST:,} modules")
            self.names[path] = names
            if turn:
                self.turns.append(path)

    def chosen(self, selection: Selection) -> tuple[str, ...]:
        """The outermost modules that a selection has, in order: by path, or by what they are called."""
        found: list[str] = []
        for path, names in self.names.items():
            if found and path.startswith(f"{found[-1]}."):
                continue
            if selection.has(path, *names):
                found.append(path)
        return tuple(found)

    def blocks(self) -> tuple[str, ...]:
        """The turns of repeated blocks; where nothing is repeated the outermost blocks, or else named sequences."""
        if self.turns:
            return tuple(self.turns)
        for plain in (False, True):
            found: list[str] = []
            for path, names in self.names.items():
                if names >= _BLOCK and (plain or len(names) > 1) and not (found and path.startswith(f"{found[-1]}.")):
                    found.append(path)
            if found:
                return tuple(found)
        return ()

    def nearest(self, text: str) -> str:
        """What a name that no module has was probably meant to be: words for a message."""
        kinds = {name for names in self.names.values() for name in names - _BLOCK}
        paths: dict[str, None] = dict.fromkeys(sorted(kinds))
        for path in self.names:
            while path and path not in paths:
                paths[path] = None
                path = path.rpartition(".")[0]
        if meant := did_you_mean(text, paths):
            return meant
        blocks = sorted({n for names in self.names.values() if names & _BLOCK for n in names - _BLOCK}) or list(paths)
        if not blocks:
            return "the model has no modules"
        return f"its blocks are {', '.join(blocks[:4])}{', …' if len(blocks) > 4 else ''}"


_BLOCK = frozenset({""})  # marks what is a block, and no op; no pattern that is written matches it


def _walk(typed: Typed, prefix: str, inside: bool) -> Iterator[tuple[str, frozenset[str], bool]]:
    """(path, names, is it a turn of an outermost repeat of blocks?), outer modules before their inner ones."""
    for done in typed.nodes:
        node = done.node
        if node.shared is not None:
            continue
        if node.scan is not None and isinstance(done.calls[0], Typed):  # its modules are those of what is around
            yield from _walk(done.calls[0], prefix, inside)
            continue
        if in_place(done):
            continue
        for path, callee, inputs in zip(node.paths, done.calls, done.call_inputs, strict=True):
            own = joined(prefix, path) if prefix else path
            if isinstance(callee, Typed):
                graph = callee.graph
                named = {graph.name, camel(graph.name)} if graph.kind == "block" else set()
                turn = node.repeated and len(node.paths) > 1 and not inside
                yield own, frozenset(named) | _BLOCK, turn
                yield from _walk(callee, own, inside or turn)
            elif _has_module(callee, inputs):
                made = callee.module(*inputs)
                kind = made.fn.rpartition(".")[2] if isinstance(made, Call) else callee.name
                yield own, frozenset({callee.name, kind}), False


def _has_module(op: Op, inputs: tuple[Any, ...]) -> bool:
    return op.attribute == "module" and not type(op).bare() and needs_attribute(op.forward(*inputs))


def choose(
    names: tuple[str, ...], node: Node | None, what: str, modules: Modules, diagnostics: Diagnostics
) -> tuple[str, ...]:
    """The paths of the outermost modules that `names` choose, written at `node`.

    A name is that of a block or op, or a pattern of paths as in `freeze`; one with `!` before it leaves out. AS508 for
    one that no module has.
    """
    items = node.items if isinstance(node, Sequence) and len(node.items) == len(names) else [node] * len(names)
    rules: list[Rule] = []
    for text, item in zip(names, items, strict=True):
        assert item is not None
        rule = pattern_at(text, item.span, what, diagnostics, negatable=True)
        if rule is None:
            continue
        if not any(rule.pattern.matches(name) for path, known in modules.names.items() for name in (path, *known)):
            message = f"no block or module of the model is called `{rule.pattern.text}`"
            diagnostics.error("AS508", item.span, message, help=modules.nearest(rule.pattern.text))
            continue
        rules.append(rule)
    if rules and rules[0].negated:
        help = f'write `["*", "!{rules[0].pattern.text}"]` for all but these'
        diagnostics.error("AS205", rules[0].span, f"`{what}` begins with what is left out, of nothing", help=help)
        return ()
    return modules.chosen(Selection(rules))


def chosen_modules(
    runtime: Runtime, node: Node | None, model: Model | None, diagnostics: Diagnostics
) -> dict[str, tuple[str, ...]]:
    """The paths of the modules that `runtime`, written at `node`, names, by the key that names them."""
    if model is None:
        return {}
    try:
        modules = Modules(model()[0])
    except TooManyError as error:
        assert node is not None
        diagnostics.error("AS215", node.span, str(error))
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for key, (part, argument, names) in runtime.naming.items():
        written = _written(node, part, argument)
        found[key] = choose(names, written, f"{part}.{argument}", modules, diagnostics) if names else modules.blocks()
    return found


def _written(node: Node | None, part: str, argument: str) -> Node | None:
    """The value of an argument of a part of `runtime`."""
    given = node.get(part) if isinstance(node, Mapping) else None
    return given.get(argument) if isinstance(given, Mapping) else given
