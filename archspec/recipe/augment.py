"""Augmentations of images: what training sees of a sample, another time each epoch. Names are torchvision's."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any, ClassVar, NamedTuple

from archspec.diagnostics.model import Diagnostics
from archspec.ops.base import arg
from archspec.ops.kinds import (
    BadValue,
    Float,
    Kind,
    NonNegativeFloat,
    Number,
    Pair,
    PositiveFloat,
    PositiveInt,
    Probability,
)
from archspec.ops.tensor import TensorType
from archspec.reading.nodes import Node, Sequence
from archspec.recipe.model import DataFacts, DataKind, Field, LossTerm, Part
from archspec.recipe.parts import Family, Written, read_part


class Augment(Part):
    """One augmentation. `mixes`: it mixes two samples and their targets. `of_pixels`: its values must be in [0, 1]."""

    mixes: ClassVar[bool] = False
    of_pixels: ClassVar[bool] = False


AUGMENTS: Family[Augment] = Family(
    "augmentation",
    {
        "normalize": "training and evaluation need it alike: `mean` and `std` of `images`, or `divide` of `npz`",
        "random_flip": "say `random_horizontal_flip` or `random_vertical_flip`",
    },
)
Range = Pair(PositiveFloat)
P_DOC = "share of the samples that it changes"
FILL_DOC = "value of what lies outside the image"


def _rising(values: tuple[float, float], name: str) -> None:
    if values[0] > values[1]:
        raise BadValue("the first is the smaller", (name,))


@AUGMENTS.declare("random_crop")
class RandomCrop(Augment):
    """Pads all sides and cuts out a place of the image's own size."""

    padding = arg(PositiveInt, doc="pixels on each side")
    fill = arg(Number, 0.0, FILL_DOC)


@AUGMENTS.declare("random_resized_crop")
class RandomResizedCrop(Augment):
    """Cuts out a part of random area and shape, and brings it to the image's size (bilinear, anti-aliased)."""

    scale = arg(Range, [0.08, 1.0], "smallest and largest share of the area")
    ratio = arg(Range, [3 / 4, 4 / 3], "smallest and largest ratio of width to height")

    def validate(self) -> None:
        _rising(self.scale, "scale")
        _rising(self.ratio, "ratio")
        if self.scale[1] > 1:
            raise BadValue("a share of the area is at most 1", ("scale", 1))


@AUGMENTS.declare("random_horizontal_flip")
class RandomHorizontalFlip(Augment):
    """Mirrors left and right."""

    p = arg(Probability, 0.5, P_DOC)


@AUGMENTS.declare("random_vertical_flip")
class RandomVerticalFlip(Augment):
    """Mirrors top and bottom."""

    p = arg(Probability, 0.5, P_DOC)


@AUGMENTS.declare("random_rotation")
class RandomRotation(Augment):
    """Turns around the centre (bilinear), by an angle of at most so many degrees either way."""

    degrees = arg(Float(0, 180), doc="largest angle")
    fill = arg(Number, 0.0, FILL_DOC)


@AUGMENTS.declare("random_affine")
class RandomAffine(Augment):
    """Turns, shifts, scales and shears around the centre (bilinear)."""

    degrees = arg(Float(0, 180), doc="largest angle, either way")
    translate = arg(Pair(Probability), [0.0, 0.0], "largest shift, as shares of width and height")
    scale = arg(Range, [1.0, 1.0], "smallest and largest factor")
    shear = arg(Float(0, 80), 0.0, "largest angle of shear along the width, either way")
    fill = arg(Number, 0.0, FILL_DOC)

    def validate(self) -> None:
        _rising(self.scale, "scale")


@AUGMENTS.declare("color_jitter")
class ColorJitter(Augment):
    """Changes brightness, contrast, saturation and hue, in this order, of values in [0, 1]."""

    of_pixels = True
    brightness = arg(NonNegativeFloat, 0.0, "the factor is from max(0, 1 - this) to 1 + this")
    contrast = arg(NonNegativeFloat, 0.0, "the factor is from max(0, 1 - this) to 1 + this")
    saturation = arg(NonNegativeFloat, 0.0, "the factor is from max(0, 1 - this) to 1 + this; of three channels")
    hue = arg(Float(0, 0.5), 0.0, "largest turn of the hue either way, in turns; of three channels")


@AUGMENTS.declare("random_grayscale")
class RandomGrayscale(Augment):
    """Gives all three channels the grey value."""

    p = arg(Probability, 0.1, P_DOC)


@AUGMENTS.declare("random_erasing")
class RandomErasing(Augment):
    """Fills a rectangle (Zhong et al., 2017)."""

    p = arg(Probability, 0.5, P_DOC)
    scale = arg(Range, [0.02, 0.33], "smallest and largest share of the area")
    ratio = arg(Range, [0.3, 3.3], "smallest and largest ratio of width to height")
    value = arg(Number, 0.0, "what it is filled with")

    def validate(self) -> None:
        _rising(self.scale, "scale")
        _rising(self.ratio, "ratio")


