"""The header of a safetensors file: names, shapes and dtypes of its tensors. No tensor is read.

The format: eight bytes of length, that many bytes of JSON, the data
(https://github.com/huggingface/safetensors#format). A file is untrusted: everything is bounded and checked.
"""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import IO, Any, NamedTuple

from archspec.parameters.pattern import LONGEST_NAME

MAX_HEADER = 16 << 20  # bytes; a hundred thousand tensors
TIED = "archspec.tied"  # metadata: {name: name it is tied to}, for the names that are not stored themselves

DTYPES = {  # PyTorch's name, and bits; "" where nothing is computed in it
    "BOOL": ("bool", 8), "U8": ("uint8", 8), "I8": ("int8", 8), "U16": ("uint16", 16), "I16": ("int16", 16),
    "F16": ("float16", 16), "BF16": ("bfloat16", 16), "U32": ("uint32", 32), "I32": ("int32", 32),
    "F32": ("float32", 32), "C64": ("complex64", 64), "F64": ("float64", 64), "I64": ("int64", 64),
    "U64": ("uint64", 64), "F4": ("", 4), "F6_E2M3": ("", 6), "F6_E3M2": ("", 6), "F8_E5M2": ("", 8),
    "F8_E4M3": ("", 8), "F8_E8M0": ("", 8), "F8_E4M3FNUZ": ("", 8), "F8_E5M2FNUZ": ("", 8),
}  # fmt: skip


class WeightsFileError(Exception):
    """A file that cannot be read as weights; the message says which and why, `help` what to do."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


class Stored(NamedTuple):
    """A tensor of a file. `key`: its name there, where `name` is but tied to it. `dtype`: PyTorch's name for it.

    A dtype that PyTorch computes nothing in (`F8_E4M3`, `F4`) keeps the file's name.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    file: str
    key: str

    @property
    def tied(self) -> bool:
        return self.key != self.name


def open_plain(path: Path) -> IO[bytes]:
    """An ordinary file, open; a device or a pipe is none, and is not waited for. Raises WeightsFileError."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise WeightsFileError(f"{path} cannot be read: {why}") from None
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        raise WeightsFileError(f"{path} is {'a folder' if stat.S_ISDIR(mode) else 'no ordinary file'}")
    return os.fdopen(number, "rb")


def read_json(text: bytes, what: str) -> Any:
    """JSON of a file; a key that is there twice is refused. Raises WeightsFileError."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key is there twice")
        return found

    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise WeightsFileError(f"{what} is not valid JSON: {str(error)[:200]}") from None


def read_header(path: Path) -> list[Stored]:
    """The tensors of a safetensors file in order of their names, those that are but tied to another included.

    Raises WeightsFileError for anything but a whole and well-formed file.
    """
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            what = "it is too short" if len(start) < 8 else f"its header would end at byte {8 + length:,} of {size:,}"
            raise WeightsFileError(f"{path} is not a whole safetensors file: {what}", _hint(start))
        if length > MAX_HEADER:
            raise WeightsFileError(f"{path} has a header of {length:,} bytes; at most {MAX_HEADER:,}")
        header = read_json(file.read(length), f"the header of {path}")
    if not isinstance(header, dict):
        raise WeightsFileError(f"the header of {path} is not a JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsFileError(f"the `__metadata__` of {path} are not texts by name")
    spans: list[tuple[int, int, str]] = []
    found: dict[str, Stored] = {}
    for name in sorted(header):
        if len(name) > LONGEST_NAME:
            raise WeightsFileError(f"{path} has a tensor with a name of {len(name):,} characters")
        found[name] = _tensor(path, name, header[name], spans)
    _check_spans(path, sorted(spans), size - 8 - length)
    return [*found.values(), *_aliases(metadata, found)]


def _hint(start: bytes) -> str | None:
    if start.startswith((b"PK\x03\x04", b"\x80\x02")):
        return "it looks like a file of torch.save: call it .pt"
    if start.startswith(b"version "):
        return "it looks like a pointer of Git LFS: fetch the file itself with `git lfs pull`"
    return None


def _tensor(path: Path, name: str, entry: Any, spans: list[tuple[int, int, str]]) -> Stored:
    what = f"`{name[:100]}` in the header of {path}"
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise WeightsFileError(f"{what} has no dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or not _is_sizes(shape) or not _is_sizes(offsets) or len(offsets) != 2:
        raise WeightsFileError(f"{what} has a dtype, shape or data_offsets of another kind")
    begin, end = offsets
    if dtype not in DTYPES:
        raise WeightsFileError(f"{what} has the dtype {json.dumps(dtype[:40])}, which is not known")
    known, bits = DTYPES[dtype]
    if begin > end or (end - begin) * 8 != math.prod(shape) * bits:
        raise WeightsFileError(f"{what} has {end - begin:,} bytes, which do not make {dtype} {shape}")
    spans.append((begin, end, name))
    return Stored(name, tuple(shape), known or dtype, str(path), name)


def _is_sizes(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) <= 64 and all(type(size) is int and 0 <= size < 2**63 for size in value)
    )


def _check_spans(path: Path, spans: list[tuple[int, int, str]], size: int) -> None:
    """The tensors lie one after another, without gaps, and fill the file."""
    at, before = 0, ""
    for begin, end, name in spans:
        if begin < at:
            raise WeightsFileError(f"`{before[:100]}` and `{name[:100]}` overlap in {path}")
        if begin > at:
            raise WeightsFileError(f"{path} has {begin - at:,} bytes before `{name[:100]}` that belong to no tensor")
        at, before = end, name
    if at != size:
        what = f"it ends {at - size:,} bytes early" if at > size else f"{size - at:,} bytes at its end are no tensor's"
        raise WeightsFileError(f"{path} is not a whole safetensors file: {what}")


def _aliases(metadata: Any, found: dict[str, Stored]) -> list[Stored]:
    """The tied names that the metadata list; anything but {name: name of a tensor} is ignored."""
    text = metadata.get(TIED, "{}")
    try:
        tied = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(tied, dict):
        return []
    return [
        found[kept]._replace(name=name)
        for name, kept in tied.items()
        if isinstance(kept, str) and kept in found and name not in found and len(name) <= LONGEST_NAME
    ]
