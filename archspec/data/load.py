"""The way in: a recipe's data as tensors, and one input as training would have seen it."""

from __future__ import annotations

from torch import Tensor

from archspec.data.split import Split
from archspec.recipe.model import DataFacts, Recipe


class Data:
    """`train` and `holdout` samples. `fields`: their types; `classes`: names of the label's classes, if there are any.

    `facts` is what `load_input` needs later; a run keeps `facts.to_json()`.
    """

    def __init__(self, train: Split, holdout: Split, facts: DataFacts) -> None:
        self.train = train
        self.holdout = holdout
        self.facts = facts
        self.fields = {f.name: f for f in facts.fields}
        self.classes = facts.classes


def open_data(recipe: Recipe) -> Data:
    """Read and split the data of a recipe. The split depends on the data and `recipe.seed` alone.

    Raises SpecError (AS504) for a file that is missing, malformed, too large, or not what the spec says.
    """
    raise NotImplementedError


def load_input(recipe: Recipe, source: str, facts: DataFacts | None = None) -> dict[str, Tensor]:
    """Samples to predict, preprocessed as in training: {model input: tensor [n, ...]}, plus {} for fields not fed.

    `source` is a file (png, jpg, … for image inputs; csv; npz, npy; text) or `digits:17`, sample 17 of the built-in
    data. `facts` are those of the run (`Data.facts`), which hold the statistics of its training split; they are needed
    where the data are standardised. Raises SpecError (AS504).
    """
    raise NotImplementedError
