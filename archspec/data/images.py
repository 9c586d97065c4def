"""Images: decoded by Pillow, one at a time, within a size, and kept as bytes where they fit into memory."""

from __future__ import annotations

import io
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from archspec.data.errors import reported
from archspec.diagnostics.model import Span
from archspec.recipe.data_kinds import Images
from archspec.recipe.files import DataError, image_files, regular_file
from archspec.recipe.model import DataFacts

MAX_PIXELS = 2**26  # of one image as stored: 67 million, a decompression bomb above
MAX_FILE = 2**28  # bytes of one image file
CACHE = 2**29  # bytes of decoded images that are kept
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")


def decode(
    path: Path, size: tuple[int, int] | None, depth: int, fit: str = "crop", data: bytes | None = None
) -> Tensor:
    """An image file as uint8[depth, height, width], brought to `size` (height, width). `data`: what it holds, where
    that is known; `path` is then what messages call it. Raises DataError."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if data is None:
        regular_file(path, most=MAX_FILE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own, lower limit comes next
            image: Any = Image.open(path if data is None else io.BytesIO(data), formats=FORMATS)
        with image:
            if image.width * image.height > MAX_PIXELS:
                message = f"{image.width} by {image.height} pixels; at most {MAX_PIXELS:,} are decoded"
                raise DataError(message, path)
            if image.mode.startswith(("I", "F")):
                help = "convert it to 8 bits a channel"
                raise DataError(f"its pixels are of mode {image.mode}, not 8 bits a channel", path, help=help)
            picture = image.convert("RGB" if depth == 3 else "L")
            if size is not None and (picture.height, picture.width) != size:
                wide = (size[1], size[0])
                if fit == "crop":
                    picture = ImageOps.fit(picture, wide, Image.Resampling.BILINEAR)
                else:
                    picture = picture.resize(wide, Image.Resampling.BILINEAR)
    except UnidentifiedImageError:
        raise DataError("it is not an image that can be read", path) from None
    # Pillow's decoders let many kinds of error through for malformed files.
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        Image.DecompressionBombError,
        ArithmeticError,
        LookupError,
    ) as error:
        raise DataError(f"it cannot be decoded ({str(error) or type(error).__name__})", path) from None
    pixels = torch.from_numpy(np.array(picture, dtype=np.uint8))
    return pixels[None] if depth == 1 else pixels.permute(2, 0, 1).contiguous()


def normalise(pixels: Tensor, kind: Images) -> Tensor:
    """uint8[..., C, H, W] to float32: (value / 255 - mean) / std."""
    mean = torch.tensor(kind.mean).view(-1, 1, 1)
    std = torch.tensor(kind.std).view(-1, 1, 1)
    return (pixels.float() / 255 - mean) / std


class ImageSplit:
    """Image files and their labels. Decoded when first taken; kept if all of them fit into `cache` bytes.

    `take` raises SpecError (AS504, at `span`) naming a file that cannot be decoded.
    """

    def __init__(self, files: list[Path], labels: list[int], kind: Images, span: Span, cache: int = CACHE) -> None:
        self.files = files
        self.labels = torch.tensor(labels, dtype=torch.int64)
        self.kind = kind
        self.span = span
        self.shape = (kind.depth, *kind.size)
        room = len(files) * int(np.prod(self.shape))
        self._kept = torch.empty((len(files), *self.shape), dtype=torch.uint8) if room <= cache else None
        self._known = torch.zeros(len(files), dtype=torch.bool)
        self._pool: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return len(self.files)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pool": None}  # threads stay in their process

    def _decode(self, index: int) -> Tensor:
        return decode(self.files[index], self.kind.size, self.kind.depth, self.kind.fit)

    def _decode_all(self, indices: Tensor) -> Tensor:
        if self._pool is None:  # Pillow decodes without holding the interpreter's lock
            alone = get_worker_info() is None
            self._pool = ThreadPoolExecutor(min(os.cpu_count() or 1, 8) if alone else 1)
        with reported(self.span):
            return torch.stack(list(self._pool.map(self._decode, indices.tolist())))

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        if self._kept is None:
            pixels = self._decode_all(indices)
        else:
            missing = indices[~self._known[indices]].unique()
            if len(missing):
                self._kept[missing] = self._decode_all(missing)
                self._known[missing] = True
            pixels = self._kept.index_select(0, indices)
        return {"image": normalise(pixels, self.kind), "label": self.labels.index_select(0, indices)}


def listing(folder: Path, facts: DataFacts, argument: str, *, partial: bool = False) -> tuple[list[Path], list[int]]:
    """The image files of all classes, and their labels. `partial`: a class may be missing."""
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(facts.classes or ()):
        if partial and not (folder / name).is_dir():
            continue
        found = image_files(folder / name, argument)
        files += found
        labels += [label] * len(found)
    return files, labels
