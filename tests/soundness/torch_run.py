"""Ops done by torch, one call after another: what `walker.py` runs a spec on to learn what PyTorch says of it.

An op's own lowering says which torch function it is; its shape rule is never asked. Modules are made from the tensors
that come.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from unittest import mock

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import nn

from archspec.ops import expr
from archspec.ops.base import Op
from archspec.ops.broadcast import category
from archspec.ops.kinds import BadValue
from archspec.ops.tensor import DTYPES, TensorType
from tests.ops.known_differences import CRASHES, LESS_OF_SYMBOLS, STRICTER
from tests.soundness.scopes import Path, Refused, Undecided
from tests.soundness.walker import Step_, Turn_, Walker

LARGE = 300_000  # elements: what is larger is run without numbers
ROWS = (0, 1, 2, 3, 7)  # how many may be routed to a turn: it has to do with any number

ROOTS = {"torch": torch, "nn": nn, "F": F, "math": __import__("math")}
BINARY = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "&": operator.and_,
    "|": operator.or_, "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift,
}  # fmt: skip
REFUSALS = (ArithmeticError, AssertionError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError)
# Refusals that lie in the numbers (or in a kernel that only the CPU misses): the meta device decides then.
BY_NUMBER = (
    "index out of range", "out of range: tried", "out of bounds", "out of DATA bounds", "is not in the valid range",
    "Class values must be", "must be smaller than num_classes", "has to be 0", "ZeroDivisionError", "negative",
    "Expected more than 1 value per channel when training", "p_in >= 0", "elements of std >= 0",
    "singular", "or element < 0", "is not finite", "out of range for tensor of size",
    "not implemented for 'Half'", "not implemented for 'BFloat16'",
    "invalid multinomial distribution", "probability tensor contains", "is not positive-definite",
    "window overlap add min", "Argument 4 has illegal value", "Argument 6 has illegal value",
    "algorithm failed to converge", "input matrix is singular", "source < number of ones in mask",
    "Found an invalid max index", "but found idx to be", "out of range for tensor of size",
)  # fmt: skip


# Calls that archspec refuses though they run on the meta device, for want of a kernel on the CPU.
REFUSED: dict[str, Callable[[Any, tuple[Any, ...]], bool]] = {
    "atan2": lambda op, types: types[0].dtype == "bool" and types[1].is_floating,
    "hypot": lambda op, types: all(category(t.dtype) < 2 for t in types),
}


class TooLarge(Undecided):
    """Too many elements for the CPU."""


def type_of(x: torch.Tensor) -> TensorType:
    return TensorType(str(x.dtype).removeprefix("torch."), tuple(x.shape))


def on(device: str) -> contextlib.AbstractContextManager[Any]:
    """Where new tensors are made. (The CPU is the default; to say so slows every call.)"""
    return contextlib.nullcontext() if device == "cpu" else torch.device(device)


@contextlib.contextmanager
def finite() -> Iterator[None]:
    """Eigenvalues of what is not finite are refused as elsewhere in linalg: MKL ends the process."""

    def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            if x.device.type == "cpu" and not x.isfinite().all():
                raise RuntimeError("the input matrix is not finite")
            return function(x, *args, **kwargs)

        return call

    with contextlib.ExitStack() as stack:
        for name in ("eig", "eigvals"):
            stack.enter_context(mock.patch.object(torch.linalg, name, guarded(getattr(torch.linalg, name))))
        yield


def tensor(dtype: str, shape: tuple[int, ...], device: str) -> torch.Tensor:
    """Random numbers; zeros where indices are meant (which every table has)."""
    kind = getattr(torch, dtype)
    if kind.is_floating_point or kind.is_complex:
        return torch.rand(shape, dtype=kind, device=device)
    return torch.zeros(shape, dtype=kind, device=device)


Called = tuple[Path, int]  # an op, and which of its calls: `use` has several
Counts = dict[Called, int]


class TorchExecutor:
    """Does ops on tensors of one device. Raises Refused, Undecided."""

    def __init__(self, device: str, training: bool) -> None:
        self.device = device
        self.training = training
        self.modules: dict[Path, Any] = {}
        self.counts: Counts = {}
        self.calls: Counter[Path] = Counter()
        self.lenient = ""  # why archspec may refuse what torch takes here

    def type_of(self, value: torch.Tensor) -> TensorType:
        return type_of(value)

    def op(
        self, cls: type[Op], args: dict[str, Any], inputs: list[Any], path: Path, tied: dict[str, tuple[Path, str]]
    ) -> list[torch.Tensor]:
        try:
            op = cls.parse(args)
        except BadValue as bad:
            raise Undecided(f"{cls.name}: {bad.message}") from None
        types = tuple(None if x is None else type_of(x) for x in inputs)
        if cls.name in CRASHES and CRASHES[cls.name](op, types):
            raise Undecided(f"{cls.name} would crash")
        if cls.name in STRICTER and STRICTER[cls.name][1](op, types):
            self.lenient = f"{cls.name} takes more on purpose"
        if cls.name in LESS_OF_SYMBOLS and any(1 in t.shape for t in types if t is not None):
            self.lenient = f"{cls.name} takes more where a size is 1"
        if cls.name in REFUSED and REFUSED[cls.name](op, types):
            self.lenient = f"{cls.name} is refused here"
        try:
            made, code = op.module(*types), op.forward(*types)
        except REFUSALS + (AttributeError, KeyError) as error:  # noqa: RUF005 - a tuple of classes
            raise Undecided(f"{cls.name} has no code for {types}: {error}") from error
        if self.device == "cpu" and sum(int(x.numel()) for x in inputs if x is not None) > LARGE:
            raise TooLarge
        try:
            own = self._own(op, made, code, path)
            for name, (other, inner) in tied.items():
                _tie(own, name, self.modules[other], inner)
            result = evaluate(code, inputs, own, self.training)
            if self.training:
                differentiate(op, code, inputs, own)
            if own is None and cls.counterpart.startswith("torch.nn.") and isinstance(made, expr.Call):
                # The op is named after a module, which may look closer than the function that does its work.
                evaluate(made, [], None).train(self.training)(*(x for x in inputs if x is not None))
        except REFUSALS as error:
            if "no fake impl" in str(error):
                raise Undecided(f"{cls.name} has no sizes without numbers") from error
            raise Refused(f"{cls.name}: {type(error).__name__}: {error}") from error
        out = flat(result, op.unpack)
        if not out:
            raise Refused(f"{cls.name} has no result")
        if any(type_of(x).dtype not in DTYPES for x in out):
            self.lenient = f"{cls.name} gives a dtype that specs do not have"
        if any(x.numel() == 0 for x in out):
            self.lenient = f"{cls.name} gives nothing"
        if cls.result[0].startswith("*"):
            self.counts[path, self.calls[path]] = len(out)
            self.calls[path] += 1
        return out

    def share(self, own: Path, other: Path) -> None:
        mine, there = self.modules.get(own), self.modules.get(other)
        if isinstance(mine, nn.Module):
            try:
                for name, _ in list(mine.named_parameters()):
                    _tie(mine, name, there, name)
            except AttributeError as error:
                raise Refused(f"a module without the parameters is tied: {error}") from error
        elif mine is not None and (there is None or type_of(mine) != type_of(there)):
            raise Refused("a parameter of another shape is tied")
        elif isinstance(mine, nn.Parameter):
            self.modules[own] = there

    def scan(self, over: list[Any], carry: list[Any], dim: int, reverse: bool, step: Step_) -> list[Any]:
        if any(not -x.dim() <= dim < x.dim() for x in over):
            raise Refused("no such dimension")
        counts = {x.shape[dim] for x in over}
        if len(counts) > 1 or counts == {0}:
            raise Refused("values of different sizes, or no steps")
        (count,) = counts
        begun = [type_of(x) for x in carry]
        given: list[list[Any]] = []
        for t in range(count - 1, -1, -1) if reverse else range(count):
            out, carry = step([x.select(dim, t) for x in over], carry)
            given.append(out)
            if [type_of(x) for x in carry] != begun:
                raise Refused("what is carried changes its type")
        if reverse:
            given.reverse()
        try:
            return [*(torch.stack(list(each), dim) for each in zip(*given, strict=True)), *carry]
        except REFUSALS as error:
            raise Refused(f"scan: {type(error).__name__}: {error}") from error

    def route(self, x: Any, chosen: Any, weights: Any, over: list[Any], count: int, turn: Turn_) -> torch.Tensor:
        """Every turn, on several numbers of rows: which of them choose it lies in the numbers, and is left open."""
        if x.dim() < 2 or chosen.shape[:-1] != x.shape[:-1] or chosen.dtype not in (torch.int64, torch.int32):
            raise Refused("the rows do not say where they go")
        if weights is not None and (weights.shape != chosen.shape or not weights.is_floating_point()):
            raise Refused("there is no weight for each choice")
        if any(value.dim() == 0 or value.shape[0] != count for value in over):
            raise Refused("there is no slice for each turn")
        lenient = self.lenient
        found = set()
        for rows, number in itertools.product(ROWS, range(count)):
            given = tensor(type_of(x).dtype, (rows, x.shape[-1]), self.device)
            try:
                result = turn(number, given, [value[number] for value in over])
            except Refused as refused:
                if rows == 0 and by_number(str(refused)):  # an index of the first row, which is not there
                    continue
                raise
            if result.dim() != 2 or result.shape[0] != rows:
                raise Refused("a turn does not give as many rows as it reads")
            found.add((result.dtype, result.shape[1]))
            if rows == 0:
                self.lenient = lenient  # no rows are no reason to refuse anything
        if len(found) != 1:
            raise Refused("the turns give different rows")
        ((dtype, features),) = found
        if weights is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise Refused("rows that are not floating point are given weights")
        return x.new_zeros((*x.shape[:-1], features), dtype=dtype)

    def _own(self, op: Op, made: Any, code: Any, path: Path) -> Any:
        if path not in self.modules:
            if not any(isinstance(part, (expr.Module, expr.Own)) for part in parts(code)):
                return None
            own = evaluate(made, [], None)
            self.modules[path] = own.train(self.training) if isinstance(own, nn.Module) else own
        return self.modules[path]


def differentiate(op: Op, code: Any, inputs: list[Any], own: Any) -> None:
    """The call once more, with a gradient for what it reads: what is compiled is there to be trained."""

    def leaf(x: Any) -> Any:
        differentiable = x is not None and (x.is_floating_point() or x.is_complex())
        return x.detach().requires_grad_() if differentiable else x

    with torch.enable_grad():
        out = flat(evaluate(code, list(map(leaf, inputs)), own, training=True), op.unpack)
        torch.autograd.backward([y.abs().sum() for y in out if y.requires_grad])


def _tie(own: Any, name: str, other: Any, inner: str) -> None:
    shared = other.get_parameter(inner) if inner else other
    head, _, last = name.rpartition(".")
    mine = own.get_parameter(name)
    if mine.shape != shared.shape or mine.dtype != shared.dtype:
        raise Refused(f"{name} of another shape is tied")
    setattr(own.get_submodule(head), last, shared)


def parts(code: Any) -> Any:
    """All parts of an expression."""
    yield code
    inner: list[Any] = []
    if isinstance(code, (list, tuple)):
        inner += code
    elif isinstance(code, (expr.Call, expr.Module, expr.Method)):
        inner += [*code.args, *code.kwargs.values(), getattr(code, "of", None)]
    for part in inner:
        yield from parts(part)


def evaluate(code: Any, inputs: list[Any], own: Any, training: bool = False) -> Any:
    """The value of an expression of `archspec.ops.expr`."""

    def value(part: Any) -> Any:
        if isinstance(part, expr.In):
            return inputs[part.index]
        if isinstance(part, expr.Name):
            return _named(part.text)
        if isinstance(part, expr.Own):
            return own
        if isinstance(part, expr.Call):
            return _named(part.fn)(*map(value, part.args), **{k: value(v) for k, v in part.kwargs.items()})
        if isinstance(part, expr.Module):
            return own(*map(value, part.args), **{k: value(v) for k, v in part.kwargs.items()})
        if isinstance(part, expr.Method):
            called = getattr(value(part.of), part.name)
            return called(*map(value, part.args), **{k: value(v) for k, v in part.kwargs.items()})
        if isinstance(part, expr.Attr):
            return getattr(value(part.of), part.name)
        if isinstance(part, expr.Binary):
            return BINARY[part.op](value(part.left), value(part.right))
        if isinstance(part, expr.Unary):
            return (operator.neg if part.op == "-" else operator.invert)(value(part.of))
        if isinstance(part, expr.Index):
            items = tuple(map(value, part.items))
            return value(part.of)[items if len(items) != 1 else items[0]]
        if isinstance(part, expr.Slice):
            return slice(*map(value, part))
        if isinstance(part, expr.Training):
            return value(part.value if training else part.otherwise)
        if isinstance(part, (list, tuple)):
            return type(part)(map(value, part))
        return part

    return value(code)


def _named(text: str) -> Any:
    root, *rest = text.split(".")
    found: Any = ROOTS[root]
    for name in rest:
        found = getattr(found, name)
    return found


def flat(value: Any, unpack: tuple[Any, ...] | None) -> list[torch.Tensor]:
    """The results of an op in the order of its declaration."""
    if isinstance(value, torch.Tensor):
        return [value]
    if unpack is None:
        return list(value)
    found: dict[int, torch.Tensor] = {}

    def take(part: Any, numbers: Any) -> None:
        if isinstance(numbers, int):
            found[numbers] = part
        else:
            for piece, number in zip(part, numbers, strict=True):
                take(piece, number)

    take(value, unpack)
    return [found[k] for k in sorted(found)]


class Ran(NamedTuple):
    """Types of the outputs, or the words of a refusal; how many results each op has that may have any number (as far
    as it came).

    `numberless`: on the meta device, where PyTorch looks less closely at dtypes.
    """

    outputs: list[TensorType] | str
    counts: Counts
    numberless: bool = False


def run(
    spec: dict[str, Any],
    types: Mapping[str, TensorType],
    sizes: Mapping[str, int],
    counts: Mapping[Called, int] | None = None,
    training: bool = False,
) -> Ran:
    """The spec on inputs of these types. Raises Undecided.

    `counts`: those of another run. A model has as many values for every size: another number is a refusal.
    """
    for device in ("cpu", "meta"):
        executor = TorchExecutor(device, training)
        try:
            return _run(spec, types, sizes, counts or {}, executor)._replace(numberless=device == "meta")
        except TooLarge:
            pass
        except Refused as refused:
            if device == "meta" or not by_number(str(refused)):
                return Ran(str(refused), executor.counts)
    raise AssertionError


def by_number(words: str) -> bool:
    """Does this refusal lie in the numbers, not in the types?"""
    return any(each in words for each in BY_NUMBER)


def _run(
    spec: dict[str, Any],
    types: Mapping[str, TensorType],
    sizes: Mapping[str, int],
    counts: Mapping[Called, int],
    executor: TorchExecutor,
) -> Ran:
    device = executor.device
    with on(device), torch.no_grad():
        inputs = {name: tensor(t.dtype, t.shape, device) for name, t in types.items()}
        outputs = Walker(spec, executor, sizes).run(inputs)
    if any(executor.counts.get(path, count) != count for path, count in counts.items()):
        raise Refused("another number of results")
    if executor.lenient:
        raise Undecided(executor.lenient)
    return Ran([type_of(x) for x in outputs], executor.counts)
