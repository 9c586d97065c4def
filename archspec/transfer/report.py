"""The transfer report: what became of every tensor of the model and of the file, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum
from typing import Any, NamedTuple


class Status(Enum):
    """Of the model's tensors all but the last two; IGNORED and UNEXPECTED are of the file's."""

    LOADED = "loaded"
    FRESH = "fresh"  # as asked for by `fresh`
    KEPT = "kept"  # a counter that old files do not have
    MISSING = "missing"
    WRONG_SHAPE = "wrong shape"
    WRONG_DTYPE = "wrong dtype"
    NOT_FINITE = "not finite"
    DIFFERS = "differs"  # from the tensor it is tied to
    IGNORED = "ignored"
    UNEXPECTED = "unexpected"


GOOD = frozenset({Status.LOADED, Status.FRESH, Status.KEPT, Status.IGNORED})
ALWAYS = frozenset({Status.NOT_FINITE})  # a finding even where nothing is strict
_FEW = 2  # modules that a rule names one by one


class Line(NamedTuple):
    """One tensor. `model`, `file`: its shape here and there (there as it would be put in place), None where it is not.

    `dtype`: the model's, or the file's for a tensor of the file alone; `file_dtype` beside the model's. `how`: what was
    done to it, in words. `renamed`: what a tensor of the file would be called here. `parameter`: it is no buffer.
    """

    status: Status
    name: str
    model: tuple[int, ...] | None = None
    file: tuple[int, ...] | None = None
    dtype: str = ""
    file_dtype: str = ""
    how: str = ""
    renamed: str = ""
    parameter: bool = True

    @property
    def words(self) -> str:
        """`float16 → float32, transposed`"""
        parts = []
        if self.status is Status.WRONG_SHAPE:
            parts.append(f"the file has {list(self.file or ())}")
        if self.file_dtype and self.file_dtype != self.dtype:
            parts.append(f"{self.file_dtype} → {self.dtype}")
        return ", ".join([*parts, *([self.how] if self.how else [])])

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {"status": self.status.value, "name": self.name}
        for key, value in (("shape", self.model), ("file_shape", self.file)):
            if value is not None:
                out[key] = list(value)
        out["dtype"] = self.dtype
        return out | {k: v for k, v in (("file_dtype", self.file_dtype), ("how", self.how)) if v}


class TransferReport:
    """`lines`: of the model's tensors, in its order. `others`: of the file's that none here is made of.

    `notes`: how the tensors were found. `idle`: rules that nothing in the file answers to, in words.
    """

    def __init__(
        self,
        lines: list[Line],
        others: list[Line],
        notes: list[str],
        strict: bool,
        names: Iterable[str] = (),
        idle: Iterable[str] = (),
    ) -> None:
        self.lines = lines
        self.others = others
        self.notes = notes
        self.idle = list(idle)
        self.strict = strict
        self._names = set(names)

    @property
    def findings(self) -> list[Line]:
        """What is not as it should be: with `strict` all that does not fit, else only what cannot be meant."""
        found = [line for line in (*self.lines, *self.others) if line.status not in GOOD]
        if self.strict:
            return found
        if self.lines and not any(line.status is Status.LOADED for line in self.lines):
            return found
        return [line for line in found if line.status in ALWAYS]

    @property
    def counts(self) -> dict[str, int]:
        """How many lines of each status, the good ones first."""
        counted = Counter(line.status for line in (*self.lines, *self.others))
        return {status.value: counted[status] for status in Status if counted[status]}

    @property
    def converted(self) -> dict[str, int]:
        """`{"float16 → float32": 62}`: how many tensors were converted."""
        found = Counter(
            f"{line.file_dtype} → {line.dtype}"
            for line in self.lines
            if line.status is Status.LOADED and line.file_dtype not in ("", line.dtype)
        )
        return dict(found)

    def replace(self, name: str, status: Status, how: str) -> None:
        """Another word on one of the model's tensors, once its values are known."""
        for k, line in enumerate(self.lines):
            if line.name == name:
                self.lines[k] = line._replace(status=status, how=", ".join(filter(None, (line.how, how))))

    def summary(self) -> str:
        """`120 loaded, 2 fresh, 1 missing`"""
        words = ", ".join(f"{count:,} {status}" for status, count in self.counts.items())
        return words or "the model has no parameters, and the file no tensors"

    def advice(self) -> str | None:
        """A rule that would make names meet, or leave out a head of another size, where a plain one is seen."""
        return self._renamed() or self._left_out()

    def _left_out(self) -> str | None:
        """Where a module or two do not fit: how to begin these anew, or leave them in the file."""
        missing = [line.name for line in self.lines if line.status is Status.MISSING]
        anew = [line.name for line in self.lines if line.status is Status.WRONG_SHAPE] + missing
        spare = [line.name for line in self.others if line.status is Status.UNEXPECTED]
        others = len(missing) + len(spare)
        loaded = sum(line.status is Status.LOADED for line in self.lines)
        if len(anew) + len(spare) != len(self.findings) or (others and loaded <= others):
            return None
        said = []
        for key, names, effect in (
            ("fresh", anew, "initialises anew what it names, as one does with the head for other classes"),
            ("ignore", spare, "leaves in the file what has no place here"),
        ):
            modules = list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))
            if len(modules) > _FEW:
                return None
            if modules:
                value = modules[0] if len(modules) == 1 else f"[{', '.join(modules)}]"
                said.append(f"`{key}: {value}` {effect} (`--set 'weights.{key}={value}'`)")
        return "; ".join(said) or None

    def _renamed(self) -> str | None:
        missing = {line.name for line in self.lines if line.status is Status.MISSING}
        spare = [line.renamed or line.name for line in self.others if line.status is Status.UNEXPECTED]
        if not missing or not spare:
            return None
        for head in dict.fromkeys(name.partition(".")[0] for name in spare):
            longer = [name.partition(".")[2] for name in spare if name.startswith(f"{head}.")]
            if sum(name in missing for name in longer) * 2 > len(longer):
                return f'the file\'s names begin with `{head}.`: `rename: {{"{head}.*": "*"}}`'
        for head in dict.fromkeys(name.partition(".")[0] for name in missing):
            if sum(f"{head}.{name}" in missing for name in spare) * 2 > len(spare):
                return f'the model\'s names begin with `{head}.`: `rename: {{"*": "{head}.*"}}`'
        return None

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": not self.findings,
            "strict": self.strict,
            "counts": self.counts,
            "converted": self.converted,
            "notes": [*self.notes, *self.idle],
            "tensors": [line.to_json() for line in self.lines],
            "others": [line.to_json() for line in self.others],
        }

    def table(self, *, everything: bool = False) -> list[str]:
        """Rows of text: status, name, shape, dtype, and what was done. Only what is of note, unless `everything`."""
        shown = [line for line in (*self.lines, *self.others) if everything or line.status is not Status.LOADED]
        rows = [
            (line.status.value, line.name, str(list(line.model or line.file or ())), line.dtype, line.words)
            for line in shown
        ]
        widths = [max((len(row[k]) for row in rows), default=0) for k in range(4)]
        return ["  ".join([*(row[k].ljust(widths[k]) for k in range(4)), row[4]]).rstrip() for row in rows]
