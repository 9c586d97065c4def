"""`forward`: plain statements; a variable is taken over as soon as its tensor has been read for the last time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from archspec.codegen.attributes import Attributes
from archspec.codegen.names import Names, identifier
from archspec.codegen.parameters import Parameters
from archspec.codegen.plan import ClassPlan, NodePlan, Source
from archspec.codegen.printer import print_expr
from archspec.codegen.sizes import SizeText
from archspec.codegen.tree import MISSING, Var, holds, leaves, parts
from archspec.ops.base import Op
from archspec.ops.expr import Attr, Binary, Call, In, Index, Method, Module, Own
from archspec.shapes.typed import Typed

_POOL = ("x", "y", "z", "u", "v", "w")
_INLINE = 52  # characters of a nested expression beyond which it gets a line of its own
_DEPTH = 3
_LINE = 72  # characters of an expression beyond which a call and what is done with its result part
_FREE_BEFORE = 3  # statements that must still follow for a `del` to be worth its line


class SizeUnknownError(Exception):
    """A size is needed in a class none of whose inputs has it."""

    def __init__(self, symbol: str, node: Any) -> None:
        super().__init__(symbol)
        self.symbol = symbol
        self.node = node


class _Pending:
    """An expression not yet written: it goes into the statement that reads it."""

    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.depth = depth


class Forward:
    """`signature`: argument names; `lines`: (statement, shape comment)."""

    def __init__(self, plan: ClassPlan, parameters: Parameters, attributes: Attributes) -> None:
        self.plan = plan
        self.parameters = parameters
        self.attributes = attributes
        self.lines: list[tuple[str, str]] = []
        self._uses: Counter[Source] = Counter()
        self._last: dict[Source, int] = {}
        self._count_uses()
        self._defaults()
        wanted = set(self._wanted.values())
        self._pool = [name for name in _POOL if name not in wanted]
        self._names = Names("self", *self._pool)
        self._symbols: dict[str, str] = {}
        self._live: dict[str, Source] = {}
        self._where: dict[Source, str | _Pending] = {}
        self.signature: list[str] = []
        for number, given in enumerate(plan.graph.inputs):
            name = given.name if given.name in self._pool else self._names.new(identifier(given.name))
            self.signature.append(name)
            self._where[(-1, number)] = name
            self._live[name] = (-1, number)
        self._inputs = set(self.signature)
        for number, aligned in enumerate(plan.nodes):
            self._node(number, aligned)
        self._finish()
        self.lines = [(f"{s} = {t}", "") for s, t in self._symbols.items()] + self.lines

    def _defaults(self) -> None:
        """Variables that a name of the spec may take: those of values that the spec reads by name."""
        read = {
            source
            for aligned in self.plan.nodes
            for source, span in zip(aligned.sources, aligned.node.input_spans, strict=False)
            if span is not None
        }
        self._wanted: dict[Source, str] = {}
        for number, aligned in enumerate(self.plan.nodes):
            for output, name in enumerate(aligned.node.names):
                if name and "." not in name and (number, output) in read:
                    self._wanted[(number, output)] = name

    def _count_uses(self) -> None:
        for number, aligned in enumerate(self.plan.nodes):
            for source in aligned.sources:
                if source is not None:
                    self._uses[source] += 1
                    self._last[source] = number
        end = len(self.plan.nodes)
        for source in self.plan.outputs:
            self._uses[source] += 1
            self._last[source] = end

    # -- one node ------------------------------------------------------------------------------------------

    def _node(self, number: int, aligned: NodePlan) -> None:
        if aligned.node.repeated:
            self._repeat(number, aligned)
            return
        own = self.attributes.access(number) if self._has_attribute(number, aligned) else ""
        op = aligned.op
        if op is not None:
            expr = aligned.forward
            unpack: Any = op.unpack
        else:
            expr = Module(*(In(i) for i, s in enumerate(aligned.sources) if s is not None))
            unpack = None
        self._compute(number, aligned, expr, own, unpack)

    def _has_attribute(self, number: int, aligned: NodePlan) -> bool:
        if aligned.node.shared is None:
            return aligned.ctor is not None
        return aligned.op is None or holds(aligned.forward, Module, Own)

    def _compute(self, number: int, aligned: NodePlan, expr: Any, own: str, unpack: Any) -> None:
        if isinstance(expr, Own) and aligned.present is None:  # reading an attribute is no step of its own
            self._where[(number, 0)] = _Pending(own, 0)
            return
        texts, depth = self._read(aligned, expr)
        if isinstance(expr, Binary) and expr[:2] == ("+", In(0)) and "(" in texts[0] and texts[-1].isidentifier():
            expr = Binary("+", expr.right, expr.left)  # `x + self.attn(…)`: the shorter first; addition commutes
        text = self._text(number, expr, texts, own)
        outputs = len(aligned.first.outputs)
        if aligned.present is not None:
            if outputs != 1 or aligned.sources[0] is None:
                raise ValueError("an item with `when` has one output")
            test = self._condition(aligned, own)
            otherwise = self._held(aligned.sources[0])
            target = self._target(number)
            if target == otherwise:
                self.lines.append((f"if {test}:", ""))
                self._write(number, aligned, f"    {target} = {text}")
            else:
                self._write(number, aligned, f"{target} = {text} if {test} else {otherwise}")
            return
        if outputs == 1:
            nested = isinstance(expr, (Call, Method, Module, Index, Binary))
            if self._inlines((number, 0), text, depth) and nested:
                self._forget(number)
                self._where[(number, 0)] = _Pending(text, depth + 1)
                return
            if isinstance(expr, In):  # nothing is computed: the value has another name
                self._where[(number, 0)] = texts[expr.index]
                source = aligned.sources[expr.index]
                if source is not None:
                    last = max(self._last.get(source, -1), self._last.get((number, 0), -1))
                    self._last[source] = self._last[(number, 0)] = last
                    self._live[texts[expr.index]] = (number, 0)
                return
            if unpack is not None:
                pattern = self._pattern(number, aligned, unpack)
                self._write(number, aligned, f"{pattern} = {text}")
                return
            base, rest = _split_chain(expr)
            if len(text) > _LINE and rest is not None:
                target = self._target(number)
                self.lines.append((f"{target} = {self._text(number, base, texts, own)}", ""))
                text = print_expr(rest, [target])
                self._write(number, aligned, f"{target} = {text}")
                return
            self._assign(number, aligned, text)
            return
        pattern = self._pattern(number, aligned, unpack or tuple(range(outputs)))
        self._write(number, aligned, f"{pattern} = {text}")

    def _condition(self, aligned: NodePlan, own: str) -> str:
        if own and own.count(".") == 1 and "(" not in own and not isinstance(aligned.ctor, Var):
            op = aligned.op
            if op is None or op.attribute == "module":
                return f"{own} is not None"
        assert aligned.present is not None
        return self.parameters.text(aligned.present, forward=True)

    def _inlines(self, value: Source, text: str, depth: int) -> bool:
        """Is it read once, by the very next statement, and short enough to stand in it?"""
        if self._uses[value] != 1 or self._last[value] != value[0] + 1 or len(text) > _INLINE or depth >= _DEPTH:
            return False
        if value[0] + 1 >= len(self.plan.nodes):
            return False
        reader = self.plan.nodes[value[0] + 1]
        if self.plan.nodes[value[0]].op is None and not isinstance(reader.forward, Binary):
            return False  # a block's result is worth a line, and its shape
        if reader.present is not None or reader.looped or reader.unrolled:
            return False
        if reader.node.repeated:
            return not self.attributes.each(value[0] + 1)
        slot = reader.sources.index(value)
        if reader.op is None:
            return True
        reads = [x for x in leaves(reader.forward) if isinstance(x, In) and x.index == slot]
        sized = [x for x in leaves(reader.forward) if isinstance(x, SizeText) and slot in x.inputs]
        vars_ = [x for x in leaves(reader.forward) if isinstance(x, Var)]
        hidden = any(isinstance(v, SizeText) for var in vars_ for v in var.values)
        simple = isinstance(reader.forward, Binary) or not holds(reader.forward, Binary)
        return len(reads) == 1 and not sized and not hidden and simple

    def _read(self, aligned: NodePlan, expr: Any) -> tuple[list[str], int]:
        texts, depth = [], 0
        for source in aligned.sources:
            if source is None:
                texts.append("None")
                continue
            held = self._where[source]
            if isinstance(held, _Pending):
                depth = max(depth, held.depth)
                texts.append(held.text)
            else:
                texts.append(held)
        return texts, depth

    def _held(self, source: Source) -> str:
        held = self._where[source]
        return held.text if isinstance(held, _Pending) else held

    def _text(self, number: int, expr: Any, texts: list[str], own: str) -> str:
        def leaf(part: Any) -> str | None:
            if isinstance(part, Var):
                sized = [v for v in part.values if isinstance(v, SizeText)]
                if sized:
                    found = {self._size(number, v, texts) for v in sized}
                    if len(found) == 1 and len(sized) == sum(v is not MISSING for v in part.values):
                        return found.pop()
                    raise ValueError("a size is computed differently from instance to instance")
                return self.parameters.text(part, forward=True)
            if isinstance(part, SizeText):
                return self._size(number, part, texts)
            return None

        return print_expr(expr, texts, own, leaf)

    def _size(self, number: int, size: SizeText, texts: list[str]) -> str:
        for name in size.symbols:
            if name not in self._symbols:
                self._symbols[name] = self._symbol(name, number)
        return size.template.format(*texts)

    def _symbol(self, name: str, number: int) -> str:
        """`tokens.shape[1]`: where the class's inputs have this symbol, in all instances."""
        first = self.plan.instances[0]
        for k, given in enumerate(first.inputs):
            for axis, size in enumerate(given.shape if given is not None else ()):
                if str(size) == name and all(str(t.inputs[k].shape[axis]) == name for t in self.plan.instances):
                    return f"{self.signature[k]}.shape[{axis}]"
        raise SizeUnknownError(name, self.plan.nodes[number].node)

    # -- repeats -------------------------------------------------------------------------------------------

    def _repeat(self, number: int, aligned: NodePlan) -> None:
        if aligned.unrolled:
            variable = self._held(aligned.sources[0]) if aligned.sources[0] is not None else ""
            others = [variable, *(self._held(s) for s in aligned.sources[1:] if s is not None)]
            target = self._target(number, tuple(others[1:]))
            for expr in aligned.unrolled:
                self.lines.append((f"{target} = {self._text(number, expr, others, '')}", ""))
                others[0] = target
            self._comment(number, aligned)
            self._free(number)
            return
        single = self.attributes.each(number)
        if not single and not aligned.looped:
            expr = Module(*(In(i) for i, s in enumerate(aligned.sources) if s is not None))
            self._compute(number, aligned, expr, self.attributes.access(number), None)
            return
        source = aligned.sources[0]
        assert source is not None
        start = self._held(source)
        others = [self._held(s) if s is not None else "None" for s in aligned.sources[1:]]
        target = self._target(number, tuple(others))
        expr = aligned.forward
        if expr is None:
            expr = Module(*(In(i) for i, s in enumerate(aligned.sources) if s is not None))
        callee = aligned.first.calls[0]
        count = len(callee.outputs) if isinstance(callee, Typed) else len(aligned.first.outputs)
        unpack = callee.unpack if isinstance(callee, Op) else None
        left = target
        if unpack is not None or count > 1:
            left = _take_first(unpack or tuple(range(count)), target)
        if single:
            for own in single:
                self.lines.append((f"{left} = {self._text(number, expr, [start, *others], own)}", ""))
                start = target
            self._comment(number, aligned)
        else:
            if start != target:
                self.lines.append((f"{target} = {start}", ""))
            own = self._names.new("layer") if "layer" in self._names.taken else "layer"
            over = self.attributes.access(number)
            self.lines.append((f"for {own} in {over}:", ""))
            self.lines.append((f"    {left} = {self._text(number, expr, [target, *others], own)}", ""))
            self._comment(number, aligned)
        self._free(number)

    # -- variables -----------------------------------------------------------------------------------------

    def _forget(self, number: int) -> None:
        """Drop variables whose tensor was read for the last time by this node."""
        for name, source in list(self._live.items()):
            if self._last.get(source, -1) <= number and source[0] <= number:
                del self._live[name]

    def _choose(self, value: Source, number: int, avoid: tuple[str, ...] = ()) -> str:
        self._forget(number)
        wanted = self._wanted.get(value)
        named = self._uses[value] > 1 or self._last.get(value, 0) > value[0] + 1
        multiple = len(self.plan.nodes[value[0]].first.outputs) > 1
        if wanted and (named or multiple):
            name = identifier(wanted)
            if name in self._live or name in self._pool or name in self._inputs:
                name = self._names.new(name)
            return name
        for name in self._pool:
            if name not in self._live and name not in avoid:
                return name
        return self._names.new("x")

    def _target(self, number: int, avoid: tuple[str, ...] = ()) -> str:
        """The variable of a node's result. `avoid`: those that a loop goes on reading."""
        name = self._choose((number, 0), number, avoid)
        self._hold((number, 0), name)
        return name

    def _hold(self, value: Source, name: str) -> None:
        self._where[value] = name
        self._live[name] = value

    def _assign(self, number: int, aligned: NodePlan, text: str) -> None:
        self._write(number, aligned, f"{self._target(number)} = {text}")

    def _pattern(self, number: int, aligned: NodePlan, unpack: Any) -> str:
        self._forget(number)

        def used(part: Any) -> bool:
            return any(map(used, part)) if isinstance(part, tuple) else self._uses[(number, part)] > 0

        def text(part: Any, top: bool) -> str:
            if not used(part) and not top:
                return "_"
            if isinstance(part, tuple):
                inside = ", ".join(text(p, False) for p in part)
                inside += "," if len(part) == 1 else ""
                return inside if top else f"({inside})"
            value = (number, part)
            name = self._choose(value, number)
            self._hold(value, name)
            return name

        return text(unpack, True)

    # -- statements ----------------------------------------------------------------------------------------

    def _write(self, number: int, aligned: NodePlan, statement: str) -> None:
        self.lines.append((statement, ""))
        self._comment(number, aligned)
        self._free(number)

    def _comment(self, number: int, aligned: NodePlan) -> None:
        outputs = range(len(aligned.first.outputs))
        shapes = [self._shape(aligned, k) for k in outputs if k == 0 or self._uses[(number, k)]]
        if len(set(shapes)) == 1:
            shapes = shapes[:1]
        self.lines[-1] = (self.lines[-1][0], ", ".join(shapes))

    def _shape(self, aligned: NodePlan, output: int) -> str:
        types: list[Any] = [MISSING if d is MISSING else d.outputs[output] for d in aligned.done]
        known = [t for t in types if t is not MISSING]
        if len({t.rank for t in known}) > 1:
            return "[...]"
        parts: list[str] = []
        for axis in range(known[0].rank):
            sizes = tuple(MISSING if t is MISSING else t.shape[axis] for t in types)
            some = next(s for s in sizes if s is not MISSING)
            if all(s is MISSING or s == some for s in sizes):
                parts.append(str(some))
                continue
            text = self.parameters.known(Var(sizes))
            if text is not None:
                parts.append(text)
            elif not parts or parts[-1] != "...":
                parts.append("...")
        return f"[{', '.join(parts)}]"

    def _free(self, number: int) -> None:
        """`del` what stays named but is not read again, where enough follows for its memory to matter."""
        if len(self.plan.nodes) - number <= _FREE_BEFORE or len(self.plan.instances) > 1:
            self._forget(number)
            return
        kept = {*self._pool, *self._inputs}
        dead = [
            name
            for name, source in self._live.items()
            if name not in kept and self._last.get(source, -1) <= number and source[0] <= number and self._uses[source]
        ]
        self._forget(number)
        if dead:
            self.lines.append((f"del {', '.join(dead)}", ""))

    def _finish(self) -> None:
        texts = [self._held(s) for s in self.plan.outputs]
        graph = self.plan.graph
        if len(texts) == 1:
            text = texts[0]
            if self.lines and self.lines[-1][0].startswith(f"{text} = "):
                statement, comment = self.lines.pop()
                self.lines.append((f"return {statement[len(text) + 3 :]}", comment))
                return
        elif graph.kind == "root":
            text = "{" + ", ".join(f'"{name}": {t}' for (name, _), t in zip(graph.outputs, texts, strict=True)) + "}"
        else:
            text = ", ".join(texts)
        self.lines.append((f"return {text}", ""))


def _split_chain(expr: Any) -> tuple[Any, Any]:
    """`f(x).transpose(1, 2).flatten(2)` as `f(x)` and the rest over `In(0)`; the rest None where that does not go."""
    chain = []
    while isinstance(expr, (Method, Index, Attr)):
        if any(isinstance(leaf, (In, SizeText, Var)) for part in (parts(expr) or [])[1:] for leaf in leaves(part)):
            return expr, None
        chain.append(expr)
        expr = expr.of
    if not chain or not isinstance(expr, (Call, Module)):
        return expr, None
    rest: Any = In(0)
    for link in reversed(chain):
        if isinstance(link, Method):
            rest = Method(rest, link.name, *link.args, **link.kwargs)
        elif isinstance(link, Index):
            rest = Index(rest, link.items)
        else:
            rest = Attr(rest, link.name)
    return expr, rest


def _take_first(unpack: Any, target: str) -> str:
    first, *rest = unpack
    inner = f"({_take_first(first, target)})" if isinstance(first, tuple) else target
    return ", ".join([inner, *["_"] * len(rest)])
