"""`archspec diff`: its forms, its exit codes, and revisions of git."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from markdown_it import MarkdownIt

from archspec.cli.main import main

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "archspec-diff-1.schema.json").read_text(encoding="utf-8"))
NET = """\
archspec: 1
name: net
inputs: {x: "float32[B, 3, H, W]"}
layers:
  - {name: conv1, conv2d: {out_channels: 8, kernel_size: 3}}
  - relu
  - adaptive_avg_pool2d: 1
  - flatten
  - {name: fc, linear: 10}
"""
OTHER = NET.replace("linear: 10", "linear: 20").replace("  - relu\n", "  - relu\n  - dropout2d: 0.1\n")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("a.yaml", "b.yaml")` in a folder with two specs: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    Path("a.yaml").write_text(NET)
    Path("b.yaml").write_text(OTHER)

    def call(*args: str) -> tuple[int, str, str]:
        code = main(["diff", *args])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def test_text(run: Run) -> None:
    code, out, err = run("a.yaml", "b.yaml")
    assert (code, err) == (1, "")
    formulas = [f"432*B*H*W - 864*B*H - 864*B*W + {constant}*B" for constant in (1888, 2048)]
    expected = f"""\
a.yaml → b.yaml

+ dropout2d  dropout2d  float32[B, 8, H - 2, W - 2]
~ fc         linear     out_features: 10 → 20

output output: float32[B, 10] → float32[B, 20]

parameters  314 → 404  +90 (+28.7%)
FLOPs       {formulas[0]} → {formulas[1]}  (--at H=224,W=224 gives numbers)
weights     2 of 4 load as they are, 2 of another shape
  of another shape:
    fc.weight [10, 8] → [20, 8]
    fc.bias [10] → [20]
"""
    assert out == expected


def test_the_same_model(run: Run) -> None:
    Path("c.yaml").write_text("# otherwise laid out\n" + NET.replace("- relu", "- {relu: {}}"))
    assert run("a.yaml", "c.yaml") == (0, "a.yaml → c.yaml\nthe same model, 314 parameters\n", "")
    for format in ("markdown", "json"):
        code, out, _ = run("a.yaml", "c.yaml", "--format", format)
        assert code == 0
        assert "The same model" in out or json.loads(out)["same"] is True


def test_sizes(run: Run) -> None:
    _, out, _ = run("a.yaml", "b.yaml", "--at", "H=8,W=8")
    # 2 * 216 for each of 6 x 6 places; 2 * 8 for each output of fc
    assert f"FLOPs       {432 * 36 + 160:,} → {432 * 36 + 320:,}  +160 (+1.0%)  at B = 1, H = 8, W = 8\n" in out


def test_quiet(run: Run) -> None:
    assert run("a.yaml", "b.yaml", "-q") == (1, "", "")
    assert run("a.yaml", "a.yaml", "-q") == (0, "", "")


def test_all(run: Run) -> None:
    Path("b.yaml").write_text(NET.replace("out_channels: 8", "out_channels: 4"))
    _, out, _ = run("a.yaml", "b.yaml")
    assert "3 further steps give another shape and nothing else: --all shows them" in out
    _, out, _ = run("a.yaml", "b.yaml", "--all")
    assert ". relu" in out
    assert "further" not in out


def test_json(run: Run) -> None:
    code, out, _ = run("a.yaml", "b.yaml", "--format", "json", "--at=H=8,W=8")
    assert code == 1
    data = json.loads(out)
    Draft7Validator(SCHEMA).validate(data)
    assert not data["same"]
    assert (data["before"]["file"], data["after"]["parameters"], data["after"]["flops"]) == ("a.yaml", 404, 15_872)
    assert [(n["status"], n["path"]) for n in data["nodes"]] == [("added", "dropout2d"), ("changed", "fc")]
    assert data["weights"]["reshaped"] == {
        "fc.weight": {"before": [10, 8], "after": [20, 8]},
        "fc.bias": {"before": [10], "after": [20]},
    }


@pytest.mark.parametrize(("a", "b"), [("resnet18", "resnet50"), ("vgg16", "vgg11_bn"), ("gpt2", "llama_tiny")])
def test_json_of_real_networks(run: Run, a: str, b: str) -> None:
    files = [str(next((ROOT / "specs").rglob(f"{name}.yaml"))) for name in (a, b)]
    Draft7Validator.check_schema(SCHEMA)
    Draft7Validator(SCHEMA).validate(json.loads(run(*files, "--format=json")[1]))


def test_markdown(run: Run) -> None:
    code, out, _ = run("a.yaml", "b.yaml", "--format", "markdown", "--at=H=8,W=8")
    assert code == 1
    assert out.startswith("### `a.yaml` → `b.yaml`\n\n| | before | after | difference |\n")
    assert "| parameters | 314 | 404 | +90 (+28.7%) |" in out
    assert "| FLOPs at B = 1, H = 8, W = 8 | 15,712 | 15,872 | +160 (+1.0%) |" in out
    assert "| changed | `fc` | `linear` | `out_features: 10 → 20` |" in out
    html = MarkdownIt("commonmark").enable("table").render(out)
    assert html.count("<table>") == 3


def test_markdown_of_a_large_difference_is_folded(run: Run) -> None:
    files = [str(next((ROOT / "specs").rglob(f"{name}.yaml"))) for name in ("resnet50", "resnext50_32x4d")]
    out = run(*files, "--format=markdown")[1]
    assert "<details><summary>16 steps</summary>" in out
    assert out.count("<details>") == out.count("</details>")


def test_nothing_in_a_spec_means_anything_in_markdown(run: Run) -> None:
    """Whatever an argument or a file's name holds is shown as it is: no link, no HTML, no mention, no further cell."""
    evil = "<img src=x onerror=alert(1)> | [a](http://h) `x` ``y`` @someone"
    for name, text in (("a.yaml", "b n c -> b c n"), ("b`@x|.yaml", evil)):
        p = 0.1 if name == "a.yaml" else 0.2
        spec = f'archspec: 1\nname: n\ninputs: {{x: "float32[B, 4, 5]"}}\nlayers:\n  - {{name: e, dropout: {p}}}\n'
        Path(name).write_text(f"{spec}# {text}\n")
    out = run("a.yaml", "b`@x|.yaml", "--format=markdown")[1]
    html = MarkdownIt("commonmark").enable("table").render(out)
    assert "<code>b`@x" in html
    assert "<img" not in html

    from archspec.compare.formats.markdown import code

    for text in (evil, "`", "``", "a|b", " x ", "\n", "a\\|b"):
        html = MarkdownIt("commonmark").enable("table").render(f"| a | b |\n| --- | --- |\n| {code(text)} | end |\n")
        assert html.count("<td>") == 2, html
        assert "<td>end</td>" in html
        assert not re.search(r"<(?!/?(table|thead|tbody|tr|th|td|code)\b)", html), html


