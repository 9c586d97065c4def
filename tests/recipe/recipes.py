"""Helpers: a `train:` section in, the recipe and its diagnostics out."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from archspec.diagnostics.model import Diagnostic, Diagnostics
from archspec.ops.tensor import TensorType
from archspec.reading.nodes import Mapping
from archspec.reading.reader import read
from archspec.reading.types import parse_type
from archspec.recipe.check import check_recipe
from archspec.recipe.model import Recipe

OPTIMIZER = "optimizer: sgd\nepochs: 1\nbatch_size: 4\n"


def typed(text: str) -> TensorType:
    return TensorType(*parse_type(text))


def attempt(
    text: str,
    inputs: dict[str, str],
    outputs: dict[str, str],
    base: Path = Path(),
    env: dict[str, Any] | None = None,
    **more: Any,
) -> tuple[Recipe | None, list[Diagnostic]]:
    """`text` is the content of a file with `train:` and perhaps `runtime:`."""
    found = Diagnostics()
    root = read(dedent(text), "spec.yaml", found)
    assert isinstance(root, Mapping), found.sorted()
    train = root.get("train")
    assert train is not None
    ins = {name: typed(t) for name, t in inputs.items()}
    outs = {name: typed(t) for name, t in outputs.items()}
    recipe = check_recipe(train, root.get("runtime"), ins, outs, env or {}, base, found, **more)
    return recipe, found.sorted()


def checked(text: str, inputs: dict[str, str], outputs: dict[str, str], base: Path = Path(), **more: Any) -> Recipe:
    """The recipe of a section that must be right."""
    recipe, found = attempt(text, inputs, outputs, base, **more)
    assert recipe is not None, [f"{d.span} {d.code} {d.message}" for d in found]
    assert not found, found
    return recipe


def train(data: str, loss: str, rest: str = OPTIMIZER) -> str:
    return "train:\n" + "".join(f"  {line}\n" for line in f"data: {data}\nloss: {loss}\n{rest}".splitlines())
