"""The little language in which an op says how PyTorch computes it; codegen prints it.

Literals are plain Python data (int, float, bool, None, str, tuple, list). A symbolic size (`Dim`) may stand
wherever an int may: codegen writes it as the size of a live tensor (`x.shape[0]`).
"""

from __future__ import annotations

from typing import Any, NamedTuple


class In(NamedTuple):
    """The op's input number `index`."""

    index: int  # type: ignore[assignment]


class Name(NamedTuple):
    """A dotted name of torch: `torch.float32`."""

    text: str


class Call:
    """A call of a dotted torch name, e.g. ``Call("nn.Conv2d", 3, 64, kernel_size=3)``.

    Roots are `nn`, `F` (torch.nn.functional), `torch` and `math`.
    """

    __slots__ = ("args", "fn", "kwargs")

    def __init__(self, fn: str, *args: Any, **kwargs: Any) -> None:
        self.fn = fn
        self.args = args
        self.kwargs = kwargs

    def __repr__(self) -> str:
        inside = [*map(repr, self.args), *(f"{k}={v!r}" for k, v in self.kwargs.items())]
        return f"Call({', '.join([repr(self.fn), *inside])})"


class Module:
    """A call of the op's own module in forward: ``self.conv1(x)``."""

    __slots__ = ("args", "kwargs")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs


class Own(NamedTuple):
    """The op's own attribute itself, uncalled (a parameter or buffer): ``self.class_token``."""


class Method:
    """A method of a value: ``x.flatten(1)``."""

    __slots__ = ("args", "kwargs", "name", "of")

    def __init__(self, of: Any, name: str, *args: Any, **kwargs: Any) -> None:
        self.of = of
        self.name = name
        self.args = args
        self.kwargs = kwargs


class Attr(NamedTuple):
    """An attribute of a value: ``x.mT``, ``x.dtype``."""

    of: Any
    name: str


class Binary(NamedTuple):
    """``left op right``; op is one of + - * / // % ** @ << >> < <= > >= == != & | ^."""

    op: str
    left: Any
    right: Any


class Unary(NamedTuple):
    """``-x`` or ``~x``."""

    op: str
    of: Any


class Slice(NamedTuple):
    """``start:stop:step`` inside an `Index`; None leaves a part out."""

    start: Any = None
    stop: Any = None
    step: Any = None


class Index(NamedTuple):
    """``x[a, b]``; an item may be an int, `Slice`, None, `...` (Ellipsis) or an expression."""

    of: Any
    items: tuple[Any, ...]


class Training(NamedTuple):
    """One value in training and another in evaluation: ``0.1 if self.training else 0.0``."""

    value: Any
    otherwise: Any
