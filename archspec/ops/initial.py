"""Initial values of parameters and buffers, as a spec writes them: `zeros`, `{normal: {std: 0.02}}`."""

from __future__ import annotations

import math
from math import prod
from typing import Any, NamedTuple

from archspec.dims import Dim, Real
from archspec.ops.broadcast import category, holds
from archspec.ops.expr import Call, Method, Name
from archspec.ops.kinds import (
    AnyInt,
    AScalar,
    BadValue,
    Bool,
    Choice,
    Kind,
    ListOf,
    NonNegativeFloat,
    Number,
    PositiveFloat,
    PositiveInt,
    Probability,
    Refined,
    show,
)
from archspec.ops.tensor import COMPLEX, DTYPES, FLOATING, INTEGRAL

ALiteral = Refined(
    AScalar, lambda value: "a size known only when the model runs" if isinstance(value, (Dim, Real)) else None
)

Table = dict[str, dict[str, tuple[Kind[Any], Any]]]  # initialiser -> argument -> kind and default (None: required)

_FAN = Choice("fan_in", "fan_out")
_GAIN = Choice("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu")
_KAIMING: dict[str, tuple[Kind[Any], Any]] = {
    "a": (Number, 0.0),
    "mode": (_FAN, "fan_in"),
    "nonlinearity": (_GAIN, "leaky_relu"),
}

PARAMETER_INITS: Table = {
    "zeros": {},
    "ones": {},
    "constant": {"val": (ALiteral, None)},
    "normal": {"mean": (Number, 0.0), "std": (NonNegativeFloat, 1.0)},
    "uniform": {"a": (Number, 0.0), "b": (Number, 1.0)},
    "trunc_normal": {
        "mean": (Number, 0.0), "std": (NonNegativeFloat, 1.0), "a": (Number, -2.0), "b": (Number, 2.0),
    },
    "xavier_uniform": {"gain": (Number, 1.0)},
    "xavier_normal": {"gain": (Number, 1.0)},
    "kaiming_uniform": _KAIMING,
    "kaiming_normal": _KAIMING,
    "orthogonal": {"gain": (Number, 1.0)},
    "eye": {},
    "sparse": {"sparsity": (Probability, None), "std": (NonNegativeFloat, 0.01)},
    "dirac": {"groups": (PositiveInt, 1)},
    "sinusoidal": {"max_period": (PositiveFloat, 10000.0)},
    "arange": {"start": (AnyInt, 0), "step": (AnyInt, 1), "dim": (AnyInt, ...)},
    "linspace": {"start": (Number, 0.0), "end": (Number, 1.0)},
    "logspace": {"start": (Number, 0.0), "end": (Number, 1.0), "base": (PositiveFloat, 10.0)},
    "values": {"values": (ListOf(ALiteral, 1), None)},
}  # fmt: skip
MADE = ("sinusoidal", "arange", "linspace", "logspace", "values")  # those that torch.nn.init does not have
FUNCTIONS: Table = {  # what may follow: functions of each element, methods of a tensor
    **{name: {} for name in (
        "abs", "neg", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "reciprocal", "square", "sigmoid", "tanh",
        "logit", "sin", "cos",
    )},
    "add": {"other": (Number, None)}, "sub": {"other": (Number, None)}, "mul": {"other": (Number, None)},
    "div": {"other": (Number, None)}, "pow": {"exponent": (Number, None)},
    "clamp": {"min": (Number, ...), "max": (Number, ...)},
}  # fmt: skip
_WINDOWS = ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window")
_PERIODIC: dict[str, tuple[Kind[Any], Any]] = {"periodic": (Bool, True)}
BUFFER_INITS: Table = {
    **PARAMETER_INITS,
    "full": {"fill_value": (ALiteral, None)},
    "grid": {"sizes": (ListOf(PositiveInt, 2), None), "steps": (ListOf(AnyInt, 2), None), "start": (AnyInt, 0)},
    "tril": {"diagonal": (AnyInt, 0), "fill_value": (ALiteral, 1)},
    "triu": {"diagonal": (AnyInt, 0), "fill_value": (ALiteral, 1)},
    **dict.fromkeys(_WINDOWS, _PERIODIC),
    "kaiser_window": {**_PERIODIC, "beta": (Number, 12.0)},
}

