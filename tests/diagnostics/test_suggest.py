"""Suggestions: what a person meant is found, and nothing is suggested where nothing is near."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archspec.diagnostics.suggest import SYNONYMS, closest, did_you_mean, distance, plain
from archspec.ops.registry import all_ops

OPS = sorted(all_ops())


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Conv2d", "conv2d"),
        ("Conv2D", "conv2d"),
        ("conv-2d", "conv2d"),
        ("conv_2d", "conv2d"),
        ("nn.Conv2d", "conv2d"),
        ("BatchNorm2d", "batch_norm2d"),
        ("batchnorm2d", "batch_norm2d"),
        ("LayerNorm", "layer_norm"),
        ("LSTM", "lstm"),
        ("MaxPool2d", "max_pool2d"),
        ("AdaptiveAvgPool2d", "adaptive_avg_pool2d"),
        ("ReLU", "relu"),
        ("GELU", "gelu"),
        ("ConvTranspose2d", "conv_transpose2d"),
        ("torch.nn.GroupNorm", "group_norm"),
        ("F.softmax", "softmax"),
        ("liner", "linear"),
        ("rleu", "relu"),
        ("drpout", "dropout"),
        ("embeding", "embedding"),
        ("con2vd", "conv2d"),
        ("Dense", "linear"),
        ("dense", "linear"),
        ("cat", "concat"),
        ("concatenate", "concat"),
        ("swish", "silu"),
        ("GlobalAveragePooling2D", "adaptive_avg_pool2d"),
        ("Conv2DTranspose", "conv_transpose2d"),
    ],
)
def test_ops(word: str, meant: str) -> None:
    assert closest(word, OPS)[0] == meant


def test_several_are_named_where_they_are_as_near() -> None:
    assert did_you_mean("conv", OPS) == "did you mean `conv1d`, `conv2d` or `conv3d`?"
    assert did_you_mean("ab", ["abc", "abd"]) == "did you mean `abc` or `abd`?"


@pytest.mark.parametrize("word", ["x", "", "_", "zzzzzz", "hypernetwork_block", "q" * 10_000, "漢字"])
def test_nothing_is_near(word: str) -> None:
    assert did_you_mean(word, OPS) is None


def test_no_guess_for_one_letter() -> None:
    """`b` is not `a` misspelt."""
    assert closest("b", ["a", "c", "x"]) == []
    assert closest("B", ["a", "b"]) == ["b"]


def test_arguments() -> None:
    names = ["out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias", "padding_mode"]
    assert closest("filters", names) == ["out_channels"]
    assert closest("kernal_size", names) == ["kernel_size"]
    assert closest("strides", names) == ["stride"]
    assert closest("outChannels", names) == ["out_channels"]


def test_synonyms_name_ops_that_exist_or_arguments() -> None:
    """A synonym whose target is not among the options is no suggestion."""
    assert closest("dense", ["conv2d"]) == []
    assert all(plain(word) == word for word in SYNONYMS)


def test_many_options_and_words_cost_little() -> None:
    options = [f"layer_{n}.conv" for n in range(100_000)]
    start = time.perf_counter()
    closest("layr_5.conv", options)
    assert time.perf_counter() - start < 2


def _reference(a: str, b: str) -> int:
    """Optimal string alignment by its recurrence (Damerau 1964; Wagner and Fischer 1974), written out."""
    d = [[max(i, j) if 0 in (i, j) else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i][j] = min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1)
    return d[-1][-1]


@given(st.text("abc", max_size=8), st.text("abc", max_size=8), st.integers(0, 8))
def test_distance(a: str, b: str, limit: int) -> None:
    assert distance(a, b, limit) == min(_reference(a, b), limit + 1)
