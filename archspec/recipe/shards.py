"""What shards there are, and what their columns are, by their headers. Torch-free; nothing is unpickled."""

from __future__ import annotations

import glob
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from archspec.recipe.files import IMAGE_SUFFIXES, DataError, npy_header, npz_headers, regular_file
from archspec.recipe.parquet import open_parquet
from archspec.recipe.saved import is_saved, open_arrow, saved_files

SUFFIXES = (".npz", ".parquet", ".arrow", ".tar")
MAX_SHARDS = 100_000
MAX_MEMBER = 2**28  # bytes of one file in a tar
LABELS = (".cls",)

Shape = tuple[str, tuple[int, ...]]  # numpy's kind of dtype ("f", "i", "u", "b"), and the shape of one sample


def shard_files(path: Path, argument: str = "path") -> list[Path]:
    """The shards that a file, a folder or a pattern names, sorted. Raises DataError where there are none."""
    text = str(path)
    if path.is_dir() and is_saved(path):
        found = saved_files(path, argument)
        for file in found:
            regular_file(file, argument)
    elif path.is_dir():
        found = sorted(Path(entry.path) for entry in os.scandir(path) if entry.name.lower().endswith(SUFFIXES))
    elif glob.has_magic(text) and not path.exists():
        found = sorted(Path(name) for name in glob.glob(text))  # noqa: PTH207 - a pattern from the root on
    else:
        regular_file(path, argument)
        found = [path]
    if not found:
        raise DataError(f"there are no shards ({', '.join(SUFFIXES)})", path, argument=argument)
    if len(found) > MAX_SHARDS:
        raise DataError(f"{len(found):,} shards; at most {MAX_SHARDS:,} are read", path, argument=argument)
    endings = {file.suffix.lower() for file in found}
    if len(endings) > 1 or not endings <= set(SUFFIXES):
        listed = ", ".join(sorted(endings))
        message = f"shards end in one of {', '.join(SUFFIXES)}, all in the same; these end in {listed}"
        raise DataError(message, path, argument=argument)
    return found


def shard_shapes(path: Path, size: tuple[int, int] | None, depth: int, argument: str = "path") -> dict[str, Shape]:
    """{column: its kind and shape}, of the columns of numbers of one shard. Raises DataError."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return {
            name: (header.dtype.kind, header.shape[1:])
            for name, header in npz_headers(path, argument).items()
            if header.dtype.kind in "fiub" and header.shape
        }
    image = None if size is None else (depth, *size)
    if suffix == ".parquet":
        file = open_parquet(path, argument)
        return arrow_shapes(file.schema_arrow, lambda name: _first(file, name), image, path, argument)
    if suffix == ".arrow":
        schema, batches = open_arrow(path, argument)
        full = next((batch for batch in batches if batch.num_rows), None)
        return arrow_shapes(schema, lambda name: full and full[name][0].as_py(), image, path, argument)
    sample = next(tar_samples(path, argument), None)
    if sample is None:
        raise DataError("it has no samples", path, argument=argument)
    out: dict[str, Shape] = {}
    with path.open("rb") as stream:
        for extension, (start, length) in sample[1].items():
            name = field_name(extension)
            if extension.endswith(IMAGE_SUFFIXES):
                if size is None:
                    message = "its samples have images: their size is needed"
                    raise DataError(message, path, argument=argument, help="say `size: [height, width]`")
                out[name] = ("f", (depth, *size))
            elif extension.endswith(LABELS):
                out[name] = ("i", ())
            elif extension.endswith(".npy"):
                stream.seek(start)
                header = npy_header(stream, name, path, argument)
                if header.dtype.kind in "fiub" and length <= MAX_MEMBER:
                    out[name] = (header.dtype.kind, header.shape)
    return out


def field_name(extension: str) -> str:
    """`.jpg` is the image, `.cls` the label, `.x.npy` the array x (`.npy` alone: x)."""
    if extension.endswith(IMAGE_SUFFIXES):
        return "image"
    if extension.endswith(LABELS):
        return "label"
    return extension.removesuffix(".npy").strip(".") or "x"


def tar_samples(path: Path, argument: str = "path") -> Iterator[tuple[str, dict[str, tuple[int, int]]]]:
    """Samples of a tar: (key, {extension: (offset, bytes)}). Files of one sample stand together, `a/0001.jpg` and
    `a/0001.cls`, as in a WebDataset. Nothing is unpacked; links and devices are passed over. Raises DataError."""
    regular_file(path, argument)
    key: str | None = None
    parts: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(path, "r:") as archive:  # not compressed: samples are read from the middle
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]  # else it keeps them all
                if not member.isreg() or member.issparse():
                    continue
                name = PurePosixPath(member.name)
                stem, dot, extension = name.name.partition(".")
                if not stem or not dot:
                    continue
                mine = str(name.parent / stem)
                if mine != key:
                    if key is not None and parts:
                        yield key, parts
                    key, parts = mine, {}
                parts[dot + extension.lower()] = (member.offset_data, member.size)
            if key is not None and parts:
                yield key, parts
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        message = f"not a tar that can be read ({str(error)[:200]})"
        raise DataError(message, path, argument=argument, help="a compressed one must be unpacked to .tar") from None


def arrow_shapes(
    schema: Any, first: Any, image: tuple[int, ...] | None, path: Path, argument: str = "path"
) -> dict[str, Shape]:
    """{column: its kind and shape} of an Arrow schema. How long lists are is that of `first(name)`, the first value of
    a column; encoded images are brought to the shape `image`."""
    from pyarrow import types

    out: dict[str, Shape] = {}
    for field in schema:
        if holds_images(field.type):
            if image is None:
                message, help = f"`{field.name}` holds images: their size is needed", "say `size: [height, width]`"
                raise DataError(message, path, argument=argument, help=help)
            out[field.name] = ("f", image)
            continue
        shape: list[int] = []
        kind = field.type
        value = None
        while types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            value = first(field.name) if not shape else (value[0] if value else None)
            shape.append(len(value) if value is not None else 0)
            kind = kind.value_type
        floats, whole = types.is_floating(kind), types.is_integer(kind)
        letter = "f" if floats else "i" if whole else "b" if types.is_boolean(kind) else ""
        if letter and all(shape):
            out[field.name] = (letter, tuple(shape))
    return out


def holds_images(kind: Any) -> bool:
    """Is an Arrow type that of encoded images, as Hugging Face datasets has them: {bytes, path}?"""
    from pyarrow import types

    return types.is_struct(kind) and {kind[k].name for k in range(kind.num_fields)} == {"bytes", "path"}


def _first(file: Any, name: str) -> Any:
    for batch in file.iter_batches(batch_size=1, columns=[name]):
        return batch.column(0)[0].as_py()
    return None