@AUGMENTS.declare("mixup")
class Mixup(Augment):
    """Blends a sample with another of the data, and their targets (Zhang et al., 2017)."""

    mixes = True
    alpha = arg(PositiveFloat, 0.2, "the share is drawn from a beta distribution with this for both parameters")
    p = arg(Probability, 1.0, P_DOC)


@AUGMENTS.declare("cutmix")
class Cutmix(Augment):
    """Puts a rectangle of another sample of the data into a sample, and blends their targets (Yun et al., 2019)."""

    mixes = True
    alpha = arg(PositiveFloat, 1.0, "the share is drawn from a beta distribution with this for both parameters")
    p = arg(Probability, 1.0, P_DOC)


class Augmentation(NamedTuple):
    """What is done with the images of `field`, in this order; of `mixes` each sample gets one.

    `targets`: the fields that are mixed with them, and for class numbers how many classes there are (0: quantities).
    `mean`, `std`: what the images were normalised with, which is undone meanwhile.
    """

    field: str
    transforms: tuple[Augment, ...]
    mixes: tuple[Augment, ...]
    targets: dict[str, int]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


class AugmentList(Kind[Any]):
    """The augmentations; they are read with their places, in `read_augments`."""

    title = "a list of augmentations"

    def parse(self, value: Any) -> Any:
        return value

    def literal(self) -> dict[str, Any]:
        from archspec.recipe.schema import family_schema

        return {"type": "array", "items": family_schema(AUGMENTS)}


DATA_KEYS: dict[str, Kind[Any]] = {"augment": AugmentList()}
AUGMENT_DOC = "augmentations of the images, in order; held-out data and predictions are without them"


def read_augments(
    node: Node | None,
    data: Written[DataKind],
    facts: DataFacts,
    feeds: MappingType[str, str],
    losses: tuple[LossTerm, ...],
    outputs: MappingType[str, TensorType],
    env: dict[str, Any],
    diagnostics: Diagnostics,
) -> Augmentation | None:
    """What stands under `augment`, held against the data and the losses; None without it, or after an error (AS205)."""
    if node is None or (isinstance(node, Sequence) and not node.items):
        return None
    items = node.items if isinstance(node, Sequence) else [node]
    found = [read_part(item, AUGMENTS, env, diagnostics) for item in items]
    if any(each is None for each in found):
        return None
    written = [each for each in found if each is not None]
    images = [f for f in facts.fields if f.name in feeds.values() and _is_image(f)]
    if len(images) != 1:
        what = "no field that is" if not images else "several fields that are"
        message = f"augmentations are for an image, float32[B, 1 or 3, height, width], and there is {what} one"
        diagnostics.error("AS205", node.span, message)
        return None
    field = images[0]
    sound = True
    for each in written:
        if (wrong := _wrong(each.part, field, data.part)) is not None:
            diagnostics.error("AS205", each.span, f"`{each.part.name}`: {wrong[0]}", help=wrong[1])
            sound = False
    mixing = [each for each in written if each.part.mixes]
    targets: dict[str, int] = {}
    for term in losses if mixing else ():
        count = None if term.loss.targetless else _mixed(term, facts.field(term.target), outputs)
        if count is None:
            name = mixing[0].part.name
            message = f"`{name}` mixes targets, and `{term.loss.name}` takes none that are mixed"
            help = "of class numbers only `cross_entropy` of an output [B, classes] does"
            diagnostics.error("AS205", mixing[0].span, message, help=help)
            sound = False
        else:
            targets[term.target] = count
    if not sound:
        return None
    transforms = tuple(each.part for each in written if not each.part.mixes)
    mean, std = (getattr(data.part, name, (plain,)) for name, plain in (("mean", 0.0), ("std", 1.0)))
    return Augmentation(field.name, transforms, tuple(each.part for each in mixing), targets, mean, std)


def _is_image(field: Field) -> bool:
    return field.dtype == "float32" and len(field.shape) == 3 and field.shape[0] in (1, 3)


def _wrong(part: Augment, field: Field, data: DataKind) -> tuple[str, str | None] | None:
    """What is wrong with an augmentation of this field, and what would help."""
    depth, height, width = field.shape
    colours = part.name == "random_grayscale" or any(getattr(part, name, 0) for name in ("saturation", "hue"))
    if colours and depth != 3:
        return f"`{field.name}` has {depth} channel, and colours need 3", None
    if isinstance(part, RandomCrop) and part.padding >= min(height, width):
        return f"a padding of {part.padding} hides images of {width} by {height}", "at most half of a side is usual"
    if part.of_pixels and data.name == "npz" and field.name not in getattr(data, "divide", {}):
        return "its values must be in [0, 1]", f"say `divide: {{{field.name}: 255}}` for bytes"
    return None


def _mixed(term: LossTerm, field: Field, outputs: MappingType[str, TensorType]) -> int | None:
    """How many classes a mixed target has; 0 for quantities, None where its loss takes none."""
    if field.dtype == "float32":
        return 0
    x = outputs[term.input]
    if term.loss.name != "cross_entropy" or x.rank != 2 or field.shape or not isinstance(x.shape[1], int):
        return None
    return x.shape[1]