_FANS = ("xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal")
_RANKS: dict[str, tuple[int, int | None]] = {
    "eye": (2, 2), "sparse": (2, 2),
    "sinusoidal": (2, None), "dirac": (3, 5), "tril": (2, None), "triu": (2, None), "orthogonal": (2, None),
    **dict.fromkeys(_FANS, (2, None)), **dict.fromkeys(_WINDOWS, (1, 1)),
}  # fmt: skip
_DTYPES: dict[str, tuple[str, ...]] = {  # where it is not all of them
    **dict.fromkeys(("normal", "uniform", "sparse", *_FANS), FLOATING + COMPLEX),
    **dict.fromkeys(("trunc_normal", *_WINDOWS), FLOATING),
    "orthogonal": ("float32", "float64"),
    "arange": INTEGRAL + FLOATING,
    "linspace": INTEGRAL + FLOATING + COMPLEX,
    "logspace": INTEGRAL + FLOATING + COMPLEX,
}


class Init(NamedTuple):
    """An initialiser with its arguments, and the functions that what it gives is put through."""

    name: str
    args: dict[str, Any]
    then: tuple[tuple[str, dict[str, Any]], ...] = ()

    def refuses(self, shape: tuple[int, ...], dtype: str) -> str | None:
        """Why a tensor of this shape and dtype cannot be initialised so; None if it can."""
        least, most = _RANKS.get(self.name, (0, None))
        if len(shape) < least or (most is not None and len(shape) > most):
            wanted = f"{least} or more" if most is None else str(least) if least == most else f"{least} to {most}"
            return f"`{self.name}` initialises {wanted} dimensions, and the shape has {len(shape)}"
        if dtype not in _DTYPES.get(self.name, DTYPES):
            return f"`{self.name}` does not give {dtype}"
        if self.then and dtype not in FLOATING:
            return f"`{self.then[0][0]}` is for floating dtypes, not {dtype}"
        dim = self.args.get("dim", ...)
        if dim is not ... and not -len(shape) <= dim < len(shape):
            return f"`dim: {dim}` of {len(shape)} dimensions"
        bounds = [self.args["start"], self.args["end"]][: prod(shape)] if self.name in ("linspace", "logspace") else []
        for value in (self.args.get("val"), self.args.get("fill_value"), *self.args.get("values", ()), *bounds):
            if not holds(dtype, value):
                return f"{dtype} cannot hold {value}"
        if self.name == "dirac" and shape[0] % self.args["groups"]:
            return f"`dirac` in {self.args['groups']} groups of {shape[0]} channels"
        if self.name == "sinusoidal" and shape[-1] % 2:
            return f"`sinusoidal` fills an even number of columns, half of them sines, and the shape has {shape[-1]}"
        if self.name == "arange" and self.args["step"] == 0:
            return "`arange` with a step of 0"
        if self.name == "grid":
            sizes, steps = self.args["sizes"], self.args["steps"]
            if len(steps) != len(sizes):
                return f"`grid` of {len(sizes)} sizes has {len(steps)} steps"
            if prod(sizes) != prod(shape):
                return f"a grid of {prod(sizes)} numbers for {prod(shape)} elements"
            if not all(holds(dtype, value) for value in _ends(self.args["start"], sizes, steps)):
                return f"{dtype} cannot hold the numbers of the grid"
        if self.name == "values" and len(self.args["values"]) != prod(shape):
            return f"{len(self.args['values'])} values for {prod(shape)} elements"
        return None

    def expression(self, shape: tuple[int, ...], dtype: str) -> Any:
        """The tensor. `refuses` gave None."""
        made = self._first(shape, dtype)
        for name, args in self.then:
            given = {key: value for key, value in args.items() if value is not ...}
            made = Method(made, name, **given) if name == "clamp" else Method(made, name, *given.values())
        return made

    def _first(self, shape: tuple[int, ...], dtype: str) -> Any:
        as_dtype = {"dtype": Name(f"torch.{dtype}")}
        option = {} if dtype == "float32" else as_dtype
        sizes = shape or ((),)
        if self.name in ("zeros", "ones"):
            return Call(f"torch.{self.name}", *sizes, **option)
        if self.name in ("constant", "full"):
            return _full(shape, self.args["val" if self.name == "constant" else "fill_value"], dtype)
        if self.name == "eye" and len(set(shape)) == 1:
            return Call("torch.eye", shape[0], **option)
        if self.name == "eye":
            return Call("torch.eye", *shape, **option)
        if self.name in ("tril", "triu"):
            fill, diagonal = self.args["fill_value"], self.args["diagonal"]
            full = Call("torch.ones", *sizes, **option) if fill == 1 else _full(shape, fill, dtype)
            return Method(full, self.name, *([diagonal] if diagonal else []))
        if self.name == "linspace":
            count, given = prod(shape), (self.args["start"], self.args["end"])
            return _shaped(Call("torch.linspace", *given, count, **option), count, shape)
        if self.name == "logspace":
            count, given = prod(shape), (self.args["start"], self.args["end"])
            base = {"base": self.args["base"]} if self.args["base"] != 10 else {}
            return _shaped(Call("torch.logspace", *given, count, **base, **option), count, shape)
        if self.name == "arange":
            dim = self.args["dim"]
            start, step, count = self.args["start"], self.args["step"], prod(shape) if dim is ... else shape[dim]
            bounds = (start, start + step * count, step) if step != 1 else (start, start + count) if start else (count,)
            row = Call("torch.arange", *bounds, **({} if dtype == "int64" else as_dtype))
            return _shaped(row, count, shape) if dim is ... else _along(row, dim % len(shape), shape)
        if self.name == "grid":
            grid = _shaped(_grid(**self.args), prod(shape), shape)
            return grid if dtype == "int64" else Method(grid, "to", as_dtype["dtype"])
        if self.name == "sinusoidal":
            return _sinusoidal(shape, self.args["max_period"], dtype)
        if self.name == "values":
            values = [_as(v, dtype) for v in self.args["values"]]
            inferred = dtype in ("float32", "bool") or (dtype == "int64" and all(isinstance(v, int) for v in values))
            return _shaped(Call("torch.tensor", values, **({} if inferred else as_dtype)), len(values), shape)
        table = BUFFER_INITS[self.name]
        options = {k: v for k, v in self.args.items() if v != table[k][1]}
        if self.name in _WINDOWS:
            return Call(f"torch.{self.name}", *shape, **options, **option)
        return Call(f"nn.init.{self.name}_", Call("torch.empty", *sizes, **option), **options)


