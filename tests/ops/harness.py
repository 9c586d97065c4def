"""Holds an op against PyTorch: what its declaration says on one side, what its own printed code does on the other.

CPU kernels on small tensors decide what is accepted, since the meta device checks less (dtypes above all). A call
is accepted when it runs in evaluation and, forwards and backwards, in training, as a module and as a function where
codegen may print either. Nothing here knows particular ops (known_differences.py lists the exceptions), but:

- PyTorch lets a parameter or a result be empty (`nn.Linear(3, 0)`); archspec may refuse that.
- A kernel missing on the CPU for float16 or bfloat16, but not float32, is a gap of this backend: the meta device
  decides then.
- complex32, which PyTorch calls experimental, is none of archspec's dtypes.
- How many inputs an op reads is the language's affair (AS210): PyTorch is not asked.
- A float turned into an integer has no gradient: that it cannot be trained is no refusal.
- Batch normalisation refuses a single value in training: it is then trained on two samples.
- FLOPs are the meta device's, since the CPU has fused kernels that hide theirs from the counter.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - as the printed code names it
from known_differences import BY_VALUE, CRASHES, PREPARED, STRICTER
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archspec.codegen.printer import print_expr
from archspec.dims import Constraints, Dim, Facts, Size
from archspec.ops.base import Op, State
from archspec.ops.kinds import (
    BadValue,
    Choice,
    Float,
    Int,
    Kind,
    ListOf,
    OneOf,
    Optional,
    Refined,
    SizeKind,
    Spread,
    Str,
    ValueRef,
)
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import COMPLEX, DTYPES, FLOATING, TensorType
from archspec.reading.types import parse_type

SMALL = 300_000  # elements that are worth running on the CPU

BACKEND_GAP = ("not implemented for 'Half'", "not implemented for 'BFloat16'")
NO_GRADIENT = "Autograd not support dtype"
TRAINING_ONLY = "Expected more than 1 value per channel when training"

DIFFERENTIABLE = {getattr(torch, name) for name in (*FLOATING, *COMPLEX)}

REFUSALS = (ArithmeticError, AssertionError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError)


class Disagreement(AssertionError):  # noqa: N818
    """PyTorch disagrees with itself. (It also raises AssertionError where it refuses.)"""


class Undecidable(Exception):  # noqa: N818
    """The op's arguments cannot be put into a call that PyTorch could judge."""


class Verdict(NamedTuple):
    """What one side says of a call; `why` are the words of a refusal."""

    accepted: bool
    why: str = ""
    outputs: tuple[TensorType, ...] = ()
    state: tuple[State, ...] = ()
    flops: Size = 0
    empty: bool = False


class Case(NamedTuple):
    """An op with arguments as a spec writes them, and the types of its inputs (None: an optional one left out)."""

    cls: type[Op]
    args: dict[str, Any]
    inputs: tuple[TensorType | None, ...]

    def __repr__(self) -> str:
        return f"{self.cls.name}: {self.args!r} on {', '.join(map(str, self.inputs))}"


def type_of(text: str) -> TensorType:
    return TensorType(*parse_type(text))


def types_of(texts: str | tuple[str | None, ...]) -> tuple[TensorType | None, ...]:
    """The types an `Example` writes."""
    return tuple(None if t is None else type_of(t) for t in ((texts,) if isinstance(texts, str) else texts))


def arguments(cls: type[Op], written: Any) -> dict[str, Any]:
    """Arguments by name: a lone scalar or list is the first one's."""
    if isinstance(written, dict):
        return dict(written)
    return {next(iter(cls.args)): written}


def padded(cls: type[Op], inputs: tuple[TensorType | None, ...]) -> tuple[TensorType | None, ...]:
    """Inputs with a None for each optional one that is left out at the end."""
    names = [*cls.inputs, *cls.ref_inputs]
    missing = len(names) - len(inputs)
    variadic = any(name.startswith("*") for name in names)
    return inputs if variadic else inputs + (None,) * max(missing, 0)


