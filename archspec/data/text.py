"""Data from text files, and between text and tokens: characters, bytes, or the tokens of a `tokenizer.json`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from archspec.ops.kinds import show
from archspec.recipe.files import DataError, read_bytes, read_text
from archspec.recipe.model import DataFacts
from archspec.recipe.text_kind import Text
from archspec.recipe.tokenizer import MAX_TOKENIZER, parse_vocabulary

PIECE = 2**22  # characters that a tokenizer is given at once: its result takes some thirty bytes for each


class Codec(Protocol):
    """Between text and tokens. `size`: token numbers are 0 .. size-1. `end`: that at which a text ends, if any does."""

    size: int
    end: int | None

    def encode(self, text: str, path: Path | None = None, argument: str = "path") -> Tensor:
        """The tokens of a text, in the smallest dtype that holds all. Raises DataError, naming `path`."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens."""
        ...

    def name(self, token: int) -> str:
        """What one token is called."""
        ...


class Characters:
    """The characters of a vocabulary, in order of their numbers."""

    def __init__(self, vocabulary: str, end: str | None = None) -> None:
        self.vocabulary = vocabulary
        self.size = len(vocabulary)
        self.end = vocabulary.index(end) if end is not None else None

    def encode(self, text: str, path: Path | None = None, argument: str = "path") -> Tensor:
        codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
        vocabulary = np.frombuffer(self.vocabulary.encode("utf-32-le"), dtype="<u4")  # sorted, as code points are
        places = np.searchsorted(vocabulary, codes)
        known = vocabulary[np.minimum(places, len(vocabulary) - 1)] == codes
        if not known.all():
            first = int(np.argmin(known))
            line = text.count("\n", 0, first) + 1
            raise DataError(f"character {show(text[first])} is not in the vocabulary", path, line, argument=argument)
        return torch.from_numpy(places).to(smallest(self.size))

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(self.vocabulary[token] for token in tokens if token < self.size)

    def name(self, token: int) -> str:
        return self.vocabulary[token] if token < self.size else str(token)


class Bytes:
    """Bytes of UTF-8."""

    size = 256

    def __init__(self, end: str | None = None) -> None:
        self.end = end.encode()[0] if end is not None else None

    def encode(self, text: str, path: Path | None = None, argument: str = "path") -> Tensor:
        return _bytes(text.encode("utf-8", "surrogateescape"))

    def decode(self, tokens: Sequence[int]) -> str:
        return bytes(token for token in tokens if token < 256).decode("utf-8", "replace")

    def name(self, token: int) -> str:
        return str(token)


class Tokenizer:
    """The tokens of a `tokenizer.json`, by the tokenizers library. Nothing is added at the ends of a text."""

    def __init__(self, path: Path, end: str | None = None, argument: str = "tokenizer") -> None:
        """Raises DataError for a file that is no tokenizer, and where the library is missing."""
        data = read_bytes(path, argument, MAX_TOKENIZER)
        vocabulary = parse_vocabulary(data, path, argument)
        self.path = path
        self.size = vocabulary.size
        self.end = vocabulary.end(end)
        try:
            import tokenizers
        except ImportError:
            help = "pip install 'archspec-nn[text]'"
            raise DataError("the tokenizers library is not installed", path, argument=argument, help=help) from None
        try:
            self._tokenizer: Any = tokenizers.Tokenizer.from_str(data.decode("utf-8"))
            self._tokenizer.no_padding()
            self._tokenizer.no_truncation()
        except Exception as error:  # the library raises no narrower one
            raise DataError(f"not a tokenizer.json ({str(error)[:200]})", path, argument=argument) from None

    def encode(self, text: str, path: Path | None = None, argument: str = "path") -> Tensor:
        out = []
        try:
            for piece in pieces(text):
                found = self._tokenizer.encode_batch_fast([piece], add_special_tokens=False)[0].ids
                out.append(torch.tensor(found, dtype=torch.int64).to(smallest(self.size)))
        except Exception as error:
            raise DataError(f"cannot be tokenized ({str(error)[:200]})", path, argument=argument) from None
        return torch.cat(out) if out else torch.empty(0, dtype=smallest(self.size))

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=False))

    def name(self, token: int) -> str:
        return self.decode([token]) or str(token)


_CUTS = (re.compile(r"(?<=\w)\n"), re.compile(r"(?<=\w)\s"))


def pieces(text: str, size: int = PIECE) -> Iterator[str]:
    """A text in parts of `size` to `2 * size` characters: cut before a line break behind a word, where a token ends
    anyhow; else before a space behind one; else anywhere."""
    start = 0
    while len(text) - start > 2 * size:
        places = (cut.search(text, start + size, start + 2 * size) for cut in _CUTS)
        found = next((place for place in places if place is not None), None)
        end = start + 2 * size if found is None else found.start()
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def smallest(size: int) -> torch.dtype:
    """The smallest dtype that holds token numbers below `size`."""
    return torch.uint8 if size <= 2**8 else torch.int16 if size <= 2**15 else torch.int32


def codec(kind: Text, facts: DataFacts, base: Path) -> Codec:
    """How a recipe's text becomes tokens. Raises DataError."""
    if kind.tokenizer is not None:
        return Tokenizer(base / kind.tokenizer, kind.end_of_text)
    if kind.tokens == "byte":
        return Bytes(kind.end_of_text)
    assert facts.characters is not None
    return Characters(facts.characters, kind.end_of_text)


def tokens(coder: Codec, path: Path, argument: str = "path") -> Tensor:
    """A file as one row of tokens. Raises DataError, at its line where a character is not known."""
    if isinstance(coder, Bytes):
        return _bytes(read_bytes(path, argument))
    return coder.encode(read_text(path, argument), path, argument)


def text_bytes(coder: Codec, row: Tensor) -> int:
    """Bytes in UTF-8 of the text that tokens stand for."""
    if isinstance(coder, Bytes):
        return len(row)
    parts = (coder.decode(part.tolist()) for part in row.split(PIECE))
    return sum(len(part.encode("utf-8", "surrogatepass")) for part in parts)


def _bytes(data: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())
