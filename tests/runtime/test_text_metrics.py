"""Bits for each byte of a text, whatever its tokens are; held against the text and torch.nn.functional."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

import archspec
from archspec.cli.main import main
from archspec.model import weights
from tests.recipe.recipes import attempt

TEXT = "Grüße an alle, die hier lesen; schöne Tage! " * 20
SPEC = """\
archspec: 1
name: lm
inputs: {tokens: "int64[B, T]"}
layers:
  - {embedding: {num_embeddings: 256, embedding_dim: 4}}
  - {name: head, linear: 256}
outputs: {logits: head}
train:
  data: {text: {path: text.txt, context: 8, TOKENS}}
  loss: cross_entropy
  metrics: [bits_per_byte, perplexity]
  optimizer: {adamw: {lr: 1e-2}}
  epochs: 1
  batch_size: 16
"""


def tokenizer(path: Path) -> Any:
    """Two characters are one token where the vocabulary has them, in bytes of UTF-8 as GPT-2 writes them."""
    tokenizers = pytest.importorskip("tokenizers")
    built = tokenizers.Tokenizer(tokenizers.models.BPE())
    built.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=250, show_progress=False, initial_alphabet=alphabet)
    built.train_from_iterator([TEXT[:200]], trainer)
    built.save(str(path))
    return built


@pytest.mark.parametrize("tokens", ["tokens: byte", "tokens: char", "tokenizer: tokenizer.json"])
def test_bits_of_a_byte(tmp_path: Path, tokens: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    built = tokenizer(tmp_path / "tokenizer.json")
    (tmp_path / "lm.yaml").write_text(SPEC.replace("TOKENS", tokens))
    assert main(["train", str(tmp_path / "lm.yaml"), "-o", str(tmp_path / "run"), "-q"]) == 0
    capsys.readouterr()

    if tokens == "tokens: byte":
        ids = list(TEXT.encode())
    elif tokens == "tokens: char":
        ids = [sorted(set(TEXT)).index(c) for c in TEXT]
    else:
        ids = built.encode(TEXT).ids
    held = round(len(ids) * 0.1)
    model = archspec.compile(tmp_path / "run" / "spec.yaml")
    weights.load(model, tmp_path / "run" / "weights.safetensors")
    model.eval()
    for split, row in (("holdout", ids[-held:]), ("train", ids[:-held])):
        if tokens == "tokens: byte":
            count = len(row)
        elif tokens == "tokens: char":
            count = len("".join(sorted(set(TEXT))[k] for k in row).encode())
        else:
            count = len(built.decode(row).encode())
        windows = [row[k : k + 9] for k in range(0, len(row) - 8, 8)]
        nats = F.cross_entropy(
            model(torch.tensor(windows)[:, :-1]).flatten(0, 1), torch.tensor(windows)[:, 1:].flatten()
        ).item()
        assert main(["evaluate", str(tmp_path / "run"), "--split", split, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) * len(row) / count, rel=1e-5)
        assert found["perplexity"] == pytest.approx(math.exp(nats), rel=1e-5)
        if split == "holdout":
            epoch = next(line for line in (tmp_path / "run" / "metrics.jsonl").open() if '"kind": "epoch"' in line)
            assert json.loads(epoch)["bits_per_byte"] == found["bits_per_byte"]


def test_it_is_of_text_alone() -> None:
    text = """\
    train:
      data: digits
      loss: cross_entropy
      metrics: bits_per_byte
      optimizer: sgd
      epochs: 1
      batch_size: 4
    """
    _, (found,) = attempt(text, {"image": "float32[B, 1, 8, 8]"}, {"logits": "float32[B, 10]"})
    assert (found.code, found.span.line) == ("AS503", 4)
    assert found.message == "`bits_per_byte` is of text, and the data are `digits`"
