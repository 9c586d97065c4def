"""Decides which classes there are, and lays the instances of each over one another.

A block is one class however its instances differ in numbers; a named sequence that is a plain chain is an
`nn.Sequential` in place. Instances that differ in structure beyond left-out items get classes of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archspec.codegen.ctor import constructor, held, is_chain, turns
from archspec.codegen.groups import alternatives, groups_of, in_place, needs_attribute
from archspec.codegen.in_words import in_words, over_parameters
from archspec.codegen.initial import Filling, fillings
from archspec.codegen.names import Names, camel
from archspec.codegen.sizes import bind_sizes, sources_of
from archspec.codegen.tree import MISSING, Made, Var, holds
from archspec.codegen.unify import NotUnifiableError, merged, unify
from archspec.graph.ir import Graph, Node, OpCall
from archspec.ops.base import Op
from archspec.ops.expr import Call, Method
from archspec.reading.nodes import Scalar
from archspec.shapes.typed import Typed, TypedNode

Source = tuple[int, int]  # (aligned node, output), or (-1, graph input)


class NodePlan:
    """One aligned node. Lists run parallel to the class's instances (MISSING where the instance lacks the node).

    `ctor`: merged constructor expression(s), None without an attribute. `forward`: merged expression of an op.
    `present`: None, or a Var of booleans. `sources`: merged inputs.
    """

    def __init__(self, node: Node, done: list[Any], instances: list[Typed]) -> None:
        self.node = node
        self.done: list[TypedNode | Any] = done
        self.instances = instances
        self.sources: list[Source | None] = []
        self.ctor: Any = None
        self.forward: Any = None
        self.present: Var | None = None
        self.alone = True  # no other node's modules are in the container of its turns
        self.looped = False  # a repeat that forward runs as a for loop
        self.unrolled: list[Any] = []  # forward expressions of a repeat of stateless ops
        self.body: ClassPlan | None = None  # of a scan or of joined turns: a body that is written in place
        self.merge: Any = None  # of joined turns: the op over what each gives

    @property
    def first(self) -> TypedNode:
        found: TypedNode = next(d for d in self.done if d is not MISSING)
        return found

    @property
    def op(self) -> Op | None:
        callee = self.first.calls[0]
        return callee if isinstance(callee, Op) else None


class ClassPlan:
    """One class to be written. `chain`: its children, if it is an `nn.Sequential`."""

    def __init__(self, name: str, instances: list[Typed], planner: Planner) -> None:
        self.name = name
        self.instances = instances
        self.planner = planner
        self.nodes: list[NodePlan] = []
        self.outputs: list[Source] = []
        self.chain: Any = None
        self.fillings: list[Filling] = []  # how parameters begin
        # filled by parameters.py
        self.arguments: list[Any] = []

    @property
    def graph(self) -> Graph:
        return self.instances[0].graph

    def every_node(self) -> Iterator[NodePlan]:
        """Its nodes, and those of the bodies that are written in place."""
        for aligned in self.nodes:
            yield aligned
            if aligned.body is not None:
                yield from aligned.body.every_node()

    @property
    def constants(self) -> dict[str, Any]:
        """What its expressions can read that is the same everywhere: the parameters of the spec."""
        return self.planner.root.graph.params


class Planner:
    """`plans`: the classes, inner ones first."""

    def __init__(self, root: Typed) -> None:
        self.root = root
        self.plans: list[ClassPlan] = []
        self._plan_of: dict[int, tuple[ClassPlan, int]] = {}
        self._names = Names("OrderedDict")

    def run(self, resolve: Any) -> list[ClassPlan]:
        """`resolve(plan)` names a class's constructor arguments; called before any class that constructs it."""
        for group in groups_of(self.root):
            if group[0].graph.kind != "root" and all(is_chain(t) for t in group) and group[0].graph.kind == "sequence":
                continue  # written in place
            for part in self._partition(group):
                resolve(part)
                self.plans.append(part)
                for number, typed in enumerate(part.instances):
                    self._plan_of[id(typed)] = (part, number)
        return self.plans

    def plan_of(self, typed: Typed) -> tuple[ClassPlan, int] | None:
        """The class of a typed graph and which of its instances this is; None if written in place."""
        return self._plan_of.get(id(typed))

    def _partition(self, group: list[Typed]) -> list[ClassPlan]:
        """One class for all; where that does not go, as few as there are kinds of instances."""
        name = camel(group[0].graph.name)
        whole = self._class(name, group)
        if whole is not None:
            return [self._named(whole)]
        parts: list[list[Typed]] = []
        for typed in group:
            for part in parts:
                if self._class(name, [part[0], typed]) is not None:
                    part.append(typed)
                    break
            else:
                parts.append([typed])
        out: list[ClassPlan] = []
        for part in parts:
            made = self._class(name, part)
            alone = [made] if made is not None else [self._class(name, [typed]) for typed in part]
            out += [self._named(plan) for plan in alone if plan is not None]
        return out

    def _named(self, plan: ClassPlan) -> ClassPlan:
        plan.name = self._names.new(plan.name)
        return plan

    def _class(self, name: str, instances: list[Typed]) -> ClassPlan | None:
        """The class of these instances; None where they are not of one."""
        if len({tuple(given.name for given in t.graph.inputs) for t in instances if t.graph.kind == "block"}) > 1:
            return None  # calls that leave out different inputs
        plan = ClassPlan(name, instances, self)
        try:
            if all(is_chain(t) for t in instances):
                chain = unify([constructor(t, (), self, inline=True) for t in instances])
                plan.chain = in_words(chain, (True,) * len(instances))
            else:
                self._align(plan)
                for aligned in plan.nodes:
                    self._merge(aligned)
                over_parameters(plan.nodes)
            plan.fillings = fillings(plan, self)
        except NotUnifiableError:
            return None
        return plan

    def _align(self, plan: ClassPlan) -> None:
        instances = plan.instances
        items = {id(typed): _items(typed) for typed in instances}
        order = merged(list(items.values()))
        if order is None:
            raise NotUnifiableError
        number = {item: i for i, item in enumerate(order)}
        table: list[list[Any]] = [[MISSING] * len(instances) for _ in order]
        for j, typed in enumerate(instances):
            last = -1
            for done, item in zip(typed.nodes, items[id(typed)], strict=True):
                here = number[item]
                if here <= last or table[here][j] is not MISSING:
                    raise NotUnifiableError
                table[here][j] = done
                last = here
        if len(instances) > 1 and alternatives(table):
            raise NotUnifiableError
        for row in table:
            first = next(d for d in row if d is not MISSING)
            plan.nodes.append(NodePlan(first.node, row, instances))

        def aligned(typed: Typed, value: Any) -> Source:
            return (-1, value.output) if value.node < 0 else (number[items[id(typed)][value.node]], value.output)

        def seen(source: Source, j: int) -> Source | None:
            """What `source` is in instance j, where the value of a node left out is its first input."""
            while source[0] >= 0 and table[source[0]][j] is MISSING:
                before = plan.nodes[source[0]].sources
                if source[1] or not before or before[0] is None:
                    return None
                source = before[0]
            return source

        def merge(values: list[Any], here: int) -> Source | None:
            """One source for all instances: the latest that is each instance's own."""
            known = [v for v in values if v is not MISSING]
            if all(v is None for v in known):
                return None
            if any(v is None for v in known):
                raise NotUnifiableError
            latest: Source = max(known)
            optional = [(k, 0) for k in range(here - 1, latest[0], -1) if MISSING in table[k]]
            for source in (*optional, latest):
                if all(v is MISSING or seen(source, j) == v for j, v in enumerate(values)):
                    return source
            raise NotUnifiableError

        for here, node in enumerate(plan.nodes):
            widths = {len(d.node.inputs) for d in node.done if d is not MISSING}
            if len(widths) > 1:
                raise NotUnifiableError
            for slot in range(widths.pop()):
                read: list[Any] = []
                for j, typed in enumerate(instances):
                    done = table[here][j]
                    if done is MISSING:
                        read.append(MISSING)
                    else:
                        value = done.node.inputs[slot]
                        read.append(None if value is None else aligned(typed, value))
                node.sources.append(merge(read, here))
            if any(d is MISSING for d in node.done):
                passed = node.sources[0] if node.sources else None
                if passed and any(d is MISSING and seen(passed, j) is None for j, d in enumerate(node.done)):
                    raise NotUnifiableError  # a branch that reads nothing of what passes by
                name = node.node.paths[0].rpartition(".")[2]
                when = node.node.when.value if isinstance(node.node.when, Scalar) else None
                node.present = Var(tuple(d is not MISSING for d in node.done), f"use_{name}", when)
        _find_shared_containers(plan.nodes)
        _keep_paths_apart(plan.nodes)
        for slot in range(len(instances[0].graph.outputs)):
            source = merge([aligned(t, t.graph.outputs[slot][1]) for t in instances], len(plan.nodes))
            assert source is not None
            plan.outputs.append(source)

    def _merge(self, aligned: NodePlan) -> None:
        node = aligned.node
        present = [d for d in aligned.done if d is not MISSING]
        places = {tuple(_homes(d.node) if aligned.alone else d.node.paths) for d in present}
        kinds = {(d.node.repeated, d.node.shared, d.node.carry, d.node.forward) for d in present}
        if len(kinds) > 1 or len(places) > 1 or any(d.tie != present[0].tie for d in present):
            raise NotUnifiableError
        if len({len(d.outputs) for d in present}) > 1:  # `chunk` of another size may give fewer values
            raise NotUnifiableError
        if aligned.present is not None and (len(aligned.first.outputs) > 1 or aligned.sources[:1] == [None]):
            raise NotUnifiableError
        if node.join is not None:
            self._merge_join(aligned, present)
            return
        if node.repeated:
            self._merge_repeat(aligned, present)
            return
        if node.scan is not None:
            self._merge_scan(aligned, present)
            return
        if isinstance(node.calls[0], OpCall) or node.buffer is not None:
            aligned.forward = self._forward(aligned, 0)
        if node.shared is None and (aligned.forward is None or needs_attribute(aligned.forward)):
            aligned.ctor = self._each(aligned, lambda d, _: held(d, constructor(d.calls[0], d.call_inputs[0], self)))

    def _merge_repeat(self, aligned: NodePlan, present: list[TypedNode]) -> None:
        node, first = aligned.node, aligned.first
        single = sum(v is not None for v in node.inputs) == 1 and len(first.outputs) == 1
        every = [(c, i) for d in present for c, i in zip(d.calls, d.call_inputs, strict=True)]
        fn = "nn.Sequential"
        if not (single and all(_sequential(c, i) for c, i in every)):
            fn = "nn.ModuleList"
            op = first.calls[0]
            stateful = not isinstance(op, Op) or needs_attribute(op.forward(*first.call_inputs[0]))
            aligned.looped = stateful
            if isinstance(op, Op):
                alike = _alike(every)
                if stateful and alike is not None:
                    aligned.forward = alike
                else:  # each turn computes something else: a statement for each
                    turns_ = _one([len(d.calls) for d in present])
                    aligned.unrolled = [self._forward(aligned, turn) for turn in range(turns_)]
                    aligned.looped = False
            if not stateful:
                return
        if node.shared is None:
            aligned.ctor = self._each(aligned, lambda d, around: turns(fn, d, self, around))

    def _merge_scan(self, aligned: NodePlan, present: list[TypedNode]) -> None:
        if aligned.present is not None or len({(d.node.scan, d.steps) for d in present}) > 1:
            raise NotUnifiableError
        aligned.body = self._body(aligned, present)

    def _merge_join(self, aligned: NodePlan, present: list[TypedNode]) -> None:
        first = aligned.first
        if aligned.present is not None or len({len(d.calls) for d in present}) > 1:
            raise NotUnifiableError
        aligned.looped = True
        if first.merge is not None:
            results = [(d.merge, tuple(r[0] for r in d.results)) for d in present]
            aligned.merge = merge_forward(results)
        elif len({_routing(d) for d in present}) > 1:
            raise NotUnifiableError
        if all(in_place(d) for d in present):
            aligned.body = self._body(aligned, present)
            return
        op = first.calls[0]
        if isinstance(op, Op):
            every = [(c, i) for d in present for c, i in zip(d.calls, d.call_inputs, strict=True)]
            aligned.forward = _alike(every)
            if aligned.forward is None:
                aligned.unrolled = [self._forward(aligned, turn) for turn in range(len(first.calls))]
            if not any(map(needs_attribute, aligned.unrolled or [aligned.forward])):
                return
        aligned.ctor = self._each(aligned, lambda d, around: turns("nn.ModuleList", d, self, around))

    def _body(self, aligned: NodePlan, present: list[TypedNode]) -> ClassPlan:
        """A plan for what is written in place, instance by instance."""
        body = ClassPlan(aligned.node.label, [d.calls[0] for d in present], self)  # type: ignore[misc]
        self._align(body)
        for inner in body.nodes:
            self._merge(inner)
        over_parameters(body.nodes)
        return body

    def _each(self, aligned: NodePlan, make: Any) -> Any:
        return unify(
            [d if d is MISSING else make(d, typed) for d, typed in zip(aligned.done, aligned.instances, strict=True)]
        )

    def _forward(self, aligned: NodePlan, turn: int) -> Any:
        return merge_forward(
            [
                d if d is MISSING else (d.calls[turn], d.call_inputs[turn], sources_of(d.node, d.calls[turn], typed))
                for d, typed in zip(aligned.done, aligned.instances, strict=True)
            ]
        )


