"""`__init__`: which attributes a class has, and how forward reaches each."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from archspec.codegen.construct import Construct
from archspec.codegen.inside import reach_inside
from archspec.codegen.names import is_attribute
from archspec.codegen.plan import ClassPlan, NodePlan
from archspec.codegen.printer import quoted
from archspec.codegen.tree import Chain, Computed, Counted, holds
from archspec.graph.ir import joined
from archspec.graph.reserved import RESERVED
from archspec.ops.expr import Module, Own
from archspec.shapes.ties import with_inner_ties

_DICT_WORDS = {*RESERVED, "clear", "items", "keys", "pop", "update", "values"}


class _Entry:
    """A module or tensor at the end of a path. `kind` as Op.attribute; `condition` where some instances lack it, and
    `present`, which have it; `before`: statements that its text needs."""

    def __init__(
        self,
        text: str,
        kind: str,
        condition: str | None,
        persistent: bool = True,
        before: Sequence[str] = (),
        present: tuple[Any, ...] = (),
    ) -> None:
        self.text = text
        self.kind = kind
        self.condition = condition
        self.present = present
        self.persistent = persistent
        self.before = before


class Attributes:
    """`base`: what the class derives from; `lines`: statements of `__init__`; `access`: text of each node's module(s)
    in
    forward. A class whose modules have indices for names is a container of them: `self[0]`."""

    def __init__(self, plan: ClassPlan, construct: Construct) -> None:
        self.plan = plan
        self.construct = construct
        self.base = "nn.Module"
        self.lines: list[str] = []
        self._tree: dict[str, Any] = {}
        self._last: tuple[str, int, int] | None = None  # the last condition, where its lines begin and end
        self._whole: dict[str, list[str]] = {}  # containers that one repeat fills, and its paths
        self._keyed: set[str] = set()  # those of them whose modules have no numbers
        self._dicts: dict[str, tuple[str, list[str]]] = {}  # containers by names: how to reach one, its paths
        taken = {path for n in plan.every_node() if n.ctor is not None for path in n.node.paths}
        for aligned in plan.every_node():
            if aligned.ctor is not None:
                self._add(aligned, taken)
        self._reached: dict[str, str] = {}
        if all(map(is_attribute, self._tree)) or not self._as_container():
            self.lines.append("super().__init__()")
            for name, item in self._tree.items():
                self._statement(name, item)
        self._ties()

    def inside(self, body: ClassPlan) -> Attributes:
        """The same, for the nodes of a body that is written in place."""
        out = copy(self)
        out.plan = body
        return out

    def _as_container(self) -> bool:
        """Make it an nn.ModuleList or nn.ModuleDict, if its own names allow that; True if all is said by that."""
        odd = [name for name in self._tree if not is_attribute(name)]
        if any(isinstance(self._tree[name], _Entry) and self._tree[name].kind != "module" for name in odd):
            return False
        reached: dict[str, str] = {}
        made = self._expression(self._tree, "self", "", reached)
        if made is None or any(map(is_attribute, self._tree)):
            self.base = "nn.ModuleDict"
            return False
        self.base, _, inside = made[:-1].partition("(")
        self._reached = {path[1:]: text for path, text in reached.items()}
        self.lines.append(f"super().__init__({inside})")
        return True

    def reach(self, path: str) -> str:
        """`self.encoder[0]`: the module or tensor at a path of the class's own."""
        return self._reach(path)

    def access(self, number: int) -> str:
        """`self.encoder[0]`: the attribute of a node; for a repeat, of all its turns together."""
        node = self.plan.nodes[number].node
        return self._reach(node.container if node.repeated else node.paths[0])

    def every(self, number: int) -> str:
        """What goes through all turns of a repeat: their container, or a list of them."""
        single = self.each(number)
        node = self.plan.nodes[number].node
        parent = node.container
        if not single:
            numbered = [path.rpartition(".")[2] for path in node.paths] == [str(i) for i in range(len(node.paths))]
            return self.access(number) if numbered else f"{self.access(number)}.values()"
        if parent in self._dicts and self._dicts[parent][1] == node.paths:
            return f"{self._dicts[parent][0]}.values()"
        return f"[{', '.join(single)}]"

    def each(self, number: int) -> list[str]:
        """The attributes of a repeat whose turns have places of their own; empty otherwise."""
        node = self.plan.nodes[number].node
        if not node.repeated or self._whole.get(node.container) == node.paths:
            return []
        return [self._reach(path) for path in node.paths] if _made(self.plan.nodes[number]) else []

    def turn(self, number: int, turn: int) -> str:
        """The attribute of one turn of a repeat."""
        return self._reach(self.plan.nodes[number].node.paths[turn])

    def _add(self, aligned: NodePlan, taken: set[str]) -> None:
        node = aligned.node
        op = aligned.op
        kind = op.attribute if op is not None else "module"
        condition = None if aligned.present is None else self.construct.parameters.text(aligned.present)
        present = () if aligned.present is None else aligned.present.values
        if node.repeated:
            parent = node.container
            own = set(node.paths)
            shared = any(p not in own and (p == parent or p.startswith(parent + ".")) for p in taken)
            if parent and not shared:
                text = self.construct.text(aligned.ctor)
                self._put(parent, _Entry(text, "module", condition, present=present))
                self._whole[parent] = node.paths
                if text.startswith(("nn.ModuleDict(", "nn.Sequential(OrderedDict(")):
                    self._keyed.add(parent)
                return
            for path, text in zip(node.paths, self._turns(aligned.ctor), strict=True):
                self._put(path, _Entry(text, "module", condition, present=present))
            return
        persistent = all(
            state.persistent
            for c, i in zip(aligned.first.calls, aligned.first.call_inputs, strict=True)
            if kind == "buffer"
            for state in c.state(*i)
        )
        before: list[str] = []
        text = ""
        if isinstance(aligned.ctor, Computed):
            before, text = self.construct.computed(aligned.ctor)
        text = text or self.construct.text(aligned.ctor)
        self._put(node.paths[0], _Entry(text, kind, condition, persistent, before, present))

    def _turns(self, chain: Chain) -> list[str]:
        out: list[str] = []
        for child in chain.children:
            if isinstance(child.expr, Counted):
                out += [self.construct._turn(child.expr, t) for t in range(len(child.names))]
            else:
                out += [self.construct.text(child.expr)] * len(child.names)
        return out

    def _put(self, path: str, entry: _Entry) -> None:
        *parents, last = path.split(".")
        here = self._tree
        for part in parents:
            here = here.setdefault(part, {})
        here[last] = entry

    # -- statements ----------------------------------------------------------------------------------------

    def _statement(self, name: str, item: Any) -> None:
        target = f"self.{name}"
        if not is_attribute(name):
            target = f"self[{quoted(name)}]" if self.base == "nn.ModuleDict" else f"getattr(self, {quoted(name)})"
        if isinstance(item, _Entry):
            self._reached[name] = target
            self._leaf("self", name, item)
        else:
            self._container("self", name, target, item, name)

    def _leaf(self, owner: str, name: str, entry: _Entry) -> None:
        if entry.kind == "buffer":
            tail = "" if entry.persistent else ", persistent=False"
            made = [*entry.before, f"{owner}.register_buffer({quoted(name)}, {entry.text}{tail})"]
        elif is_attribute(name):
            made = [f"{owner}.{name} = {entry.text}"]
        elif owner == "self" and self.base == "nn.ModuleDict":
            made = [f"self[{quoted(name)}] = {entry.text}"]
        else:
            method = "register_parameter" if entry.kind == "parameter" else "add_module"
            made = [f"{owner}.{method}({quoted(name)}, {entry.text})"]
        if entry.condition is None:
            self.lines += made
        else:
            self._under(
                entry.condition, made, f"{owner}.{name}" if is_attribute(name) and entry.kind == "module" else ""
            )

    def _under(self, condition: str, made: list[str], module: str) -> None:
        """Statements under a condition, which may be that of the lines before; a module is None where it is not met."""
        if self._last is None or self._last[0] != condition or self._last[2] != len(self.lines):
            self._last = (condition, len(self.lines), 0)
            self.lines.append(f"if {condition}:")
        start = self._last[1]
        if module:
            self.lines.insert(start, f"{module} = None")
            start += 1
        self.lines += [f"    {line}" for line in made]
        self._last = (condition, start, len(self.lines))

    def _container(self, owner: str, name: str, target: str, item: dict[str, Any], path: str) -> None:
        text = self._literal(item, target, path)
        appended = None if text is not None else self._appended(item, target, path)
        if appended is not None:
            text, item = appended[0], {}
        elif text is None:
            text = "nn.Module()"
        else:
            item = {}
        if is_attribute(name):
            self.lines.append(f"{owner}.{name} = {text}")
        elif owner == "self" and self.base == "nn.ModuleDict":
            self.lines.append(f"self[{quoted(name)}] = {text}")
        else:
            self.lines.append(f"{owner}.add_module({quoted(name)}, {text})")
        for condition, statement in appended[1] if appended is not None else ():
            self._under(condition, [statement], "")
        for key, inner in item.items():
            reach = f"{target}.{key}" if is_attribute(key) else f"getattr({target}, {quoted(key)})"
            if isinstance(inner, _Entry):
                self._reached[f"{path}.{key}"] = reach
                self._leaf(target, key, inner)
            else:
                self._container(target, key, reach, inner, f"{path}.{key}")

    def _literal(self, item: dict[str, Any], target: str, path: str) -> str | None:
        """The container as one expression, if it holds modules only."""
        reached: dict[str, str] = {}
        text = self._expression(item, target, path, reached)
        if text is not None:
            self._reached.update(reached)
        return text

    def _appended(self, item: dict[str, Any], target: str, path: str) -> tuple[str, list[tuple[str, str]]] | None:
        """A container whose last modules only some instances have: that of the others, then (condition, statement) for
        each. In an nn.ModuleList each has all before it; in an nn.ModuleDict are names that are no attributes."""
        numbered = list(item) == [str(i) for i in range(len(item))]
        if not numbered and any(map(is_attribute, item)):
            return None
        every = {key: _first(inner) for key, inner in item.items()}
        fixed = [key for key, first in every.items() if first.condition is None]
        if list(item)[: len(fixed)] != fixed:
            return None
        reached: dict[str, str] = {}
        begun = self._expression({key: item[key] for key in fixed}, target, path, reached)
        if begun is None:
            return None
        out: list[tuple[str, str]] = []
        last: tuple[Any, ...] = (True,) * len(self.plan.instances)
        for key in list(item)[len(fixed) :]:
            condition, present = every[key].condition, every[key].present
            if condition is None or len(present) != len(last):
                return None
            if numbered and any(here and not before for here, before in zip(present, last, strict=True)):
                return None  # its number would be that of the one before, where that is not there
            inner, reach = item[key], f"{target}[{key if numbered else quoted(key)}]"
            if isinstance(inner, _Entry):
                reached[f"{path}.{key}"] = reach
                text = inner.text if inner.kind == "module" else None
            else:
                text = self._expression(inner, reach, f"{path}.{key}", reached, condition)
            if text is None:
                return None
            out.append((condition, f"{target}.append({text})" if numbered else f"{reach} = {text}"))
            last = present
        self._reached.update(reached)
        return begun if fixed else f"nn.Module{'List' if numbered else 'Dict'}()", out

    def _expression(
        self, item: dict[str, Any], target: str, path: str, reached: dict[str, str], under: str | None = None
    ) -> str | None:
        """`under`: the condition that all of it stands under."""
        numbered = list(item) == [str(i) for i in range(len(item))]
        parts = []
        for key, inner in item.items():
            if not numbered and key in _DICT_WORDS:
                return None
            word = f".{key}" if is_attribute(key) else f"[{quoted(key)}]"
            reach = f"{target}[{key}]" if numbered else f"{target}{word}"
            if isinstance(inner, _Entry):
                if inner.kind != "module" or inner.condition != under:
                    return None
                text: str | None = inner.text
                reached[f"{path}.{key}"] = reach
            else:
                text = self._expression(inner, reach, f"{path}.{key}", reached, under)
            if text is None:
                return None
            parts.append(text if numbered else f"{quoted(key)}: {text}")
        inside = ", ".join(parts)
        if numbered and len(parts) > 2 and len(set(parts)) == 1:
            inside = f"{parts[0]} for _ in range({len(parts)})"
        if not numbered:
            self._dicts[path] = (target, [f"{path}.{key}" for key in item])
        return f"nn.ModuleList([{inside}])" if numbered else f"nn.ModuleDict({{{inside}}})"

    def _ties(self) -> None:
        for aligned in self.plan.every_node():
            if aligned.node.shared is not None:
                continue
            for own, other in with_inner_ties(aligned.first):
                for path in aligned.node.paths:
                    self.lines.append(f"{self._member(joined(path, own))} = {self._tied_to(other)}")

    def _tied_to(self, path: str) -> str:
        return self._reached[path] if path in self._reached else self._member(path)

    def _member(self, path: str) -> str:
        """A parameter of a module, or a module in another."""
        module, _, name = path.rpartition(".")
        if is_attribute(name):
            return f"{self._reach(module)}.{name}"
        return f"{self._reach(module)}[{name if name.isdigit() else quoted(name)}]"

    def _reach(self, path: str) -> str:
        """Text of the module at a path from this class."""
        if path in self._reached:
            return self._reached[path]
        parent, _, name = path.rpartition(".")
        if parent in self._reached and name.isdigit() and parent not in self._keyed:
            return f"{self._reached[parent]}[{name}]"
        best = max((p for p in self._reached if path.startswith(p + ".")), key=len)
        rest = path[len(best) + 1 :]
        if all(is_attribute(part) for part in rest.split(".")):
            return f"{self._reached[best]}.{rest}"
        return self._reach_inside(path) or f"self.get_submodule({quoted(path)})"

    def _reach_inside(self, path: str) -> str | None:
        for aligned in self.plan.every_node():
            node, calls = aligned.node, aligned.first.calls
            for own, callee in zip(node.paths, calls, strict=True) if node.shared is None else ():
                if path.startswith(f"{own}."):
                    rest = reach_inside(callee, path[len(own) + 1 :])
                    return None if rest is None else self._reach(own) + rest
        return None


def _first(item: Any) -> _Entry:
    """Of a part of the tree of a class, what stands at its first end."""
    return item if isinstance(item, _Entry) else _first(next(iter(item.values())))


def _made(aligned: NodePlan) -> bool:
    """Has a repeat attributes, its own or those of the repeat that it calls again?"""
    if aligned.node.shared is None:
        return aligned.ctor is not None
    return not aligned.unrolled or any(holds(expr, Module, Own) for expr in aligned.unrolled)
