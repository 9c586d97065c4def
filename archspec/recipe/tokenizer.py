"""What a `tokenizer.json` says of its vocabulary, read as plain JSON: no library is needed to check a spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from archspec.recipe.files import DataError, read_bytes

FILE = "tokenizer.json"  # what a run calls its copy
MAX_TOKENIZER = 2**27  # bytes of the file
MAX_VOCABULARY = 2**24  # the largest token number

# In order of preference: what published tokenizers call the token at which a text ends.
ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "[EOS]", "<|im_end|>")


class Vocabulary(NamedTuple):
    """`size`: one more than the largest token number. `special`: numbers of the special tokens, by their text."""

    size: int
    special: dict[str, int]

    def end(self, given: str | None) -> int | None:
        """The number of the token at which a text ends: of the given one, or else of one that is known for this."""
        names = (given,) if given is not None else ENDS
        return next((self.special[name] for name in names if name in self.special), None)


def read_vocabulary(path: Path, argument: str = "tokenizer") -> Vocabulary:
    """The vocabulary of a tokenizer's file. Raises DataError."""
    return parse_vocabulary(read_bytes(path, argument, MAX_TOKENIZER), path, argument)


def parse_vocabulary(data: bytes, path: Path, argument: str = "tokenizer") -> Vocabulary:
    """The vocabulary of a tokenizer's text; `path` is what messages call it. Raises DataError."""
    help = "`tokenizer.save(…)` of the tokenizers library writes one"
    try:
        tree = json.loads(data)
        model, added = tree["model"], tree.get("added_tokens") or []
        listed = model["vocab"]
        # Unigram lists its tokens with their scores, in order; the others map tokens to numbers.
        numbers = list(range(len(listed))) if isinstance(listed, list) else [_number(n) for n in listed.values()]
        extra = {str(entry["content"]): _number(entry["id"]) for entry in added}
        special = {str(entry["content"]): _number(entry["id"]) for entry in added if entry.get("special") is True}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"[:200]
        raise DataError(f"not a tokenizer.json ({what})", path, argument=argument, help=help) from None
    size = 1 + max([*numbers, *extra.values()], default=-1)
    if size == 0:
        raise DataError("it has no tokens", path, argument=argument)
    return Vocabulary(size, special)


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_VOCABULARY:
        raise ValueError(f"{value!r} is no token number")
    return value