def _shaped(flat: Any, count: int, shape: tuple[int, ...]) -> Any:
    return flat if len(shape) == 1 and count == shape[0] else Method(flat, "reshape", *(shape or ((),)))


def _along(row: Any, dim: int, shape: tuple[int, ...]) -> Any:
    """The row along a dimension, the same wherever one is in the others."""
    times = [1 if axis == dim else size for axis, size in enumerate(shape)]
    behind = len(shape) - 1 - dim
    row = Method(row, "reshape", -1, *[1] * behind) if behind else row
    return Method(row, "repeat", *times) if any(size != 1 for size in times) or len(shape) > behind + 1 else row


def _grid(sizes: tuple[int, ...], steps: tuple[int, ...], start: int) -> Any:
    """start + steps[0] * i + steps[1] * j + … for the positions i, j, … of a grid, the last one fastest."""
    positions = Call("torch.cartesian_prod", *(Call("torch.arange", size) for size in sizes))
    made = Method(Method(positions, "mul", Call("torch.tensor", list(steps))), "sum", 1)
    return Method(made, "add", start) if start else made


def _ends(start: int, sizes: tuple[int, ...], steps: tuple[int, ...]) -> tuple[int, int]:
    """The least and the largest number of a grid."""
    far = [step * (size - 1) for size, step in zip(sizes, steps, strict=True)]
    return start + sum(min(step, 0) for step in far), start + sum(max(step, 0) for step in far)


