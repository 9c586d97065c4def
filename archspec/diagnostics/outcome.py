"""What a check of one spec came to, as plain data: what the renderers of `formats/` and other processes are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from archspec.diagnostics.model import Diagnostic


class Tensor(NamedTuple):
    """A value of the model's interface. A size is an integer, or the formula of a symbolic one."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


class Model(NamedTuple):
    """The facts of a spec without errors.

    `parameters`: elements, shared ones once. `flops`: of one forward pass (a multiply-add is 2), where all sizes are
    known, by themselves or by `sizes`, {symbol: value}; `flops_formula`: the same in the symbols of the inputs, None
    where it has too many terms to be of use.
    """

    name: str
    parameters: int
    flops: int | None
    flops_formula: str | None
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    requirements: tuple[str, ...]
    sizes: Mapping[str, int] = {}


class Outcome(NamedTuple):
    """`file`: the spec as it was named. `sources`: the text of the files that spans point into, by name.

    `model` is None where there are errors. `checked` is false where the file could not be read at all.
    """

    file: str
    diagnostics: tuple[Diagnostic, ...] = ()
    sources: Mapping[str, str] = {}
    model: Model | None = None
    checked: bool = True

    @property
    def ok(self) -> bool:
        return self.checked and not self.errors

    @property
    def errors(self) -> int:
        return sum(d.is_error for d in self.diagnostics)

    @property
    def warnings(self) -> int:
        return len(self.diagnostics) - self.errors
