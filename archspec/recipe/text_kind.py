"""Text as data: characters, bytes, or the tokens of a `tokenizer.json`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from archspec.ops.base import arg
from archspec.ops.kinds import BadValue, Choice, Optional, PositiveInt, Refined, Str
from archspec.recipe.data_kinds import DATA, Holdout, Path_
from archspec.recipe.files import MAX_TEXT, DataError, read_text, regular_file
from archspec.recipe.model import DataFacts, DataKind, Field
from archspec.recipe.tokenizer import FILE, read_vocabulary

EndOfText = Refined(Str, lambda text: None if text else "it may not be empty", title="a token")


@DATA.declare("text")
class Text(DataKind):
    """A text to continue: `tokens` int64[B, context] and `target`, the same one token later. The end is held out."""

    countable = False
    targets = ("target",)
    files: ClassVar[tuple[str, ...]] = ("path", "validation", "tokenizer")
    kept: ClassVar[dict[str, str]] = {"tokenizer": FILE}
    path = arg(Path_, doc="a text file")
    context = arg(PositiveInt, doc="tokens in a sample")
    tokens = arg(
        Choice("char", "byte"),
        "char",
        "`char`: the characters of the file (UTF-8); `byte`: 256 tokens; not used with `tokenizer`",
    )
    tokenizer = arg(
        Optional(Path_),
        None,
        "a `tokenizer.json` of Hugging Face tokenizers, whose tokens are then used; a run keeps a copy of it "
        "(`pip install 'archspec-nn[text]'`)",
    )
    end_of_text = arg(
        Optional(EndOfText),
        None,
        "the token at which a text ends, and `archspec generate` with it; left out: the special token of the tokenizer "
        "that is known for this (`<|endoftext|>`, `</s>`, …), if it has one",
    )
    stride = arg(Optional(PositiveInt), None, "tokens from the start of one sample to the next; left out: `context`")
    holdout = arg(Holdout, 0.1, "share at the end of the text that is held out; not used with `validation`")
    validation = arg(Optional(Path_), None, "held-out text")

    def validate(self) -> None:
        if self.tokenizer is not None and self.tokens == "byte":
            raise BadValue("the tokens are those of `tokenizer`", ("tokens",), "leave one of them out")

    def peek(self, base: Path) -> DataFacts:
        path = base / self.path
        characters: str | None = None
        count: int | None = None
        if self.tokenizer is not None:
            regular_file(path, most=MAX_TEXT)
            vocabulary = read_vocabulary(base / self.tokenizer)
            if self.end_of_text is not None and self.end_of_text not in vocabulary.special:
                message = f"it has no special token {self.end_of_text!r}"
                help = f"its special tokens are {', '.join(map(repr, list(vocabulary.special)[:20])) or 'none'}"
                raise DataError(message, base / self.tokenizer, argument="end_of_text", help=help)
            classes = vocabulary.size
        elif self.tokens == "byte":
            count, classes = regular_file(path, most=MAX_TEXT), 256
        else:
            text = read_text(path)
            characters, count = "".join(sorted(set(text))), len(text)
            classes = len(characters)
        if self.tokenizer is None and self.end_of_text is not None:
            length = len(self.end_of_text if characters is not None else self.end_of_text.encode())
            if length != 1 or (characters is not None and self.end_of_text not in characters):
                what = "one character of the text" if characters is not None else "one byte"
                raise DataError(f"{self.end_of_text!r} is not {what}", path, argument="end_of_text")
        if self.validation is not None:
            regular_file(base / self.validation, "validation", MAX_TEXT)
        if count is not None:
            # A part of n tokens holds n - 1 pairs of a token and the next one.
            held = 0 if self.validation is not None else round(count * self.holdout)
            if count - held <= self.context or (self.validation is None and held <= self.context):
                message = f"{count:,} tokens are too few for samples of {self.context:,} in both parts"
                raise DataError(message, path, argument="context")
        fields = tuple(Field(name, "int64", (self.context,), classes) for name in ("tokens", "target"))
        return DataFacts(fields, None, None, characters)
