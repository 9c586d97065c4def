"""`archspec predict`: what it prints is what the model says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from runtime_process import archspec
from safetensors.torch import load_file
from sklearn.datasets import load_digits

import archspec as package
from archspec.cli.main import main
from archspec.model import weights
from archspec.runtime.session import train


def trained(run: Path) -> torch.nn.Module:
    model = package.compile(run / "spec.yaml")
    weights.load(model, run / "weights.safetensors")
    return model.eval()


def predictions(capsys: pytest.CaptureFixture[str], *args: str | Path) -> list[dict[str, Any]]:
    assert main(["predict", *map(str, args), "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["predictions"]
    return found


def run_of(tmp_path: Path, text: str, **files: str) -> Path:
    for name, content in files.items():
        (tmp_path / name.replace("_", ".")).write_text(content)
    (tmp_path / "net.yaml").write_text("archspec: 1\n" + text)
    return train(tmp_path / "net.yaml", run=tmp_path / "run", quiet=True).folder


def test_a_digit(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sample,) = predictions(capsys, digits_run, "digits:17", "--top", "3")
    image = torch.tensor(load_digits().images[17], dtype=torch.float32)[None, None] / 16
    with torch.no_grad():
        best = trained(digits_run)(image).softmax(1)[0].topk(3)
    top = sample["logits"]["top"]
    assert [entry["class"] for entry in top] == [str(k) for k in best.indices.tolist()]
    assert [entry["probability"] for entry in top] == pytest.approx(best.values.tolist(), rel=1e-5)
    assert sample["logits"]["class"] == top[0]["class"]


def test_bars(digits_run: Path, tmp_path: Path) -> None:
    done = archspec("predict", digits_run, "digits:17", "--top", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = (line.split() for line in done.stdout.splitlines())
    assert float(first[1]) >= float(second[1])
    assert len(first[2]) == round(30 * float(first[1])) and set(first[2]) == {"█"}


def test_a_picture(digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = (load_digits().images[3] * 255 / 16).round().astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "three.png")
    (sample,) = predictions(capsys, digits_run, tmp_path / "three.png")
    with torch.no_grad():
        expected = trained(digits_run)(torch.tensor(pixels, dtype=torch.float32)[None, None] / 255).softmax(1).max()
    assert sample["logits"]["probability"] == pytest.approx(expected.item(), rel=1e-4)


def test_many_samples_are_a_line_each(digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = torch.rand(150, 1, 8, 8)  # more than two batches
    np.savez(tmp_path / "many.npz", image=images.numpy())
    assert main(["predict", str(digits_run), str(tmp_path / "many.npz")]) == 0
    lines = capsys.readouterr().out.splitlines()
    with torch.no_grad():
        best = trained(digits_run)(images).argmax(1).tolist()
    assert [line.split()[1] for line in lines] == list(map(str, best))


def test_values_in_their_own_units(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [(k % 17, k % 5, 2 * (k % 17) - (k % 5)) for k in range(200)]
    run = run_of(
        tmp_path,
        'inputs: {x: "float32[B, 2]"}\nlayers: [{linear: 1}, {squeeze: -1}]\n'
        "train: {data: {csv: {path: d.csv, target: y, task: regression, standardize: true}}, loss: mse,\n"
        "  optimizer: {sgd: {lr: 0.1}}, epochs: 30, batch_size: 16}\n",
        d_csv="a,b,y\n" + "".join(f"{a},{b},{y}\n" for a, b, y in rows),
        q_csv="a,b\n3,1\n10,4\n",
        one_csv="b,a\n1,3\n",
    )
    found = predictions(capsys, run, tmp_path / "q.csv")
    # A linear function is learnt exactly: 2 * 3 - 1 and 2 * 10 - 4.
    assert [sample["output"]["values"] for sample in found] == pytest.approx([5, 16], abs=0.01)
    # The run needs its data no more, and columns go by name.
    (tmp_path / "d.csv").unlink()
    shutil.move(run, tmp_path / "elsewhere")
    assert main(["predict", str(tmp_path / "elsewhere"), str(tmp_path / "one.csv")]) == 0
    assert float(capsys.readouterr().out) == pytest.approx(5, abs=0.01)


def test_the_next_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(
        tmp_path,
        'inputs: {tokens: "int64[B, T]"}\n'
        "layers:\n  - embedding: {num_embeddings: 8, embedding_dim: 16}\n"
        "  - {lstm: {hidden_size: 32, batch_first: true}, outputs: [h, a, b]}\n  - linear: 8\n"
        "train: {data: {text: {path: d.txt, context: 16}}, loss: cross_entropy, metrics: [perplexity],\n"
        "  optimizer: {adamw: {lr: 2e-2}}, epochs: 12, batch_size: 8}\n",
        d_txt="abcdefg\n" * 200,
        p_txt="abcdefg\nabc",
    )
    (sample,) = predictions(capsys, run, tmp_path / "p.txt", "--length", "20")
    assert sample["output"]["class"] == "d" and sample["output"]["text"] == "defg\nabcdefg\nabcdefg"
    assert main(["predict", str(run), str(tmp_path / "p.txt"), "--length", "6"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == r"next: defg\na"
    (tmp_path / "p.txt").write_text("abz")
    assert main(["predict", str(run), str(tmp_path / "p.txt")]) == 1
    assert "'z' is not in the vocabulary" in capsys.readouterr().err


def test_yes_or_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    np.savez(tmp_path / "d.npz", x=x, y=(x[:, 0] > 0).astype(np.int64))
    run = run_of(
        tmp_path,
        'inputs: {x: "float32[B, 1]"}\nlayers: [{linear: 1}, {squeeze: -1}]\n'
        "train: {data: {npz: {path: d.npz}}, loss: bce_with_logits, metrics: [accuracy, f1],\n"
        "  optimizer: {adamw: {lr: 0.1}}, epochs: 20, batch_size: 8}\n",
    )
    np.savez(tmp_path / "q.npz", x=np.array([[-1.0], [1.0]], np.float32))
    low, high = (sample["output"]["probabilities"] for sample in predictions(capsys, run, tmp_path / "q.npz"))
    assert 0 <= low < 0.1 and 0.9 < high <= 1


def test_labels_of_a_sample_are_probabilities_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, y=(x > 0).astype(np.int64))
    run = run_of(
        tmp_path,
        'inputs: {x: "float32[B, 2]"}\nlayers: [{name: fc, linear: 2}]\n'
        "train: {data: {npz: {path: d.npz}}, loss: multilabel_soft_margin, metrics: [accuracy, f1, auroc],\n"
        "  optimizer: {adamw: {lr: 0.1}}, epochs: 2, batch_size: 8}\n",
    )
    found = [sample["output"]["probabilities"] for sample in predictions(capsys, run, tmp_path / "d.npz")]
    state = load_file(run / "weights.safetensors")
    logits = x @ state["fc.weight"].numpy().T + state["fc.bias"].numpy()
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), rtol=1e-5)
    right = (logits > 0) == (x > 0)
    assert main(["evaluate", str(run), "--split", "train", "--json"]) == 0
    train = json.loads(capsys.readouterr().out)
    assert main(["evaluate", str(run), "--json"]) == 0
    held = json.loads(capsys.readouterr().out)
    both = (train["accuracy"] * train["samples"] + held["accuracy"] * held["samples"]) / len(x)
    assert both == pytest.approx(right.mean())


def test_class_names_cannot_move_the_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(
        tmp_path,
        'inputs: {x: "float32[B, 1]"}\nlayers: [{linear: 2}]\n'
        "train: {data: {csv: {path: d.csv, target: y}}, loss: cross_entropy, optimizer: sgd, epochs: 1,\n"
        "  batch_size: 8}\n",
        d_csv="a,y\n" + "".join(f"{k},\x1b[2J{'no' if k % 2 else 'yes'}\n" for k in range(20)),
        q_csv="a\n1\n",
    )
    assert main(["predict", str(run), str(tmp_path / "q.csv")]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and r"\x1b[2J" in out
    assert "\x1b" not in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["digits:1797"], 1, "samples 0 to 1796"),
        (["none.png"], 1, "none.png"),
        (["digits:1", "--top", "0"], 2, "--top"),
        (["digits:1", "--device", "cuda:50"], 2, "cuda:50"),
    ],
)
def test_uses_that_cannot_work(
    digits_run: Path, args: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(digits_run), *args]) == code
    out, err = capsys.readouterr()
    assert words in err and "Traceback" not in err and out == ""


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("run.json", None, "not a run folder"),
        ("run.json", b"{}", "does not describe the data"),
        ("run.json", b'{"data_facts": {"fields": 3}}', "does not describe the data"),
        ("run.json", b'{"data_facts": {"fields": [{"name": "x"}]}}', "does not describe the data"),
        ("spec.yaml", None, "no spec.yaml"),
        ("weights.safetensors", None, "has no weights.safetensors"),
        ("weights.safetensors", b"\x80\x04junk", "not a whole safetensors file"),
    ],
)
def test_run_folders_that_are_not_whole(
    digits_run: Path, tmp_path: Path, name: str, content: bytes | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(digits_run, run)
    (run / name).unlink()
    if content is not None:
        (run / name).write_bytes(content)
    assert main(["predict", str(run), "digits:1"]) == 2
    assert words in capsys.readouterr().err


def test_the_source_in_the_folder_is_not_run(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(digits_run, run)
    (run / "model.py").write_text("raise SystemExit('run')")
    assert main(["predict", str(run), "digits:1"]) == 0


def test_a_model_of_a_fixed_length_says_what_it_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of(
        tmp_path,
        'inputs: {tokens: "int64[B, 8]"}\n'
        "layers: [{embedding: {num_embeddings: 256, embedding_dim: 8}}, {linear: 256}]\n"
        "train: {data: {text: {path: d.txt, context: 8, tokens: byte}}, loss: cross_entropy,\n"
        "  optimizer: {adamw: {lr: 0.1}}, epochs: 8, batch_size: 8}\n",
        d_txt="xyäxyäxyä" * 100,
        long_txt="yäxyäxy",  # 9 bytes, of which the last 8 are read
        short_txt="xy",
    )
    (sample,) = predictions(capsys, run, tmp_path / "long.txt", "--length", "5")
    assert sample["output"]["text"] == "äxy\ufffd"  # the fifth byte is the first half of an ä
    assert main(["predict", str(run), str(tmp_path / "short.txt")]) == 2
    assert "the model reads `tokens` int64[B, 8]" in capsys.readouterr().err


def test_a_run_of_a_spec_of_several_files_stands_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its folder has the whole spec, and paths of data start from the file that names them."""
    base = tmp_path / "family"
    base.mkdir()
    rows = "\n".join(f"{k % 7},{k % 3},{'a' if k % 2 else 'b'}" for k in range(40))
    (base / "table.csv").write_text(f"u,v,kind\n{rows}\n")
    (base / "act.yaml").write_text("blocks: {Act: {params: {slope: float}, layers: [{leaky_relu: $slope}]}}\n")
    (base / "base.yaml").write_text(
        "archspec: 1\ninclude: [act.yaml]\nparams: {width: 4}\ninputs: {x: 'float32[B, 2]'}\n"
        "layers: [{linear: $width}, {Act: {slope: 0.1}}, {name: head, linear: 2}]\n"
        "train: {data: {csv: {path: table.csv, target: kind}}, loss: cross_entropy, optimizer: adam, epochs: 2, "
        "batch_size: 8}\n"
    )
    (tmp_path / "net.yaml").write_text("extends: family/base.yaml\nname: net\nparams: {width: 5}\ntrain: {epochs: 1}\n")
    run = train(tmp_path / "net.yaml", run=tmp_path / "run", params={"width": 6}, quiet=True).folder
    samples = predictions(capsys, run, base / "table.csv")
    assert len(samples) == 40
    for path in (base / "base.yaml", base / "act.yaml", tmp_path / "net.yaml"):
        path.unlink()
    assert predictions(capsys, run, base / "table.csv") == samples
    again = train(run / "spec.yaml", run=tmp_path / "again", quiet=True).folder
    assert predictions(capsys, again, base / "table.csv") == samples
