"""Which of a file's tensors become which of the model's, decided on names, shapes and dtypes alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from archspec.parameters.pattern import fill
from archspec.parameters.selection import MOST_MATCHES, Rule
from archspec.parameters.table import Entry, Table
from archspec.transfer.header import Stored, WeightsFileError
from archspec.transfer.report import Line, Status, TransferReport
from archspec.transfer.section import Join, Section
from archspec.transfer.wrappers import unwrapped

_KINDS = (
    ("float16", "bfloat16", "float32", "float64"),
    ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    ("complex64", "complex128"),
    ("bool",),
)


class Piece(NamedTuple):
    """A tensor of the file, or of each of `groups` along `dim` the stretch from `start`, `length` long."""

    stored: Stored
    dim: int = 0
    groups: int = 1
    start: int = 0
    length: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        if self.length is None:
            return self.stored.shape
        sizes = list(self.stored.shape)
        sizes[self.dim] = self.length * self.groups
        return tuple(sizes)


class Recipe(NamedTuple):
    """How one tensor of the model is made: pieces put together along `dim`, then `order`ed, then `reshape`d."""

    name: str
    pieces: tuple[Piece, ...]
    dim: int = 0
    groups: int = 1
    order: tuple[int, ...] | None = None
    reshape: bool = False


class Plan(NamedTuple):
    """What to copy, and what becomes of every name."""

    recipes: tuple[Recipe, ...]
    report: TransferReport


def make_plan(section: Section, table: Table, stored: Iterable[Stored], notes: Iterable[str] = ()) -> Plan:
    """The plan for the tensors of the files. `notes`: what is known of how they were found. Raises WeightsFileError
    where the rules are too many to try."""
    return _Planner(section, table, list(notes)).run(list(stored))


class _Planner:
    def __init__(self, section: Section, table: Table, notes: list[str]) -> None:
        self.section = section
        self.table = table
        self.notes = notes
        self.at_hand: dict[str, Stored] = {}  # by the name it has here
        self.used: set[str] = set()  # names in the file
        self.lines: dict[str, Line] = {}  # of the model's names
        self.others: list[Line] = []  # of the file's names that no tensor here is made of
        self.recipes: dict[str, Recipe] = {}
        self.lacking: dict[str, str] = {}  # of the model's names: the part that the file does not have
        self.met: set[Rule] = set()  # rules on the file's names that one of them answers to

    def run(self, stored: list[Stored]) -> Plan:
        section = self.section
        rules = sum(map(len, (section.ignore, section.rename, section.split, section.concat, section.transpose)))
        names = len(stored) + len(self.table.entries)
        if rules * names > MOST_MATCHES:
            raise WeightsFileError(f"{rules} rules for {names:,} tensors are more than are tried", "fewer, wider rules")
        self.receive(stored)
        split = self.split()
        for entry in self.table.entries.values():
            if entry.name not in self.section.fresh:
                recipe = split.get(entry.name) or self.concat(entry) or self.direct(entry)
                if recipe is not None:
                    self.judge(entry, recipe)
        for entry in self.table.entries.values():
            self.settle(entry)
        self.leftover(stored)
        lines = [self.lines[name] for name in self.table.entries]
        recipes = tuple(self.recipes[name] for name in self.table.entries if name in self.recipes)
        report = TransferReport(
            lines, self.others, self.notes, self.section.strict, list(self.table.entries), self.idle()
        )
        return Plan(recipes, report)

    def receive(self, stored: list[Stored]) -> None:
        names, notes = unwrapped([each.name for each in stored], self.table.entries)
        self.notes += notes
        for each, name in zip(stored, names, strict=True):
            ignored = [rule for rule in self.section.ignore if rule.pattern.matches(each.name)]
            if ignored:
                self.met.update(ignored)
                if not each.tied:
                    self.used.add(each.key)
                    self.others.append(Line(Status.IGNORED, each.name, file=each.shape, dtype=each.dtype))
                continue
            for rule, template in self.section.rename:
                renamed = rule.pattern.rename(name, template)
                if renamed is not None:
                    self.met.add(rule)
                    name = renamed
            other = self.at_hand.get(name)
            if other is None or (other.tied and not each.tied):
                self.at_hand[name] = each
            elif not each.tied:
                self.used.add(each.key)
                why = f"is called `{name}` here, as is `{other.name}`"
                self.others.append(Line(Status.UNEXPECTED, each.name, file=each.shape, dtype=each.dtype, how=why))

    def idle(self) -> list[str]:
        """Rules on the file's names that none of them answers to."""
        section = self.section
        rules = {
            "ignore": section.ignore,
            "rename": [rule for rule, _ in section.rename],
            "split": [join.whole for join in section.split],
        }
        return [
            f"`{key}`: no tensor of the file is called `{rule.pattern.text}`"
            for key, given in rules.items()
            for rule in given
            if rule not in self.met
        ]

    def split(self) -> dict[str, Recipe]:
        out: dict[str, Recipe] = {}
        for name, each in self.at_hand.items():
            for join in self.section.split:
                stars = join.whole.pattern.match(name)
                if stars is not None and len(stars) == join.whole.pattern.wildcards:
                    self.met.add(join.whole)
                    out.update(self.parts(each, join, stars))
                    break
        return out

    def parts(self, whole: Stored, join: Join, stars: tuple[str, ...]) -> dict[str, Recipe]:
        """The parts of a tensor; of the sizes that they have here, or all alike."""
        rank = len(whole.shape)
        if not -rank <= join.dim < rank:
            return {}
        dim = join.dim % rank
        each = whole.shape[dim] // join.groups
        names = [fill(part, stars) for part in join.parts]
        lengths = [self.length(name, rank, dim, join.groups) or each // len(names) for name in names]
        if sum(lengths) * join.groups != whole.shape[dim]:
            lengths = [each // len(names)] * len(names)
        if sum(lengths) * join.groups != whole.shape[dim]:
            return {}
        starts = [sum(lengths[:k]) for k in range(len(names))]
        self.used.add(whole.key)
        return {
            name: Recipe(name, (Piece(whole, dim, join.groups, start, length),))
            for name, start, length in zip(names, starts, lengths, strict=True)
        }

    def length(self, name: str, rank: int, dim: int, groups: int) -> int | None:
        """The size along the file's dimension `dim` of what becomes the model's tensor `name`, in each group."""
        entry = self.table.entries.get(name)
        if entry is None:
            return None
        order = self.order(name, rank)
        shape = entry.state.shape
        if len(shape) != rank:
            return None
        size = shape[order.index(dim) if order is not None else dim]
        return size // groups if size % groups == 0 else None

    def concat(self, entry: Entry) -> Recipe | None:
        for join in self.section.concat:
            stars = join.whole.pattern.match(entry.name)
            if stars is None or len(stars) != join.whole.pattern.wildcards:
                continue
            names = [fill(part, stars) for part in join.parts]
            parts = [self.at_hand[name] for name in names if name in self.at_hand]
            if parts and len(parts) < len(names):
                first = next(name for name in names if name not in self.at_hand)
                self.lacking[entry.name] = f"of its parts, the file has no `{first}`"
            if len(parts) == len(names):
                rank = len(parts[0].shape)
                if all(len(part.shape) == rank for part in parts) and -rank <= join.dim < rank:
                    return Recipe(entry.name, tuple(map(Piece, parts)), join.dim % rank, join.groups)
        return None

    def direct(self, entry: Entry) -> Recipe | None:
        each = self.at_hand.get(entry.name)
        return None if each is None else Recipe(entry.name, (Piece(each),))

    def order(self, name: str, rank: int) -> tuple[int, ...] | None:
        for reorder in self.section.transpose:
            order = reorder.order or (1, 0)
            if len(order) == rank and reorder.rule.pattern.matches(name):
                return order
        return None

    def judge(self, entry: Entry, recipe: Recipe) -> None:
        """Hold what is there against what is wanted."""
        self.used.update(piece.stored.key for piece in recipe.pieces)
        shape = _joined(recipe)
        others = any(piece.stored.name != entry.name for piece in recipe.pieces)
        how = [f"from {', '.join(map(_source, recipe.pieces))}"] if others else []
        if (order := self.order(entry.name, len(shape or ()))) is not None and shape is not None:
            recipe = recipe._replace(order=order)
            shape = tuple(shape[k] for k in order)
            how.append("transposed")
        wanted = entry.state.shape
        reshaped = any(rule.pattern.matches(entry.name) for rule in self.section.reshape)
        if reshaped and shape is not None and shape != wanted and math.prod(shape) == math.prod(wanted):
            how.append(f"reshaped from {list(shape)}")
            recipe, shape = recipe._replace(reshape=True), wanted
        dtypes = list(dict.fromkeys(piece.stored.dtype for piece in recipe.pieces))
        line = Line(
            Status.LOADED,
            entry.name,
            model=wanted,
            file=recipe.pieces[0].stored.shape if shape is None else shape,
            dtype=entry.state.dtype,
            file_dtype=dtypes[0],
            how=", ".join(how),
            parameter=entry.state.parameter,
        )
        if shape != wanted:
            line = line._replace(status=Status.WRONG_SHAPE)
        elif not all(_converts(dtype, entry.state.dtype) for dtype in dtypes):
            line = line._replace(status=Status.WRONG_DTYPE)
        else:
            self.recipes[entry.name] = recipe
        self.lines[entry.name] = line

    def settle(self, entry: Entry) -> None:
        """What becomes of a tensor that nothing in the file is for."""
        if entry.name in self.lines:
            return
        state = entry.state
        how = self.lacking.get(entry.name, "")
        line = Line(Status.MISSING, entry.name, model=state.shape, dtype=state.dtype, how=how)
        if entry.name in self.section.fresh:
            line = line._replace(status=Status.FRESH)
        elif any(name in self.recipes for name in self.table.names[entry.first]):
            loaded = next(name for name in self.table.names[entry.first] if name in self.recipes)
            line = line._replace(status=Status.LOADED, how=f"tied to `{loaded}`")
        elif entry.name.endswith("num_batches_tracked"):  # files of before PyTorch 1.0 have none
            line = line._replace(status=Status.KEPT)
        self.lines[entry.name] = line

    def leftover(self, stored: list[Stored]) -> None:
        by_file = {each.name: name for name, each in self.at_hand.items()}
        for each in stored:
            if each.tied or each.key in self.used:
                continue
            name = by_file.get(each.name, each.name)
            how = f"renamed `{name}`" if name != each.name else ""
            status = Status.UNEXPECTED
            if name in self.section.fresh:
                status, how = Status.IGNORED, "its place is fresh"
            self.others.append(Line(status, each.name, file=each.shape, dtype=each.dtype, how=how, renamed=name))


def _source(piece: Piece) -> str:
    """`c_attn.weight` (16:32 of 48)"""
    name = f"`{piece.stored.name}`"
    if piece.length is None:
        return name
    whole = piece.stored.shape[piece.dim] // piece.groups
    group = f" in each of {piece.groups}" if piece.groups > 1 else ""
    return f"{name} ({piece.start}:{piece.start + piece.length} of {whole}{group})"


def _joined(recipe: Recipe) -> tuple[int, ...] | None:
    """The shape of the pieces together; None where they do not fit one another."""
    shapes = [piece.shape for piece in recipe.pieces]
    if len(shapes) == 1:
        return shapes[0]
    dim = recipe.dim
    rest = {(*shape[:dim], *shape[dim + 1 :]) for shape in shapes}
    if len(rest) > 1 or any(shape[dim] % recipe.groups for shape in shapes):
        return None
    return (*shapes[0][:dim], sum(shape[dim] for shape in shapes), *shapes[0][dim + 1 :])


def _converts(dtype: str, wanted: str) -> bool:
    """Does a number of one dtype mean the same in the other?"""
    return dtype == wanted or any(dtype in kind and wanted in kind for kind in _KINDS)
