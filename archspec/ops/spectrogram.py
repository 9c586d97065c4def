"""Spectra of windows of a signal (torch.stft, torch.istft)."""

from __future__ import annotations

from typing import Any

from archspec.dims import Size, minimum
from archspec.ops.base import Example, Op, arg
from archspec.ops.calls import given
from archspec.ops.complex import COMPLEX_OF, REAL_OF, complex_of
from archspec.ops.expr import Call, In
from archspec.ops.kinds import BadValue, Bool, Choice, Optional, PositiveInt, SizeKind
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.tensor import COMPLEX, FLOATING, TensorType, promote


class _Frames(Op):
    """What the two share. The window is the second input; without it, all of a frame counts the same."""

    inputs = ("x", "window?")
    n_fft = arg(PositiveInt, doc="samples of a frame")
    hop_length = arg(Optional(PositiveInt), None, "samples from one frame to the next; left out: n_fft // 4")
    win_length = arg(Optional(PositiveInt), None, "samples of the window, in the middle of a frame; left out: n_fft")
    center = arg(Bool, True, "frame t has sample t * hop_length in its middle, else at its start")
    normalized = arg(Bool, False, "divide by sqrt(n_fft)")

    def validate(self) -> None:
        if self.window > self.n_fft:
            raise BadValue(f"`win_length` must be at most `n_fft`, {self.n_fft}", ("win_length",))
        if self.hop < 1:
            raise BadValue("`n_fft` // 4 is no distance between frames; give `hop_length`", ("hop_length",))

    @property
    def hop(self) -> int:
        return self.n_fft // 4 if self.hop_length is None else self.hop_length

    @property
    def window(self) -> int:
        return self.n_fft if self.win_length is None else self.win_length

    def check_window(self, require: Require, window: TensorType | None, *dtypes: str) -> None:
        if window is not None:
            require.dtype(window, *dtypes, what="the window", inputs=(1,))
            require.rank(window, 1, what="the window", inputs=(1,))
            message = f"the window of `{self.name}` is not as long as said"
            require.equal(window.shape[0], self.window, message, inputs=(1,), axis=(0,))

    def settings(self, window: TensorType | None) -> dict[str, Any]:
        names = [name for name in self.args if name != "n_fft"]
        settings = given(self, *names)
        before: dict[str, Any] = {k: settings.pop(k) for k in ("hop_length", "win_length") if k in settings}
        return {**before, **({} if window is None else {"window": In(1)}), **settings}


@op("stft", "torch.stft")
class Stft(_Frames):
    """Short-time Fourier transform: the spectrum of each frame of a signal [L] or [N, L], as complex numbers."""

    rule = (
        "[N?, L] becomes [N?, F, (L - n_fft%2)//S + 1], where S = hop_length or n_fft//4;"
        " F is n_fft//2 + 1, two-sided n_fft; without `center` there are (L - n_fft)//S + 1 frames"
    )
    pad_mode = arg(Choice("constant", "reflect", "replicate", "circular"), "reflect", "how `center` pads the signal")
    onesided = arg(
        Optional(Bool), None, "only the half of the spectrum that says it all; left out: of real signals and windows"
    )
    examples = (
        Example({"n_fft": 16, "hop_length": 4}, ("float32[B, T]", "float32[16]"), "complex64[B, 9, T//4 + 1]"),
        Example(
            {"n_fft": 8, "win_length": 6, "center": False, "onesided": False, "normalized": True},
            ("float64[20]", "float64[6]"),
            "complex128[8, 7]",
        ),
        Example({"n_fft": 8, "pad_mode": "constant"}, "float32[B, 20]", "complex64[B, 5, 11]"),
    )

    def infer(self, require: Require, x: TensorType, window: TensorType | None = None) -> TensorType:
        require.dtype(x, *COMPLEX_OF, *COMPLEX, what="the input of `stft`", inputs=(0,))
        require.rank(x, 1, 2, what="the input of `stft`", inputs=(0,))
        if x.rank == 2:
            require.at_least(x.shape[0], 1, "the input of `stft` has no signals", inputs=(0,), axis=(0,))
        self.check_window(require, window, *FLOATING, *COMPLEX)
        dtype = x.dtype if window is None else promote(x.dtype, window.dtype)
        if dtype in COMPLEX and self.onesided:
            require.fail("AS303", f"the spectrum of a {dtype} signal has two sides", inputs=(0,), argument="onesided")
        length, axis = x.shape[-1], x.rank - 1
        half = self.n_fft // 2 if self.center else 0
        least = {"reflect": half + 1, "circular": half}.get(self.pad_mode, 1) if self.center else 1
        require.at_least(length, least, "the signal is too short to be padded", inputs=(0,), axis=(axis,))
        padded = length + 2 * half
        require.at_least(padded, self.n_fft, "the signal is shorter than a frame", inputs=(0,), axis=(axis,))
        onesided = dtype not in COMPLEX if self.onesided is None else self.onesided
        frequencies = self.n_fft // 2 + 1 if onesided else self.n_fft
        frames = (padded - self.n_fft) // self.hop + 1
        return TensorType(complex_of(dtype), (*x.shape[:-1], frequencies, frames))

    def forward(self, x: TensorType, window: TensorType | None = None) -> Any:
        return Call("torch.stft", In(0), self.n_fft, **self.settings(window), return_complex=True)


