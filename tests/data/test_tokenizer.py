"""Text by a `tokenizer.json`: what the tokenizers library makes of it, and what is said of bad files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from archspec.data import open_data
from archspec.data.text import Tokenizer, pieces
from archspec.diagnostics.model import SpecError
from archspec.recipe.files import DataError
from archspec.recipe.tokenizer import MAX_VOCABULARY, read_vocabulary
from tests.recipe.recipes import attempt, checked

tokenizers = pytest.importorskip("tokenizers")

TEXT = "".join(f"the {n} cats sat on mat {n * n}.\n\n  And slept, all day\nlong<end>" for n in range(60))


def bpe(path: Path) -> Any:
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([TEXT], trainer)
    made.save(str(path))
    return made


def unigram(path: Path) -> Any:
    made = tokenizers.Tokenizer(tokenizers.models.Unigram([("<unk>", 0.0), ("▁", -2.0), ("a", -3.0), ("b", -3.0)], 0))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    made.decoder = tokenizers.decoders.Metaspace()
    made.add_special_tokens(["</s>"])
    made.save(str(path))
    return made


@pytest.mark.parametrize("make", [bpe, unigram])
def test_the_vocabulary_is_the_librarys(tmp_path: Path, make: Any) -> None:
    made = make(tmp_path / "t.json")
    found = read_vocabulary(tmp_path / "t.json")
    assert found.size == made.get_vocab_size(with_added_tokens=True)
    assert found.special == {token.content: number for number, token in made.get_added_tokens_decoder().items()}


def test_the_end_of_a_text(tmp_path: Path) -> None:
    made = unigram(tmp_path / "t.json")
    assert Tokenizer(tmp_path / "t.json").end == made.token_to_id("</s>")
    bpe(tmp_path / "b.json")
    assert Tokenizer(tmp_path / "b.json").end is None
    assert Tokenizer(tmp_path / "b.json", "<end>").end == 0


DATA = "{text: {path: a.txt, tokenizer: t.json, context: 8, holdout: 0.25, end_of_text: <end>}}"
TRAIN = f"train: {{data: {DATA}, loss: cross_entropy, optimizer: sgd, epochs: 1, batch_size: 4}}"


def test_samples_are_windows_of_the_tokens(tmp_path: Path) -> None:
    made = bpe(tmp_path / "t.json")
    (tmp_path / "a.txt").write_text(TEXT)
    recipe = checked(TRAIN, {"tokens": "int64[B, T]"}, {"logits": "float32[B, T, 320]"}, tmp_path)
    data = open_data(recipe)
    row = torch.tensor(made.encode(TEXT).ids)
    held = round(len(row) * 0.25)
    train = data.train.take(torch.arange(len(data.train)))
    assert len(data.train) == (len(row) - held - 1) // 8
    assert torch.equal(train["tokens"].flatten(), row[: 8 * len(data.train)])
    assert torch.equal(train["target"].flatten(), row[1 : 8 * len(data.train) + 1])
    first = data.holdout.take(torch.tensor([0]))
    assert torch.equal(first["tokens"][0], row[len(row) - held :][:8])


def test_the_vocabulary_is_held_against_the_model(tmp_path: Path) -> None:
    made = bpe(tmp_path / "t.json")
    (tmp_path / "a.txt").write_text(TEXT)
    size = made.get_vocab_size()
    recipe, found = attempt(
        TRAIN, {"tokens": "int64[B, T]"}, {"o": "float32[B, T, 300]"}, tmp_path, embeddings={"tokens": 300}
    )
    assert recipe is None
    assert [(d.code, d.message) for d in found] == [
        ("AS502", f"the embedding of input `tokens` has 300 rows, and `tokens` has {size} different values"),
        (
            "AS503",
            f"`cross_entropy` of output `o` against `target`: the output has 300 classes, and the data have {size}",
        ),
    ]


def test_parts_of_a_long_text_are_tokenized_as_the_whole(tmp_path: Path) -> None:
    made = bpe(tmp_path / "t.json")
    parts = list(pieces(TEXT, 200))
    assert "".join(parts) == TEXT and len(parts) > 5
    joined = [token for part in parts for token in made.encode(part).ids]
    assert joined == made.encode(TEXT).ids
    assert list(pieces("word " * 10, 11)) == ["word word word", " word word word", " word word word word "]
    assert list(pieces("x" * 50, 10)) == ["x" * 20, "x" * 20, "x" * 10]  # there is no place to cut
    assert list(pieces("")) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not a tokenizer.json"),
        ("[1, 2]", "not a tokenizer.json"),
        ("{}", "not a tokenizer.json"),
        ('{"model": {"vocab": {"a": -1}}}', "is no token number"),
        ('{"model": {"vocab": {"a": "0"}}}', "is no token number"),
        (json.dumps({"model": {"vocab": {"a": MAX_VOCABULARY + 1}}}), "is no token number"),
        ('{"model": {"vocab": {}}}', "it has no tokens"),
        ("[" * 100_000, "not a tokenizer.json"),
    ],
)
def test_bad_files_are_found_without_the_library(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_vocabulary(tmp_path / "t.json")


def test_what_only_the_library_finds(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"model": {"vocab": {"a": 0}, "type": "Magic"}}')
    (tmp_path / "a.txt").write_text("a" * 100)
    text = TRAIN.replace(", end_of_text: <end>", "")
    recipe = checked(text, {"tokens": "int64[B, T]"}, {"logits": "float32[B, T, 2]"}, tmp_path)
    with pytest.raises(SpecError) as caught:
        open_data(recipe)
    (found,) = caught.value.diagnostics
    assert found.code == "AS504" and "t.json: not a tokenizer.json" in found.message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{text: {path: a.txt, context: 4, tokens: byte, tokenizer: t.json}}", "the tokens are those of `tokenizer`"),
        ("{text: {path: a.txt, context: 4, tokenizer: none.json}}", "none.json: no such file"),
        ("{text: {path: a.txt, context: 4, tokenizer: t.json, end_of_text: </s>}}", "it has no special token '</s>'"),
        ("{text: {path: a.txt, context: 4, end_of_text: <end>}}", "'<end>' is not one character of the text"),
        ("{text: {path: a.txt, context: 4, tokens: byte, end_of_text: é}}", "'é' is not one byte"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, data: str, message: str) -> None:
    bpe(tmp_path / "t.json")
    (tmp_path / "a.txt").write_text(TEXT)
    text = TRAIN.replace(DATA, data)
    _, found = attempt(text, {"tokens": "int64[B, T]"}, {"logits": "float32[B, T, 320]"}, tmp_path)
    assert [message in d.message for d in found] == [True], found
