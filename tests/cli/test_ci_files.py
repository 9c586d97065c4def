"""What other people's CI takes from this repository: the action, the hooks, and the examples of docs/ci.md."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GOOD = 'archspec: 1\nname: small\ninputs: {x: "float32[B, 4]"}\nlayers: [linear: 3]\n'
BAD = GOOD.replace("linear", "lineer")
DOCUMENT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}


def tool(name: str, *args: str | Path, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """A tool of the environment that the tests run in."""
    return subprocess.run(
        [Path(sys.executable).with_name(name), *args],
        cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip


def example(*words: str) -> str:
    (found,) = [text for text in EXAMPLES if all(word in text for word in words)]
    return found


# -- GitHub ----------------------------------------------------------------------------------------------------------


def test_the_action_is_valid() -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.github-actions", ROOT / "action.yml")
    assert done.returncode == 0, done.stdout


def test_no_input_is_put_into_a_script() -> None:
    """`${{ … }}` in a script is replaced before the shell reads it: whoever writes an input would write the script."""
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert len(scripts) == 2
    assert not any("${{" in script for script in scripts)
    for text in EXAMPLES:
        assert not re.search(r"run:[^\n]*\$\{\{", text)


def step(name: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a step's script as GitHub does."""
    (script,) = [step["run"] for step in ACTION["runs"]["steps"] if step.get("name") == name]
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "RUNNER_TEMP": str(folder / "temp"),
             "GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary"),
             "GITHUB_WORKSPACE": str(folder), **env},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder with specs, and archspec as a command."""
    (tmp_path / "temp").mkdir()
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a b.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    (tmp_path / "archspec").write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m archspec "$@"\n'
    )
    (tmp_path / "archspec").chmod(0o755)
    return tmp_path


def check(repository: Path, specs: str, options: str = "") -> subprocess.CompletedProcess[str]:
    archspec = str(repository / "archspec")
    return step("Check specs", repository, ARCHSPEC=archspec, ARCHSPEC_SPECS=specs, ARCHSPEC_OPTIONS=options)


def test_the_check_of_the_action(repository: Path) -> None:
    done = check(repository, "specs\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (repository / "summary").read_text() == ""
    done = check(repository, "specs/a b.yaml\nbad.yaml", "--strict\n--max-params=10")
    assert done.returncode == 1
    assert [line.partition(",line")[0] for line in done.stdout.splitlines()] == [
        "::error title=archspec AS601,file=specs/a b.yaml",
        "::error title=archspec AS202,file=bad.yaml",
    ]
    output = (repository / "output").read_text().splitlines()
    assert output[-1] == f"sarif-file={repository / 'temp' / 'archspec.sarif'}"
    assert '"ruleId": "AS202"' in (repository / "temp" / "archspec.sarif").read_text()
    summary = (repository / "summary").read_text().split("\n")
    assert summary[:3] == [
        "### archspec check",
        "",
        "    error[AS601]: the model has 15 parameters, and its budget is 10",
    ]
    assert "    error[AS202]: there is no op `lineer`" in summary
    assert all(line.startswith("    ") for line in summary[2:] if line), "a block of text, whatever stands in it"
    assert check(repository, "nowhere.yaml").returncode == 2


def test_what_the_action_cannot_check_leaves_no_report_to_upload(repository: Path) -> None:
    assert check(repository, "specs", "--no-such-option").returncode == 2
    assert check(repository, "empty-*.yaml").returncode == 2
    assert "sarif-file" not in ((repository / "output").read_text() if (repository / "output").exists() else "")


def test_options_of_the_user_leave_the_reports_of_the_action(repository: Path) -> None:
    """The annotations come whatever the options say of formats; the report is where the action looks for it."""
    done = check(repository, "bad.yaml", "--format=json\n--color=always\n--quiet")
    assert done.stdout.startswith("::error title=archspec AS202,file=bad.yaml,")
    assert "\x1b" not in (repository / "summary").read_text()
    assert '"ruleId": "AS202"' in (repository / "temp" / "archspec.sarif").read_text()


@pytest.mark.parametrize(
    "text", ["$(touch pwned)", "`touch pwned`", "a.yaml; touch pwned", "'; touch pwned; '", "--output=pwned", "${IFS}"]
)
def test_inputs_of_the_action_are_words(repository: Path, text: str) -> None:
    """Whatever an input holds, it is the name of a file, and nothing else."""
    assert check(repository, text).returncode == 2
    assert not (repository / "pwned").exists()
    check(repository, "specs", text if not text.startswith("--") else "")
    assert not (repository / "pwned").exists()


def test_a_check_needs_the_packages_that_the_action_installs(repository: Path) -> None:
    """Those it names, with what they need; each is a dependency of archspec, and pinned."""
    (script,) = [s["run"] for s in ACTION["runs"]["steps"] if s.get("name") == "Install archspec"]
    (line,) = re.findall(r"pip install --constraint \S+ (.*)", script)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower()
    for name in line.split():
        assert any(re.match(rf"{name}\b", dependency) for dependency in declared)
        assert f"\n{name}==" in pinned
    # what these stand on, and what the machine adds; jsonschema takes idna along where it is
    allowed = {
        "yaml", "_yaml", "jsonschema", "jsonschema_specifications", "referencing", "rpds", "attr", "attrs", "idna",
        "networkx", "typing_extensions", "archspec", "__main__", "__mp_main__", "_distutils_hack", "cython_runtime",
    }  # fmt: skip
    code = (
        "import sys; from archspec.cli.main import main\n"
        f"main(['check', '--format', 'github', {str(ROOT / 'specs')!r}])\n"
        "for f in ('github', 'sarif', 'json', 'gitlab', 'junit'):\n"
        f"    main(['check', '--format', f, {str(ROOT / 'specs' / 'tutorial')!r}, {str(repository / 'bad.yaml')!r}])\n"
        "found = {m.partition('.')[0] for m in sys.modules}\n"
        f"found -= set(sys.stdlib_module_names) | {allowed!r}\n"
        "print([m for m in found if not m.startswith('_cython')], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_the_installation_of_the_action(repository: Path) -> None:
    """As GitHub does it, from the package registry; torch is not brought."""
    env = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    done = step("Install archspec", repository, ARCHSPEC_ACTION=str(ROOT), ARCHSPEC_PYTHON=sys.executable, **env)
    assert done.returncode == 0, done.stderr
    archspec = (repository / "output").read_text().strip().removeprefix("archspec=")
    done = step("Check specs", repository, ARCHSPEC=archspec, ARCHSPEC_SPECS=".", ARCHSPEC_OPTIONS="")
    assert done.returncode == 1
    assert done.stdout.startswith("::error title=archspec AS202,file=bad.yaml,line=4,")
    installed = subprocess.run([Path(archspec).with_name("pip"), "list"], capture_output=True, text=True, check=True)
    assert "torch" not in installed.stdout


# -- examples --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        (("runs-on", "OWNER/archspec@"), "vendor.github-workflows"),
        (("runs-on", "archspec diff"), "vendor.github-workflows"),
        (("codequality",), "vendor.gitlab-ci"),
    ],
)
def test_examples_are_valid(words: tuple[str, ...], schema: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yml"
    path.write_text(example(*words), encoding="utf-8")
    done = tool("check-jsonschema", "--builtin-schema", schema, path)
    assert done.returncode == 0, done.stdout


def test_the_example_names_inputs_that_there_are() -> None:
    with_ = yaml.safe_load(example("runs-on", "OWNER/archspec@"))["jobs"]["check"]["steps"][1]["with"]
    assert set(with_) <= set(ACTION["inputs"])
    table = set(re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE))
    assert table == set(ACTION["inputs"])


# -- pre-commit ------------------------------------------------------------------------------------------------------


def test_the_hooks_are_valid() -> None:
    done = tool("pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", [("rev: ",), ("repo: local",)])
def test_the_configurations_in_the_documentation_are_valid(words: tuple[str, ...], tmp_path: Path) -> None:
    text = example(*words)
    path = tmp_path / ".pre-commit-config.yaml"
    path.write_text(text, encoding="utf-8")
    done = tool("pre-commit", "validate-config", path)
    assert done.returncode == 0, done.stdout + done.stderr
    for repo in yaml.safe_load(text)["repos"]:
        if repo["repo"] != "local":
            assert {hook["id"] for hook in repo["hooks"]} <= set(HOOKS)


def git(folder: Path, *args: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True)


def staged(folder: Path) -> Path:
    """A repository with a spec, a YAML file of another kind, and something else, all of them to be committed."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "net.yaml").write_text(GOOD)
    (folder / "compose.yaml").write_text("services: {}\n")
    (folder / "notes.txt").write_text("archspec: 1\n")
    git(folder, "add", ".")
    return folder


