"""`archspec generate`: a language model trained on a file goes on with a text."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from runtime_process import archspec, here

from archspec.cli.main import main
from archspec.runtime.generate import Generator, Sampling
from archspec.runtime.predict import load_run
from archspec.runtime.session import train

ROOT = Path(__file__).parents[2]
GPT = ROOT / "specs" / "char_gpt.yaml"
SMALL = {"dim": 32, "heads": 2, "depth": 2, "dropout": 0.0, "context": 16, "vocab": 32}
ALPHABET = "abcdefghijklmnopqrstuvwxyz\n"


def gpt(tmp_path: Path, text: str, data: str = "{text: {path: d.txt, context: $context}}", **params: Any) -> Path:
    """The run folder of the GPT, made small, on a text that repeats itself."""
    (tmp_path / "d.txt").write_text(text)
    spec = GPT.read_text()
    (line,) = (line for line in spec.splitlines() if line.startswith("  data:"))
    (tmp_path / "gpt.yaml").write_text(spec.replace(line, f"  data: {data}"))
    more = {"train.epochs": 6, "train.batch_size": 16, "train.optimizer.adamw.lr": 1e-2}
    result = train(tmp_path / "gpt.yaml", params={**SMALL, **more, **params}, run=tmp_path / "run", quiet=True)
    return result.folder


@pytest.fixture(scope="module")
def alphabet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gpt(tmp_path_factory.mktemp("alphabet"), ALPHABET * 150)


def generated(capsys: pytest.CaptureFixture[str], *args: str | Path) -> dict[str, Any]:
    assert main(["generate", *map(str, args), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_it_goes_on_beyond_its_context(alphabet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ("--prompt", "abc", "--temperature", "0", "--max-new-tokens", "60")
    (sample,) = generated(capsys, alphabet, *args)["samples"]
    assert sample["text"] == (ALPHABET * 3)[3:63]  # 60 characters, and it sees 16 of them
    assert sample["finished"] == "length"
    assert main(["generate", str(alphabet), *args]) == 0
    assert capsys.readouterr().out == (ALPHABET * 3)[:63] + "\n"


def test_a_prompt_of_a_file_longer_than_the_context(
    alphabet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.txt").write_text(ALPHABET * 2 + "abcd")
    args = ("--prompt-file", tmp_path / "p.txt", "--top-k", "1", "--max-new-tokens", "5")
    assert generated(capsys, alphabet, *args)["samples"][0]["text"] == "efghi"


def test_one_seed_gives_one_text(alphabet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ("--prompt", "a", "--temperature", "30", "--max-new-tokens", "20", "--num-samples", "2", "--seed")
    first = generated(capsys, alphabet, *args, "5")["samples"]
    assert generated(capsys, alphabet, *args, "5")["samples"] == first
    assert first[0]["text"] != first[1]["text"]
    assert generated(capsys, alphabet, *args, "6")["samples"][0] == first[1]
    unseeded = generated(capsys, alphabet, *args[:-1])["samples"][0]
    again = generated(capsys, alphabet, *args, str(unseeded["seed"]))["samples"][0]
    assert again == unseeded


def test_no_token_that_is_none(alphabet: Path) -> None:
    """The head has 32 outputs, and the text 27 characters."""
    generator = Generator(load_run(alphabet))
    drawn = list(generator.stream("a", Sampling(temperature=1000), most=200))
    assert len(drawn) == 200
    assert max(drawn) < 27


@pytest.mark.parametrize(
    ("sampling", "share"),
    [
        (Sampling(), [0.5, 0.25, 0.15, 0.1]),
        (Sampling(top_k=2), [2 / 3, 1 / 3, 0, 0]),
        (Sampling(top_k=9), [0.5, 0.25, 0.15, 0.1]),
        (Sampling(top_p=0.6), [2 / 3, 1 / 3, 0, 0]),  # 0.5 alone does not have 0.6
        (Sampling(top_p=0.4), [1, 0, 0, 0]),
        (Sampling(temperature=0.5), [0.25 / 0.345, 0.0625 / 0.345, 0.0225 / 0.345, 0.01 / 0.345]),
        (Sampling(temperature=0), [1, 0, 0, 0]),
    ],
    ids=str,
)
def test_draws(sampling: Sampling, share: list[float]) -> None:
    order = torch.tensor([2, 0, 3, 1])  # of the tokens, by how likely they are
    logits = torch.empty(4)
    logits[order] = torch.tensor([0.5, 0.25, 0.15, 0.1]).log() + 7
    generator = torch.Generator().manual_seed(1)
    drawn = torch.tensor([sampling.draw(logits.clone(), generator) for _ in range(3000)])
    got = torch.bincount(drawn, minlength=4)[order] / 3000
    torch.testing.assert_close(got, torch.tensor(share, dtype=torch.float32), atol=0.03, rtol=0)
    assert not got[torch.tensor(share) == 0].any()


def test_a_character_that_is_not_known(alphabet: Path, tmp_path: Path) -> None:
    done = archspec("generate", alphabet, "--prompt", "aé", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the prompt cannot be read: character 'é' is not in the vocabulary" in done.stderr
    done = here("generate", alphabet, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a prompt is needed" in done.stderr


@pytest.mark.parametrize("args", [["--top-k", "0"], ["--top-p", "0"], ["--temperature", "-1"], ["--seed", "x"]])
def test_usage(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "nowhere", *args]) == 2
    assert "expected a" in capsys.readouterr().err


# -- models that cannot ----------------------------------------------------------------------------------------


def test_a_run_on_images(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(digits_run), "--prompt", "a"]) == 2
    assert (
        "text is generated by a model trained on `text`, and this one is trained on `digits`" in capsys.readouterr().err
    )


def untrained(tmp_path: Path, layers: str, inputs: str = "int64[B, T]", output: str = "") -> Path:
    (tmp_path / "d.txt").write_text("abcdefg\n" * 40)
    (tmp_path / "net.yaml").write_text(
        f'archspec: 1\ninputs: {{tokens: "{inputs}"}}\nlayers:\n{layers}{output}'
        "train: {data: {text: {path: d.txt, context: 12}}, loss: cross_entropy, optimizer: sgd,\n"
        "  epochs: 1, batch_size: 8}\n"
    )
    return train(tmp_path / "net.yaml", run=tmp_path / "run", quiet=True).folder


EMBEDDING = "  - embedding: {num_embeddings: 8, embedding_dim: 4}\n"


@pytest.mark.parametrize(
    "layers",
    [
        "  - multihead_attention: {num_heads: 2, batch_first: true}\n  - linear: 8\n",
        "  - {gru: {hidden_size: 4, batch_first: true, bidirectional: true}, outputs: [h, last]}\n  - linear: 8\n",
    ],
    ids=["attention", "bidirectional"],
)
def test_a_model_that_looks_ahead(tmp_path: Path, layers: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = untrained(tmp_path, EMBEDDING + layers)
    assert main(["generate", str(run), "--prompt", "a"]) == 2
    assert "the model is not autoregressive" in capsys.readouterr().err


def test_lengths_that_the_architecture_fixes(tmp_path: Path) -> None:
    """It is filled up behind, which a causal model does not see."""
    gru = "  - {gru: {hidden_size: 4, batch_first: true}, outputs: [h, last]}\n  - linear: 8\n"
    run = untrained(tmp_path, EMBEDDING + gru, "int64[B, 12]")
    generator = Generator(load_run(run))
    free = load_run(run)
    row = [3, 1, 2]
    with torch.no_grad():
        want = free.prepared.bare(torch.tensor([[*row, *[5] * 9]]))[0, 2]
    torch.testing.assert_close(generator.logits(row), want)
    assert len(generator.generate("abcdefg\nabcdefg", most=3).tokens) == 3


# -- a tokenizer -----------------------------------------------------------------------------------------------


def write_tokenizer(path: Path, text: str, vocabulary: int = 300) -> Any:
    """A byte-level BPE of the library's own training."""
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    tokenizer.save(str(path))
    return tokenizer


