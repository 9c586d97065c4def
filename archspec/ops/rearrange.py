"""`rearrange`: split, permute and merge dimensions by a pattern that names them."""

from __future__ import annotations

from typing import Any

from archspec.dims import Size
from archspec.ops.base import Example, Op, arg
from archspec.ops.expr import In, Method
from archspec.ops.kinds import BadValue
from archspec.ops.pattern import ELLIPSIS, Group, LengthsKind, Pattern, PatternKind, Side
from archspec.ops.registry import op
from archspec.ops.require import Require
from archspec.ops.shaping import product
from archspec.ops.tensor import TensorType


@op("rearrange", "einops.rearrange")
class Rearrange(Op):
    """Split, permute and merge dimensions by a pattern, `b (h d) t -> b h t d`, as einops does; runs on torch alone."""

    rule = "what the right side of the pattern says of the sizes that the left side names"
    pattern = arg(PatternKind(), doc="names of the dimensions before and after; brackets join names in one dimension")
    axes_lengths = arg(LengthsKind(), {}, "sizes of names that cannot be worked out: `{h: 8}`")
    examples = (
        Example("b c h w -> b (h w) c", "float32[B, 8, H, W]", "float32[B, H*W, 8]"),
        Example(
            {"pattern": "b t (heads d) -> b heads t d", "axes_lengths": {"heads": 4}},
            "float32[B, T, 32]",
            "float32[B, 4, T, 8]",
        ),
        Example(
            {"pattern": "b c (h p) (w q) -> b (h w) (p q c)", "axes_lengths": {"p": 2, "q": 2}},
            "float32[B, 3, 8, 12]",
            "float32[B, 24, 12]",
        ),
        Example("b ... d -> (b ...) d", "int64[B, 3, 4, 5]", "int64[12*B, 5]"),
        Example("b 1 d -> d b ()", "float32[B, 1, 5]", "float32[5, B, 1]"),
    )

    def validate(self) -> None:
        pattern: Pattern = self.pattern
        for name in self.axes_lengths:
            if name not in pattern.names:
                raise BadValue(f"`{name}` is not in `{pattern}`", ("axes_lengths", name))
        for group in pattern.left:
            unknown = [name for name in group or () if name not in self.axes_lengths]
            if len(unknown) > 1:
                raise BadValue(
                    f"the sizes of {' and '.join(f'`{n}`' for n in unknown)} in `{pattern}` cannot both be worked out",
                    ("pattern",),
                    f"give all but one: `axes_lengths: {{{unknown[0]}: 2}}`, or a size as `$B`",
                )

    def shard(self, number: int, axis: int, inputs: tuple[Any, ...], output: TensorType) -> int | None:
        pattern: Pattern = self.pattern
        group = pattern.left[axis] if ELLIPSIS not in pattern.names else None
        # Of names in one dimension, the parts of the first stay together.
        firsts = [names[0] if names else None for names in pattern.right]
        return firsts.index(group[0]) if group and group[0] in firsts else None

    def infer(self, require: Require, x: TensorType) -> TensorType:
        pattern: Pattern = self.pattern
        dots = ELLIPSIS in pattern.names
        named = len(pattern.left) - dots
        if x.rank < named or (x.rank > named and not dots):
            wanted = f"{named} or more" if dots else str(named)
            message = f"`{pattern}` is for {wanted} dimensions; {x} has {x.rank}"
            require.fail("AS309", message, inputs=(0,), argument="pattern")
        for axis, (group, size) in enumerate(zip(self._spread(x, pattern.left), x.shape, strict=True)):
            self._fits(require, group, size, axis)
        sizes = self._sizes(x)
        return x.with_shape(product(tuple(sizes[name] for name in group)) for group in self._spread(x, pattern.right))

    def _fits(self, require: Require, group: Group, size: Size, axis: int) -> None:
        """The dimension has the size that its names say."""
        where = {"inputs": (0,), "argument": "pattern", "axis": (axis,)}
        known = product(tuple(self.axes_lengths[name] for name in group if name in self.axes_lengths))
        if all(name in self.axes_lengths for name in group):
            says = f"`({' '.join(group)})`" if len(group) != 1 else f"`{group[0]}`"
            require.equal(size, known, f"{says} in `{self.pattern}` differs from dimension {axis}", **where)
        elif isinstance(known, int):
            message = f"dimension {axis} does not split into `({' '.join(group)})` of `{self.pattern}`"
            require.divisible(size, known, message, **where)
        elif (size // known) * known != size:
            require.fail("AS306", f"dimension {axis}, {size}, is not known to be a multiple of {known}", **where)

    def _spread(self, x: TensorType, groups: Side) -> list[Group]:
        """Groups with the dimensions of `...` as names of their own."""
        covered = x.rank - (len(self.pattern.left) - 1)
        dots = tuple(f"...{i}" for i in range(covered))
        out: list[Group] = []
        for group in groups:
            if group is None:
                out += [(dot,) for dot in dots]
            else:
                out.append(tuple(n for name in group for n in (dots if name == ELLIPSIS else (name,))))
        return out

    def _sizes(self, x: TensorType) -> dict[str, Size]:
        """The size of each name."""
        sizes: dict[str, Size] = dict(self.axes_lengths)
        for group, size in zip(self._spread(x, self.pattern.left), x.shape, strict=True):
            known = product(tuple(sizes[name] for name in group if name in sizes))
            for name in group:
                if name not in sizes:
                    sizes[name] = size // known
        return sizes

    def forward(self, x: TensorType) -> Any:
        left, right = self._spread(x, self.pattern.left), self._spread(x, self.pattern.right)
        early = _merge_first(left, right)
        if early is not None:  # flatten and transpose, rather than permute and flatten
            start, group = early
            left = [*left[:start], (group[0],), *left[start + len(group) :]]
            right = [(group[0],) if names == group else names for names in right]
            last = start + 1 == len(left)
            out = Method(In(0), "flatten", start, *([] if last else [start + len(group) - 1]))
            return _permute(out, [left.index(names) for names in right])
        flat_left = [name for group in left for name in group]
        flat_right = [name for group in right for name in group]
        out = _split(In(0), left, self.axes_lengths)
        out = _permute(out, [flat_left.index(name) for name in flat_right])
        return _merge(out, right)


def _merge_first(left: list[Group], right: list[Group]) -> tuple[int, Group] | None:
    """The one group on the right, and where it starts, if its names stand in a row on the left."""
    merged = [group for group in right if len(group) != 1]
    if len(merged) != 1 or not merged[0] or any(len(group) != 1 for group in left):
        return None
    start = left.index((merged[0][0],))
    row = tuple(name for names in left[start : start + len(merged[0])] for name in names)
    return (start, merged[0]) if row == merged[0] else None


def _split(x: Any, groups: list[Group], sizes: dict[str, Size]) -> Any:
    """Every name a dimension of its own."""
    for axis in reversed([axis for axis, group in enumerate(groups) if len(group) > 1]):
        known = [sizes.get(name, -1) for name in groups[axis]]
        x = Method(x, "unflatten", axis, tuple(known))
    flat = [name for group in groups for name in group or ("",)]
    empty = [axis for axis, name in enumerate(flat) if not name]
    if empty:
        x = Method(x, "squeeze", empty[0] if len(empty) == 1 else tuple(empty))
    return x


def _permute(x: Any, order: list[int]) -> Any:
    moved = [axis for axis, source in enumerate(order) if axis != source]
    if not moved:
        return x
    return Method(x, "transpose", *moved) if len(moved) == 2 else Method(x, "permute", *order)


def _merge(x: Any, groups: list[Group]) -> Any:
    """The dimensions of each group as one."""
    for axis in reversed(range(len(groups))):
        start, group = sum(map(len, groups[:axis])), groups[axis]
        if not group:
            x = Method(x, "unsqueeze", start)
        elif len(group) > 1:
            last = axis == len(groups) - 1
            x = Method(x, "flatten", start, *([] if last else [start + len(group) - 1]))
    return x
