"""`forward`: plain statements; a variable is taken over as soon as its tensor has been read for the last time."""

from __future__ import annotations

from copy import copy
from typing import Any

from archspec.codegen import joins, scans
from archspec.codegen.attributes import Attributes
from archspec.codegen.heads import Heads
from archspec.codegen.indices import one_index
from archspec.codegen.loops import in_loops
from archspec.codegen.parameters import Parameters
from archspec.codegen.plan import ClassPlan, NodePlan, Source
from archspec.codegen.printer import print_expr
from archspec.codegen.rows import Row
from archspec.codegen.sizes import SizeText, bind_sizes
from archspec.codegen.tree import MISSING, Var, holds, leaves, parts
from archspec.codegen.variables import Pending, Variables
from archspec.ops.base import Op
from archspec.ops.expr import Attr, Binary, Call, In, Index, Method, Module, Own

_INLINE = 52  # characters of a nested expression beyond which it gets a line of its own
_DEPTH = 3
_LINE = 72  # characters of an expression beyond which a call and what is done with its result part
_ARGUMENT = 40  # characters of a computed keyword argument beyond which it gets a line of its own
_AGAIN = 2  # more calls than this of one module, one after another, are a loop
_FREE_BEFORE = 3  # statements that must still follow for a `del` to be worth its line


