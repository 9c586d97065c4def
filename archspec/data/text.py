"""Data from text files: characters or bytes as tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from archspec.ops.kinds import show
from archspec.recipe.data_kinds import Text
from archspec.recipe.files import DataError, read_bytes, read_text
from archspec.recipe.model import DataFacts


def tokens(kind: Text, facts: DataFacts, path: Path, argument: str = "path") -> Tensor:
    """A file as one row of tokens, in the smallest dtype. Raises DataError at the line of an unknown character."""
    if kind.tokens == "byte":
        return torch.from_numpy(np.frombuffer(read_bytes(path, argument), dtype=np.uint8).copy())
    assert facts.characters is not None
    text = read_text(path, argument)
    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    vocabulary = np.frombuffer(facts.characters.encode("utf-32-le"), dtype="<u4")  # sorted, as code points are
    places = np.searchsorted(vocabulary, codes)
    known = vocabulary[np.minimum(places, len(vocabulary) - 1)] == codes
    if not known.all():
        first = int(np.argmin(known))
        line = text.count("\n", 0, first) + 1
        raise DataError(f"character {show(text[first])} is not in the vocabulary", path, line, argument=argument)
    return torch.from_numpy(places.astype(np.uint8 if len(vocabulary) <= 256 else np.int32))
