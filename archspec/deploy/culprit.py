"""Which op it is that an exporter refuses: when the whole model has failed, each op is exported alone."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from torch import nn

from archspec.codegen.allowlist import verify
from archspec.codegen.emit import Source
from archspec.codegen.printer import print_expr
from archspec.deploy.errors import ExportError, Place, RefusedError
from archspec.deploy.inputs import inputs, outputs
from archspec.deploy.sizes import examples, scans, symbols
from archspec.dims import Dim, Size
from archspec.model.build import from_source
from archspec.ops.base import Op
from archspec.ops.tensor import TensorType
from archspec.pipeline import Report
from archspec.shapes.typed import Typed, TypedNode

Attempt = Callable[[Report, nn.Module, Mapping[str, int]], object]
"""Exports a model with some sizes fixed. Raises ExportError."""

_SECONDS = 60  # after which no further op is tried
_LARGE = 1 << 26  # elements of an op's parameters beyond which it is not built once more
_HEAD = "import math\n\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"


class _Found(NamedTuple):
    """An op of the model, by itself, and where the spec first has it."""

    op: Op
    report: Report
    module: nn.Module
    node: TypedNode


def blamed(
    refused: RefusedError, report: Report, fixed: Mapping[str, int], suffix: str, attempts: Mapping[str, Attempt]
) -> ExportError:
    """The refusal with the first op, as the spec has it, that is refused alone too; as it was where there is none.

    `suffix`: of the file that was asked for. `attempts`: to export a model, by the suffix of the form.
    """
    assert report.typed is not None
    until = time.monotonic() + _SECONDS
    named = set(re.findall(r"[a-z0-9]+(?:_[a-z0-9]+)*", str(refused).replace("linalg_", "")))  # these are tried first
    scan = next(scans(report.typed, fixed), None)
    for found in sorted(_alone(report.typed, report), key=lambda found: found.op.name not in named):
        if time.monotonic() > until or (scan is not None and found.op.name not in named):
            break
        mine = {name: size for name, size in fixed.items() if name in symbols(found.report)}
        try:
            attempts[suffix](found.report, found.module, mine)
        except RefusedError as again:
            place = Place(found.node.node.span, f"`{found.op.name}` alone is refused too")
            return RefusedError(str(again), _help(found, mine, suffix, attempts), place)
        except ExportError:  # there are no sizes for it alone
            continue
    if scan is not None:
        label = "a `scan` is a loop of as many steps as there are, and their number must be fixed"
        return RefusedError(str(refused), refused.help, Place(scan.node.span, label))
    return refused


def _help(found: _Found, fixed: dict[str, int], suffix: str, attempts: Mapping[str, Attempt]) -> str:
    """A size that the op can be exported for, or another form that takes it: what was tried, and did."""
    free = {name: size for name, size in examples(found.report, fixed)[0].items() if name not in fixed}
    ways = []
    for given in [{name: size} for name, size in reversed(free.items())] + [free] * (len(free) > 1):
        if _takes(attempts[suffix], found, {**fixed, **given}):
            ways.append("fix a size, as " + " ".join(f"--size {name}={size}" for name, size in given.items()))
            break
    others = [other for other, attempt in attempts.items() if other != suffix and _takes(attempt, found, fixed)]
    if others:
        ways.append(f"export as {' or '.join(others)}, which takes `{found.op.name}`")
    return (
        "; or ".join(ways) or f"no size helps, and no other form takes it: put other ops than `{found.op.name}` there"
    )


def _takes(attempt: Attempt, found: _Found, fixed: Mapping[str, int]) -> bool:
    try:
        attempt(found.report, found.module, fixed)
    except ExportError:
        return False
    return True


def _alone(typed: Typed, report: Report) -> Iterator[_Found]:
    """Every op that runs by itself on inputs of its types, the same call once."""
    seen: set[str] = set()
    for op, types, results, done in _calls(typed):
        try:
            text = _text(op, types, len(results))
            if text in seen or sum(_elements(s.shape) for s in op.state(*types)) > _LARGE:
                continue
            seen.add(text)
            verify(text)
            module = from_source(Source(text, "Alone")).eval()
            one = copy.copy(report)
            one.inputs = {f"x{i}": t for i, t in enumerate(types) if t is not None}
            one.outputs = {f"y{i}": t for i, t in enumerate(results)}
            outputs(module, inputs(one, examples(one, {})[0]), list(one.outputs))
        except Exception:  # numbers at random are nothing to this op: it cannot be judged alone
            continue
        yield _Found(op, one, module, done)


_Types = tuple[TensorType | None, ...]


def _calls(typed: Typed) -> Iterator[tuple[Op, _Types, tuple[TensorType, ...], TypedNode]]:
    for done in typed.nodes:
        for turn, (callee, types) in enumerate(zip(done.calls, done.call_inputs, strict=True)):
            if isinstance(callee, Op) and any(t is not None for t in types):
                results = done.results[turn] if turn < len(done.results) else done.outputs  # joined turns have none
                yield callee, types, results, done
    for inner, _ in typed.inner:
        yield from _calls(inner)


def _elements(shape: tuple[Size, ...]) -> int:
    total = 1
    for size in shape:
        total *= size if isinstance(size, int) else 1
    return total


def _text(op: Op, types: _Types, count: int) -> str:
    """A module of this one call; its comment tells calls apart that are written the same."""
    names = ["None" if t is None else f"x{i}" for i, t in enumerate(types)]
    sizes = {size: f"x{i}.shape[{axis}]" for i, t in enumerate(types) for axis, size in enumerate(t.shape if t else ())}

    def leaf(value: Any) -> str | None:
        return sizes.get(value) if isinstance(value, Dim) else None

    forward = print_expr(op.forward(*types), names, "self.own", leaf)
    lines = ["class Alone(nn.Module):", "    def __init__(self):", "        super().__init__()"]
    if "self.own" in forward:
        lines.append(f"        self.own = {print_expr(op.module(*types), names, 'self.own', leaf)}")
    results = "y0" if op.unpack is None and count == 1 else _pattern(op.unpack or tuple(range(count)))
    given = ", ".join(["self", *(name for name in names if name != "None")])
    returned = ", ".join(f"y{i}" for i in range(count))
    lines += ["", f"    def forward({given}):", f"        {results} = {forward}", f"        return {returned}"]
    return _HEAD + "\n".join([*lines, f"# {', '.join(map(str, types))}", ""])


def _pattern(parts: tuple[Any, ...]) -> str:
    """What a nested tuple of results is taken apart into."""
    inside = [f"y{part}" if isinstance(part, int) else f"({_pattern(part)})" for part in parts]
    return ", ".join(inside) + "," * (len(inside) == 1)