class Forward:
    """`signature`: argument names; `lines`: (statement, shape comment)."""

    def __init__(self, plan: ClassPlan, parameters: Parameters, attributes: Attributes) -> None:
        self.plan = plan
        self.parameters = parameters
        self.attributes = attributes
        self.variables = Variables(plan)
        self.signature = self.variables.inputs
        self.lines: list[tuple[str, str]] = []
        self.heads = Heads(plan, parameters, self.variables)
        self._under: tuple[Any, int] | None = None  # the condition of the last lines, and where they end
        self.steps()
        self._finish()
        self.lines = in_loops(self.lines, self.variables)
        self.lines = [(line, "") for line in self.heads.lines()] + self.lines

    def nested(self, body: ClassPlan, variables: Variables) -> list[tuple[str, str]]:
        """The statements of a body that is written in place."""
        inner = copy(self)
        inner.plan, inner.attributes, inner.variables = body, self.attributes.inside(body), variables
        inner.lines, inner._under = [], None
        inner.steps()
        return inner.lines

    def steps(self) -> None:
        """A statement for each node."""
        for number, aligned in enumerate(self.plan.nodes):
            if not aligned.node.forward:
                continue
            if aligned.node.join is not None:
                (joins.merge if aligned.merge is not None else joins.route)(self, number, aligned)
            elif aligned.body is not None:
                scans.write(self, number, aligned, aligned.body)
            else:
                self._node(number, aligned)

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
        variables, value = self.variables, (number, 0)
        if isinstance(expr, Own) and (aligned.present is None or not aligned.sources):
            # Reading an attribute is no step of its own; where it is missing, what reads it is too.
            variables.where[value] = Pending(own, 0)
            return
        if isinstance(expr, In) and aligned.present is None:  # nothing is computed: the value has another name
            source = aligned.sources[expr.index]
            assert source is not None
            variables.rename(value, source)
            return
        texts = ["None" if s is None else variables.text(s) for s in aligned.sources]
        depth = max((variables.depth(s) for s in aligned.sources if s is not None), default=0)
        expr, texts = self._hoisted(number, expr, texts, own)
        if isinstance(expr, Binary) and expr[:2] == ("+", In(0)) and "(" in texts[0] and texts[-1].isidentifier():
            expr = Binary("+", expr.right, expr.left)  # `x + self.attn(…)`: the shorter first; addition commutes
        text = self.text(number, expr, texts, own)
        outputs = len(aligned.first.outputs)
        if aligned.present is not None:
            assert aligned.sources[0] is not None
            self._optional(number, aligned, text, own, variables.text(aligned.sources[0]))
        elif unpack is not None or outputs > 1:
            self.write(number, aligned, f"{self._pattern(number, unpack or tuple(range(outputs)))} = {text}")
        elif self._inlines(value, expr, text, depth):
            variables.forget(number)
            variables.where[value] = Pending(text, depth + 1)
        else:
            target = variables.target(value)
            *before, last = self._parted(number, target, expr, texts, own)
            self.lines += [(line, "") for line in before]
            self.write(number, aligned, last)

    def _hoisted(self, number: int, expr: Any, texts: list[str], own: str) -> tuple[Any, list[str]]:
        """The expression with a long keyword argument of its call, that is itself computed, in a statement before."""
        if isinstance(expr, Method):
            inner, texts = self._hoisted(number, expr.of, texts, own)
            return Method(inner, expr.name, *expr.args, **expr.kwargs), texts
        if not isinstance(expr, Call) or self.plan.nodes[number].present is not None:
            return expr, texts
        kwargs = dict(expr.kwargs)
        for key, value in kwargs.items():
            text = self.text(number, value, texts, own) if isinstance(value, (Call, Method)) else ""
            if len(text) > _ARGUMENT:
                name = self.variables.fresh(key)
                self.lines.append((f"{name} = {text}", ""))
                kwargs[key] = In(len(texts))
                texts = [*texts, name]
        return (Call(expr.fn, *expr.args, **kwargs) if kwargs != expr.kwargs else expr), texts

    def _parted(self, number: int, target: str, expr: Any, texts: list[str], own: str) -> list[str]:
        """The assignment; in two statements, where a long call is followed by what is done with its result."""
        text = self.text(number, expr, texts, own)
        base, rest = _split_chain(expr)
        if len(text) <= _LINE or rest is None:
            return [f"{target} = {text}"]
        return [f"{target} = {self.text(number, base, texts, own)}", f"{target} = {print_expr(rest, [target])}"]

    def _optional(self, number: int, aligned: NodePlan, text: str, own: str, otherwise: str) -> None:
        test = self._condition(aligned, own)
        target = self.variables.target((number, 0))
        if target == otherwise:
            assert aligned.present is not None
            if self._under != (aligned.present.values, len(self.lines)):
                self.lines.append((f"if {test}:", ""))
            self.write(number, aligned, f"    {target} = {text}")
            self._under = (aligned.present.values, len(self.lines))
        else:
            self.write(number, aligned, f"{target} = {text} if {test} else {otherwise}", either=True)

    def _condition(self, aligned: NodePlan, own: str) -> str:
        if own and own.count(".") == 1 and "(" not in own and "[" not in own and not isinstance(aligned.ctor, Var):
            op = aligned.op
            if op is None or op.attribute == "module":
                return f"{own} is not None"
        assert aligned.present is not None
        return self.parameters.text(aligned.present, forward=True)

    def _inlines(self, value: Source, expr: Any, text: str, depth: int) -> bool:
        """Is it read once, by the very next statement, and short enough to stand in it?"""
        after = value[0] + 1
        once = self.variables.uses[value] == 1 and self.variables.last[value] == after < len(self.plan.nodes)
        if not once or len(text) > _INLINE or depth >= _DEPTH:
            return False
        if not isinstance(expr, (Call, Method, Module, Index, Binary)):
            return False
        reader = self.plan.nodes[after]
        if self.plan.nodes[value[0]].op is None and not isinstance(reader.forward, Binary):
            return False  # a block's result is worth a line, and its shape
        if (
            reader.present is not None
            or reader.looped
            or reader.body is not None
            or reader.unrolled
            or isinstance(reader.forward, In)
        ):
            return False
        if reader.node.repeated:
            return not self.attributes.each(after)
        if reader.op is None:
            return True
        slot = reader.sources.index(value)
        inside = leaves(reader.forward)
        reads = sum(isinstance(x, In) and x.index == slot for x in inside)
        sized = any(isinstance(x, SizeText) and slot in x.inputs for x in inside)
        simple = isinstance(reader.forward, Binary) or not holds(reader.forward, Binary)
        return reads == 1 and not sized and simple

    def text(self, number: int, expr: Any, texts: list[str], own: str) -> str:
        """An expression of node number `number`, over the `texts` of what it reads and of its own attribute."""

        def leaf(part: Any) -> str | None:
            if isinstance(part, Var):
                return self.parameters.text(part, forward=True)
            if isinstance(part, SizeText):
                return self.size(number, part, texts)
            return None

        return one_index(print_expr(expr, texts, own, leaf), expr, texts)

    def size_text(self, number: int, size: Any) -> str:
        """A size of the types of node number `number`."""
        bound = bind_sizes(size, ())
        return self.size(number, bound, []) if isinstance(bound, SizeText) else str(bound)

    def size(self, number: int, size: SizeText, texts: list[str]) -> str:
        """A size as text, over the `texts` of what node `number` reads."""
        aligned = self.plan.nodes[number]
        written = self.heads.written(Row(aligned.node, tuple(aligned.done)), size)
        if written is not None:
            return written
        whole = self.heads.whole(size) or self.heads.by_others(aligned, size, texts)
        return whole or size.template.format(
            *texts, **{name: self.heads.symbol(name, aligned.node) for name in size.symbols}
        )

    # -- repeats -------------------------------------------------------------------------------------------

    def _repeat(self, number: int, aligned: NodePlan) -> None:
        single = self.attributes.each(number)
        called = Module(*(In(i) for i, s in enumerate(aligned.sources) if s is not None))
        if not single and not aligned.looped and not aligned.unrolled:
            self._compute(number, aligned, called, self.attributes.access(number), None)
            return
        if aligned.node.carry > 1:
            self._carrying(number, aligned, single, called)
            return
        source, *rest = aligned.sources
        assert source is not None
        start = self.variables.text(source)
        others = ["None" if s is None else self.variables.text(s) for s in rest]
        target = self.variables.target((number, 0), tuple(others))
        left = [self._left(number, aligned, target, turn) for turn in range(len(aligned.first.calls))]
        made: list[str] = []
        if len(single) > _AGAIN and len({*single}) == 1 and not aligned.unrolled and {*left} == {target}:
            if start != target:  # one module, called again and again
                self.lines.append((f"{target} = {start}", ""))
            text = self.text(number, aligned.forward or called, [target, *others], single[0])
            made = [f"for _ in range({len(single)}):", f"    {target} = {text}"]
        elif aligned.unrolled or single:
            exprs = aligned.unrolled or [aligned.forward or called] * len(single)
            if aligned.present is not None and start != target:
                self.lines.append((f"{target} = {start}", ""))
                start = target
            for turn, expr in enumerate(exprs):
                own = single[turn] if single else self.attributes.turn(number, turn) if aligned.ctor else ""
                if turn == len(exprs) - 1 and left[turn] == target and not self.variables.uses[(number, 0)]:
                    text = self.text(number, expr, [start, *others], own)  # an earlier turn is what is read
                    made.append(text if len(text) <= _LINE else f"_ = {text}")
                elif left[turn] == target:
                    made += self._parted(number, target, expr, [start, *others], own)
                else:
                    made.append(f"{left[turn]} = {self.text(number, expr, [start, *others], own)}")
                start = target
        else:
            if start != target:
                self.lines.append((f"{target} = {start}", ""))
            layer = self.variables.fresh("layer")
            text = self.text(number, aligned.forward or called, [target, *others], layer)
            made = [f"for {layer} in {self.attributes.every(number)}:", f"    {left[-1]} = {text}"]
        if aligned.present is not None:
            made = [f"if {self._condition(aligned, '')}:", *(f"    {line}" for line in made)]
        self.lines += [(line, "") for line in made[:-1]]
        self.write(number, aligned, made[-1])

    def _carrying(self, number: int, aligned: NodePlan, single: list[str], called: Module) -> None:
        """A repeat whose turns hand on several values."""
        carry = aligned.node.carry
        texts = ["None" if s is None else self.variables.text(s) for s in aligned.sources]
        targets: list[str] = []
        for k in range(carry):
            targets.append(self.variables.target((number, k), (*texts[carry:], *targets)))
        left = ", ".join([*targets, *self._others(number, aligned, targets)])
        if single:
            for k, own in enumerate(single):
                read = texts if k == 0 else [*targets, *texts[carry:]]
                self.lines.append((f"{left} = {self.text(number, called, read, own)}", ""))
            self._comment(number, aligned)
            self.free(number)
            return
        moved = [pair for pair in zip(targets, texts, strict=False) if pair[0] != pair[1]]
        if moved:
            into, moving = map(", ".join, zip(*moved, strict=True))
            self.lines.append((f"{into} = {moving}", ""))
        layer = self.variables.fresh("layer")
        self.lines.append((f"for {layer} in {self.attributes.every(number)}:", ""))
        text = self.text(number, called, [*targets, *texts[carry:]], layer)
        self.write(number, aligned, f"    {left} = {text}")

    def _others(self, number: int, aligned: NodePlan, targets: list[str]) -> list[str]:
        """Names for the results that are not handed on: those of the last turn remain."""
        rest = range(len(targets), len(aligned.first.outputs))
        read = self.variables.uses
        return [self.variables.target((number, k), tuple(targets)) if read[(number, k)] else "_" for k in rest]

    def _left(self, number: int, aligned: NodePlan, target: str, turn: int) -> str:
        """The left side of a turn's statement: the first output is threaded on, others are those of the last turn."""
        callee = aligned.first.calls[turn]
        count = len(aligned.first.results[turn])
        last = aligned.looped or turn == len(aligned.first.calls) - 1
        unpack: Any = callee.unpack if isinstance(callee, Op) else None
        if unpack is None and count == 1:
            return target

        def used(part: Any) -> bool:
            if isinstance(part, tuple):
                return any(map(used, part))
            return part == 0 or (last and self.variables.uses[(number, part)] > 0)

        def text(part: Any, top: bool) -> str:
            if not used(part):
                return "_"
            if isinstance(part, tuple):
                inside = ", ".join(text(p, False) for p in part) + ("," if len(part) == 1 else "")
                return inside if top else f"({inside})"
            return target if part == 0 else self.variables.target((number, part), (target,))

        return text(unpack or tuple(range(count)), True)

    # -- statements ----------------------------------------------------------------------------------------

    def _pattern(self, number: int, unpack: Any) -> str:
        """`sequence, (hidden, _)`: variables for the outputs that are read."""
        self.variables.forget(number)

        def used(part: Any) -> bool:
            return any(map(used, part)) if isinstance(part, tuple) else self.variables.uses[(number, part)] > 0

        def text(part: Any, top: bool) -> str:
            if not used(part) and not top:
                return "_"
            if isinstance(part, tuple):
                inside = ", ".join(text(p, False) for p in part)
                inside += "," if len(part) == 1 else ""
                return inside if top else f"({inside})"
            return self.variables.target((number, part))

        return text(unpack, True)

    def write(self, number: int, aligned: NodePlan, statement: str, *, either: bool = False) -> None:
        """Add the statement that completes a node; `either`: also where the node is left out."""
        self.lines.append((statement, ""))
        self._comment(number, aligned, either=either)
        self.free(number)

    def _comment(self, number: int, aligned: NodePlan, *, either: bool = False) -> None:
        outputs = range(len(aligned.first.outputs))
        shapes = [self.shape(aligned, k, either=either) for k in outputs if k == 0 or self.variables.uses[(number, k)]]
        if len(set(shapes)) == 1:
            shapes = shapes[:1] if shapes[0] != "[...]" else []
        self.lines[-1] = (self.lines[-1][0], ", ".join(shapes))

    def _left_out(self, aligned: NodePlan, instance: int) -> Any:
        """The type of what a node gives in an instance that leaves it out: that of its first input."""
        while aligned.sources and aligned.sources[0] is not None:
            node, output = aligned.sources[0]
            if node < 0:
                return self.plan.instances[instance].inputs[output] or MISSING
            aligned = self.plan.nodes[node]
            if aligned.done[instance] is not MISSING:
                return aligned.done[instance].outputs[output]
        return MISSING

    def shape(self, aligned: NodePlan, output: int, *, either: bool = False) -> str:
        types: list[Any] = [MISSING if d is MISSING else d.outputs[output] for d in aligned.done]
        if either:
            types = [self._left_out(aligned, at) if t is MISSING else t for at, t in enumerate(types)]
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

    def free(self, number: int) -> None:
        """`del` what stays named but is not read again, where enough follows for its memory to matter."""
        dead = self.variables.dead(number)
        self.variables.forget(number)
        enough = len(self.plan.nodes) - number > _FREE_BEFORE and len(self.plan.instances) == 1
        if dead and enough and self.plan is self.heads.plan:
            self.lines.append((f"del {', '.join(dead)}", ""))

    def _finish(self) -> None:
        texts = [self.variables.text(s) for s in self.plan.outputs]
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
