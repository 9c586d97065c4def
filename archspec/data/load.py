"""The way in: a recipe's data as tensors, and one input as training would have seen it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from archspec.data.arrays import as_field, digits, npz
from archspec.data.augment import Augmented
from archspec.data.errors import reported
from archspec.data.forecast import Origin, last_windows
from archspec.data.guard import Aside, Bad, guarded
from archspec.data.images import ImageSplit, decode, listing, normalise
from archspec.data.series import open_series
from archspec.data.shards import open_shards, read_shards
from archspec.data.split import Split, TensorSplit, TextSplit, hold_out
from archspec.data.table import measured, standardise, table
from archspec.data.text import codec, tokens
from archspec.diagnostics.model import Span
from archspec.recipe.csv_kind import Csv
from archspec.recipe.data_kinds import Digits, Guardable, Images, Npz
from archspec.recipe.files import CSV_SUFFIXES, IMAGE_SUFFIXES, DataError, npz_headers, read_array, read_npy
from archspec.recipe.model import DataFacts, Field, Recipe
from archspec.recipe.series_kind import Series
from archspec.recipe.shards_kind import SUFFIXES, Shards
from archspec.recipe.text_kind import Text


class Data:
    """`train` and `holdout` samples. `fields`: their types; `classes`: names of the label's classes, if there are any.

    `bad`: what was left out as it was read; `judged`: whether it may be so much has been looked at.

    `facts` is what `load_input` needs later; a run keeps `facts.to_json()`.
    """

    def __init__(
        self, train: Split, holdout: Split, facts: DataFacts, bad: Sequence[Bad] = (), *, judged: bool = False
    ) -> None:
        self.train = train
        self.holdout = holdout
        self.facts = facts
        self.fields = {f.name: f for f in facts.fields}
        self.classes = facts.classes
        self.bad = list(bad)
        self.judged = judged


def open_data(recipe: Recipe) -> Data:
    """Read and split the data of a recipe. The split depends on the data and `recipe.seed` alone.

    Raises SpecError (AS504) for a file that is missing, malformed, too large, or not what the spec says. Images are
    decoded as they are taken, and what is wrong with one of them is raised then.
    """
    with reported(recipe.data.span):
        data = _open(recipe)
    kind = recipe.data.kind
    if isinstance(kind, Guardable) and not kind.whole and kind.on_bad_sample == "quarantine":
        data = Data(guarded(data.train, "train"), guarded(data.holdout, "holdout"), data.facts)
    if recipe.augment is not None:
        return Data(Augmented(data.train, recipe.augment), data.holdout, data.facts)
    return data


def _open(recipe: Recipe) -> Data:
    kind, facts, base = recipe.data.kind, recipe.data.facts, recipe.data.base
    path = base / getattr(kind, "path", "")
    other = None if kind.validation is None else base / kind.validation
    if isinstance(kind, Text):
        return _open_text(kind, facts, base, path, other)
    if isinstance(kind, Shards):
        return Data(*open_shards(kind, facts, base, recipe.data.span), facts)
    if isinstance(kind, Series):
        return Data(*open_series(kind, facts, path, other), judged=True)
    if isinstance(kind, Images):
        files, labels = listing(path, facts, "path")
        if other is not None:
            more, theirs = listing(other, facts, "validation", partial=True)
            span = recipe.data.span
            return Data(ImageSplit(files, labels, kind, span), ImageSplit(more, theirs, kind, span), facts)
        train, held = hold_out(_enough(len(files), path), kind.holdout, recipe.seed)

        def part(chosen: Tensor) -> ImageSplit:
            numbers = chosen.tolist()
            return ImageSplit([files[i] for i in numbers], [labels[i] for i in numbers], kind, recipe.data.span)

        return Data(part(train), part(held), facts)
    aside = Aside()
    if isinstance(kind, Digits):
        fields, rest = digits(), None
    elif isinstance(kind, Npz):
        fields = npz(kind, facts, path, "path")
        rest = None if other is None else npz(kind, facts, other, "validation")
    else:
        assert isinstance(kind, Csv)
        keep = kind.on_bad_sample == "stop"
        fields = table(kind, facts, path, bad=None if keep else aside.add("train"))
        bad = None if keep else aside.add("holdout")
        rest = None if other is None else table(kind, facts, other, "validation", bad=bad)
    if rest is None:
        train, held = hold_out(_enough(len(next(iter(fields.values()))), path), kind.holdout, recipe.seed)
        rest = TensorSplit(fields).take(held)
        fields = TensorSplit(fields).take(train)
    if isinstance(kind, Csv) and kind.standardize:
        facts = measured(fields, kind, facts)
        fields, rest = standardise(fields, kind, facts), standardise(rest, kind, facts)
    _whole_classes(recipe, (fields, rest), path)
    return Data(TensorSplit(fields), TensorSplit(rest), facts, aside.found)


def _whole_classes(recipe: Recipe, parts: tuple[dict[str, Tensor], ...], path: Path) -> None:
    """Class numbers begin at 0; only what the loss ignores may be less."""
    for term in recipe.losses:
        for fields in parts if term.class_dim is not None else ():
            target = fields[term.target]
            if target.is_floating_point():  # probabilities
                continue
            counted = target[target != getattr(term.loss, "ignore_index", -100)]
            if counted.numel() and int(counted.min()) < 0:
                message = f"`{term.target}` has the class number {int(counted.min())}; classes are numbered from 0"
                help = f"renumber them, or leave them out with `ignore_index: {int(counted.min())}`"
                raise DataError(message, path, argument="path", help=help)


def _enough(count: int, path: Path) -> int:
    if count < 2:
        raise DataError("two samples are needed at least: one to train on, one to hold out", path)
    return count


def _open_text(kind: Text, facts: DataFacts, base: Path, path: Path, other: Path | None) -> Data:
    coder = codec(kind, facts, base)
    row = tokens(coder, path)
    if other is not None:
        rest = tokens(coder, other, "validation")
    else:
        held = round(len(row) * kind.holdout)
        row, rest = row[: len(row) - held], row[len(row) - held :]
    stride = kind.stride or kind.context
    train, holdout = TextSplit(row, kind.context, stride), TextSplit(rest, kind.context, stride)
    for split, file, argument in ((train, path, "path"), (holdout, other or path, "validation")):
        if not len(split):
            raise DataError(f"too few tokens for one sample of {kind.context:,}", file, argument=argument)
    return Data(train, holdout, facts)


# -- inputs to predict ---------------------------------------------------------------------------------------


class Samples(dict[str, Tensor]):
    """{model input: tensor [n, ...]}. `origins`: of `series`, which series each sample is the end of."""

    origins: list[Origin] | None = None


def load_input(recipe: Recipe, source: str, facts: DataFacts | None = None) -> Samples:
    """Samples to predict, preprocessed as in training: {model input: tensor [n, ...]}.

    `source` is a file (png, jpg, … for image inputs; csv; npz, npy; a shard; a text) or `digits:17`, sample 17 of the
    built-in data. An image is not inverted: `digits` are bright on dark. `facts` are those of the run (`Data.facts`),
    which hold the statistics of its training split; they are needed where the data are standardised.

    Raises SpecError (AS504) for what cannot be read or does not fit the model.
    """
    facts = facts or recipe.data.facts
    origins = None
    with reported(Span(source, 1, 1, 1, 2)):
        if isinstance(recipe.data.kind, Series):
            fields, origins = last_windows(recipe.data.kind, facts, Path(source))
        else:
            fields = _input_fields(recipe, source, facts)
    samples = Samples((name, fields[field]) for name, field in recipe.feeds.items())
    samples.origins = origins
    return samples


def _input_fields(recipe: Recipe, source: str, facts: DataFacts) -> dict[str, Tensor]:
    kind = recipe.data.kind
    fed = [facts.field(name) for name in dict.fromkeys(recipe.feeds.values())]
    name, _, number = source.partition(":")
    if name == "digits" and number.isdecimal():
        return _digit(int(number), fed)
    path = Path(source)
    suffix = path.suffix.lower()
    if isinstance(kind, Text):
        row = tokens(codec(kind, facts, recipe.data.base), path)
        if not len(row):
            raise DataError("it is empty", path)
        return {"tokens": row[-kind.context :].long()[None]}
    if isinstance(kind, Csv):
        if suffix in CSV_SUFFIXES:
            fields = table(kind, facts, path, only={field.name for field in fed})
            if kind.standardize and facts.mean is None:
                raise DataError("the run does not say how the features were standardised")
            return standardise(fields, kind, facts) if kind.standardize else fields
        raise DataError("a csv file is needed, with the columns of the training data", path)
    if isinstance(kind, Shards) and _is_shard(kind, path, fed):
        return read_shards(kind, fed, path, Span(source, 1, 1, 1, 2))
    if suffix in IMAGE_SUFFIXES:
        return {one.name: _picture(recipe, path, one) for one in fed if _lone(fed, path)}
    if suffix in (".npz", ".npy"):
        return _arrays(recipe, path, fed)
    endings = ", ".join(dict.fromkeys((*(SUFFIXES if isinstance(kind, Shards) else ()), ".npz", ".npy")))
    raise DataError(
        f"a file to predict for `{kind.name}` ends in {endings} or, for one image, {', '.join(IMAGE_SUFFIXES)}", path
    )


def _is_shard(kind: Shards, path: Path, fed: list[Field]) -> bool:
    """Is it read as the training data were? An npz file may also have arrays that are named as the fields."""
    if path.suffix.lower() != ".npz":
        return path.is_dir() or path.suffix.lower() in SUFFIXES
    columns = {name for field in fed for name in (kind.fields or {}).get(field.name, ())}
    return bool(columns) and columns <= set(npz_headers(path))


def _lone(fed: list[Field], path: Path) -> bool:
    if len(fed) != 1:
        names = ", ".join(f"`{f.name}`" for f in fed)
        raise DataError(f"the model reads {names}; an npz file with these arrays is needed", path)
    return True


def _digit(number: int, fed: list[Field]) -> dict[str, Tensor]:
    fields = digits()
    count = len(fields["label"])
    if number >= count:
        raise DataError(f"`digits` has samples 0 to {count - 1}, not {number}")
    for field in fed:
        if field.name not in fields or tuple(fields[field.name].shape[1:]) != field.shape:
            raise DataError(f"the model reads `{field.name}` {field}, which `digits` does not have")
    return {name: tensor[number : number + 1] for name, tensor in fields.items()}


def _picture(recipe: Recipe, path: Path, field: Field) -> Tensor:
    """An image file as the one field a model reads."""
    kind = recipe.data.kind
    if isinstance(kind, Images):
        return normalise(decode(path, kind.size, kind.depth, kind.fit), kind)[None]
    if (
        field.dtype != "float32"
        or len(field.shape) not in (2, 3)
        or (len(field.shape) == 3 and field.shape[0] not in (1, 3))
    ):
        raise DataError(f"the model reads `{field.name}` {field}, which is not an image", path)
    depth = field.shape[0] if len(field.shape) == 3 else 1
    height, width = field.shape[-2:]
    if isinstance(kind, Npz):
        # How the arrays were made from pictures is not known: only the pixels themselves can be meant.
        pixels = decode(path, None, depth)
        if tuple(pixels.shape[-2:]) != (height, width):
            message = f"{pixels.shape[-1]} by {pixels.shape[-2]} pixels, and the model reads {width} by {height}"
            raise DataError(message, path)
        return as_field(pixels.view(1, *field.shape).numpy(), field, kind, path)
    return decode(path, (height, width), depth).view(1, *field.shape).float() / 255


def _arrays(recipe: Recipe, path: Path, fed: list[Field]) -> dict[str, Tensor]:
    kind = recipe.data.kind
    if path.suffix.lower() == ".npy":
        _lone(fed, path)
        arrays = {fed[0].name: read_npy(path)}
    else:
        headers = npz_headers(path)
        for field in fed:
            if field.name not in headers:
                raise DataError(f"it has no array `{field.name}`: it has {', '.join(headers)}", path)
        arrays = {field.name: read_array(path, field.name) for field in fed}
    plain = kind if isinstance(kind, (Npz, Shards)) else Npz.parse({"path": str(path)})
    out = {}
    for field in fed:
        array = arrays[field.name]
        if array.shape == field.shape:  # one sample without a batch axis
            array = array[None]
        out[field.name] = as_field(array, field, plain, path)
    if len({len(tensor) for tensor in out.values()}) != 1:
        raise DataError("its arrays differ in length", path)
    return out
