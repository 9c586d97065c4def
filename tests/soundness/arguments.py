"""Values for an op's arguments, from their kinds and the op's examples. No op is known here by name."""

from __future__ import annotations

from random import Random
from typing import Any

from archspec.dims import Dim
from archspec.ops.base import Op
from archspec.ops.kinds import (
    Bool,
    Choice,
    Float,
    Int,
    Kind,
    ListOf,
    OneOf,
    Optional,
    Refined,
    Scalar,
    SizeKind,
    Spread,
)
from archspec.ops.tensor import TensorType
from tests.soundness.walker import arguments

MISSING: Any = object()


class Arguments:
    """Makes values for a tensor `x` that an op may read. `names` are those that the list has for sizes."""

    def __init__(self, rng: Random, x: TensorType | None, names: dict[Any, str]) -> None:
        self.rng = rng
        self.shape: tuple[Any, ...] = x.shape if x is not None else ()
        self.names = names

    def near(self, cls: type[Op], number: int) -> dict[str, Any]:
        """Arguments near those of the op's example `number`."""
        rng = self.rng
        written = [arguments(cls, example.args) for example in cls.examples]
        args = dict(written[number])
        for name, declared in cls.args.items():
            if name in cls.ref_inputs or rng.random() > (0.5 if name in args else 0.12):
                continue
            if name in args and not declared.required and rng.random() < 0.3:
                del args[name]
                continue
            seen = [w[name] for w in written if name in w]
            value = rng.choice(seen) if seen and rng.random() < 0.3 else self.of(declared.kind)
            if value is not MISSING:
                args[name] = value
        return args

    def of(self, kind: Kind[Any]) -> Any:
        """A value of the kind, MISSING where none can be made up."""
        rng = self.rng
        if isinstance(kind, type(Bool)):
            return rng.random() < 0.5
        if isinstance(kind, Int):
            return self._integer(kind)
        if isinstance(kind, SizeKind):
            return self._size(kind)
        if isinstance(kind, Float):
            low = kind.least if kind.least is not None else -1.0
            high = kind.most if kind.most is not None else low + 2.0
            edge = not kind.open and rng.random() < 0.2
            return rng.choice((low, high)) if edge else round(rng.uniform(low, high), 2)
        if isinstance(kind, Scalar):
            return rng.choice((0, 1, -2, 3, 0.5, -1.5, True))
        if isinstance(kind, Choice):
            return rng.choice(kind.words)
        if isinstance(kind, Optional):
            return None if rng.random() < 0.3 else self.of(kind.kind)
        if isinstance(kind, Refined):
            return self.of(kind.kind)
        if isinstance(kind, Spread):
            return self.of(kind.kind) if rng.random() < 0.6 else self._several(kind.kind, kind.count)
        if isinstance(kind, ListOf):
            if isinstance(kind.kind, SizeKind) and self.shape and rng.random() < 0.8:
                return self._near_shape(kind.kind)
            most = min(kind.most or 4, 4)
            return self._several(kind.kind, rng.randint(min(kind.least, most), most))
        return self.of(rng.choice(kind.kinds)) if isinstance(kind, OneOf) else MISSING

    def written(self, size: Any) -> Any:
        """A size as a spec writes it: `3`, `$B`, `$(B*T)`."""
        if not isinstance(size, Dim):
            return size
        text = self.names.get(size) or str(size)
        return f"${text}" if text.isidentifier() else f"$({text})"

    def _integer(self, kind: Int) -> int:
        rng = self.rng
        if kind.least is None:  # most often an axis
            rank = max(len(self.shape), 1)
            return rng.randint(-rank, rank - 1)
        high = kind.least + 4 if kind.most is None else min(kind.least + 4, kind.most)
        sizes = [s for s in self.shape if isinstance(s, int) and kind.least <= s <= min(16, kind.most or 16)]
        return rng.choice(sizes) if sizes and rng.random() < 0.2 else rng.randint(kind.least, high)

    def _several(self, kind: Kind[Any], count: int) -> Any:
        out = [self.of(kind) for _ in range(count)]
        return MISSING if any(value is MISSING for value in out) else out

    def _size(self, kind: SizeKind) -> Any:
        if self.shape and self.rng.random() < 0.6:
            return self.written(self.rng.choice(self.shape))
        return -1 if kind.infer and self.rng.random() < 0.3 else self.rng.randint(max(kind.least, 1), 6)

    def _near_shape(self, kind: SizeKind) -> list[Any]:
        """Sizes near those of the tensor: some joined, one taken apart, one left to be worked out."""
        rng = self.rng
        shape: list[Any] = list(self.shape)
        for _ in range(rng.choice((0, 1, 1, 2))):
            at = rng.randrange(len(shape) + 1)
            if at < len(shape) - 1 and rng.random() < 0.5:
                shape[at : at + 2] = [shape[at] * shape[at + 1]]
            elif at < len(shape) and isinstance(shape[at], int) and shape[at] > 0:
                factor = rng.choice([d for d in range(1, shape[at] + 1) if shape[at] % d == 0])
                shape[at : at + 1] = rng.choice(([factor, shape[at] // factor], [rng.randint(1, 4)]))
            elif at < len(shape):
                shape[at : at + 1] = [1, shape[at]]
        if kind.infer and shape and rng.random() < 0.5:
            shape[rng.randrange(len(shape))] = -1
        return [size if isinstance(size, int) and size == -1 else self.written(size) for size in shape]
