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
    """A whole column, as numpy. Raises DataError where values are missing, or there are too many."""
    file = open_parquet(path, argument)
    if file.metadata.num_rows * 8 > MAX_ARRAY:
        raise DataError(f"more than {MAX_ARRAY:,} bytes in a column", path, argument=argument)
    return as_numpy(read(file, [name], path, argument)[name], name, path, argument)


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
        place = next(i for i, known in enumerate(column.is_valid()) if not known.as_py())
        raise DataError(f"no value for {show(name)} in row {place}", path, argument=argument)
    return column.combine_chunks().to_numpy(zero_copy_only=False)


def words(error: Exception) -> str:
    """The first line of an error."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