def substitute(t: TensorType | None, values: dict[str, int]) -> TensorType | None:
    """The type with all its symbols replaced."""
    return None if t is None else t.with_shape(s.evaluate(values) if isinstance(s, Dim) else s for s in t.shape)


# -- what the declaration says -----------------------------------------------------------------------------


def declared(case: Case, constraints: Constraints | None = None) -> tuple[Verdict, Op | None]:
    """The op's own verdict; also the op, unless its arguments are refused."""
    try:
        op = case.cls.parse(case.args)
    except BadValue as bad:
        return Verdict(False, f"{'.'.join(map(str, bad.path))}: {bad.message}"), None
    inputs = padded(case.cls, case.inputs)
    try:
        outputs = op.infer(Require(constraints or Constraints(Facts({}))), *inputs)
    except Mismatch as bad:
        return Verdict(False, f"{bad.code}: {bad.message}"), op
    flat = (outputs,) if isinstance(outputs, TensorType) else tuple(outputs)
    return Verdict(True, "", flat, tuple(op.state(*inputs)), op.flops(inputs, flat)), op


def lenient(kind: Kind[Any], value: Any) -> Any:
    """The canonical form of a value without the kind's own checks, so that PyTorch can judge what the kind refuses."""
    try:
        return kind.parse(value)
    except BadValue:
        pass
    if isinstance(kind, Optional):
        return None if value is None else lenient(kind.kind, value)
    if isinstance(kind, Refined):
        return lenient(kind.kind, value)
    if isinstance(kind, Spread):
        many = isinstance(value, (list, tuple))
        return tuple(lenient(kind.kind, v) for v in (value if many else [value] * kind.count))
    if isinstance(kind, ListOf):
        if not isinstance(value, (list, tuple)) and not kind.lone:
            raise Undecidable
        return tuple(lenient(kind.kind, v) for v in (value if isinstance(value, (list, tuple)) else [value]))
    if isinstance(kind, OneOf):
        return lenient(kind.kinds[0], value)
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(kind, Float) and plain:
        return float(value)
    if isinstance(kind, (Int, SizeKind)) and plain:
        return value
    if isinstance(kind, (Choice, type(Str), ValueRef)) and isinstance(value, str):
        return value
    raise Undecidable


def unchecked(case: Case) -> Op:
    """The op with arguments that its own checks refuse."""
    op = case.cls.__new__(case.cls)
    for name, declared_arg in case.cls.args.items():
        if name not in case.args and declared_arg.required:
            raise Undecidable
        value = case.args.get(name, declared_arg.default)
        setattr(op, name, None if value is None else lenient(declared_arg.kind, value))
    return op


# -- what PyTorch says -------------------------------------------------------------------------------------


def program(op: Op, inputs: tuple[TensorType | None, ...], sequential: bool = False) -> str:
    """A module in the text that codegen prints for this one op in a `forward` or, sequential, in an `nn.Sequential`."""
    names = [f"x{i}" for i in range(len(inputs))]
    forward = "self.own(x0)" if sequential else print_expr(op.forward(*inputs), names, "self.own")
    lines = ["class Net(nn.Module):", "    def __init__(self):", "        super().__init__()"]
    if "self.own" in forward:
        made = print_expr(op.module(*inputs), names, "self.own")
        if op.attribute == "buffer":
            made = f'self.register_buffer("own", {made}, persistent={getattr(op, "persistent", True)})'
        else:
            made = f"self.own = {made}"
        lines.append(f"        {made}")
    return "\n".join([*lines, f"    def forward({', '.join(['self', *names])}):", f"        return {forward}", ""])


def programs(op: Op, inputs: tuple[TensorType | None, ...]) -> list[str]:
    """All forms that codegen may print."""
    texts = [program(op, inputs)]
    if "self.own" not in texts[0] and len(inputs) == 1 and op.sequential() and op.module(*inputs) is not None:
        texts.append(program(op, inputs, sequential=True))
    return texts


def build(text: str) -> nn.Module:
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "math": __import__("math")}
    exec(compile(text, "<op>", "exec"), scope)
    made = scope["Net"]()
    assert isinstance(made, nn.Module)
    return made


