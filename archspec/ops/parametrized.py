"""Parameters that are computed from others: `torch.nn.utils.parametrizations`, on any op with parameters.

https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.weight_norm.html and its neighbours.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from archspec.dims import Size
from archspec.ops.base import Op, State
from archspec.ops.broadcast import category
from archspec.ops.expr import Call
from archspec.ops.initial import Init, InitKind, Table
from archspec.ops.kinds import AnyInt, Bool, Choice, NonNegativeInt, Optional, PositiveFloat, PositiveInt
from archspec.ops.require import Require
from archspec.ops.tensor import TensorType

PARAMETRIZATIONS: Table = {
    "weight_norm": {"dim": (Optional(NonNegativeInt), 0)},
    "spectral_norm": {
        "n_power_iterations": (PositiveInt, 1),
        "eps": (PositiveFloat, 1e-12),
        "dim": (Optional(AnyInt), ...),
    },
    "orthogonal": {
        "orthogonal_map": (Choice("matrix_exp", "cayley", "householder"), ...),
        "use_trivialization": (Bool, True),
    },
}


class Parametrization(NamedTuple):
    """Parameter `name` of an op is computed by `how`, with its arguments; those left out are not in them."""

    name: str
    how: str
    args: tuple[tuple[str, Any], ...]

    def refuses(self, given: State, default_dim: int = 0) -> str | None:
        """Why this parameter cannot be computed so; None if it can. `default_dim`: of `spectral_norm`."""
        shape = given.shape
        dim, least = dict(self.args).get("dim"), 0 if self.how == "weight_norm" else -len(shape)
        if self.how == "spectral_norm" and dim is None:
            dim = default_dim
        if dim is not None and not least <= dim < len(shape):
            said = f"got {dim}" if "dim" in dict(self.args) else f"and is {dim} where it is not given"
            return f"`dim` must be from {least} to {len(shape) - 1} for its shape {list(shape)}, {said}"
        if self.how == "orthogonal" and len(shape) < 2:
            return f"it takes 2 or more dimensions, and the shape is {list(shape)}"
        return self._without_kernel(given)

    def _without_kernel(self, given: State) -> str | None:
        """What torch has no kernel for."""
        shape, args, kind = given.shape, dict(self.args), category(given.dtype)
        if self.how == "weight_norm" and kind == 3 and args.get("dim", 0) in (0, len(shape) - 1):
            return (
                f"along its first or last dimension torch has no lengths of {given.dtype}; `dim: null` is one for all"
            )
        if self.how != "orthogonal":
            return None
        square = shape[-2] == shape[-1] or kind == 3
        how = args.get("orthogonal_map", "matrix_exp" if square else "householder")
        if kind == 3 and how == "householder":
            return f"the map `householder` takes no complex numbers, and it is {given.dtype}"
        half = given.dtype in ("float16", "bfloat16")
        if half and (how != "matrix_exp" or args.get("use_trivialization", True)):
            return f"in {given.dtype} torch has the map `matrix_exp` without trivialization alone"
        return None

    def state(self, given: State, default_dim: int) -> tuple[State, ...]:
        """What is kept in place of the parameter."""
        shape, args = given.shape, dict(self.args)
        inner = f"parametrizations.{self.name}"

        def kept(name: str, sizes: tuple[int, ...], parameter: bool = True) -> State:
            return State(f"{inner}.{name}", sizes, given.dtype, parameter)

        if self.how == "weight_norm":
            dim = args.get("dim", 0)
            lengths = () if dim is None else tuple(n if k == dim % len(shape) else 1 for k, n in enumerate(shape))
            return kept("original0", lengths), kept("original1", shape)
        if self.how == "spectral_norm":
            dim = args.get("dim")
            rows = shape[default_dim if dim is None else dim] if shape else 1
            vectors = (kept("0._u", (rows,), False), kept("0._v", (prod(shape) // rows,), False))
            return (kept("original", shape), *(vectors if len(shape) > 1 else ()))
        large = max(shape[-2:])
        base = (kept("0.base", (*shape[:-2], large, large), False),) if args.get("use_trivialization", True) else ()
        return (kept("original", shape), *base)

    def flops(self, shape: tuple[int, ...]) -> int:
        """Of computing a parameter of this shape: of the products in it, PyTorch counts the one with the base."""
        if self.how != "orthogonal" or not dict(self.args).get("use_trivialization", True):
            return 0
        return 2 * prod(shape) * max(shape[-2:])


class Parametrized(Op):
    """Mixed in before an op's own class, by `parametrized`."""

    parametrizations: tuple[Parametrization, ...] = ()
    weight_axes = None

    @classmethod
    def bare(cls) -> bool:
        return False

    def infer(self, require: Require, *inputs: Any) -> Any:
        found = super().infer(require, *inputs)
        own = {state.name: state for state in super().state(*inputs) if state.parameter}
        for each in self.parametrizations:
            if "." in each.name and each.name in own:
                require.fail("AS205", f"`{each.name}` belongs to a module inside `{self.name}`, and cannot be computed")
            if each.name not in own:
                names = ", ".join(f"`{name}`" for name in own if "." not in name)
                help = f"its parameters are {names}" if names else "it has no parameters"
                require.fail("AS206", f"this `{self.name}` has no parameter `{each.name}` to parametrize", help=help)
            wrong = each.refuses(own[each.name], self._default_dim())
            if wrong:
                require.fail("AS205", f"`{each.how}` of `{each.name}`: {wrong}")
        return found

    def _default_dim(self) -> int:
        """The dimension of which `spectral_norm` makes rows."""
        return 1 if self.name.startswith("conv_transpose") else 0

    def state(self, *inputs: Any) -> tuple[State, ...]:
        own = super().state(*inputs)
        changed = {each.name: each for each in self.parametrizations}
        default = self._default_dim()
        out = [state for state in own if state.name not in changed]
        by_name = {state.name: state for state in own}
        for name, each in changed.items():
            out += each.state(by_name[name], default)
        return tuple(out)

    def flops(self, inputs: tuple[Any, ...], outputs: tuple[TensorType, ...]) -> Size:
        by_name = {state.name: state.shape for state in super().state(*inputs)}
        computed = sum(each.flops(by_name[each.name]) for each in self.parametrizations)
        return super().flops(inputs, outputs) + self.weight_reads * computed

    def module(self, *inputs: Any) -> Any:
        made = super().module(*inputs)
        for each in self.parametrizations:
            name = () if each.name == "weight" else (each.name,)
            made = Call(f"parametrizations.{each.how}", made, *name, **dict(each.args))
        return made


@lru_cache(maxsize=1024)
def parametrized(cls: type[Op], parametrizations: tuple[Parametrization, ...]) -> type[Op]:
    """The op with parameters that are computed from others."""
    own = {"parametrizations": parametrizations, "__doc__": cls.__doc__}
    made: type[Op] = type(cls.__name__, (Parametrized, cls), own)
    made.args, made.required, made.binding = cls.args, cls.required, cls.binding  # the mixin, an Op, has none
    return made


class ParametrizationKind(InitKind):
    """A parametrization of the table: its name, or a mapping of the name to its arguments."""

    noun = "parametrization"

    def __init__(self) -> None:
        super().__init__(PARAMETRIZATIONS)
        self.title = f"a parametrization ({', '.join(PARAMETRIZATIONS)})"

    def of(self, name: str, value: Any) -> Parametrization:
        """How parameter `name` is computed. Raises BadValue."""
        found: Init = self.parse(value)
        table = PARAMETRIZATIONS[found.name]
        args = tuple((key, arg) for key, arg in found.args.items() if arg != table[key][1])
        return Parametrization(name, found.name, args)
