"""The header reader against safetensors' own, on files that are damaged in every way."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from archspec.transfer.header import WeightsFileError, read_header

WHOLE = save({"a.weight": torch.zeros(3, 2), "b": torch.zeros(0, 4), "c": torch.ones((), dtype=torch.int64)})
SIZES = st.integers(-2, 40)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "I64", "BF16", "U8", "BOOL", "F8_E4M3", "X", 3]),
        "shape": st.lists(SIZES, max_size=3),
        "data_offsets": st.lists(SIZES, min_size=1, max_size=3),
    }
)


def agree(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    try:
        ours = {each.name: each.shape for each in read_header(path)}
    except WeightsFileError:
        return  # stricter is well
    try:
        with safe_open(path, framework="pt") as file:
            theirs = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no dict
    except SafetensorError as error:
        raise AssertionError(f"accepted, and safetensors says {error}") from None
    assert ours == theirs


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.integers(0, len(WHOLE)))
def test_bytes_changed_and_cut_off(tmp_path_factory: Any, at: int, byte: int, end: int) -> None:
    changed = bytearray(WHOLE)
    changed[at] = byte
    path = tmp_path_factory.getbasetemp() / "w.safetensors"
    agree(bytes(changed), path)
    agree(bytes(changed[:end]), path)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), st.one_of(ENTRIES, SIZES)), st.binary(max_size=48))
def test_headers_of_all_kinds(tmp_path_factory: Any, header: dict[str, Any], data: bytes) -> None:
    text = json.dumps(header).encode()
    agree(struct.pack("<Q", len(text)) + text + data, tmp_path_factory.getbasetemp() / "w.safetensors")
