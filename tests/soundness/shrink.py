"""Makes a failing spec small: leaves out whatever the failure does not need."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

Spec = dict[str, Any]
LISTS = ("layers", "sequence", "residual", "body", "shortcut", "branches")


def shrink(spec: Spec, fails: Callable[[Spec], bool], rounds: int = 400) -> Spec:
    """A smaller spec that fails still. `rounds` bounds how many are tried."""
    again = True
    while again and rounds > 0:
        again = False
        for smaller in _smaller(spec):
            rounds -= 1
            if rounds <= 0:
                break
            try:
                worse = fails(smaller)
            except Exception:
                worse = False
            if worse:
                spec, again = smaller, True
                break
    return spec


def _smaller(spec: Spec) -> Iterator[Spec]:
    """Specs with one thing left out, large things first."""
    for key in ("outputs", "symbols"):
        if key in spec:
            yield {k: v for k, v in spec.items() if k != key}
    for where in _lists(spec):
        count = len(_at(spec, where))
        step = max(count // 2, 1)
        while step:
            for start in range(0, count, step):
                yield _changed(spec, where, lambda items, a=start, b=start + step: items[:a] + items[b:])
            step //= 2
    for where in _lists(spec):
        for number, item in enumerate(_at(spec, where)):
            for new in _simpler(item):
                yield _changed(spec, where, lambda items, n=number, new=new: [*items[:n], *new, *items[n + 1 :]])
    for section in ("blocks", "params", "inputs"):
        for name in spec.get(section, {}):
            yield {**spec, section: {k: v for k, v in spec[section].items() if k != name}}
    for name, block in spec.get("blocks", {}).items():
        for key in ("outputs", "params", "inputs"):
            if key in block:
                yield {**spec, "blocks": {**spec["blocks"], name: {k: v for k, v in block.items() if k != key}}}


def _simpler(item: Any) -> Iterator[list[Any]]:
    """What may stand in an item's place."""
    if not isinstance(item, dict):
        return
    for inner in _inner(item):
        if isinstance(inner, list) and inner and not isinstance(inner[0], list):
            yield inner
    for key in item:
        if key in ("when", "repeat", "merge", "route", "name", "from", "outputs", "tie", "forward", "inline", "doc"):
            yield [{k: v for k, v in item.items() if k != key}]
        elif isinstance(item[key], dict) and key not in LISTS:
            for name in item[key]:
                yield [{**item, key: {k: v for k, v in item[key].items() if k != name}}]
    if isinstance(item.get("repeat"), int) and item["repeat"] > 1:
        yield [{**item, "repeat": item["repeat"] - 1}]


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in LISTS:
                yield inner
                yield from _inner(inner)
            elif key in ("parallel", "scan"):
                yield from _inner(inner)
            elif isinstance(inner, list) and inner and isinstance(inner[0], (dict, str)):
                yield inner  # a named branch


def _lists(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of the lists of items, outer ones first."""
    if isinstance(value, dict):
        for key, inner in value.items():
            here = (*where, key)
            is_list = isinstance(inner, list)
            branch = bool(where) and where[-1] == "branches"
            if is_list and (branch or key in LISTS) and not (inner and isinstance(inner[0], list)):
                yield here
            if key not in ("from", "over", "stack"):
                yield from _lists(inner, here)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if isinstance(inner, list) and where and where[-1] == "branches":
                yield (*where, number)
            yield from _lists(inner, (*where, number))


def _at(spec: Any, where: tuple[Any, ...]) -> Any:
    for key in where:
        spec = spec[key]
    return spec


def _changed(spec: Spec, where: tuple[Any, ...], change: Callable[[list[Any]], list[Any]]) -> Spec:
    out = copy.deepcopy(spec)
    around = _at(out, where[:-1])
    around[where[-1]] = change(around[where[-1]])
    return out
