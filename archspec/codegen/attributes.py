"""`__init__`: which attributes a class has, and how forward reaches each."""

from __future__ import annotations

from typing import Any

from archspec.codegen.construct import Construct
from archspec.codegen.names import is_attribute
from archspec.codegen.plan import ClassPlan, NodePlan
from archspec.codegen.printer import quoted
from archspec.codegen.tree import Chain, Counted
from archspec.graph.reserved import RESERVED

_DICT_WORDS = {*RESERVED, "clear", "items", "keys", "pop", "update", "values"}


class _Entry:
    """A module or tensor at the end of a path. `kind` as Op.attribute; `condition` where some instances lack it."""

    def __init__(self, text: str, kind: str, condition: str | None, persistent: bool = True) -> None:
        self.text = text
        self.kind = kind
        self.condition = condition
        self.persistent = persistent


class Attributes:
    """`lines`: statements of `__init__`. `access`: text of each node's module(s) in forward."""

    def __init__(self, plan: ClassPlan, construct: Construct) -> None:
        self.plan = plan
        self.construct = construct
        self.lines: list[str] = []
        self._tree: dict[str, Any] = {}
        self._single: dict[int, list[str]] = {}
        taken = {path for n in plan.nodes if n.ctor is not None for path in n.node.paths}
        for number, aligned in enumerate(plan.nodes):
            if aligned.ctor is not None:
                self._add(number, aligned, taken)
        self._reached: dict[str, str] = {}
        for name, item in self._tree.items():
            self._statement(name, item)
        self._ties()

    def access(self, number: int) -> str:
        """`self.encoder[0]`: the attribute of a node (of the node whose modules it shares)."""
        return self._reached[self._path(number)]

    def each(self, number: int) -> list[str]:
        """The attributes of a repeat whose turns have places of their own; empty otherwise."""
        return [self._reached[p] for p in self._single.get(number, ())]

    def _path(self, number: int) -> str:
        node = self.plan.nodes[number].node
        if node.shared is not None:
            item = self.plan.instances[0].nodes[node.shared].node.item
            return self._path(next(k for k, n in enumerate(self.plan.nodes) if n.node.item == item))
        return node.paths[0].rpartition(".")[0] if node.repeated else node.paths[0]

    def _add(self, number: int, aligned: NodePlan, taken: set[str]) -> None:
        node = aligned.node
        op = aligned.op
        kind = op.attribute if op is not None else "module"
        condition = None if aligned.present is None else self.construct.parameters.text(aligned.present)
        if node.repeated:
            parent = node.paths[0].rpartition(".")[0]
            own = set(node.paths)
            shared = any(p not in own and (p == parent or p.startswith(parent + ".")) for p in taken)
            if parent and not shared:
                self._put(parent, _Entry(self.construct.text(aligned.ctor), "module", condition))
                return
            self._single[number] = list(node.paths)
            for path, text in zip(node.paths, self._turns(aligned.ctor), strict=True):
                self._put(path, _Entry(text, "module", condition))
            return
        persistent = all(
            state.persistent
            for c, i in zip(aligned.first.calls, aligned.first.call_inputs, strict=True)
            if kind == "buffer"
            for state in c.state(*i)  # type: ignore[union-attr]
        )
        self._put(node.paths[0], _Entry(self.construct.text(aligned.ctor), kind, condition, persistent))

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
        target = f"self.{name}" if is_attribute(name) else f'getattr(self, "{name}")'
        if isinstance(item, _Entry):
            self._reached[name] = target
            self._leaf("self", name, item)
        else:
            self._container("self", name, target, item, name)

    def _leaf(self, owner: str, name: str, entry: _Entry) -> None:
        if entry.kind == "buffer":
            tail = "" if entry.persistent else ", persistent=False"
            made = [f"{owner}.register_buffer({quoted(name)}, {entry.text}{tail})"]
        elif is_attribute(name):
            made = [f"{owner}.{name} = {entry.text}"]
        else:
            method = "register_parameter" if entry.kind == "parameter" else "add_module"
            made = [f"{owner}.{method}({quoted(name)}, {entry.text})"]
        if entry.condition is not None:
            if is_attribute(name) and entry.kind == "module":
                self.lines.append(f"{owner}.{name} = None")
            made = [f"if {entry.condition}:", *(f"    {line}" for line in made)]
        self.lines += made

    def _container(self, owner: str, name: str, target: str, item: dict[str, Any], path: str) -> None:
        text = self._literal(item, target, path)
        if text is None:
            text = "nn.Module()"
        else:
            item = {}
        if is_attribute(name):
            self.lines.append(f"{owner}.{name} = {text}")
        else:
            self.lines.append(f"{owner}.add_module({quoted(name)}, {text})")
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

    def _expression(self, item: dict[str, Any], target: str, path: str, reached: dict[str, str]) -> str | None:
        numbered = list(item) == [str(i) for i in range(len(item))]
        parts = []
        for key, inner in item.items():
            if not numbered and (key in _DICT_WORDS or not is_attribute(key)):
                return None
            reach = f"{target}[{key}]" if numbered else f"{target}.{key}"
            if isinstance(inner, _Entry):
                if inner.kind != "module" or inner.condition is not None:
                    return None
                text: str | None = inner.text
                reached[f"{path}.{key}"] = reach
            else:
                text = self._expression(inner, reach, f"{path}.{key}", reached)
            if text is None:
                return None
            parts.append(text if numbered else f"{quoted(key)}: {text}")
        inside = ", ".join(parts)
        return f"nn.ModuleList([{inside}])" if numbered else f"nn.ModuleDict({{{inside}}})"

    def _ties(self) -> None:
        for number, aligned in enumerate(self.plan.nodes):
            for own, other in aligned.node.tie.items():
                if aligned.node.shared is None:
                    self.lines.append(f"{self.access(number)}.{own} = {self._reach(other)}")

    def _reach(self, path: str) -> str:
        """Text of a parameter's path from this class."""
        best = max((p for p in self._reached if path == p or path.startswith(p + ".")), key=len)
        text = self._reached[best]
        for part in path[len(best) + 1 :].split(".") if len(path) > len(best) else ():
            text += f"[{part}]" if part.isdigit() else f".{part}"
        return text