@pytest.mark.parametrize(
    "args",
    [
        (), ("a.yaml",), ("a.yaml", "b.yaml", "a.yaml"), ("a.yaml", "missing.yaml"), ("a.yaml", "b.yaml", "--at", "H"),
        ("a.yaml", "b.yaml", "-o", "nowhere/x"), ("a.yaml", "b.yaml", "--format", "xml"), ("-", "-"),
        ("--git", "main", "a.yaml", "b.yaml"), ("--git", "main", "a.yaml"), ("main:a.yaml", "a.yaml"),
    ],
)  # fmt: skip
def test_use_that_is_wrong(run: Run, args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Outside of a repository, too."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert err.startswith("error[AS")
    assert "AS902" not in err


def test_a_spec_with_errors(run: Run) -> None:
    """There is no model to compare: that is a failure, and no difference."""
    Path("b.yaml").write_text(NET.replace("relu", "reluu"))
    code, out, err = run("a.yaml", "b.yaml")
    assert (code, out) == (2, "")
    assert "error[AS202]" in err
    assert "note: b.yaml has errors, so there is nothing to compare" in err


def test_training_and_budgets_are_not_looked_at(run: Run) -> None:
    Path("b.yaml").write_text(NET + "budget: {params: 1}\ntrain: {data: {csv: {path: nowhere.csv}}}\n")
    assert run("a.yaml", "b.yaml")[0] == 0


def test_a_file(run: Run, tmp_path: Path) -> None:
    printed = run("a.yaml", "b.yaml")[1]
    assert run("a.yaml", "b.yaml", "-o", "d.txt") == (1, "", "")
    assert Path("d.txt").read_text(encoding="utf-8") == printed


def test_parameters(run: Run) -> None:
    Path("a.yaml").write_text(NET.replace("inputs:", "params: {n: 10}\ninputs:").replace("linear: 10", "linear: $n"))
    Path("b.yaml").write_text(NET.replace("inputs:", "params: {n: 20}\ninputs:").replace("linear: 10", "linear: $n"))
    assert run("a.yaml", "b.yaml")[0] == 1
    assert run("a.yaml", "b.yaml", "--set", "n=7")[0] == 0


# -- git -------------------------------------------------------------------------------------------------------------


def git(*args: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *args], check=True, capture_output=True)


@pytest.fixture
def repository(run: Run, tmp_path: Path) -> Path:
    """A spec, and a base of it in another file, both changed since the revision `main`."""
    Path("specs").mkdir()
    Path("specs/base.yaml").write_text(NET)
    Path("specs/net.yaml").write_text("archspec: 1\nname: own\nextends: base.yaml\n")
    git("init", "-q", "-b", "main")
    git("add", "specs")
    git("commit", "-q", "-m", "first")
    git("checkout", "-q", "-b", "work")
    Path("specs/base.yaml").write_text(OTHER)
    return tmp_path


@pytest.mark.parametrize(
    "args",
    [("main:specs/net.yaml", "specs/net.yaml"), ("--git", "main", "specs/net.yaml"), ("--git=HEAD", "specs/net.yaml")],
)
def test_a_revision(run: Run, repository: Path, args: tuple[str, ...]) -> None:
    """What it starts from is taken from the same revision."""
    code, out, err = run(*args)
    assert (code, err) == (1, "")
    assert "+ dropout2d" in out
    assert out.splitlines()[0].endswith(":specs/net.yaml → specs/net.yaml")
    git("commit", "-q", "-a", "-m", "second")
    assert run("HEAD:specs/net.yaml", "specs/net.yaml")[0] == 0
    assert run("main:specs/net.yaml", "work:specs/net.yaml")[0] == 1


def test_from_another_folder(run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "specs")
    assert run("--git", "main", "net.yaml")[0] == 1
    assert run("main:./net.yaml", "net.yaml")[0] == 1
    assert run("main:specs/net.yaml", "net.yaml")[0] == 1
    code, _, err = run("main:net.yaml", "net.yaml")
    assert code == 2
    assert "`main:net.yaml` cannot be read: it is not in that revision" in err
    assert "help: from the working directory it is main:./net.yaml" in err
    monkeypatch.chdir(repository.parent)
    assert run("--git", "main", str(repository / "specs" / "net.yaml"))[0] == 1


def test_files_that_one_side_alone_has(run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the revision has can be compared after it was removed; what either lacks is an error that says so."""
    Path("specs/net.yaml").rename("moved.yaml")
    Path("specs/base.yaml").rename("base.yaml")
    Path("specs").rmdir()
    assert run("main:specs/net.yaml", "moved.yaml")[0] == 1
    assert run("main:specs/net.yaml", "main:specs/net.yaml")[0] == 0
    code, _, err = run("--git", "main", "moved.yaml")
    assert code == 2 and "`main:moved.yaml` cannot be read: it is not in that revision" in err
    code, _, err = run("--git", "main", "specs/net.yaml")
    assert code == 2 and "`specs/net.yaml` cannot be read: No such file or directory" in err


def test_a_clone_without_history(run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("commit", "-q", "-a", "-m", "second")
    git("clone", "-q", "--depth", "1", repository.as_uri(), "shallow")
    monkeypatch.chdir("shallow")
    assert run("--git", "HEAD", "specs/net.yaml")[0] == 0
    code, _, err = run("--git", "HEAD~1", "specs/net.yaml")
    assert code == 2
    assert "error[AS901]: there is no revision `HEAD~1` in this clone, which has only the latest of its history" in err
    assert "help: `git fetch --unshallow` brings it" in err


@pytest.mark.parametrize("name", ["--upload-pack=touch pwned", "-x", "$(touch pwned)", "nowhere", "main..work"])
def test_a_revision_that_is_none(run: Run, repository: Path, name: str) -> None:
    for args in ((f"--git={name}", "specs/net.yaml"), ("--", f"{name}:specs/net.yaml", "specs/net.yaml")):
        code, out, err = run(*args)
        assert (code, out) == (2, "")
        assert "revision" in err
    assert not list(repository.rglob("pwned"))


def test_a_file_whose_name_has_a_colon(run: Run, repository: Path) -> None:
    Path("main:specs").mkdir()
    Path("main:specs/net.yaml").write_text(OTHER)
    assert run("main:specs/net.yaml", "specs/net.yaml")[0] == 0, "the file itself"
