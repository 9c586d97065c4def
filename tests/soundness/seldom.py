"""What the language has and networks seldom need: a part of the specs is made with it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from archspec.dims import Dim
from archspec.ops.registry import all_ops, find
from tests.soundness.arguments import Arguments
from tests.soundness.lists import Growing, Readable
from tests.soundness.scans import JOINS
from tests.soundness.scopes import Path, Step
from tests.soundness.structures import MERGES
from tests.soundness.walker import STRUCTURES, arguments, key_of

if TYPE_CHECKING:
    from tests.soundness.generate import Generator

SOURCES = tuple(cls for cls in all_ops().values() if not cls.inputs)
CLOSED = {"scan", "route", "carry", "over", "tie"}  # where names are not renamed
Maker = Callable[[Growing], bool]


class Seldom:
    def __init__(self, generator: Generator) -> None:
        self.g = generator
        self.rng = generator.rng
        self.inlined: set[tuple[str, str]] = set()  # (block, the one that it is put into)

    def kinds(self, place: Growing) -> list[tuple[float, Maker]]:
        kinds: list[tuple[float, Maker]] = [(2, self.taken_apart), (2, self.kept)]
        if place.depth == 0:
            kinds += [(2, self.tied), (3, self.by_turn)]
        if len(self.g.blocks.open) < 2 and len(self.g.spec["blocks"]) < 5:
            kinds.append((0.7, self.from_nothing))
        return kinds

    # -- words on other items ----------------------------------------------------------------------------------

    def written(self, item: Any) -> Any:
        """An item, perhaps with a parameter that names its op."""
        if self.rng.random() > (0.3 if item in MERGES else 0.1):
            return item
        written = dict(item) if isinstance(item, dict) else {item: None}
        name = key_of(written)
        param = self.g.fresh("op")
        several = item in MERGES or isinstance(written.get("from"), (list, dict))
        value = None if not several and self.rng.random() < 0.1 else name  # null is the identity
        self.g.current[param] = self.g.walker.env[param] = value
        out = {f"${param}" if key == name else key: value for key, value in written.items()}
        return f"${param}" if out == {f"${param}": None} else out

    def inline(self, place: Growing, block: str) -> bool:
        """Are the items of the block put into the list? Once in each module: they have one name there."""
        if (block, place.block) in self.inlined or self.rng.random() > 0.5:
            return False
        self.inlined.add((block, place.block))
        return True

    # -- items -------------------------------------------------------------------------------------------------

    def begin(self, place: Growing) -> bool:
        """An item that reads nothing, for a list that has nothing to read."""
        for cls in self.rng.sample(SOURCES, min(len(SOURCES), 6)):
            item = {cls.name: arguments(cls, copy.deepcopy(self.rng.choice(cls.examples).args))}
            if not any(item[cls.name].get(name) for name in cls.ref_inputs) and self.g.trial.add(
                place, {**item, "name": self.g.fresh("v")}
            ):
                return True
        return False

    def from_nothing(self, place: Growing) -> bool:
        """A block that reads nothing."""
        name = self.g.blocks.made([])
        if name is None:
            return False
        item: dict[str, Any] = {"name": self.g.fresh("m"), name: {}}
        if self.rng.random() < 0.3:
            item["inline"] = True
            self.inlined.add((name, place.block))
        if self.g.trial.add(place, item):
            return True
        del self.g.spec["blocks"][name]
        return False

    def kept(self, place: Growing) -> bool:
        """An item like an earlier one, that forward leaves out; mostly something uses it later."""
        rng, g = self.rng, self.g
        name = g.fresh("k")
        for given in rng.sample(place.items, len(place.items)):
            item = _alone(given)
            if item is None or not g.trial.add(place, {**item, "name": name, "forward": False}):
                continue
            for _ in range(rng.choice((0, 1, 1, 2))):
                use: dict[str, Any] = {"use": name}
                if "from" in item and rng.random() < 0.8:
                    use["from"] = item["from"]
                if rng.random() < 0.3 and "repeat" not in item and place.depth == 0 and "from" not in use:
                    use = {"residual": [use]}
                elif rng.random() < 0.5:
                    use["name"] = g.fresh("v")
                g.trial.add(place, use)
            return True
        return False

    def tied(self, place: Growing) -> bool:
        """An item like an earlier one with modules inside, of which one is that of the other."""
        rng, g = self.rng, self.g
        if rng.random() < 0.5:
            self._modules(place)
        found = [(n, s) for n, s in place.scope.steps.items() if _has_modules(s)]
        for name, step in rng.sample(found, len(found)):
            inside = [own for own, path in g.walker.names.inside(place.scope.home.module, name) if self._learns(path)]
            if not inside:
                continue
            own = rng.choice(inside)
            if "." in own and rng.random() < 0.5:
                own = own.rpartition(".")[0]
            item = {key: copy.deepcopy(value) for key, value in step.item.items() if key not in ("outputs", "forward")}
            if "." in name:  # a turn of a repeat
                item.pop("repeat")
            if g.trial.add(place, {**item, "name": g.fresh("m"), "tie": {own: f"{name}.{own}"}}):
                return True
        return False

    def _modules(self, place: Growing) -> None:
        """An item with modules inside that learn."""
        rng, g = self.rng, self.g
        fits = [each for each in place.readable() if each.type.rank and isinstance(each.type.shape[-1], int)]
        if not fits:
            return
        learned: tuple[Any, ...] = ({"linear": rng.randint(1, 6)}, {"layer_norm": {}}, {"prelu": {}}, {"rms_norm": {}})
        items = [{"name": g.fresh("v"), **rng.choice(learned)} for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.3:
            items = [{"name": g.fresh("s"), "sequence": items}]
        key, value = "sequence", items
        if len(g.spec["blocks"]) < 5 and rng.random() < 0.5:
            key, value = g.fresh("Modules"), {}
            g.spec["blocks"][key] = {"layers": items}
        if not g.trial.add(place, {"name": g.fresh("m"), key: value, "from": rng.choice(fits).name}):
            g.spec["blocks"].pop(key, None)

    def _learns(self, path: Path) -> bool:
        return any(state.parameter for state in self.g.trial.executor.states.get(path, ()))

    def taken_apart(self, place: Growing) -> bool:
        """A dimension of symbolic size taken apart again, or in two."""
        rng, g = self.rng, self.g
        readable = [each for each in place.readable() if any(isinstance(size, Dim) for size in each.type.shape)]
        if not readable:
            return False
        x = rng.choice(readable)
        axis = rng.choice([k for k, size in enumerate(x.type.shape) if isinstance(size, Dim)])
        size = self._size(place, x, axis)
        pieces: list[Any] = rng.choice(
            [[f"${size}"], [1, f"$({size} - 1)"], [f"$({size} // 2)", f"$({size} - {size} // 2)"], []]
        )
        if not pieces:
            fits = [each for each in place.readable() if _go_together(x, each, axis)]
            y = rng.choice(fits)
            joined = Readable(g.fresh("v"), x.type)
            if not g.trial.add(place, {"name": joined.name, "concat": {"dim": axis}, "from": [x.name, y.name]}):
                return False
            pieces, x = [f"${size}", f"${self._size(place, y, axis)}"], joined
        dim = axis if rng.random() < 0.5 else axis - x.type.rank
        args = {"split_size": pieces, "dim": dim}
        return g.trial.add(place, {"split": args, "from": x.name, "outputs": [g.fresh("o") for _ in pieces]})

    def _size(self, place: Growing, x: Readable, axis: int) -> str:
        """A size as an expression writes it: `T`, `(2*T)`, `6`."""
        return str(Arguments(self.rng, x.type, place.names).written(x.type.shape[axis])).removeprefix("$")

    def by_turn(self, place: Growing) -> bool:
        """A repeat of which each turn gives the list its names, and reads what the turn before has made."""
        rng, g = self.rng, self.g
        readable = place.readable()
        if not readable:
            return False
        x = rng.choice(readable)
        base = g.fresh("t")
        if not g.trial.add(
            place, {"name": f"{base}0", rng.choice(("identity", "neg", "contiguous")): {}, "from": x.name}
        ):
            return False
        count = rng.choice((1, 2, 3))
        inner = place.nested({"i": 0, "k": 0}, g.count)
        g.count += 1
        inner.value = x.type
        before = g.walker.executor
        g.walker.executor = g.trial.executor.copy()
        g.grow(inner, rng.randint(1, 4))
        if any(f"'{word}'" in str(inner.items) for word in CLOSED):
            g.walker.executor = before
            return False
        turn = "k" if "'repeat'" in str(inner.items) or rng.random() < 0.3 else "i"  # which an inner repeat would hide
        renamed = self._go_by(inner, turn)
        chain = [each.name for each in inner.readable() if each.name in inner.scope.values]
        self._next(inner, base, turn, [renamed.get(name, name) for name in reversed(chain[-3:])])
        g.walker.executor = before
        repeat = count if turn == "i" else {"each": list(range(count)), "as": "k"}
        item: dict[str, Any] = {"from": x.name, "repeat": repeat, "sequence": inner.items}
        if rng.random() < 0.4:
            item["outputs"] = [g.fresh("o")]
        joined = dict(item)
        g.joined(joined)
        return g.trial.add(place, joined) or (joined != item and g.trial.add(place, item))

    def _go_by(self, place: Growing, turn: str) -> dict[str, str]:
        """All names of the list go by the turn, and so does what reads them: {what a name was: what it is}."""
        place.items[:] = self._named(place.items)
        renamed = {name: f"{name}_${turn}" for name in self._names(place.items)}
        place.items[:] = _replaced(place.items, renamed)
        for known in (place.scope.values, place.scope.steps):
            known.update({f"{name}_0": each for name, each in known.items() if name in renamed})
        return renamed

    def _named(self, items: list[Any]) -> list[Any]:
        """The items with a name for everything that has modules, since each turn has its own."""
        out = []
        for given in items:
            item = (
                {key: each for key, each in given.items() if key != "inline"}
                if isinstance(given, dict)
                else {given: None}
            )
            key = key_of(item)
            if "name" in item or key == "use":
                pass
            elif key in ("sequence", "residual") and "repeat" not in item:
                body = item[key]
                parts = {part: self._named(each) for part, each in body.items()} if isinstance(body, dict) else None
                item[key] = self._named(body) if parts is None else parts
            else:
                item["name"] = self.g.fresh("v")
            out.append(item)
        return out

    def _names(self, items: list[Any]) -> list[str]:
        """The names of a list and of the unnamed structures in it; some of results."""
        out = []
        for item in items:
            key = key_of(item)
            out += [item["name"]] if "name" in item else []
            out += [name for name in item.get("outputs", ()) if name != "_" and self.rng.random() < 0.5]
            if key in ("sequence", "residual") and "name" not in item:
                inner = item[key]
                out += [
                    n for each in (inner.values() if isinstance(inner, dict) else [inner]) for n in self._names(each)
                ]
        return out

    def _next(self, inner: Growing, base: str, turn: str, others: list[str]) -> None:
        """The value that the next turn reads by its name: this one's with something of the turn, of the same type."""
        made = {"name": f"{base}$({turn} + 1)"}
        kept = inner.scope.value(f"{base}0")
        for op in self.rng.sample(JOINS, len(JOINS)):
            for other in others:
                item = {**made, op: {}, "from": [f"{base}${turn}", other]}
                before = list(inner.items), inner.value
                if self.g.trial.add(inner, item):
                    if inner.value == kept:
                        return
                    inner.items[:], inner.value = before
        self.g.trial.add(inner, {**made, "neg": {}, "from": f"{base}${turn}"})


