"""Random specs that hold, as far as the ops' own rules say. A new op is picked up from its declaration."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from archspec.dims import Constraints, Facts, symbol
from archspec.ops.base import Op
from archspec.ops.registry import all_ops
from archspec.ops.tensor import DTYPES, TensorType
from archspec.reading.types import parse_type
from tests.soundness import words
from tests.soundness.blocks import Blocks
from tests.soundness.lists import Growing, Trial
from tests.soundness.op_items import OpItems
from tests.soundness.routes import Routes
from tests.soundness.scans import Scans
from tests.soundness.scopes import ABSENT, Scope
from tests.soundness.seldom import Seldom
from tests.soundness.structures import MERGES, Structures
from tests.soundness.types_run import TypesExecutor
from tests.soundness.walker import Walker

MOST = 60  # items of a spec
USUAL = ("float32[B, 6]", "float32[B, T, 8]", "float32[B, 4, H, W]", "int64[B, T]", "float32[B, 3, T]")
SYMBOLS = ("B", "T", "H", "W", "S")
OPS = tuple(all_ops().values())


class Generator:
    """Makes one spec. `budget` is how many items it may have; `seldom`: also of those that networks seldom have."""

    def __init__(self, rng: Random, budget: int = MOST, *, seldom: bool = False) -> None:
        self.rng = rng
        self.left = budget
        self.count = 0
        self.spec: dict[str, Any] = {"archspec": 1, "name": "random", "params": {}, "inputs": {}, "blocks": {}}
        self.facts: dict[str, dict[str, int]] = {}
        self.walker = Walker(self.spec, TypesExecutor(Constraints()), {})
        self.trial = Trial(rng, self.walker)
        self.ops = OpItems(self)
        self.blocks = Blocks(self)
        self.structures = Structures(self)
        self.scans = Scans(self)
        self.routes = Routes(self)
        self.seldom = Seldom(self) if seldom else None
        self.current = self.spec["params"]  # parameters of the root, or of the block that is being made

    def make(self) -> dict[str, Any]:
        rng = self.rng
        for _ in range(rng.choice((1, 1, 2, 2, 3))):
            self.add_inputs(self.pick_op())
        if not self.spec["inputs"]:
            self.declare(rng.choice(USUAL))
        self.promise()
        scope = Scope(self.walker.env, ())
        scope.values.update({name: self.type(text) for name, text in self.spec["inputs"].items()})
        root = Growing(scope, next(iter(scope.values.values())), self.walker.env)
        self.root = root
        self.grow(root, rng.choice((1, 3, 6, 12, 25, 60)))
        while not root.items and self.left > 0:
            self.grow(root, 1)
        if not root.items:
            root.items.append("identity")
        self.spec["layers"] = root.items
        outputs = self.outputs(root)
        if outputs:
            self.spec["outputs"] = outputs
        return self.finished()

    def finished(self) -> dict[str, Any]:
        text = str(self.spec["layers"]) + str(self.spec["blocks"])
        spec = {key: value for key, value in self.spec.items() if value or key in ("archspec", "layers")}
        if "params" in spec:
            used = {name: value for name, value in spec["params"].items() if name in text}
            spec["params"] = used
        spec.pop("blocks", None)
        if self.spec["blocks"]:
            spec["blocks"] = self.spec["blocks"]
        if self.facts:
            spec["symbols"] = self.facts
        order = ("archspec", "name", "params", "inputs", "symbols", "blocks", "layers", "outputs")
        return {key: spec[key] for key in order if spec.get(key)}

    # -- inputs and their symbols ------------------------------------------------------------------------------

    def pick_op(self) -> type[Op]:
        return self.rng.choice(OPS)

    def add_inputs(self, cls: type[Op]) -> None:
        """Inputs that an example of the op reads, varied."""
        example = self.rng.choice(cls.examples)
        texts = (example.inputs,) if isinstance(example.inputs, str) else example.inputs
        for text in texts:
            if text is not None and len(self.spec["inputs"]) < 4:
                self.declare(self.varied(text))

    def varied(self, text: str) -> str:
        """A type text with one thing about it changed, perhaps."""
        rng = self.rng
        dtype, sizes = words.parts_of_type(text)
        chance = rng.random()
        if chance < 0.25 and sizes:
            at = rng.randrange(len(sizes))
            new = (
                str(rng.randint(1, 8)),
                rng.choice(SYMBOLS),
                f"{rng.choice((2, 3))}*{rng.choice(SYMBOLS)}",
                f"{rng.choice(SYMBOLS)} + 1",
            )
            sizes[at] = rng.choice(new)
        elif chance < 0.3:
            dtype = rng.choice(DTYPES)
        elif chance < 0.35:
            sizes = sizes[1:] if rng.random() < 0.5 else [str(rng.randint(1, 3)), *sizes]
        return f"{dtype}[{', '.join(sizes)}]"

    def declare(self, text: str) -> str:
        name = f"x{len(self.spec['inputs'])}"
        self.spec["inputs"][name] = text
        for each in words.symbols_of(text):
            self.walker.env.setdefault(each, symbol(each))
        return name

    def type(self, text: str) -> TensorType:
        return TensorType(*parse_type(text, self.walker.env))

    def symbols(self) -> list[str]:
        return list(dict.fromkeys(name for text in self.spec["inputs"].values() for name in words.symbols_of(text)))

    def promise(self) -> None:
        rng = self.rng
        for name in self.symbols():
            if rng.random() < 0.25:
                own: dict[str, int] = {}
                if rng.random() < 0.4:
                    own["min"] = rng.randint(1, 16)
                if rng.random() < 0.4:
                    own["max"] = rng.randint(20, 40)
                if rng.random() < 0.4 or not own:
                    own["multiple_of"] = rng.choice((1, 2, 3, 4, 8))
                self.facts[name] = own
        self.walker.executor = TypesExecutor(Constraints(Facts(self.facts)))

    # -- items -------------------------------------------------------------------------------------------------

    def grow(self, place: Growing, count: int) -> None:
        """Add up to `count` items to the list."""
        rng = self.rng
        kinds: list[tuple[float, Callable[[Growing], bool]]] = [
            (14, self.ops.add),
            (2, self.ops.again),
            (1, self.ops.twin),
        ]
        if place.depth < 3:
            kinds += [(3, self.structures.residual), (2, self.structures.sequence), (3, self.structures.parallel)]
            kinds += [(3, self.blocks.call), (1.5, self.scans.add), (1.5, self.routes.add)]
        if self.seldom is not None:
            kinds += self.seldom.kinds(place)
        weights = [weight for weight, _ in kinds]
        for _ in range(count):
            if self.left <= 0:
                return
            self.left -= 1
            rng.choices([make for _, make in kinds], weights)[0](place)

    def joined(self, item: dict[str, Any]) -> None:
        """A repeat whose turns do not follow one another, but are joined."""
        if self.rng.random() < 0.35 and "outputs" not in item and "$" not in str(item.get("name")):
            item["merge"] = self.merge()

    def merge(self) -> Any:
        """An op that joins values."""
        return self.written(self.rng.choice(MERGES))

    def written(self, item: Any) -> Any:
        """An item; perhaps a parameter names its op."""
        return item if self.seldom is None else self.seldom.written(item)

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def outputs(self, place: Growing) -> Any:
        """`outputs` of a root or block, None for the last value."""
        own = [name for name, value in place.scope.values.items() if value is not ABSENT and "." not in name]
        if not own or self.rng.random() < 0.6:
            return None
        chosen = self.rng.sample(own, min(len(own), self.rng.randint(1, 3)))
        if self.rng.random() < 0.5:
            return chosen
        return {f"out{k}": name for k, name in enumerate(chosen)}

    def params_of(self, place: Growing) -> tuple[dict[str, Any], dict[str, Any]]:
        """Where a new parameter is declared, and where its value is read while the list is made."""
        return self.current, place.params

    def lifted(self, value: Any, params: dict[str, Any], env: dict[str, Any]) -> Any:
        """An integer argument as a parameter or an expression."""
        rng = self.rng
        if isinstance(value, bool) or not isinstance(value, int) or rng.random() > 0.12:
            return value
        if rng.random() < 0.5:
            return f"$({value - 1} + 1)" if rng.random() < 0.5 else f"$(2 * {value} // 2)"
        name = self.fresh("p")
        params[name] = env[name] = value
        return f"${name}"


def generate(rng: Random, budget: int = MOST, *, seldom: bool = False) -> dict[str, Any]:
    """A random spec."""
    return Generator(rng, budget, seldom=seldom).make()