def _routing(done: TypedNode) -> tuple[Any, ...]:
    """What the loop over the turns of a `route` is written by."""
    x, out = done.inputs[0], done.outputs[0]
    same = x.shape[-1] == out.shape[-1]
    return x.rank > 2, x.dtype, out.dtype, same or out.shape[-1]


def _find_shared_containers(nodes: list[NodePlan]) -> None:
    """Mark the repeats that are not alone in their container."""
    paths = [{path for d in aligned.done if d is not MISSING for path in d.node.paths} for aligned in nodes]
    for number, aligned in enumerate(nodes):
        parent = aligned.node.container
        if aligned.node.repeated and parent:
            others = (path for k, own in enumerate(paths) if k != number for path in own)
            aligned.alone = not any(path == parent or path.startswith(f"{parent}.") for path in others)


def _keep_paths_apart(nodes: list[NodePlan]) -> None:
    """A module that one instance has must not hold what another instance has in its place."""
    if all(node.present is None for node in nodes):
        return
    owning = [node.node for node in nodes if not all(isinstance(c, OpCall) and c.bare() for c in node.node.calls)]
    taken = {path for node in owning for path in node.paths}
    for path in taken:
        while path:
            path = path.rpartition(".")[0]
            if path in taken:
                raise NotUnifiableError


