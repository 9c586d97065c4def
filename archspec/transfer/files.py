"""Which files a path to weights means: one, the shards of an index, or those of a folder as Hugging Face writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from archspec.transfer.header import MAX_HEADER, Stored, WeightsFileError, open_plain, read_header, read_json

SAFETENSORS = ".safetensors"
PICKLED = (".pt", ".pth", ".bin", ".ckpt")
SUFFIXES = (SAFETENSORS, *PICKLED)
INDEX = ".index.json"
MOST_FILES = 1_000
_STEMS = ("model", "diffusion_pytorch_model", "pytorch_model", "weights")  # of transformers, diffusers, and a run here
_IN_A_FOLDER = tuple(f"{stem}{end}{index}" for end in (SAFETENSORS, ".bin") for stem in _STEMS for index in (INDEX, ""))
_MOST_SHOWN = 5


def expand(path: Path) -> list[Path]:
    """The files of tensors that a path means. Raises WeightsFileError."""
    try:
        return _expand(path)
    except OSError as error:
        raise WeightsFileError(f"{path} cannot be read: {error.strerror}") from None


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        return _expand(_in_folder(path))
    if path.name.endswith(INDEX):
        return shards(path)
    if path.suffix not in SUFFIXES and path.exists():
        raise WeightsFileError(
            f"{path} is not called as weights are", f"weights end in {', '.join(SUFFIXES)}, or {INDEX}"
        )
    open_plain(path).close()
    return [path]


def _in_folder(folder: Path) -> Path:
    """The file of weights in it: of the usual names, or the only one that is an index, or of safetensors."""
    for name in _IN_A_FOLDER:
        if (folder / name).exists():
            return folder / name
    there = sorted(path for path in folder.iterdir() if path.name.endswith((INDEX, *SUFFIXES)))
    for end in (INDEX, SAFETENSORS):
        of_a_kind = [path for path in there if path.name.endswith(end)]
        if len(of_a_kind) == 1:
            return of_a_kind[0]
        if of_a_kind:
            break
    if not there:
        raise WeightsFileError(f"there are no weights in the folder {folder}", f"weights end in {', '.join(SUFFIXES)}")
    names = ", ".join(path.name for path in there[:_MOST_SHOWN])
    more = f", and {len(there) - _MOST_SHOWN} more" if len(there) > _MOST_SHOWN else ""
    raise WeightsFileError(
        f"the folder {folder} has no weights of the usual names", f"name the file, or a list of them: {names}{more}"
    )


def shards(index: Path) -> list[Path]:
    """The files of a `model.safetensors.index.json`, which lie beside it. Raises WeightsFileError."""
    with open_plain(index) as file:
        text = file.read(MAX_HEADER + 1)
    if len(text) > MAX_HEADER:
        raise WeightsFileError(f"{index} is larger than {MAX_HEADER:,} bytes")
    data = read_json(text, str(index))
    names = data.get("weight_map") if isinstance(data, dict) else None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()) or not names:
        raise WeightsFileError(f"{index} has no `weight_map` from names of tensors to files")
    files = sorted(set(names.values()))
    if len(files) > MOST_FILES:
        raise WeightsFileError(f"{index} names {len(files):,} files; at most {MOST_FILES:,}")
    for name in files:
        if name != Path(name).name or "\\" in name or not name.endswith(SUFFIXES):
            raise WeightsFileError(
                f"{index} names the file {json.dumps(name[:200])}, which is not one of weights beside it"
            )
    for name in files:
        open_plain(index.parent / name).close()
    return [index.parent / name for name in files]


def is_pickled(path: Path) -> bool:
    """Is it a file of torch.save? Its tensors are known only to torch."""
    return path.suffix in PICKLED


def headers(paths: Iterable[Path]) -> Iterator[Stored]:
    """The tensors of safetensors files. Raises WeightsFileError, also for a name that two files have."""
    seen: dict[str, str] = {}
    for path in paths:
        for stored in read_header(path):
            other = seen.setdefault(stored.name, stored.file)
            if other != stored.file:
                raise WeightsFileError(f"`{stored.name[:100]}` is in {other} and in {stored.file} too")
            yield stored
