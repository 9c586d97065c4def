"""Windows of signals: weights that fall off to both ends, for `stft`, for filters, for blending what overlaps."""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dims import Size
from archspec.ops.base import Example, arg
from archspec.ops.calls import given
from archspec.ops.kinds import BadValue, Bool, Choice, Number, Optional, PositiveFloat
from archspec.ops.ranges import REAL_DOC, Constant, FloatDType, Length
from archspec.ops.registry import op

_PERIODIC_DOC = "one period of a longer window, as spectra want it; else the same from both ends"


class Window(Constant):
    """Base: of torch's own functions, which are periodic unless told otherwise."""

    rule: ClassVar[str] = "[window_length]"
    lead: ClassVar[tuple[str, ...]] = ("window_length", "periodic")
    window_length = arg(Length, doc="how many weights")
    shaping: ClassVar[tuple[str, ...]] = ()  # its own arguments, which torch takes by position
    periodic = arg(Bool, True, _PERIODIC_DOC)
    dtype = arg(FloatDType, "float32", REAL_DOC)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(400, (), "float32[400]"),
        Example({"window_length": 9, "periodic": False, "dtype": "float64"}, (), "float64[9]"),
        Example({"window_length": 8, "like": "x"}, "float32[B, T]", "float32[8]"),
    )

    def shape(self) -> tuple[Size, ...]:
        return (self.window_length,)

    def called(self) -> tuple[Any, ...]:
        shaped = tuple(getattr(self, name) for name in self.shaping)
        usual = tuple(self.args[name].default for name in self.shaping)
        return (self.window_length,) if shaped == usual else (self.window_length, self.periodic, *shaped)

    def options(self) -> dict[str, Any]:
        return {} if len(self.called()) > 1 else given(self, "periodic")


@op("hann_window", "torch.hann_window")
class HannWindow(Window):
    """sin(pi * n / N) ** 2."""


@op("hamming_window", "torch.hamming_window")
class HammingWindow(Window):
    """alpha - beta * cos(2 * pi * n / N)."""

    shaping = ("alpha", "beta")
    alpha = arg(Number, 0.54, "the constant part")
    beta = arg(Number, 0.46, "the part of the cosine")


@op("blackman_window", "torch.blackman_window")
class BlackmanWindow(Window):
    """0.42 - 0.5 * cos(2 * pi * n / N) + 0.08 * cos(4 * pi * n / N)."""


@op("bartlett_window", "torch.bartlett_window")
class BartlettWindow(Window):
    """A triangle."""


@op("kaiser_window", "torch.kaiser_window")
class KaiserWindow(Window):
    """Kaiser's window: i0(beta * sqrt(1 - x * x)) / i0(beta) for x from -1 to 1."""

    shaping = ("beta",)
    beta = arg(Number, 12.0, "the larger, the narrower")


class Symmetric(Constant):
    """Base: of torch.signal.windows, symmetric unless told otherwise."""

    rule: ClassVar[str] = "[M]"
    lead: ClassVar[tuple[str, ...]] = ("M",)
    M = arg(Length, doc="how many weights")
    sym = arg(Bool, True, "the same from both ends; else one period of a longer window, as spectra want it")
    dtype = arg(Choice("float32", "float64"), "float32", REAL_DOC)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(11, (), "float32[11]"),
        Example({"M": 8, "sym": False, "dtype": "float64"}, (), "float64[8]"),
        Example({"M": 7, "like": "x"}, "float32[B, T]", "float32[7]"),
    )

    def shape(self) -> tuple[Size, ...]:
        return (self.M,)

    def called(self) -> tuple[Any, ...]:
        return (self.M,)

    def options(self) -> dict[str, Any]:
        return given(self, *(name for name in self.args if name not in ("M", "like", "dtype")))


@op("gaussian_window", "torch.signal.windows.gaussian")
class GaussianWindow(Symmetric):
    """exp(-(n / std) ** 2 / 2), n counted from the middle: the kernel of a blur, once it is divided by its sum."""

    std = arg(PositiveFloat, 1.0, "standard deviation, in steps")


@op("exponential_window", "torch.signal.windows.exponential")
class ExponentialWindow(Symmetric):
    """exp(-|n - center| / tau)."""

    center = arg(Optional(Number), None, "where it is 1, if not `sym`; left out: the middle")
    tau = arg(PositiveFloat, 1.0, "the distance over which it falls to 1/e")

    def validate(self) -> None:
        if self.sym and self.center is not None:
            raise BadValue("a symmetric window has its `center` in the middle", ("center",))


@op("cosine_window", "torch.signal.windows.cosine")
class CosineWindow(Symmetric):
    """sin(pi * (n + 1/2) / M)."""


@op("nuttall_window", "torch.signal.windows.nuttall")
class NuttallWindow(Symmetric):
    """Nuttall's window: a sum of four cosines whose side lobes are low."""