def _alone(given: Any) -> dict[str, Any] | None:
    """The item, if it may stand there for its modules alone."""
    item = copy.deepcopy(given) if isinstance(given, dict) else {given: None}
    key = key_of(item)
    if key in ("use", "scan") or key.startswith("$") or {"tie", "inline", "merge", "route"} & set(item):
        return None
    cls = find(key)
    if cls is not None and cls.bare():
        return None
    if "$" in str(item.get("name")):
        return None
    item.pop("outputs", None)
    return item


def _has_modules(step: Step) -> bool:
    key = key_of(step.item)
    one = len(step.turns) == 1 and "tie" not in step.item and "when" not in step.item
    return one and (key in STRUCTURES or key[0].isupper()) and "$" not in str(step.item.get("name"))


def _go_together(x: Readable, y: Readable, axis: int) -> bool:
    """May both be put together along the dimension?"""
    if x.type.rank != y.type.rank or x.type.dtype != y.type.dtype:
        return False
    return all(a == b for k, (a, b) in enumerate(zip(x.type.shape, y.type.shape, strict=True)) if k != axis)


def _replaced(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _replaced(value, names) for key, value in node.items()}
    if isinstance(node, list):
        return [_replaced(each, names) for each in node]
    return names.get(node, node) if isinstance(node, str) else node