def test_the_entry_of_the_hook(archspec: Any, tmp_path: Path) -> None:
    """With the files that pre-commit hands it: all that are YAML."""
    folder = staged(tmp_path / "repository")
    command, *args = HOOKS["archspec"]["entry"].split()
    assert command == "archspec"
    assert HOOKS["archspec"]["types"] == ["yaml"]
    done = archspec(*args, "compose.yaml", "net.yaml", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert archspec(*args, "compose.yaml", cwd=folder).returncode == 0
    (folder / "net.yaml").write_text(BAD)
    done = archspec(*args, "compose.yaml", "net.yaml", cwd=folder)
    assert done.returncode == 1
    assert "error[AS202]" in done.stdout


@pytest.mark.slow
def test_try_repo(tmp_path: Path) -> None:
    """pre-commit itself, with what the tests run in for the packages that archspec needs: nothing is downloaded."""
    source = tmp_path / "archspec"
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in files.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("tests/", "benchmarks/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    git(source, "init", "-q")
    git(source, "add", ".")
    git(source, "commit", "-q", "-m", "all")
    folder = staged(tmp_path / "repository")
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    env = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PYTHONPATH": packages,
           "PRE_COMMIT_HOME": str(tmp_path / "home")}  # fmt: skip
    done = tool("pre-commit", "try-repo", source, "archspec", "--verbose", cwd=folder, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"archspec check\.+Passed", done.stdout)
    (folder / "net.yaml").write_text(BAD)
    git(folder, "add", ".")
    done = tool("pre-commit", "try-repo", source, "archspec", cwd=folder, **env)
    assert done.returncode == 1
    assert "error[AS202]" in done.stdout