def _homes(node: Node) -> list[str]:
    """Where its modules are; for numbered turns, in what."""
    numbered = node.repeated and [p.rpartition(".")[2] for p in node.paths] == [str(i) for i in range(len(node.paths))]
    return [node.container] if numbered and node.container else node.paths


def _alike(calls: list[Any]) -> Any:
    """The forward expression that all turns share; None if they do not."""
    try:
        merged = merge_forward(calls)
    except NotUnifiableError:
        return None
    return None if holds(merged, Var) else merged


def _items(typed: Typed) -> list[Any]:
    """What each node came from: its item, and which of the item's nodes it is (turns that are read are nodes)."""
    seen: dict[Any, int] = {}
    out = []
    for done in typed.nodes:
        item = done.node.item
        seen[item] = seen.get(item, -1) + 1
        out.append((item, seen[item]))
    return out


def _one(values: list[int]) -> int:
    if len(set(values)) != 1:
        raise NotUnifiableError
    return values[0]


def _sequential(callee: Any, types: tuple[Any, ...]) -> bool:
    if isinstance(callee, Typed):
        return len(callee.inputs) == 1 and len(callee.outputs) == 1
    return bool(callee.sequential()) and callee.module(*types) is not None and callee.attribute == "module"


def merge_forward(calls: list[Any]) -> Any:
    """One expression for an op's forward in all instances. `calls`: (op, input types, written sizes), or MISSING."""
    made = []
    for call in calls:
        if call is MISSING:
            made.append(MISSING)
            continue
        op, types, *sources = call
        expr = op.forward(*types)
        made.append(bind_sizes(_knowing(op, expr), types, *sources))
    return unify(made)


def _knowing(op: Op, expr: Any) -> Any:
    """The expression, in which the call that an op lowered to knows the op."""
    if type(expr) is Method:
        return Method(_knowing(op, expr.of), expr.name, *expr.args, **expr.kwargs)
    return Made(op, expr.fn, *expr.args, **expr.kwargs) if type(expr) is Call else expr
