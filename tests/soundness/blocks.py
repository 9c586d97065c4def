"""Blocks, made where they are first called, and called again elsewhere."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, Any

from archspec.dims import Dim
from archspec.ops.tensor import TensorType
from tests.soundness.lists import Growing, Readable
from tests.soundness.scopes import ABSENT, Scope

if TYPE_CHECKING:
    from tests.soundness.generate import Generator

LOCAL = ("N", "K", "D", "P", "Q", "R")


class Blocks:
    def __init__(self, generator: Generator) -> None:
        self.g = generator
        self.rng = generator.rng
        self.open: list[str] = []  # blocks being made

    def call(self, place: Growing) -> bool:
        known = [name for name in self.g.spec["blocks"] if name not in self.open]
        if known and self.rng.random() < 0.5:
            for name in self.rng.sample(known, min(3, len(known))):
                if self._add(place, name):
                    return True
        if len(self.open) < 2 and len(self.g.spec["blocks"]) < 5:
            return self._new(place)
        return False

    def _new(self, place: Growing) -> bool:
        """A block made for values that are at hand, and called with them."""
        readable = place.readable()
        if not readable:
            return False
        given = [self.rng.choice(readable) for _ in range(self.rng.choice((1, 1, 1, 2)))]
        name = self.made(given)
        if name is not None and self._add(place, name, [each.name for each in given]):
            return True
        self.g.spec["blocks"].pop(name, None)
        return False

    def made(self, given: list[Readable]) -> str | None:
        """The name of a new block for values of these types."""
        rng, g = self.rng, self.g
        name = f"Block{len(g.spec['blocks']) + len(self.open)}"
        while name in g.spec["blocks"]:
            name += "x"
        inputs, local = self._inputs(given)
        block: dict[str, Any] = {"params": {}, "inputs": inputs, "layers": []}
        params: dict[str, Any] = {text: size for size, text in local.items()}
        scope = Scope(ChainMap(params, g.walker.env), ("build", g.count))
        g.count += 1
        scope.values.update(zip(inputs, [each.type for each in given], strict=True))
        inner = Growing(scope, given[0].type if given else ABSENT, params, block=name, names=local)
        self.open.append(name)
        self.params = block["params"]
        outer, g.current = g.current, block["params"]
        before = g.walker.executor
        g.walker.executor = g.trial.executor.copy()
        if given or (g.seldom is not None and g.seldom.begin(inner)):
            g.grow(inner, rng.randint(1, 8))
        g.walker.executor = before
        g.current = outer
        self.open.pop()
        if not inner.items:
            return None
        block["layers"] = inner.items
        outputs = g.outputs(inner)
        if outputs:
            block["outputs"] = list(outputs.values()) if isinstance(outputs, dict) else outputs
        if g.seldom is not None:  # names of ops are given to many an item that does not fit
            text = str(inner.items)
            block["params"] = {param: value for param, value in block["params"].items() if param in text}
        if not block["params"]:
            del block["params"]
        if inputs == {"x": None}:
            del block["inputs"]
        elif all(text is None for text in inputs.values()):
            block["inputs"] = list(inputs)
        g.spec["blocks"][name] = block
        return name

    def _inputs(self, given: list[Readable]) -> tuple[dict[str, Any], dict[Any, str]]:
        """Declared inputs, and the local names of sizes."""
        names = ("x", "y", "z")
        inputs: dict[str, Any] = {}
        local: dict[Any, str] = {}
        for name, each in zip(names, given, strict=False):
            inputs[name] = self._declared(each.type, local) if self.rng.random() < 0.5 else None
        return inputs, {size: text for size, text in local.items() if isinstance(size, Dim)}

    def _declared(self, kind: TensorType, local: dict[Any, str]) -> str:
        sizes = []
        for size in kind.shape:
            if isinstance(size, int) and self.rng.random() < 0.6:
                sizes.append(str(size))
                continue
            if size not in local and len(local) < len(LOCAL):
                local[size] = LOCAL[len(local)]
            sizes.append(local.get(size, str(size)))
        return f"{kind.dtype}[{', '.join(sizes)}]"

    def _add(self, place: Growing, name: str, given: list[str] | None = None) -> bool:
        rng, g = self.rng, self.g
        block = g.spec["blocks"][name]
        declared = block.get("inputs", ["x"])
        readable = place.readable()
        args: dict[str, Any] = {}
        for param, default in block.get("params", {}).items():
            if rng.random() < 0.4 and isinstance(default, int):
                args[param] = not default if isinstance(default, bool) else default + rng.choice((0, 0, 1, 2))
        for plain in (args, {}):
            item: dict[str, Any] = {name: plain}
            if given is None and len(declared) > 1 and len(readable) < 1:
                return False
            source = given or ([rng.choice(readable).name for _ in declared] if readable else None)
            if source and (given is not None or len(declared) > 1 or rng.random() < 0.5):
                item["from"] = source if len(source) > 1 else source[0]
            if rng.random() < 0.6:
                item["name"] = g.fresh("m")
            outputs = block.get("outputs")
            if outputs and len(outputs) > 1 and rng.random() < 0.6:
                item["outputs"] = [g.fresh("o") for _ in outputs]
            if g.seldom is not None and g.seldom.inline(place, name):
                item["inline"] = True
            full = dict(item)
            if "inline" not in item and rng.random() < 0.25:
                full["repeat"] = rng.choice((1, 2, 3))
                self.g.joined(full)
                if outputs and len(outputs) >= 2 and len(declared) >= 2 and rng.random() < 0.6:
                    full["repeat"] = {"count": full["repeat"], "carry": 2}
                    full.pop("merge", None)
                if plain and rng.random() < 0.5:
                    key = rng.choice(list(plain))
                    value, default = plain[key], block["params"][key]
                    full[name] = {**plain, key: f"$({value} if i == 0 else {default})"}
            if rng.random() < 0.08 and "merge" not in full:
                full["when"] = g.structures.condition(place, "repeat" in full)
            if g.trial.add(place, full) or g.trial.add(place, item):
                return True
        return False
