"""Parquet files through pyarrow, within limits. The library is imported where a spec names such a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archspec.ops.kinds import show
from archspec.recipe.files import MAX_ARRAY, MAX_COLUMNS, DataError, regular_file

HELP = "pip install 'archspec-nn[parquet]'"


def open_parquet(path: Path, argument: str = "path") -> Any:
    """A pyarrow.parquet.ParquetFile. Raises DataError for what is none, and where pyarrow is missing."""
    regular_file(path, argument)
    try:
        import pyarrow.parquet as pq
        from pyarrow import ArrowException
    except ImportError:
        raise DataError("pyarrow is not installed", path, argument=argument, help=HELP) from None
    try:
        found = pq.ParquetFile(path, memory_map=True)
    except (ArrowException, OSError, ValueError) as error:
        raise DataError(f"not a parquet file ({words(error)})", path, argument=argument) from None
    if len(found.schema_arrow.names) > MAX_COLUMNS:
        raise DataError(f"more than {MAX_COLUMNS:,} columns", path, argument=argument)
    return found


def parquet_columns(path: Path, argument: str = "path") -> dict[str, Any]:
    """{column: its pyarrow type}, of the file's schema."""
    schema = open_parquet(path, argument).schema_arrow
    return {field.name: field.type for field in schema}


def parquet_rows(path: Path, argument: str = "path") -> int:
    return int(open_parquet(path, argument).metadata.num_rows)


def parquet_column(path: Path, name: str, argument: str = "path") -> Any:
    """A whole column, as numpy, with NaN for numbers that are not there. Raises DataError where there are too many."""
    return _whole(path, name, argument).combine_chunks().to_numpy(zero_copy_only=False)


def parquet_nulls(path: Path, name: str, argument: str = "path") -> Any:
    """Which rows have no value: bool[rows], as numpy."""
    return _whole(path, name, argument).is_null().to_numpy()


def _whole(path: Path, name: str, argument: str) -> Any:
    file = open_parquet(path, argument)
    if file.metadata.num_rows * 8 > MAX_ARRAY:
        raise DataError(f"more than {MAX_ARRAY:,} bytes in a column", path, argument=argument)
    return read(file, [name], path, argument)[name]


def parquet_labels(path: Path, name: str, argument: str = "path") -> tuple[Any, list[str]]:
    """A column of text, categories or whole numbers: int64[rows], and the texts that they are numbers of."""
    import numpy as np
    import pyarrow as pa

    column = _whole(path, name, argument)
    if column.null_count:
        raise missing_value(column, name, path, argument)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
        message = f"column {show(name)} is {kind}: names or whole numbers are needed"
        raise DataError(message, path, argument=argument)
    whole = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    chunks = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in whole.chunks]
    codes = np.concatenate(chunks) if chunks else np.empty(0)
    values = whole.chunks[0].dictionary.to_pylist() if chunks else []
    if None in values:
        raise DataError(f"a value of {show(name)} is null", path, argument=argument)
    return codes.astype(np.int64), [str(value) for value in values]


def read(file: Any, names: list[str], path: Path, argument: str, groups: list[int] | None = None) -> Any:
    """Columns of some row groups (of all, if None), as a pyarrow.Table. Raises DataError."""
    from pyarrow import ArrowException

    try:
        if groups is None:
            return file.read(columns=names, use_threads=False)
        return file.read_row_groups(groups, columns=names, use_threads=False)
    except (ArrowException, OSError, ValueError) as error:
        raise DataError(f"cannot be read ({words(error)})", path, argument=argument) from None


def as_numpy(column: Any, name: str, path: Path, argument: str = "path") -> Any:
    """A pyarrow column as numpy. Raises DataError where values are missing."""
    if column.null_count:
        raise missing_value(column, name, path, argument)
    return column.combine_chunks().to_numpy(zero_copy_only=False)


def missing_value(column: Any, name: str, path: Path, argument: str = "path") -> DataError:
    place = next(i for i, known in enumerate(column.is_valid()) if not known.as_py())
    return DataError(f"no value for {show(name)} in row {place}", path, argument=argument)


def words(error: Exception) -> str:
    """The first line of an error."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
