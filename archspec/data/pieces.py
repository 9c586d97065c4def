"""Pieces of shards: what is read at once, and how. A piece gives samples by number; it is opened when first needed."""

from __future__ import annotations

import io
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from archspec.data.images import decode
from archspec.recipe.files import MAX_ARRAY, DataError, npy_header, npz_headers, read_array
from archspec.recipe.parquet import as_numpy, open_parquet, read
from archspec.recipe.saved import open_arrow
from archspec.recipe.shards import LABELS, MAX_MEMBER, field_name, holds_images, tar_samples
from archspec.recipe.shards_kind import Shards

Rows = dict[str, np.ndarray]
MAX_PIECE = 2**32  # bytes of a piece that is read whole


class Piece(NamedTuple):
    """`rows` samples of a file. `group`: which of its row groups. `nbytes`: what an open one takes at most."""

    path: Path
    group: int
    rows: int
    nbytes: int


class Opened(Protocol):
    """An open piece."""

    def rows(self, numbers: np.ndarray) -> Rows:
        """The samples of these numbers: {column: [n, ...]}. Raises DataError."""
        ...


def pieces_of(path: Path, columns: set[str], argument: str = "path") -> list[Piece]:
    """The pieces of a shard, by its headers. Raises DataError."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        headers = [header for name, header in npz_headers(path, argument).items() if name in columns]
        lengths = {header.shape[0] for header in headers}
        if len(lengths) != 1:
            raise DataError("its arrays differ in length", path, argument=argument)
        piece = Piece(path, 0, lengths.pop(), sum(_nbytes(header) for header in headers))
        return [piece if _stored(path, columns) is not None else _checked(piece, argument)]
    if suffix == ".parquet":
        file = open_parquet(path, argument).metadata
        groups = [file.row_group(k) for k in range(file.num_row_groups)]
        return [_checked(Piece(path, k, g.num_rows, _group_bytes(g, columns)), argument) for k, g in enumerate(groups)]
    if suffix == ".arrow":
        batches = _batches(path, argument)
        return [_checked(Piece(path, k, batch.num_rows, batch.nbytes), argument) for k, batch in enumerate(batches)]
    count = sum(1 for _ in tar_samples(path, argument))
    return [Piece(path, 0, count, 0)]


def _group_bytes(group: Any, columns: set[str]) -> int:
    """Bytes of these columns of a row group, unpacked: few encoded bytes may be many values."""
    parts = (group.column(k) for k in range(group.num_columns))
    wanted = [part for part in parts if part.path_in_schema.split(".")[0] in columns]
    return sum(max(part.total_uncompressed_size, 8 * part.num_values) for part in wanted)


@lru_cache(8)
def _batches(path: Path, argument: str) -> list[Any]:
    """The record batches of an Arrow file, which are mapped from it."""
    return open_arrow(path, argument)[1]


def _checked(piece: Piece, argument: str) -> Piece:
    if piece.nbytes > MAX_PIECE:
        help = "write smaller shards, or row groups"
        message = f"{piece.nbytes:,} bytes are read at once; at most {MAX_PIECE:,}"
        raise DataError(message, piece.path, argument=argument, help=help)
    return piece


def _nbytes(header: Any) -> int:
    return int(header.dtype.itemsize) * int(np.prod(header.shape, dtype=np.int64))


def open_piece(piece: Piece, columns: set[str], kind: Shards, argument: str = "path") -> Opened:
    """Raises DataError."""
    suffix = piece.path.suffix.lower()
    if suffix == ".npz":
        arrays = _stored(piece.path, columns)
        if arrays is None:
            arrays = {name: read_array(piece.path, name, argument) for name in columns}
        return _Arrays(arrays)
    if suffix == ".parquet":
        file = open_parquet(piece.path, argument)
        table = read(file, sorted(columns), piece.path, argument, [piece.group])
        return _Table(table, columns, piece.path, kind, argument)
    if suffix == ".arrow":
        import pyarrow as pa

        batch = _batches(piece.path, argument)[piece.group]
        return _Table(pa.Table.from_batches([batch]), columns, piece.path, kind, argument)
    return _Tar(piece.path, kind, argument)


class _Arrays:
    """Whole columns: in memory, or mapped from the file."""

    def __init__(self, columns: Rows) -> None:
        self._columns = columns

    def rows(self, numbers: np.ndarray) -> Rows:
        return {name: column[numbers] for name, column in self._columns.items()}


class _Table:
    """Columns of an Arrow table: numbers as arrays, encoded images decoded as they are taken."""

    def __init__(self, table: Any, columns: set[str], path: Path, kind: Shards, argument: str) -> None:
        self._path, self._kind, self._argument = path, kind, argument
        names = table.column_names
        if missing := [name for name in columns if name not in names]:
            raise DataError(f"it has no column `{missing[0]}`", path, argument=argument)
        self._images = {name: table[name] for name in columns if holds_images(table.schema.field(name).type)}
        self._arrays = {name: _stacked(table[name], name, path, argument) for name in columns - set(self._images)}

    def rows(self, numbers: np.ndarray) -> Rows:
        images = {name: np.stack([self._image(name, int(n)) for n in numbers]) for name in self._images}
        return {**images, **{name: column[numbers] for name, column in self._arrays.items()}}

    def _image(self, name: str, number: int) -> np.ndarray:
        value = self._images[name][number].as_py()
        data = value["bytes"] if value is not None else None
        where = self._path / f"{name} {number}"
        if data is None:  # a path into another folder is never followed
            raise DataError("its image is not in the file", where, argument=self._argument)
        return _picture(data, where, self._kind)


def _picture(data: bytes, where: Path, kind: Shards) -> np.ndarray:
    """An encoded image as float32[channels, height, width] in [0, 1]."""
    pixels: np.ndarray = decode(where, kind.size, kind.depth, data=data).numpy().astype(np.float32) / 255
    return pixels


def _stored(path: Path, columns: set[str]) -> Rows | None:
    """The arrays of an npz file that `numpy.savez` wrote, mapped: nothing is read yet. None where one is compressed."""
    found: Rows = {}
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
            for name in columns:
                info = archive.getinfo(f"{name}.npy")
                if (
                    info.compress_type != zipfile.ZIP_STORED
                    or info.flag_bits & 1
                    or info.file_size != info.compress_size
                ):
                    return None
                stream.seek(info.header_offset)
                local = stream.read(30)
                start = info.header_offset + 30 + int.from_bytes(local[26:28], "little")
                start += int.from_bytes(local[28:30], "little")
                stream.seek(start)
                header = npy_header(stream, name, path, "path")
                where = stream.tell()
                if local[:4] != b"PK\3\4" or where - start + _nbytes(header) > info.file_size or 0 in header.shape:
                    return None
                order = "F" if _fortran(stream, start) else "C"
                found[name] = np.memmap(path, header.dtype, "r", where, header.shape, order)  # type: ignore[call-overload]
    except (KeyError, OSError, ValueError, zipfile.BadZipFile, DataError):
        return None  # reading them says what is wrong
    return found


def _fortran(stream: Any, start: int) -> bool:
    from numpy.lib import format as npy

    stream.seek(start)
    one = npy.read_magic(stream) == (1, 0)
    return bool((npy.read_array_header_1_0 if one else npy.read_array_header_2_0)(stream)[1])


def _stacked(column: Any, name: str, path: Path, argument: str) -> np.ndarray:
    """A column of numbers, or of lists of equal length, as one array."""
    import pyarrow as pa

    shape: list[int] = []
    rows = len(column)
    flat = column.combine_chunks()
    while pa.types.is_list(flat.type) or pa.types.is_large_list(flat.type) or pa.types.is_fixed_size_list(flat.type):
        if flat.null_count:
            raise DataError(f"no value for `{name}` in one of its rows", path, argument=argument)
        inner, outer = flat.flatten(), len(flat)
        length = len(inner) // max(1, outer)
        fixed = pa.types.is_fixed_size_list(flat.type)
        if not fixed and outer and (np.diff(flat.offsets.to_numpy()) != length).any():
            raise DataError(f"lists of `{name}` differ in length", path, argument=argument)
        shape.append(length)
        flat = inner
    values: np.ndarray = as_numpy(pa.chunked_array([flat]), name, path, argument)
    return values.reshape(rows, *shape)


class _Tar:
    """Samples of a tar, each read where it stands; only their places are kept."""

    def __init__(self, path: Path, kind: Shards, argument: str) -> None:
        self.path = path
        self.kind = kind
        self.argument = argument
        self._parts: list[str] = []
        places: list[list[tuple[int, int]]] = []
        keys: list[str] = []
        for key, parts in tar_samples(path, argument):
            if not self._parts:
                self._parts = list(parts)
            places.append([parts.get(part, (-1, 0)) for part in self._parts])
            keys.append(key)
        self._places = np.array(places, dtype=np.int64)
        self._keys = keys
        self._stream = path.open("rb")

    def __del__(self) -> None:
        if (stream := getattr(self, "_stream", None)) is not None:
            stream.close()

    def rows(self, numbers: np.ndarray) -> Rows:
        out: Rows = {}
        for k, part in enumerate(self._parts):
            name = field_name(part)
            if not (part.endswith((*LABELS, ".npy")) or name == "image"):
                continue
            values = [self._read(part, int(number), k) for number in numbers]
            if any(value.shape != values[0].shape for value in values):
                raise DataError(f"arrays `{name}` differ in shape", self.path, argument=self.argument)
            out[name] = np.stack(values) if values else np.empty(0)
        return out

    def _read(self, part: str, number: int, k: int) -> np.ndarray:
        start, length = (int(value) for value in self._places[number, k])
        where = self.path / (self._keys[number] + part)
        if start < 0:
            raise DataError("the sample has no such file", where, argument=self.argument)
        if length > MAX_MEMBER:
            raise DataError(f"it has {length:,} bytes; at most {MAX_MEMBER:,} are read", where, argument=self.argument)
        self._stream.seek(start)
        data = self._stream.read(length)
        if part.endswith(LABELS):
            text = data.strip()
            if not text.lstrip(b"-").isdigit() or len(text) > 18:
                raise DataError("it is no whole number", where, argument=self.argument)
            return np.array(int(text))
        if part.endswith(".npy"):
            stream = io.BytesIO(data)
            header = npy_header(stream, part, where, self.argument)
            if header.dtype.kind not in "fiub" or len(data) - stream.tell() != _nbytes(header) <= MAX_ARRAY:
                raise DataError("it is no array of numbers", where, argument=self.argument)
            stream.seek(0)
            array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
            return array
        return _picture(data, where, self.kind)