def test_a_tokenizer_and_the_end_of_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rhyme = "the cat sat on the mat and ate a rat<|endoftext|>"
    tokenizer = write_tokenizer(tmp_path / "t.json", rhyme * 20)
    length = len(tokenizer.encode(rhyme).ids)
    data = "{text: {path: d.txt, tokenizer: t.json, context: $context, stride: 3}}"
    run = gpt(tmp_path, rhyme * 100, data, vocab=320, context=2 * length)
    (tmp_path / "t.json").unlink()
    (tmp_path / "d.txt").unlink()
    moved = tmp_path / "elsewhere"
    shutil.move(run, moved)
    found = generated(capsys, moved, "--prompt", "the cat", "--temperature", "0")["samples"][0]
    assert found["text"] == " sat on the mat and ate a rat"
    assert found["finished"] == "end_of_text"
    assert found["tokens"] == tokenizer.encode(rhyme).ids[len(tokenizer.encode("the cat").ids) : -1]
    # Without a prompt it begins as after the end of another text.
    found = generated(capsys, moved, "--temperature", "0")["samples"][0]
    assert found["text"] == rhyme.removesuffix("<|endoftext|>")
    (tmp_path / "p.txt").write_text("the cat sat on the")
    assert main(["predict", str(moved), str(tmp_path / "p.txt"), "--length", "2"]) == 0
    assert "next:  mat and" in capsys.readouterr().out


