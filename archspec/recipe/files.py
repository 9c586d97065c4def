"""Reading data files: within limits, without pickle, and with an error that names the file and the line. Torch-free."""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import zipfile

# A data set is untrusted. These hold what one file may make us do.
MAX_TEXT = 2**29  # bytes of a text or csv file
MAX_ARRAY = 2**34  # bytes of one array
MAX_COLUMNS = 65_536
MAX_CLASSES = 100_000
MAX_IMAGE_FILES = 5_000_000

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
CSV_SUFFIXES = (".csv", ".tsv", ".txt")


class DataError(Exception):
    """A data file is missing or not what the spec says. `argument` names the argument of the data kind at fault."""

    def __init__(
        self,
        message: str,
        file: Path | None = None,
        line: int | None = None,
        *,
        argument: str = "path",
        help: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.argument = argument
        self.help = help

    def __str__(self) -> str:
        where = "" if self.file is None else f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return where + self.message


def regular_file(path: Path, argument: str = "path", most: int | None = None) -> int:
    """Size in bytes of a file that exists and is a plain one (no device, no pipe). Raises DataError."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise DataError(_missing("file", error), path, argument=argument) from None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a plain file"
        raise DataError(f"it is {kind}", path, argument=argument)
    if most is not None and found.st_size > most:
        raise DataError(f"it has {found.st_size:,} bytes; at most {most:,} are read", path, argument=argument)
    return found.st_size


def _reason(error: Exception) -> str:
    return (error.strerror or type(error).__name__).lower() if isinstance(error, OSError) else str(error)


def _missing(what: str, error: Exception) -> str:
    return f"no such {what}" if isinstance(error, FileNotFoundError) else f"no such {what} ({_reason(error)})"


def read_text(path: Path, argument: str = "path") -> str:
    """A whole UTF-8 file. Raises DataError, with the line of a byte that is not UTF-8."""
    data = read_bytes(path, argument)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {data[error.start]:#04x} at offset {error.start:,} is not UTF-8 text"
        help = "convert the file to UTF-8, or use `tokens: byte`"
        raise DataError(message, path, line, argument=argument, help=help) from None


def read_bytes(path: Path, argument: str = "path", most: int = MAX_TEXT) -> bytes:
    regular_file(path, argument, most)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({_reason(error)})", path, argument=argument) from None


# -- csv -----------------------------------------------------------------------------------------------------


class CsvRow(NamedTuple):
    line: int
    cells: list[str]


def csv_rows(
    path: Path, delimiter: str, argument: str = "path", bad: Callable[[DataError], None] | None = None
) -> Iterator[CsvRow]:
    """The rows of a csv file, the header first; empty lines are left out. Raises DataError for a ragged row, or gives
    it to `bad` and goes on."""
    regular_file(path, argument, MAX_TEXT)
    if path.suffix.lower() not in CSV_SUFFIXES:  # what is no table must not come to be shown as one
        endings = ", ".join(CSV_SUFFIXES[:-1])
        help = "`shards` reads parquet: `shards: {path: …, fields: {features: [a, b], target: c}}`"
        raise DataError(
            f"a table ends in {endings} or {CSV_SUFFIXES[-1]}",
            path,
            argument=argument,
            help=help if path.suffix.lower() == ".parquet" else None,
        )
    width: int | None = None
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=delimiter, strict=True)
            for cells in reader:
                line, start = reader.line_num + 1, line
                if not cells:
                    continue
                if width is None:
                    width, cells = len(cells), [name.strip() for name in cells]
                    if width > MAX_COLUMNS:
                        raise DataError(f"{width:,} columns; at most {MAX_COLUMNS:,} are read", path, start)
                elif len(cells) != width:
                    message = f"{len(cells)} values in a row, and the header has {width} columns"
                    error = DataError(message, path, start, argument=argument)
                    if bad is None:
                        raise error
                    bad(error)
                    continue
                yield CsvRow(start, cells)
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 text ({error.reason})", path, line, argument=argument) from None
    except csv.Error as error:
        raise DataError(f"not a csv file ({error})", path, line, argument=argument) from None
    except OSError as error:
        raise DataError(f"cannot be read ({_reason(error)})", path, argument=argument) from None
    if width is None:
        raise DataError("it is empty: a row of column names is needed", path, argument=argument)


# -- npz, npy ------------------------------------------------------------------------------------------------


class ArrayHeader(NamedTuple):
    """dtype is numpy's name ("float32", "<U5" for text); `name` is the array's name in the archive."""

    name: str
    shape: tuple[int, ...]
    dtype: Any


def npz_headers(path: Path, argument: str = "path") -> dict[str, ArrayHeader]:
    """The arrays of an npz file, by name: only their headers are read. Raises DataError."""
    regular_file(path, argument)
    with _archive(path, argument) as archive:
        out = {}
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                name = info.filename.removesuffix(".npy")
                with _member(archive, info, path, argument) as stream:
                    out[name] = npy_header(stream, name, path, argument)
        if not out:
            raise DataError("it holds no arrays", path, argument=argument)
        return out


def read_array(path: Path, name: str, argument: str = "path") -> Any:
    """One array of an npz file, as numpy; never unpickles. Raises DataError."""
    with _archive(path, argument) as archive:
        try:
            info = archive.getinfo(f"{name}.npy")
        except KeyError:
            raise DataError(f"it has no array `{name}`", path, argument=argument) from None
        with _member(archive, info, path, argument) as stream:
            return _contents(stream, name, path, argument)


def read_npy(path: Path, argument: str = "path") -> Any:
    """The array of an npy file; never unpickles. Raises DataError."""
    regular_file(path, argument, MAX_ARRAY)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DataError(f"cannot be read ({_reason(error)})", path, argument=argument) from None
    with stream:
        return _contents(stream, path.stem, path, argument)


def _archive(path: Path, argument: str) -> zipfile.ZipFile:
    import zipfile

    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        message = f"not an npz file ({error})"
        raise DataError(message, path, argument=argument, help="numpy.savez writes one") from None


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, argument: str) -> Any:
    import zipfile

    try:
        return archive.open(info)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"array `{info.filename}` cannot be read ({error})", path, argument=argument) from None


def npy_header(stream: Any, name: str, path: Path, argument: str) -> ArrayHeader:
    """The header of an npy stream, which then stands behind it. Raises DataError."""
    import zipfile
    import zlib

    from numpy.lib import format as npy

    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
    except (
        ValueError,
        EOFError,
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        TypeError,
        SyntaxError,
        RecursionError,
    ) as error:
        message = (
            f"array `{name}` has no readable header ({str(error).splitlines()[0][:200] if str(error) else 'empty'})"
        )
        raise DataError(message, path, argument=argument) from None
    if dtype.hasobject:
        help = "save it with a numeric dtype"
        raise DataError(
            f"array `{name}` holds Python objects, which are never read", path, argument=argument, help=help
        )
    if any(size < 0 for size in shape) or _nbytes(shape, dtype) > MAX_ARRAY:
        raise DataError(
            f"array `{name}` has {shape} values; at most {MAX_ARRAY:,} bytes are read", path, argument=argument
        )
    return ArrayHeader(name, tuple(int(size) for size in shape), dtype)


def _nbytes(shape: tuple[int, ...], dtype: Any) -> int:
    total = int(dtype.itemsize)
    for size in shape:
        total *= int(size)
    return total


def _contents(stream: Any, name: str, path: Path, argument: str) -> Any:
    import zipfile
    import zlib

    import numpy as np
    from numpy.lib import format as npy

    start = stream.tell()
    header = npy_header(stream, name, path, argument)
    stream.seek(start)
    try:
        array = npy.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise DataError(f"array `{name}` cannot be read ({error})", path, argument=argument) from None
    assert isinstance(array, np.ndarray) and array.shape == header.shape
    return array


# -- images --------------------------------------------------------------------------------------------------


def class_folders(path: Path, argument: str = "path") -> tuple[str, ...]:
    """Names of the sub-folders, sorted: the classes (torchvision's ImageFolder convention). Raises DataError."""
    try:
        with os.scandir(path) as entries:
            names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    except (OSError, ValueError) as error:
        raise DataError(_missing("folder", error), path, argument=argument) from None
    if not names:
        raise DataError("it has no sub-folders; one for each class is needed", path, argument=argument)
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"{len(names):,} sub-folders; at most {MAX_CLASSES:,} classes are read", path, argument=argument
        )
    return tuple(names)


def image_files(folder: Path, argument: str = "path") -> list[Path]:
    """The images directly in a class folder, sorted by name. Raises DataError if there are none."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.is_file() and e.name.lower().endswith(IMAGE_SUFFIXES))
    except OSError as error:
        raise DataError(f"cannot be read ({_reason(error)})", folder, argument=argument) from None
    if not names:
        raise DataError(f"it has no images ({', '.join(IMAGE_SUFFIXES)})", folder, argument=argument)
    if len(names) > MAX_IMAGE_FILES:
        raise DataError(f"{len(names):,} images; at most {MAX_IMAGE_FILES:,} are read", folder, argument=argument)
    return [folder / name for name in names]
