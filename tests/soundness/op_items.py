"""Items that are ops: which op, with which arguments, reading what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspec.ops.base import Example, Op
from archspec.ops.tensor import TensorType
from archspec.reading.types import parse_type
from tests.soundness.arguments import Arguments
from tests.soundness.lists import Growing, Readable
from tests.soundness.walker import arguments

if TYPE_CHECKING:
    from tests.soundness.generate import Generator

ATTEMPTS = 5
PLAIN = ("contiguous", "neg", "relu", "identity")  # what gives a second value of the same type


class OpItems:
    def __init__(self, generator: Generator) -> None:
        self.g = generator
        self.rng = generator.rng

    def add(self, place: Growing) -> bool:
        """An op that fits what the list has."""
        for _ in range(ATTEMPTS):
            cls = self.g.pick_op()
            for _ in range(3):
                if self._attempt(place, cls):
                    return True
        return place.is_root and self._as_written(place, self.g.pick_op())

    def _attempt(self, place: Growing, cls: type[Op]) -> bool:
        rng = self.rng
        number = rng.randrange(len(cls.examples))
        reads = self._reads(place, cls, cls.examples[number])
        if reads is None:
            return False
        source, x = reads
        makes = Arguments(rng, x, place.names)
        args = makes.near(cls, number)
        for name in cls.ref_inputs:
            if args.get(name) is not None:
                names = place.readable()
                if not names:
                    return False
                args[name] = rng.choice(names).name
        item: dict[str, Any] = {cls.name: self._written(place, cls, args)}
        if source is not None:
            item["from"] = source
        self._named(place, cls, item)
        if rng.random() < 0.08:
            self._repeated(place, item, cls.name)
            self.g.joined(item)
        if rng.random() < 0.05 and "merge" not in item:
            item["when"] = self.g.structures.condition(place, "repeat" in item)
        return self.g.trial.add(place, self.g.written(item if len(item) > 1 or item[cls.name] != {} else cls.name))

    def _as_written(self, place: Growing, cls: type[Op]) -> bool:
        """The op as one of its examples has it, on inputs of the spec that are there for it."""
        example = self.rng.choice(cls.examples)
        texts = (example.inputs,) if isinstance(example.inputs, str) else example.inputs
        if len(self.g.spec["inputs"]) + len(texts) > 6:
            return False
        given: list[str | None] = []
        for text in texts:
            name = None if text is None else self.g.declare(text)
            given.append(name)
            if text is not None and name is not None:
                place.scope.values[name] = TensorType(*parse_type(text))
        place.scope.env = self.g.walker.env
        args = arguments(cls, example.args)
        several = bool(cls.inputs) and cls.inputs[-1].startswith("*")
        count = len(given) if several else len(cls.inputs)
        args.update({name: value for name, value in zip(cls.ref_inputs, given[count:], strict=False) if value})
        item: dict[str, Any] = {"name": self.g.fresh("v"), cls.name: args}
        read = given[:count]
        if read and several:
            item["from"] = read
        elif read:
            pairs = zip(cls.inputs, read, strict=False)
            item["from"] = {name.strip("?"): value for name, value in pairs if value is not None}
        return self.g.trial.add(place, item)

    # -- what is read ------------------------------------------------------------------------------------------

    def _reads(self, place: Growing, cls: type[Op], example: Example) -> tuple[Any, TensorType | None] | None:
        """`from` (None: the value before), and the type of the first input."""
        rng = self.rng
        if not cls.inputs:
            return None, rng.choice(place.readable()).type if place.readable() else place.chain
        texts = (example.inputs,) if isinstance(example.inputs, str) else example.inputs
        wanted = [None if text is None else TensorType(*parse_type(text)) for text in texts]
        several = cls.inputs[-1].startswith("*")
        own = wanted if several else wanted[: len(cls.inputs)]
        given = [k for k, want in enumerate(own) if want is not None]
        if given == [0] and place.chain is not None and rng.random() < 0.75:
            return None, place.chain
        readable = place.readable()
        if not readable or not given:
            return None
        chosen: dict[int, Readable] = {}
        for k in given:
            first = chosen.get(given[0])
            found = self._like(place, own[k], own[given[0]], first)  # type: ignore[arg-type]
            if found is None:
                return None
            chosen[k] = found
        x = chosen[given[0]].type
        names = [chosen[k].name for k in given]
        if given == list(range(len(given))) and (several or rng.random() < 0.8):
            return (names[0] if len(names) == 1 and rng.random() < 0.7 else names), x
        return {cls.inputs[k].strip("?"): chosen[k].name for k in given}, x

    def _like(
        self, place: Growing, want: TensorType, first_want: TensorType, first: Readable | None
    ) -> Readable | None:
        """A value to read where the example has `want`."""
        rng = self.rng
        same = first is not None and want == first_want
        if same and first is not None and rng.random() < 0.3:
            return self._sibling(place, first)
        if first is not None and rng.random() < 0.15:
            made = self._parameter(place, want, first.type)
            if made is not None:
                return made

        def score(each: Readable) -> float:
            fit = 3.0 * (each.type.rank == want.rank) + 2.0 * (each.type.dtype == want.dtype)
            fit += 4.0 * (same and first is not None and each.type == first.type and each.name != first.name)
            fit += sum(a == b for a, b in zip(each.type.shape, want.shape, strict=False))
            return fit + rng.random() * 3

        return max(place.readable(), key=score)

    def _sibling(self, place: Growing, first: Readable) -> Readable:
        """Another value of the same type."""
        name = self.g.fresh("v")
        for op in self.rng.sample(PLAIN, len(PLAIN)):
            if self.g.trial.add(place, {"name": name, op: {}, "from": first.name}):
                return Readable(name, place.scope.values[name])
        return first

    def _parameter(self, place: Growing, want: TensorType, first: TensorType) -> Readable | None:
        """A tensor of the module's own that may go with `first`."""
        rng = self.rng
        like = first.shape if want.rank == first.rank else want.shape
        shape = [
            s if isinstance(s, int) and rng.random() < 0.8 else rng.choice((1, 1, rng.randint(1, 8))) for s in like
        ]
        op = "parameter" if want.is_floating else "buffer"
        args: dict[str, Any] = {"shape": shape}
        if want.dtype != "float32":
            args["dtype"] = want.dtype
        name = self.g.fresh("w")
        if not self.g.trial.add(place, {"name": name, op: args}):
            return None
        return Readable(name, place.scope.values[name])

    # -- how it is written -------------------------------------------------------------------------------------

    def _written(self, place: Growing, cls: type[Op], args: dict[str, Any]) -> Any:
        rng = self.rng
        params, env = self.g.params_of(place)
        out = {}
        for name, value in args.items():
            if isinstance(value, list):
                out[name] = [self.g.lifted(each, params, env) for each in value]
            else:
                out[name] = self.g.lifted(value, params, env)
        first = next(iter(cls.args), None)
        if list(out) == [first] and not isinstance(out[first], dict) and out[first] is not None and rng.random() < 0.4:
            return out[first]
        return out

    def _named(self, place: Growing, cls: type[Op], item: dict[str, Any]) -> None:
        rng = self.rng
        if rng.random() < 0.6:
            item["name"] = self.g.fresh("v")
        many = len(cls.result) > 1 or cls.result[0].startswith("*")
        if many and rng.random() < 0.6:
            names = [self.g.fresh("o") if rng.random() < 0.8 else "_" for _ in range(rng.randint(1, 3))]
            item["outputs"] = names

    def _repeated(self, place: Growing, item: dict[str, Any], key: str) -> None:
        rng = self.rng
        args = item[key]
        numbers = (
            [n for n, v in args.items() if isinstance(v, int) and not isinstance(v, bool)]
            if isinstance(args, dict)
            else []
        )
        if numbers and rng.random() < 0.6:
            name = rng.choice(numbers)
            if rng.random() < 0.5:
                item["repeat"] = {"each": [args[name], args[name] + rng.randint(0, 2)], "as": "entry"}
                args[name] = "$entry"
            else:
                item["repeat"] = rng.randint(1, 3)
                args[name] = f"$({args[name]} if i == 0 else {args[name] + rng.randint(0, 1)})"
        else:
            item["repeat"] = rng.choice((1, 2, 3))
        if rng.random() < 0.15 and "name" in item:
            item["name"] = f"{item['name']}_$i"

    # -- modules once more -------------------------------------------------------------------------------------

    def again(self, place: Growing) -> bool:
        """`use` of an earlier item of the list."""
        names = list(place.scope.steps)
        if not names:
            return False
        item: dict[str, Any] = {"use": self.rng.choice(names)}
        if self.rng.random() < 0.5:
            item["name"] = self.g.fresh("v")
        readable = place.readable()
        if readable and self.rng.random() < 0.6:
            item["from"] = self.rng.choice(readable).name
        return self.g.trial.add(place, item)

    def twin(self, place: Growing) -> bool:
        """An item like an earlier one, that shares a parameter of it."""
        if place.depth:
            return False
        found = [
            (name, step)
            for name, step in place.scope.steps.items()
            if len(step.turns) == 1 and "." not in name and "repeat" not in step.item and "tie" not in step.item
            and "outputs" not in step.item
        ]  # fmt: skip
        self.rng.shuffle(found)
        for name, step in found:
            state = [s for s in self.g.trial.executor.states.get(step.turns[0].path, ()) if s.parameter]
            if state:
                entry = self.rng.choice(state)
                own = entry.name or "weight"
                if not entry.name or "." in entry.name:
                    continue
                copy = {**step.item, "name": self.g.fresh("v"), "tie": {own: f"{name}.{own}"}}
                return self.g.trial.add(place, copy)
        return False