@op("istft", "torch.istft")
class Istft(_Frames):
    """The signal of the spectra of its frames: the inverse of `stft`, where the windows overlap without gaps."""

    rule = (
        "[N?, F, T] → [N?, S*(T - 1) + n_fft%2], where S = hop_length or n_fft//4;"
        " S*(T - 1) + n_fft without `center`, or `length`"
    )
    onesided = arg(
        Optional(Bool),
        None,
        "the spectra are the halves that say it all; left out: if they are not of n_fft frequencies",
    )
    length = arg(Optional(SizeKind(1)), None, "samples of the signal, which is cut or filled up with zeros")
    examples = (
        Example({"n_fft": 16, "hop_length": 4}, ("complex64[B, 9, T]", "float32[16]"), "float32[B, 4*T - 4]"),
        Example({"n_fft": 8, "onesided": False, "center": False}, "complex128[8, 7]", "float64[20]"),
        Example({"n_fft": 8, "length": 11}, "complex64[B, 5, 7]", "float32[B, 11]"),
    )

    def infer(self, require: Require, x: TensorType, window: TensorType | None = None) -> TensorType:
        require.dtype(x, *COMPLEX, what="the input of `istft`", inputs=(0,))
        require.rank(x, 2, 3, what="the input of `istft`", inputs=(0,))
        if x.rank == 3:
            require.at_least(x.shape[0], 1, "the input of `istft` has no spectra", inputs=(0,), axis=(0,))
        self.check_window(require, window, *FLOATING)
        message = "`istft` must know the number of frequencies"
        found = require.known(x.shape[-2], message, inputs=(0,), axis=(x.rank - 2,))
        onesided = found != self.n_fft if self.onesided is None else self.onesided
        frequencies = self.n_fft // 2 + 1 if onesided else self.n_fft
        message = "`istft` reads spectra of another `n_fft`, which has another number of frequencies"
        require.equal(x.shape[-2], frequencies, message, inputs=(0,), argument="n_fft", axis=(x.rank - 2,))
        frames, axis = x.shape[-1], x.rank - 1
        require.at_least(frames, 1, "`istft` needs a frame", inputs=(0,), axis=(axis,))
        whole = self.n_fft + self.hop * (frames - 1)
        usual = whole - 2 * (self.n_fft // 2) if self.center else whole
        length: Size = usual if self.length is None else self.length
        require.at_least(length, 1, "`istft` would give an empty signal", inputs=(0,), axis=(axis,))
        start = self.n_fft // 2 if self.center else 0
        first = (self.n_fft - self.window) // 2  # the window lies in the middle of its frame
        covered = self.hop * (frames - 1) + first + self.window
        if start < first or self.hop > self.window:
            message = "the windows of `istft` leave samples out that no frame tells"
            require.fail("AS205", message, argument="win_length")
        message = "`istft` gives samples that no window covers"
        require.at_least(covered, minimum(start + length, whole), message, inputs=(0,), axis=(axis,))
        spectra = REAL_OF[x.dtype]
        dtype = spectra if window is None else promote(spectra, window.dtype)
        return TensorType(dtype, (*x.shape[:-2], length))

    def forward(self, x: TensorType, window: TensorType | None = None) -> Any:
        return Call("torch.istft", In(0), self.n_fft, **self.settings(window))
