"""Reading a recipe: cheap, and never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from archspec.recipe.losses import LOSSES
from archspec.recipe.metrics import METRICS
from archspec.recipe.optimizers import OPTIMIZERS
from archspec.recipe.schedules import SCHEDULES
from archspec.recipe.sections import TRAIN_KEYS
from archspec.recipe.sources import DATA
from tests.recipe.recipes import attempt
from tests.recipe.test_recipe_check import GOOD, IMAGE, LOGITS


def test_checking_digits_imports_neither_torch_nor_numpy() -> None:
    code = dedent(f"""
        import sys
        from archspec.diagnostics.model import Diagnostics
        from archspec.ops.tensor import TensorType
        from archspec.recipe import check, stage
        from archspec.reading.reader import read
        from archspec.reading.types import parse_type
        from pathlib import Path
        found = Diagnostics()
        node = read({GOOD!r}, "spec.yaml", found).get("train")
        image, logits = (TensorType(*parse_type(t)) for t in ("float32[B, 1, 8, 8]", "float32[B, 10]"))
        assert check.check_recipe(node, None, {{"image": image}}, {{"logits": logits}}, {{}}, Path(), found)
        heavy = {{"torch", "numpy", "sklearn", "PIL"}} & set(sys.modules)
        assert not heavy, heavy
    """)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(__file__).parents[2])


ARGUMENTS = ("path", "target", "input", "lr", "betas", "warmup", "weight", "holdout", "size", "context", "k")
WORDS = [
    *(name for family in (DATA, LOSSES, METRICS, OPTIMIZERS, SCHEDULES) for name in family.parts),
    *TRAIN_KEYS,
    *ARGUMENTS,
    *("label", "logits", "image", "$x", "$(1/0)", ".."),
]
words = st.text("ab0$(){}ü€. ", max_size=5)  # what YAML refuses is not this stage's
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(1 - 2**63, 2**63 - 1),
    st.floats(allow_nan=False),
    st.sampled_from(WORDS),
    words,
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), words), inner, max_size=3),
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(list(TRAIN_KEYS)), values, max_size=4), values)
def test_whatever_is_written_gives_a_recipe_or_an_error(train_: dict[str, Any], runtime: Any) -> None:
    good = {
        "data": "digits", "loss": "cross_entropy", "optimizer": "sgd", "epochs": 1, "batch_size": 4,
    }  # fmt: skip
    text = json.dumps({"train": {**good, **train_}, "runtime": runtime})
    recipe, found = attempt(text, IMAGE, LOGITS, env={"x": 3})
    assert (recipe is None) == any(d.is_error for d in found)
