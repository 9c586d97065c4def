"""The digits are scikit-learn's, read with it or from its file."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from archspec.data import arrays


@pytest.mark.parametrize("as_a_file", [True, False])
def test_the_digits(as_a_file: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not as_a_file:
        monkeypatch.setattr(arrays, "find_spec", lambda name: None)
    pixels, labels = load_digits(return_X_y=True)
    table = torch.from_numpy(arrays._table())
    assert torch.equal(table[:, :64], torch.from_numpy(pixels)) and torch.equal(table[:, 64], torch.from_numpy(labels))
    found = arrays.digits()
    assert torch.equal(found["image"], torch.from_numpy(pixels.reshape(-1, 1, 8, 8) / 16).float())
    assert torch.equal(found["label"], torch.from_numpy(labels))
