"""A spec with one thing changed: nearly valid, or valid in another way than the generator thought of."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

from archspec.ops.tensor import DTYPES
from tests.soundness import words
from tests.soundness.generate import OPS

Place = tuple[Any, Any]  # a container of the spec, and a key in it


def mutate(rng: Random, spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with one or two of its numbers, names or types changed, or an item dropped or doubled."""
    out = copy.deepcopy(spec)
    for _ in range(rng.choice((1, 1, 2))):
        rng.choice((_number, _number, _number, _input, _item, _name))(rng, out)
    return out


def misfit(rng: Random, spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with one more item, that was made for other values; or changed as above."""
    if rng.random() < 0.3:
        return mutate(rng, spec)
    out = copy.deepcopy(spec)
    items = rng.choice(list(_lists(_bodies(out))) or [out["layers"]])
    at = rng.randrange(len(items) + 1)
    names = [item["name"] for item in items[:at] if isinstance(item, dict) and "$" not in str(item.get("name", "$"))]
    cls = rng.choice(OPS)
    several = len(cls.inputs) > 1 or cls.inputs[-1:] == ("*",)
    count = max(2, len([name for name in cls.inputs if not name.endswith("?")]))
    item: dict[str, Any] = {cls.name: copy.deepcopy(rng.choice(cls.examples).args)}
    if several and names:
        item["from"] = [
            rng.choice(names) for _ in range(min(count, len(cls.inputs)) if "*" not in str(cls.inputs) else 2)
        ]
    elif several or not cls.inputs or cls.ref_inputs:
        return mutate(rng, spec)
    items.insert(at, item)
    return out


def _number(rng: Random, spec: dict[str, Any]) -> None:
    found = [place for place in _leaves(_bodies(spec)) if type(place[0][place[1]]) is int]
    if found:
        around, key = rng.choice(found)
        around[key] = max(around[key] + rng.choice((-2, -1, 1, 1, 2)), -4)


def _input(rng: Random, spec: dict[str, Any]) -> None:
    """Another size, dtype or rank of an input."""
    name = rng.choice(list(spec["inputs"]))
    dtype, sizes = words.parts_of_type(spec["inputs"][name])
    names = [each for text in spec["inputs"].values() for each in words.symbols_of(text)]
    what = rng.random()
    if what < 0.6 and sizes:
        at = rng.randrange(len(sizes))
        sizes[at] = rng.choice([str(rng.randint(1, 9)), *names, *(f"{each} + 1" for each in names[:2])])
    elif what < 0.8:
        dtype = rng.choice(DTYPES)
    else:
        sizes = sizes[1:] if sizes and rng.random() < 0.5 else ["2", *sizes]
    spec["inputs"][name] = f"{dtype}[{', '.join(sizes)}]"
    kept = {each for text in spec["inputs"].values() for each in words.symbols_of(text)}
    if "symbols" in spec:
        spec["symbols"] = {each: own for each, own in spec["symbols"].items() if each in kept}


def _item(rng: Random, spec: dict[str, Any]) -> None:
    """An item fewer, or once more; those that have names are left alone, since something may read them."""
    found = [
        (items, number)
        for items in _lists(_bodies(spec))
        for number, item in enumerate(items)
        if len(items) > 1 and not (isinstance(item, dict) and {"name", "outputs"} & set(item))
    ]
    if found:
        items, number = rng.choice(found)
        if rng.random() < 0.5:
            del items[number]
        else:
            items.insert(number, copy.deepcopy(items[number]))


def _name(rng: Random, spec: dict[str, Any]) -> None:
    """An item that reads another value."""
    found = [
        place
        for place in _leaves(_bodies(spec))
        if place[1] in ("from", "chosen", "weights") and isinstance(place[0][place[1]], str)
    ]
    if len(found) > 1:
        (one, key), (other, other_key) = rng.sample(found, 2)
        one[key] = other[other_key]


def _bodies(spec: dict[str, Any]) -> list[Any]:
    return [spec["layers"], *(block["layers"] for block in spec.get("blocks", {}).values())]


def _leaves(value: Any) -> Iterator[Place]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        if isinstance(inner, (dict, list)):
            yield from _leaves(inner)
        else:
            yield value, key


def _lists(value: Any) -> Iterator[list[Any]]:
    """The lists of items."""
    if isinstance(value, list):
        if value and all(isinstance(each, (dict, str)) for each in value):
            yield value
        for each in value:
            yield from _lists(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key not in ("from", "outputs", "over", "stack"):
                yield from _lists(each)
