"""Data of a checked recipe, as tensors: read, split, preprocessed, and batched so that a run can resume to the sample.

    data = open_data(recipe)                      # SpecError (AS504) where a file is not what the spec says
    batches = Batches(data.train, recipe.batch_size, recipe.seed, epoch=0, shuffle=True)
    for batch in batches:                         # dict[str, Tensor], one entry a field, batch axis first
        ...
        position = batches.state()                # JSON data; Batches.restore(position) goes on with the next batch

Names: `Split` is a sized, indexable collection of samples: `split.take(indices) -> dict[str, Tensor]`; `len(split)`.
"""

from archspec.data.batches import Batches
from archspec.data.images import ImageSplit
from archspec.data.load import Data, load_input, open_data
from archspec.data.split import Split, TensorSplit, TextSplit
from archspec.data.workers import Fetcher

__all__ = ["Batches", "Data", "Fetcher", "ImageSplit", "Split", "TensorSplit", "TextSplit", "load_input", "open_data"]
