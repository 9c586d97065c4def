"""How an op is declared. Its schema, documentation, shape rule, cost and lowering are read off the declaration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar, overload

from archspec.dims import Size
from archspec.ops.expr import Call, In, Module
from archspec.ops.kinds import BadValue, Kind
from archspec.ops.known import Known
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType

T = TypeVar("T")


class _Missing:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Missing()


class Arg(Generic[T]):
    """One argument of an op: its kind of value, default (canonical after `kind.parse`) and line of documentation."""

    __slots__ = ("default", "doc", "kind", "name")

    def __init__(self, kind: Kind[T], default: Any, doc: str) -> None:
        self.kind = kind
        self.default = default
        self.doc = doc
        self.name = ""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


@overload
def arg(kind: Kind[T], *, doc: str = ...) -> T: ...
@overload
def arg(kind: Kind[T], default: Any, doc: str = ...) -> T: ...
def arg(kind: Any, default: Any = REQUIRED, doc: str = "") -> Any:
    """Declare an argument in an `Op` class body. On an instance the attribute is the parsed value."""
    return Arg(kind, default, doc)


class State(NamedTuple):
    """One entry an op adds to `state_dict()`. `shape` is concrete; `persistent=False` buffers are not in the dict.
    `requires_grad`: of a parameter, does training change it?

    `name` is relative to the op's path; it is "" for the tensor of a `parameter` or `buffer`, whose key is the path.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    parameter: bool = True
    persistent: bool = True
    requires_grad: bool = True


class Example(NamedTuple):
    """Arguments as written in a spec, input types, and the output types PyTorch gives (checked by the registry test).

    `inputs` and `outputs` are a type text, or several: ``"float32[B, 3, 32, 32]"``. Optional inputs that are absent are
    left out at the end, or None: ``()`` is a call without inputs.
    """

    args: Any
    inputs: str | tuple[str | None, ...]
    outputs: str | tuple[str, ...]


class Unread(NamedTuple):
    """What windows may leave at the end of an axis of the input: `left` cells behind the last window, of which `spare`
    are padding. `unit` is what a cell of the axis is called, `window` and `step` are in cells."""

    axis: int
    left: Size
    spare: int
    unit: str
    window: int
    step: int


class Declared:
    """Something a spec gives arguments to: an op, a loss, an optimizer. An instance holds checked arguments."""

    name: ClassVar[str]
    args: ClassVar[dict[str, Arg[Any]]] = {}
    lead: ClassVar[tuple[str, ...]] = ()  # arguments that stand before those of base classes
    required: ClassVar[tuple[str, ...]] = ()  # arguments without a default
    binding: ClassVar[frozenset[str]] = frozenset()  # those in which a plain name may stand for a size
    counterpart: ClassVar[str] = ""  # the PyTorch name: "torch.nn.Conv2d"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {k: v for k, v in vars(cls).items() if isinstance(v, Arg)}
        for key, declared in own.items():
            declared.name = key
        found = {**cls.args, **own}
        cls.args = {**{name: found[name] for name in cls.lead}, **found}
        cls.required = tuple(name for name, declared in cls.args.items() if declared.required)
        cls.binding = frozenset(n for n, declared in cls.args.items() if type(declared.kind).bind is not Kind.bind)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """An instance from evaluated arguments. Raises BadValue (its `path` begins with the argument's name)."""
        self = cls.__new__(cls)
        for key, declared in cls.args.items():
            if key in values:
                try:
                    parsed = declared.kind.parse(values[key])
                except BadValue as bad:
                    raise BadValue(bad.message, (key, *bad.path), bad.help, bad.options) from None
            elif declared.required:
                raise BadValue(f"`{cls.name}` needs `{key}`", ())
            else:
                parsed = declared.default if declared.default is None else declared.kind.parse(declared.default)
            setattr(self, key, parsed)
        self.validate()
        return self

    def validate(self) -> None:
        """Check arguments against one another; raise BadValue(message, (argument,))."""


