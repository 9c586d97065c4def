"""Which outputs go with which targets: the rules that losses and metrics share."""

from __future__ import annotations

from archspec.dims import Size
from archspec.ops.require import Mismatch, Require
from archspec.ops.tensor import TensorType
from archspec.recipe.model import Fit

INPUT, TARGET = "input", "target"


def same(require: Require, x: TensorType, target: TensorType, *, whole: bool = False) -> Fit:
    """One value a target: equal shapes. `whole`: a target of whole numbers is taken too, and cast."""
    require.floating(x, "the model's output", argument=INPUT)
    if not target.is_floating and not (whole and target.dtype in ("int64", "bool")):
        require.fail("AS303", f"the target must be floating point, got {target}", argument=TARGET)
    if x.rank != target.rank:
        # PyTorch would broadcast [B, 1] against [B] to [B, B], with a warning at best.
        help = None
        if x.rank == target.rank + 1 and x.shape[-1] == 1:
            help = "end the model with `squeeze: -1`"
        elif target.rank == x.rank + 1 and target.shape[-1] == 1:
            help = "end the model with `unsqueeze: -1`"
        require.fail("AS301", f"output and target must have one shape, got {x} and {target}", argument=INPUT, help=help)
    for axis, (a, b) in enumerate(zip(x.shape, target.shape, strict=True)):
        require.equal(a, b, f"output {x} and target {target} differ in size {axis}", argument=INPUT)
    return Fit(cast_target=not target.is_floating)


def _alike(a: tuple[Size, ...], b: tuple[Size, ...]) -> bool:
    return len(a) == len(b) and all(x == y for x, y in zip(a, b, strict=True))


def class_axis(require: Require, x: TensorType, target: TensorType, given: int | None) -> int:
    """The axis of `x` that the target does not have: 1 as in PyTorch, or -1; raises Mismatch where neither fits."""
    if target.rank != x.rank - 1:
        help = None
        if target.rank == x.rank and target.rank > 1 and target.shape[-1] == 1:
            help = "the target has a last size of 1 too many: give one class number a sample"
        message = f"the output needs one dimension more than the target, for the classes: got {x} and {target}"
        require.fail("AS301", message, argument=INPUT, help=help)
    rest = {1: (x.shape[0], *x.shape[2:]), -1: x.shape[:-1]}
    if x.rank == 2 and given is None:
        given = 1
    if given is None:
        fits = [axis for axis in (1, -1) if _alike(rest[axis], target.shape)]
        if len(fits) == 2:
            message = f"the classes of {x} may be axis 1 or the last: target {target} goes with both"
            require.fail("AS301", message, argument=INPUT, help="say `class_dim: 1` or `class_dim: -1`")
        given = fits[0] if fits else None
    for axis in (given,) if given is not None else (1, -1):
        if all(require.constraints.equal(a, b) for a, b in zip(rest[axis], target.shape, strict=True)):
            return axis
    message = f"the sizes of output {x}, but for its classes, must be those of target {target}"
    raise Mismatch("AS302", message, argument=INPUT)


def over_classes(
    require: Require, x: TensorType, target: TensorType, classes: int | None, given: int | None
) -> tuple[Fit, int]:
    """Scores over classes against class numbers; gives the fit and the number of classes of the output."""
    require.floating(x, "the model's output", argument=INPUT)
    if x.rank < 2:
        require.fail("AS301", f"the output must have a size for the classes, got {x}", argument=INPUT)
    if target.dtype != "int64":
        require.fail("AS303", f"class numbers must be int64, the target is {target}", argument=TARGET)
    axis = class_axis(require, x, target, given)
    count = require.known(x.shape[axis], "a loss over classes needs a known number of them", argument=INPUT)
    if classes is not None and count < classes:
        help = f"give the last layer {classes} outputs"
        require.fail("AS302", f"the output has {count} classes, and the data have {classes}", argument=INPUT, help=help)
    warning = f"the output has {count} classes, and the data only {classes}" if classes and count > classes else ""
    return Fit(class_dim=axis, warning=warning), count