def _sinusoidal(shape: tuple[int, ...], max_period: float, dtype: str) -> Any:
    """Row t: sin(f*t), then cos(f*t), for frequencies f from 1 to 1/max_period (Vaswani et al., 2017; Whisper).

    Rows and columns are the last two dimensions; the same stands along those before.
    """
    double = {"dtype": Name("torch.float64")} if dtype == "float64" else {}
    frequencies = Call("torch.logspace", 0.0, -1.0, shape[-1] // 2, base=max_period, **double)
    angles = Call("torch.outer", Call("torch.arange", shape[-2]), frequencies)
    made: Any = Call("torch.cat", [Method(angles, "sin"), Method(angles, "cos")], dim=1)
    if len(shape) > 2:
        made = Method(made, "repeat", *shape[:-2], 1, 1)
    return made if dtype in ("float32", "float64") else Method(made, "to", Name(f"torch.{dtype}"))


def _as(value: Any, dtype: str) -> Any:
    """A Python number of the dtype's own kind, so that torch infers it; fractions are left for torch to cut off."""
    own: Any = (bool, int, float, float)[category(dtype)](value) if math.isfinite(value) else value
    return own if own == value or category(dtype) != 1 else value


def _full(shape: tuple[int, ...], value: Any, dtype: str) -> Call:
    value = _as(value, dtype)
    plain = dtype == {bool: "bool", int: "int64", float: "float32"}[type(value)]
    return Call("torch.full", shape, value, **({} if plain else {"dtype": Name(f"torch.{dtype}")}))


class InitKind(Kind[Init]):
    """An initialiser of a table: its name, or a mapping of the name to its arguments (or to the first one alone); or a
    list of one and of functions that it is put through.

    The default of an argument is None where it is required, and `...` where PyTorch decides.
    """

    noun = "initialiser"

    def __init__(self, table: Table) -> None:
        self.table = table
        self.title = f"an initialiser ({', '.join(table)})"

    def parse(self, value: Any) -> Init:
        if isinstance(value, Init):
            return value
        if not isinstance(value, (list, tuple)):
            return Init(*self._one(value, self.table, self.noun))
        if not value:
            raise BadValue("expected an initialiser and functions behind it, got an empty list")
        made = []
        for number, each in enumerate(value):
            try:
                made.append(self._one(each, FUNCTIONS if number else self.table, "function" if number else self.noun))
            except BadValue as bad:
                raise BadValue(bad.message, (number, *bad.path), bad.help) from None
        return Init(*made[0], then=tuple(made[1:]))

    def _one(self, value: Any, known: Table, noun: str) -> tuple[str, dict[str, Any]]:
        if isinstance(value, str):
            name: Any = value
            given: Any = None
        elif isinstance(value, dict) and len(value) == 1:
            ((name, given),) = value.items()
        elif known is FUNCTIONS:
            raise BadValue(f"expected a function, got {show(value)}", (), "write one, as `log` or `{mul: 2}`")
        else:
            raise self.refuse(value, "write one, as `zeros` or `{normal: {std: 0.02}}`")
        if name not in known:
            from archspec.diagnostics.suggest import did_you_mean

            help = did_you_mean(str(name), known)
            if help is None and known is FUNCTIONS:
                help = f"functions: {', '.join(known)}"
            raise BadValue(f"there is no {noun} {show(name)}", (), help)
        return name, self._arguments(name, given, known[name])

    def _arguments(self, name: str, given: Any, table: dict[str, tuple[Kind[Any], Any]]) -> dict[str, Any]:
        if given is None:
            given = {}
        if not isinstance(given, dict):
            if not table:
                raise BadValue(f"`{name}` takes no arguments", (name,))
            given = {next(iter(table)): given}
        for key in given:
            if key not in table:
                from archspec.diagnostics.suggest import did_you_mean

                raise BadValue(f"`{name}` has no argument {show(key)}", (name,), did_you_mean(str(key), table))
        out: dict[str, Any] = {}
        for key, (kind, default) in table.items():
            if key not in given:
                if default is None:
                    raise BadValue(f"`{name}` needs `{key}`", (name,))
                out[key] = default
                continue
            try:
                out[key] = kind.parse(given[key])
            except BadValue as bad:
                raise BadValue(bad.message, (name, key, *bad.path), bad.help) from None
        return out

    def literal(self) -> dict[str, Any]:
        bare = [n for n, table in self.table.items() if all(default is not None for _, default in table.values())]
        options: list[dict[str, Any]] = [{"enum": bare}]
        for name, table in self.table.items():
            needed = [key for key, (_, default) in table.items() if default is None]
            arguments: dict[str, Any] = {
                "type": "object",
                "properties": {key: kind.schema() for key, (kind, _) in table.items()},
                "additionalProperties": False,
            }
            if needed:
                arguments["required"] = needed
            forms = [arguments] if needed else [arguments, {"type": "null"}]
            if table:
                forms.append(next(iter(table.values()))[0].schema())
            options.append({
                "type": "object",
                "properties": {name: {"anyOf": forms}},
                "required": [name],
                "additionalProperties": False,
            })  # fmt: skip
        chain = {"type": "array", "minItems": 1, "items": {"type": ["string", "object"]}}
        return {"anyOf": [*options, {**chain, "description": "An initialiser, and functions behind it: [zeros, exp]."}]}