def tensor(t: TensorType, device: str, grad: bool = False) -> torch.Tensor:
    """Random numbers; zeros where indices are meant (which every table has)."""
    dtype = getattr(torch, t.dtype)
    if dtype.is_floating_point or dtype.is_complex:
        out = torch.randn(t.shape, dtype=dtype, device=device)
        return out.requires_grad_(grad)
    return torch.zeros(t.shape, dtype=dtype, device=device)


def prepared(op: Op, x: torch.Tensor) -> torch.Tensor:
    """Numbers for which the op is defined."""
    return PREPARED[op.name](x).requires_grad_(x.requires_grad) if op.name in PREPARED else x


def flattened(value: Any, unpack: tuple[Any, ...] | None) -> tuple[torch.Tensor, ...]:
    """The outputs in the order of the declaration."""
    if isinstance(value, torch.Tensor):
        return (value,)
    if unpack is None:
        return tuple(value)
    found: dict[int, torch.Tensor] = {}

    def take(part: Any, numbers: Any) -> None:
        if isinstance(numbers, int):
            found[numbers] = part
        else:
            assert len(part) == len(numbers)
            for piece, number in zip(part, numbers, strict=True):
                take(piece, number)

    take(value, unpack)
    return tuple(found[i] for i in range(len(found)))


def states(net: nn.Module) -> tuple[State, ...]:
    """Parameters and buffers of the op's module, those of `state_dict()` in its order and then the others."""
    kept = list(net.state_dict())
    parameters = {name for name, _ in net.named_parameters()}
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    names = [*kept, *(name for name in tensors if name not in kept)]
    return tuple(
        State(
            name.removeprefix("own").removeprefix("."),
            tuple(tensors[name].shape),
            str(tensors[name].dtype)[6:],
            name in parameters,
            name in kept,
            tensors[name].requires_grad if name in parameters else True,
        )
        for name in names
    )


def _run(text: str, op: Op, inputs: tuple[TensorType | None, ...], device: str) -> tuple[Verdict, Any]:
    with torch.device(device):
        torch.default_generator.manual_seed(0)  # manual_seed asks devices that are not there too, slowly
        net = build(text).eval()
        given = [None if t is None else prepared(op, tensor(t, device)) for t in inputs]
    counter = FlopCounterMode(display=False)
    with counter:
        result = flattened(net(*given), op.unpack)
    outputs = tuple(TensorType(str(y.dtype)[6:], tuple(y.shape)) for y in result)
    state = states(net)
    empty = not result or any(y.numel() == 0 for y in result) or any(0 in s.shape for s in state)
    if device == "cpu":
        try:
            trained = _train(net, op, inputs)
        except (RuntimeError, ValueError) as error:
            if NO_GRADIENT in str(error):
                return Verdict(True, "", outputs, state, counter.get_total_flops(), empty), result
            if TRAINING_ONLY not in str(error):
                raise
            twice = [None if t is None else t.with_shape((2, *t.shape[1:])) for t in inputs]
            _train(net, op, tuple(twice))
        else:
            seen = tuple(TensorType(str(y.dtype)[6:], tuple(y.shape)) for y in trained)
            if seen != outputs:
                raise Disagreement(f"{op.name}: training gives {shown(seen)}, evaluation {shown(outputs)}")
    return Verdict(True, "", outputs, state, counter.get_total_flops(), empty), result


def _train(net: nn.Module, op: Op, inputs: tuple[TensorType | None, ...]) -> tuple[torch.Tensor, ...]:
    tensors = [None if t is None else prepared(op, tensor(t, "cpu", grad=True)) for t in inputs]
    result = flattened(net.train()(*tensors), op.unpack)
    given = any(t is not None and (t.is_floating or t.dtype in COMPLEX) for t in inputs[: len(op.inputs)])
    for y in result:
        if given and y.dtype in DIFFERENTIABLE and y.requires_grad != op.passes_gradient:
            raise Disagreement(f"{op.name}: does the result pass gradients on? {y.requires_grad}")
    losses = [((2 * y).abs() if y.is_complex() else 2 * y).sum() for y in result if y.requires_grad]
    if losses:
        sum(losses[1:], losses[0]).backward()
    for ref in tensors[len(tensors) - len(op.ref_inputs) :] if op.ref_inputs else ():
        if ref is not None and ref.grad is not None:
            raise Disagreement(f"{op.name}: there is a gradient of what only sizes are read of")
    return result


