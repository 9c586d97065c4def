"""`archspec check --format … --output …`."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archspec.cli.main import main

GOOD = 'archspec: 1\nname: small\ninputs: {x: "float32[B, 4]"}\nlayers: [linear: 3]\n'
BAD = GOOD.replace("linear", "lineer")
FORMATS = ("text", "json", "github", "gitlab", "sarif", "junit")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """As `archspec` of conftest.py, in this process."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        code = main(args)
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(args, code, printed.out, printed.err)

    return run


@pytest.mark.parametrize("format", FORMATS)
def test_the_exit_code_is_that_of_the_text(here: Any, spec: Callable[..., Path], format: str) -> None:
    spec(GOOD, "good.yaml")
    spec(BAD, "bad.yaml")
    done = here("check", "--format", format, "good.yaml", "bad.yaml")
    assert done.returncode == 1
    assert done.stderr == ""
    assert "AS202" in done.stdout


def test_only_the_report_is_printed(archspec: Any, spec: Callable[..., Path]) -> None:
    """Also with colour asked for. A file that is missing is told on standard error, and in the report."""
    spec(BAD, "bad.yaml")
    done = archspec("check", "--format=json", "--color=always", "bad.yaml", "missing.yaml")
    assert done.returncode == 2
    assert "AS107" in done.stderr
    codes = [[d["code"] for d in s["diagnostics"]] for s in json.loads(done.stdout)["specs"]]
    assert codes == [["AS202"], ["AS107"]]


def test_strict(here: Any, spec: Callable[..., Path]) -> None:
    spec(GOOD.replace("inputs:", "params: {width: 3}\ninputs:"), "warn.yaml")
    for more, code in ((), 0), (("--strict",), 1):
        done = here("check", "--format=json", *more, "warn.yaml")
        assert (done.returncode, json.loads(done.stdout)["specs"][0]["ok"]) == (code, code == 0)


@pytest.mark.parametrize("format", FORMATS)
def test_a_report_in_a_file(here: Any, spec: Callable[..., Path], tmp_path: Path, format: str) -> None:
    """The text for people goes to standard output beside it."""
    spec(BAD, "bad.yaml")
    printed = here("check", "--format", format, "bad.yaml").stdout
    done = here("check", "--format", format, "--output", "report", "bad.yaml")
    assert done.returncode == 1
    assert (tmp_path / "report").read_text(encoding="utf-8") == printed
    assert done.stdout == here("check", "bad.yaml").stdout
    assert {path.name for path in tmp_path.iterdir()} == {"bad.yaml", "report"}, "nothing staged is left behind"


def test_quiet_and_a_file(archspec: Any, spec: Callable[..., Path], tmp_path: Path) -> None:
    spec(GOOD, "good.yaml")
    done = archspec("check", "-q", "--format=sarif", "-o", "report.sarif", "good.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads((tmp_path / "report.sarif").read_text())["version"] == "2.1.0"


@pytest.mark.parametrize("output", ["nowhere/report.json", ".", "bad.yaml", "./bad.yaml", "link.yaml"])
def test_a_report_that_cannot_be_written(here: Any, spec: Callable[..., Path], tmp_path: Path, output: str) -> None:
    """Nothing is lost: neither is a spec overwritten."""
    spec(BAD, "bad.yaml")
    (tmp_path / "link.yaml").symlink_to("bad.yaml")
    done = here("check", "--format=json", "--output", output, "bad.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("error[AS901]: ")
    assert done.stdout == ""
    assert (tmp_path / "bad.yaml").read_text() == BAD


def test_an_older_report_is_replaced_in_place(here: Any, spec: Callable[..., Path], tmp_path: Path) -> None:
    """It keeps its mode, and a link leads where it led."""
    spec(GOOD, "good.yaml")
    report = tmp_path / "report.json"
    report.write_text("old")
    report.chmod(0o640)
    (tmp_path / "link.json").symlink_to("report.json")
    assert here("check", "--format=json", "-o", "link.json", "good.yaml").returncode == 0
    assert json.loads(report.read_text())["summary"]["ok"] == 1
    assert stat.S_IMODE(report.stat().st_mode) == 0o640
    assert (tmp_path / "link.json").is_symlink()


@pytest.mark.skipif(not Path("/dev/stderr").exists(), reason="no /dev")
def test_a_report_into_a_device(archspec: Any, spec: Callable[..., Path]) -> None:
    spec(GOOD, "good.yaml")
    done = archspec("check", "--format=gitlab", "-o", "/dev/stderr", "good.yaml")
    assert (done.returncode, done.stderr) == (0, "[]\n")


@pytest.mark.parametrize("format, variable", [("github", "GITHUB_WORKSPACE"), ("gitlab", "CI_PROJECT_DIR")])
def test_files_are_named_from_the_repository(
    archspec: Any, spec: Callable[..., Path], tmp_path: Path, format: str, variable: str
) -> None:
    """As the CI service lays it, whatever folder the command runs in; not where that is another one."""
    spec(BAD, "models/deep/bad.yaml")
    folder = tmp_path / "models" / "deep"
    for root, name in ((tmp_path, "models/deep/bad.yaml"), (tmp_path / "other", "bad.yaml"), ("", "bad.yaml")):
        done = archspec("check", "--format", format, "bad.yaml", cwd=folder, env={variable: str(root)})
        assert f"file={name}," in done.stdout or f'"path": "{name}"' in done.stdout


def test_standard_input_in_a_report(archspec: Any) -> None:
    done = archspec("check", "--format", "sarif", "-", stdin=BAD)
    assert done.returncode == 1
    assert "AS202" in done.stdout
    assert '"uri": "%3Cstdin%3E"' in done.stdout


def test_formats_do_not_cost_a_plain_check(archspec: Any, spec: Callable[..., Path]) -> None:
    """The renderers are loaded when they are asked for."""
    spec(GOOD, "good.yaml")
    code = (
        "import sys; from archspec.cli.main import main; main(['check', 'good.yaml'])\n"
        "print([m for m in sys.modules if 'formats' in m or m.startswith('xml') or m == 'hashlib'])"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=spec(GOOD).parent, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "['archspec.diagnostics.formats', 'archspec.diagnostics.formats.text']"
