"""What git says when it fails: its own sentence, once, with the command to type."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_team_utils import git, git_errors


@pytest.fixture
def repository(repository: Path) -> Path:
    """Return the repository with one commit."""
    (repository / "page.md").write_text("one\n", encoding="utf-8")
    git.run(repository, "add", "page.md")
    git.run(repository, "commit", "--quiet", "-m", "feat: first")
    return repository


Failing = Callable[[Path, pytest.MonkeyPatch], object]


def foreign(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let somebody else own the clone, as in a container."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    git.run(root, "status")


def nameless(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commit without an author."""
    git.run(root, "config", "--unset", "user.email")
    git.run(root, "config", "user.useConfigOnly", "true")
    git.run(root, "commit", "--allow-empty", "-m", "feat: second")


def locked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add while another git command has the index."""
    (root / ".git" / "index.lock").touch()
    git.run(root, "add", "page.md")


def corrupt(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read an index that is not one."""
    (root / ".git" / "index").write_bytes(b"x" * 100)
    git.run(root, "status")


def unborn(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the history of a branch that has none."""
    git.run(root, "switch", "--quiet", "--orphan", "other")
    git.run(root, "log")


def unborn_head(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for the commit of such a branch."""
    git.run(root, "switch", "--quiet", "--orphan", "other")
    git.run(root, "rev-parse", "HEAD")


def outside(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask in a folder that is not a repository."""
    git.run(root.parent, "status")


def gone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask in a folder that is not there."""
    git.run(root / "gone", "status")


def misconfigured(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a configuration with a line that is none."""
    with (root / ".git" / "config").open("a", encoding="utf-8") as file:
        file.write("[broken\n")
    git.config(root, "quant.member")


def in_the_way(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch to a branch with another version of a file that has changes."""
    git.run(root, "switch", "--quiet", "-c", "other")
    (root / "page.md").write_text("two\n", encoding="utf-8")
    git.run(root, "commit", "--quiet", "--all", "-m", "feat: second")
    (root / "page.md").write_text("mine\n", encoding="utf-8")
    git.run(root, "switch", "main")


def damaged(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a commit that is an empty file, as after a crash."""
    head = git.run(root, "rev-parse", "HEAD")
    path = root / ".git" / "objects" / head[:2] / head[2:]
    path.unlink()
    path.touch()
    git.run(root, "log")


FAILURES: list[tuple[Failing, str, str]] = [
    (
        foreign,
        "detected dubious ownership in repository at '{root}'",
        "run `git config --global --add safe.directory {root}`",
    ),
    (
        nameless,
        "no email was given and auto-detection is disabled",
        'run `git config --global user.email "you@example.com"`, '
        'then `git config --global user.name "Your Name"`',
    ),
    (
        locked,
        "Unable to create '{root}/.git/index.lock': File exists",
        "another git command is at work; if there is none, run `rm {root}/.git/index.lock`",
    ),
    (
        corrupt,
        "index file corrupt",
        "run `rm .git/index && git reset`, which leaves your files as they are",
    ),
    (
        unborn,
        "your current branch 'other' does not have any commits yet",
        "run `quant setup`, which makes the first commit",
    ),
    (unborn_head, "ambiguous argument 'HEAD'", "run `quant setup`, which makes the first commit"),
    (outside, "not a git repository (or any of the parent directories)", "run `quant setup`"),
    (gone, "Git cannot run in {root}/gone: it is not a folder.", ""),
    (misconfigured, "bad config line", "correct that line of .git/config"),
    (
        in_the_way,
        "Your local changes to the following files would be overwritten by checkout: page.md",
        "",
    ),
    (damaged, "object file .git/objects/", "run `git fsck`"),
]


@pytest.mark.parametrize(("failing", "sentence", "todo"), FAILURES)
def test_a_failure_is_gits_sentence_and_the_command_to_type(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: Failing,
    sentence: str,
    todo: str,
) -> None:
    """On one line, each word once, and never git's own `fatal:`."""
    with pytest.raises(git.GitError) as caught:
        failing(repository, monkeypatch)
    text = str(caught.value)
    assert sentence.format(root=repository) in text
    assert text.count(sentence.format(root=repository)) == 1
    assert todo.format(root=repository) in text
    assert "\n" not in text
    assert "fatal:" not in text
    assert "error:" not in text


def test_a_failure_is_not_a_no(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone that somebody else owns is a repository, and has commits: git cannot say."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(git.GitError, match=r"safe\.directory"):
        git.is_repository(repository)
    with pytest.raises(git.GitError, match=r"safe\.directory"):
        git.has_commits(repository)


@pytest.mark.parametrize(
    ("said", "todo"),
    [
        ("error: file write error: No space left on device\nfatal: x\n", "free some space"),
        ("fatal: cannot mkdir x: Read-only file system\n", "make what is not yours writable"),
        (
            "error: insufficient permission for adding an object to repository database "
            ".git/objects\nerror: page.md: failed to insert into database\n"
            "fatal: updating files failed\n",
            "make what is not yours writable",
        ),
        ("git@x: Permission denied (publickey).\nfatal: Could not read.\n", "knows your key"),
    ],
)
def test_what_a_machine_refuses_has_its_advice(said: str, todo: str) -> None:
    """Failures that a test cannot bring about everywhere."""
    assert todo in git_errors.sentence(said)


def test_the_first_reason_is_told_and_the_last() -> None:
    """The first says why, the last says what did not happen."""
    said = "warning: w\nerror: first\nerror: second\nfatal: third\nhint: h\n"
    assert git_errors.sentence(said) == "first; third"


@pytest.mark.parametrize(
    "address",
    [
        "https://alice:s3cretT0ken@127.0.0.1:1/t.git",
        "https://s3cretT0ken@127.0.0.1:1/t.git",
        "ssh://alice:s3cretT0ken@127.0.0.1:1/t.git",
    ],
)
def test_no_secret_of_an_address_is_shown(repository: Path, address: str) -> None:
    """Neither in the sentence nor in what git printed."""
    environment = {"GIT_SSH_COMMAND": "false", "GIT_TERMINAL_PROMPT": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with pytest.raises(git.GitError) as caught:
            git.run(repository, "ls-remote", address)
    assert "127.0.0.1:1/t.git" in str(caught.value)
    assert "s3cretT0ken" not in str(caught.value)
    assert "s3cretT0ken" not in caught.value.output


def test_a_long_command_line_is_cut() -> None:
    """A hundred paths help nobody."""
    line = git_errors.command(("add", "--", *(f"page{number}.md" for number in range(100))))
    assert line.startswith("git add -- page0.md")
    assert line.endswith(" ...")
    assert len(line) < 120
    assert "\n" not in git_errors.command(("commit", "-m", "feat: x\n\nbody"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_has_its_advice(repository: Path) -> None:
    """Git's own words, and how to see what is not yours."""
    (repository / ".git").chmod(0o500)
    try:
        with pytest.raises(git.GitError, match="Permission denied: run `ls -ld"):
            git.run(repository, "add", "page.md")
    finally:
        (repository / ".git").chmod(0o700)