def performed(op: Op, inputs: tuple[TensorType | None, ...], device: str | None = None) -> Verdict:
    """PyTorch's verdict on the op's own code. Raises Undecidable where unchecked arguments cannot be printed."""
    if op.name in CRASHES and CRASHES[op.name](op, inputs):
        raise Undecidable
    try:
        texts = programs(op, inputs)
    except (ArithmeticError, AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Undecidable from error
    size = sum(int(t.numel()) for t in inputs if t is not None)  # type: ignore[arg-type]
    device = device or ("cpu" if size <= SMALL else "meta")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            verdict, result = _run(texts[0], op, inputs, device)
            for text in texts[1:]:
                other, again = _run(text, op, inputs, device)
                same = device == "meta" or all(
                    map(torch.equal, map(torch.nan_to_num, again), map(torch.nan_to_num, result))
                )
                if other != verdict or not same:
                    raise Disagreement(f"{op.name}: the module and the function differ\n{texts[0]}{text}")
        except Disagreement:
            raise
        except REFUSALS as error:
            if device == "cpu" and any(gap in str(error) for gap in BACKEND_GAP):
                wide = tuple(t and (t.with_dtype("float32") if "float16" in t.dtype else t) for t in inputs)
                full = performed(op, wide)
                return performed(op, inputs, "meta") if full.accepted else full
            return Verdict(False, f"{type(error).__name__}: {error}")
    return verdict


# -- the two against each other ----------------------------------------------------------------------------


def ordered(state: tuple[State, ...]) -> tuple[State, ...]:
    """Persistent entries in their order, then the others."""
    return (*(s for s in state if s.persistent), *(s for s in state if not s.persistent))


def _stricter(op: Op, inputs: tuple[TensorType | None, ...]) -> bool:
    return op.name in STRICTER and STRICTER[op.name][1](op, inputs)


def compare(case: Case, device: str | None = None) -> str:
    """ "accepted", "refused", "stricter", "arity" or "undecided"; AssertionError where the two disagree."""
    ours, op = declared(case)
    inputs = padded(case.cls, case.inputs)
    if ours.why.startswith("AS210"):
        return "arity"
    try:
        op = op or unchecked(case)
        if op.name in BY_VALUE and BY_VALUE[op.name](op, inputs):
            return "undecided"
        theirs = performed(op, inputs, device)
    except Disagreement:
        if ours.accepted or not _stricter(op, inputs):
            raise
        return "stricter"
    except Undecidable:
        assert not ours.accepted, f"{case!r}\naccepted, but its code cannot be printed"
        return "undecided"
    if not ours.accepted:
        unknown = any(t.dtype not in DTYPES for t in theirs.outputs)
        if theirs.accepted and (unknown or theirs.empty or _stricter(op, inputs)):
            return "stricter"
        assert not theirs.accepted, f"{case!r}\nrefused: {ours.why}\nbut PyTorch gives {shown(theirs.outputs)}"
        return "refused"
    code = program(op, inputs)
    assert theirs.accepted, f"{case!r}\naccepted as {shown(ours.outputs)}\nbut PyTorch refuses: {theirs.why}\n{code}"
    assert ours.outputs == theirs.outputs, f"{case!r}\nsays {shown(ours.outputs)}, is {shown(theirs.outputs)}\n{code}"
    assert ordered(ours.state) == theirs.state, f"{case!r}\nsays {ours.state}\nis {theirs.state}\n{code}"
    if ours.flops != theirs.flops:
        theirs = performed(op, inputs, "meta")
    assert ours.flops == theirs.flops, f"{case!r}\nsays {ours.flops} FLOPs, is {theirs.flops}\n{code}"
    return "accepted"


def shown(types: tuple[TensorType, ...]) -> str:
    return ", ".join(map(str, types))