def test_another_tokenizer_is_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "one two three\n" * 100
    write_tokenizer(tmp_path / "t.json", text)
    data = "{text: {path: d.txt, tokenizer: t.json, context: $context}}"
    run = gpt(tmp_path, text, data, vocab=320, **{"train.epochs": 1})
    args = ["train", str(tmp_path / "gpt.yaml"), "--run", str(run), "--quiet", "--epochs", "2"]
    for key, value in {**SMALL, "vocab": 320, "train.batch_size": 16, "train.optimizer.adamw.lr": 1e-2}.items():
        args += ["--set", f"{key}={value}"]
    (tmp_path / "t2.json").write_bytes((tmp_path / "t.json").read_bytes())
    write_tokenizer(tmp_path / "t.json", "four five six\n" * 100)
    assert main(args) == 2
    assert "a run with another `tokenizer`" in capsys.readouterr().err
    shutil.copy(tmp_path / "t2.json", tmp_path / "t.json")
    assert main(args) == 0


@pytest.mark.slow
def test_the_spec_as_it_stands(tmp_path: Path) -> None:
    """It learns more of English than how often letters come."""
    done = archspec("train", GPT, "--run", tmp_path / "run", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (ROOT / "specs" / "data" / "sonnets.txt").read_text()
    counts = torch.tensor([text.count(c) for c in sorted(set(text))])
    unigram = float(torch.distributions.Categorical(counts.float()).entropy().exp())
    results = json.loads((tmp_path / "run" / "run.json").read_text())["results"]
    assert results["best"] < 0.7 * unigram
    done = archspec("generate", tmp_path / "run", "-p", "Shall I", "--seed", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Shall I")
    assert len(done.stdout) == len("Shall I") + 100 + 1


def test_what_is_kept_changes_nothing(alphabet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = load_run(alphabet)
    kept, whole = Generator(run), Generator(run, cache=False)
    assert (kept.cached, whole.cached) == (True, False)
    for prompt in ("a", "abcdefghij", ALPHABET, "z" * 20):
        for sampling in (Sampling(temperature=0), Sampling(temperature=1.5)):
            texts = [made.generate(prompt, sampling, most=40, seed=3) for made in (kept, whole)]
            assert texts[0] == texts[1]
    assert generated(capsys, alphabet, "--prompt", "a", "--max-new-tokens", "1", "--no-cache")["cached"] is False


def test_the_logits_are_those_of_the_whole_row(alphabet: Path) -> None:
    run = load_run(alphabet)
    seen: list[torch.Tensor] = []

    class Watched(Sampling):
        def draw(self, logits: torch.Tensor, generator: torch.Generator) -> int:
            seen.append(logits)
            return int(logits.argmax())

    tokens = [list(Generator(run, cache=cache).stream("a", Watched(), most=25)) for cache in (True, False)]
    assert tokens[0] == tokens[1]
    for one, other in zip(seen[:25], seen[25:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
