"""Specs out of a git revision: what is found, and that nothing but git's objects is touched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from archspec.pipeline import Report, Spec, check
from archspec.reading.revision import Revision, RevisionError

BASE = 'archspec: 1\nname: base\ninputs: {x: "float32[B, 4]"}\ninclude: [blocks/common.yaml]\nlayers: [Head]\n'
COMMON = "blocks:\n  Head:\n    layers: [{name: fc, linear: 3}]\n"
OWN = "archspec: 1\nname: own\nextends: ../base.yaml\n"


def git(folder: Path, *args: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A first commit, tagged v1, with specs that name each other; in the working directory all are changed."""
    top = tmp_path / "top"
    (top / "specs" / "blocks").mkdir(parents=True)
    (top / "specs" / "deep").mkdir()
    git(top, "init", "-q", "-b", "main")
    (top / "specs" / "base.yaml").write_text(BASE)
    (top / "specs" / "blocks" / "common.yaml").write_text(COMMON)
    (top / "specs" / "deep" / "own.yaml").write_text(OWN)
    (top / "specs" / "link.yaml").symlink_to("base.yaml")
    (top / "specs" / "out.yaml").symlink_to("/etc/hostname")
    (top / "specs" / "dangling.yaml").symlink_to("nowhere.yaml")
    (top / "specs" / "large.yaml").write_text("#" * (8 << 20) + "\n")
    git(top, "add", ".")
    git(top, "commit", "-q", "-m", "first")
    git(top, "tag", "-a", "v1", "-m", "v1")
    (top / "specs" / "base.yaml").write_text(BASE.replace("base", "changed"))
    (top / "specs" / "blocks" / "common.yaml").write_text(COMMON.replace("3", "5"))
    return top


def load(revision: Revision, written: str) -> Report:
    path = revision.path_of(written)
    name = f"{revision.name}:{path}"
    return check(Spec(revision.content(path), name, Path(path).parent, files=revision))


@pytest.mark.parametrize("name", ["v1", "main", "HEAD", "@", "HEAD~0", "v1^{commit}", "HEAD@{0}"])
def test_a_spec_of_a_revision(repository: Path, name: str) -> None:
    """With the files that it names, as they were."""
    report = load(Revision.find(name, repository), "specs/deep/own.yaml")
    assert report.ok, report.diagnostics
    assert report.outputs["output"].shape[-1] == 3
    assert list(report.sources) == [
        f"{name}:specs/{file}" for file in ("deep/own.yaml", "base.yaml", "blocks/common.yaml")
    ]


def test_paths(repository: Path) -> None:
    top, deep = Revision.find("v1", repository), Revision.find("v1", repository / "specs" / "deep")
    assert top.path_of("specs/base.yaml") == "specs/base.yaml"
    assert deep.path_of("specs/base.yaml") == "specs/base.yaml", "as git has it: from the root"
    assert deep.path_of("./own.yaml") == "specs/deep/own.yaml"
    assert deep.path_of("../base.yaml") == "specs/base.yaml"
    assert deep.tracked(repository / "specs" / "base.yaml") == "specs/base.yaml"
    assert top.tracked(Path(repository / "specs" / "deep" / ".." / "base.yaml")) == "specs/base.yaml"
    for written in ("../x.yaml", "/etc/x.yaml", "a/../../x.yaml", "."):
        with pytest.raises(RevisionError):
            top.path_of(written)
    with pytest.raises(RevisionError):
        top.tracked(repository.parent / "x.yaml")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("specs/nowhere.yaml", "it is not in that revision"),
        ("specs", "it is a folder"),
        ("specs/base.yaml/x.yaml", "a part of its path is no folder"),
        ("specs/out.yaml", "it is a link that leads out of the repository"),
        ("specs/dangling.yaml", "it is a link to a file that is not in that revision"),
        ("specs/large.yaml", "it is larger than 8192 KiB"),
        ("../x.yaml", "it lies outside the repository"),
        ("/etc/hostname", "it lies outside the repository"),
        ("specs/a\nHEAD:specs/base.yaml", "its name cannot be asked for"),
    ],
)
def test_what_cannot_be_had(repository: Path, path: str, why: str) -> None:
    with pytest.raises(OSError) as caught:
        Revision.find("v1", repository).content(path)
    assert caught.value.strerror == why


def test_a_link_within_the_repository_is_followed(repository: Path) -> None:
    assert Revision.find("v1", repository).content("specs/link.yaml").decode() == BASE


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nowhere",
        "--help",
        "-p",
        "--output=pwned",
        "v1:specs",
        "v1\n",
        "main..v1",
        "$(touch pwned)",
        "; touch pwned",
    ],
)
def test_what_is_no_revision(repository: Path, name: str) -> None:
    with pytest.raises(RevisionError):
        Revision.find(name, repository)
    assert not list(repository.rglob("pwned"))


def test_a_missing_file_is_a_finding_at_its_line(repository: Path) -> None:
    (repository / "specs" / "deep" / "own.yaml").write_text(OWN.replace("../base", "../../../etc/base"))
    git(repository, "commit", "-q", "-a", "-m", "second")
    (found,) = load(Revision.find("main", repository), "specs/deep/own.yaml").diagnostics
    assert (found.code, found.span.file, found.span.line) == ("AS107", "main:specs/deep/own.yaml", 3)
    assert "it lies outside the repository" in found.message


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RevisionError, match="this is no git repository"):
        Revision.find("main", tmp_path)


def test_no_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(RevisionError, match="git is not installed"):
        Revision.find("main", repository)


def test_nothing_of_the_repository_is_run(repository: Path, tmp_path: Path) -> None:
    """Filters, text conversion, hooks, a monitor of the file system and a pager: all would leave a mark."""
    mark = f"touch {tmp_path / 'pwned'}"
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "filter.x.smudge",
        "filter.x.clean",
        "diff.x.textconv",
    ):
        git(repository, "config", key, mark)
    (repository / ".git" / "info" / "attributes").write_text("*.yaml filter=x diff=x\n")
    for hook in ("post-checkout", "reference-transaction", "pre-auto-gc"):
        path = repository / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\n{mark}\n")
        path.chmod(0o755)
    assert load(Revision.find("v1", repository), "specs/base.yaml").ok
    assert not (tmp_path / "pwned").exists()


def test_a_revision_whose_name_is_also_a_file(repository: Path) -> None:
    (repository / "v1").write_text("")
    assert load(Revision.find("v1", repository), "specs/base.yaml").ok


def test_the_working_directory_does_not_matter(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(Revision.find("v1", repository / "specs"), "./base.yaml").ok


@pytest.fixture(autouse=True)
def plain_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """git without what the machine's user has set."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