class Op(Declared):
    """Base of all ops. An instance is one op with checked arguments; it knows neither spans nor torch.

    `inputs` names the tensors it reads: ``("x",)``; a trailing ``?`` marks an optional one (absent ones are
    passed as None to the methods below), a leading ``*`` one or more (they come as separate positional arguments).
    `ref_inputs` names arguments of kind `ValueRef`: the name of a value of the spec (``arange: {like: tokens}``). The
    graph stage resolves each and appends it to the op's inputs, in this order and after those of `inputs`; an argument
    left out appends None. An `Example` gives them as further `inputs`.
    `result` names the outputs of an op with several (documentation, and the default of `outputs:`). A lone name with a
    leading ``*`` means that arguments and input sizes decide how many there are (``chunk``).
    `infer` says how many outputs a call has: two or more types where forward's value is a tuple, a lone type where it
    is a tensor. A call may have fewer than `result` has names (``max`` without ``dim``).
    `unpack` is how forward's value is taken apart, as a nested tuple of output numbers: LSTM's is ``(0, (1, 2))``;
    None is the flat tuple.
    `rule` is the shape rule in words, or in the notation of rules.py, which the registry test evaluates.
    `defaults`: what torch takes for keywords that `forward` may leave out and that are not called as an argument is.
    `weight_axes`: how its `weight` may be split over processes: "features" [out, in], "table" [rows, features].
    `weight_reads`: how often a forward pass reads each of its parameters, which is how often one is computed that is
    parametrized.
    `attribute` is what `module` constructs: "module" an nn.Module, "parameter" an nn.Parameter, "buffer" a tensor that
    codegen registers (`self.register_buffer(name, ..., persistent=op.persistent)`); `forward` then reads it by `Own`.
    `passes_gradient`: does the gradient of its results go on to `inputs`? (To `ref_inputs` none does: sizes are read.)
    """

    rule: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]] = ("x",)
    ref_inputs: ClassVar[tuple[str, ...]] = ()
    passes_gradient: ClassVar[bool] = True
    attribute: ClassVar[str] = "module"
    weight_axes: ClassVar[str | None] = None
    weight_reads: ClassVar[int] = 1
    result: ClassVar[tuple[str, ...]] = ("output",)
    unpack: ClassVar[tuple[Any, ...] | None] = None
    defaults: ClassVar[dict[str, Any]] = {}
    examples: ClassVar[tuple[Example, ...]] = ()

    known: dict[tuple[Any, ...], Known]  # by input types: see known.py

    def __new__(cls) -> Self:
        self = super().__new__(cls)
        self.known = {}
        return self

    # -- rules ---------------------------------------------------------------------------------------------

    def infer(self, require: Require, *inputs: Any) -> TensorType | tuple[TensorType, ...]:
        """Output type(s), or a Mismatch raised through `require`."""
        raise NotImplementedError

    def state(self, *inputs: Any) -> tuple[State, ...]:
        """Parameters and buffers, in `state_dict()` order. Called only after `infer` succeeded."""
        return ()

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        """Forward FLOPs as torch.utils.flop_counter counts them (a multiply-add is 2; only matmul, conv, attention)."""
        return 0

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        """Where input `number` comes in equal parts along `axis`, the axis along which the output can be made part by
        part, each from its own part of the input alone; None where parts are mixed. (Tensor parallelism follows it.)
        """
        return None

    def apart(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        """The axis of the output whose each place is made from the same place of input `number` along `axis` alone (and
        from what has no such places); None where places are mixed. (What may be kept of earlier places follows it.)
        """
        return self.shard(number, axis, inputs, output)

    def shards(self, number: int) -> int | None:
        """How many units, which must stay whole, such an input is made of (attention heads); None: its size tells."""
        return None

    def module(self, *inputs: Any) -> Call | None:
        """Constructor of the torch module (or `nn.Parameter`) that does this op; None where there is none."""
        return None

    def forward(self, *inputs: Any) -> Any:
        """The expression that computes the op (see expr.py). The default calls the op's module on its inputs.

        Stateless ops override it with their functional form and *also* give `module` where torch has one: codegen
        takes the expression in a `forward` and the module inside `nn.Sequential`. A module is created as an attribute
        exactly when the expression holds `Module` or `Own`.
        """
        return Module(*(In(i) for i, given in enumerate(inputs) if given is not None))

    # -- what a reader would remark on (see lint/) ------------------------------------------------------------

    nonlinear: ClassVar[bool] = False  # an activation: applied to each element
    nonnegative: ClassVar[bool] = False  # no result is below 0
    keeps_nonnegative: ClassVar[bool] = False  # values from 0 on stay as they are

    def bias_axis(self, *inputs: Any) -> int | None:
        """The axis along which a learned constant is added to the result; None where none is."""
        return None

    def centred_axis(self, *inputs: Any) -> int | None:
        """The axis along which constants in the input are taken out again; None where none are."""
        return None

    def unread(self, *inputs: Any) -> tuple[Unread, ...]:
        """What the windows of the op leave out at the end of axes of the input."""
        return ()

    def idle(self) -> str | None:
        """Why the op does nothing, or nothing of use, with these arguments; None where it does."""
        return None

    @classmethod
    def bare(cls) -> bool:
        """Does it never have a module or tensor of its own: no state, and a functional form for `forward`?"""
        own = cls.attribute != "module" or cls.state is not Op.state
        return not own and cls.forward is not Op.forward

    @classmethod
    def bare_with(cls, values: Mapping[str, Any]) -> bool:
        """`bare`, with these arguments."""
        return cls.bare()

    def sequential(self) -> bool:
        """May the module stand in an `nn.Sequential` (one tensor in, the op's value out)?"""
        return self.attribute == "module" and self.unpack is None and len(self.result) == 1 and self.result[0][0] != "*"
