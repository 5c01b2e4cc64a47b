"""Git as a process: what it answers, and what becomes one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quant_team_utils import git


def test_what_a_new_repository_answers(repository: Path) -> None:
    """It has a branch, and neither commits nor changes."""
    assert git.is_repository(repository)
    assert git.branch(repository) == "main"
    assert not git.has_commits(repository)
    assert git.changes(repository) == []


def test_what_a_commit_changes(repository: Path) -> None:
    """HEAD names a commit; a detached one is on no branch."""
    (repository / "new").touch()
    assert git.changes(repository) == ["?? new"]
    git.run(repository, "commit", "--quiet", "--allow-empty", "-m", "feat: first")
    assert git.has_commits(repository)
    assert git.has_ref(repository, "main")
    assert not git.has_ref(repository, "develop")
    git.run(repository, "switch", "--quiet", "--detach")
    assert git.branch(repository) is None


def test_a_folder_inside_is_not_the_top(repository: Path, tmp_path: Path) -> None:
    """A folder of a larger repository, and a folder of none, are not repositories."""
    inside = repository / "inside"
    inside.mkdir()
    assert not git.is_repository(inside)
    assert not git.is_repository(tmp_path)


def test_configuration_is_read_as_git_sees_it(repository: Path, tmp_path: Path) -> None:
    """The user's own counts, unless the clone's alone is asked for; unset is None."""
    (tmp_path / "none").write_text("[quant]\n\tmember = bob\n", encoding="utf-8")
    assert git.config(repository, "quant.member") == "bob"
    assert git.config(repository, "quant.member", local=True) is None
    assert git.config(repository, "quant.python") is None


def test_a_failure_is_one_sentence_with_all_that_git_printed(repository: Path) -> None:
    """The text holds the command and git's own line; see test_git_errors.py."""
    with pytest.raises(git.GitError) as caught:
        git.run(repository, "log")
    assert "`git log` failed in" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "your current branch 'main' does not have any commits yet" in str(caught.value)
    assert "your current branch 'main' does not have any commits yet" in caught.value.output


def test_without_git_the_sentence_says_so(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git is not a Python package: the user has to install it."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(git.GitError, match="not on PATH"):
        git.run(repository, "status")
    assert git.remote_refs(repository, ".", "HEAD") is None


def test_references_elsewhere(repository: Path, tmp_path: Path) -> None:
    """Those that match, without the commits behind annotated tags; None if nothing answers."""
    git.run(repository, "commit", "--quiet", "--allow-empty", "-m", "feat: first")
    git.run(repository, "tag", "-a", "v1", "-m", "first")
    address = str(repository)
    assert git.remote_refs(tmp_path, address, "refs/tags/*") == ["refs/tags/v1"]
    assert git.remote_refs(tmp_path, address, "refs/heads/x") == []
    assert git.remote_refs(tmp_path, str(tmp_path / "gone"), "HEAD") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<<<<<<< ours\n", True),
        ("a\n||||||| base\n", True),
        ("a\n>>>>>>> theirs\n", True),
        ("Heading\n=======\n", False),
        ("  <<<<<<< quoted\n", False),
        ("<<<<<<<\n", False),
        ("<<<<<<<< eight\n", False),
    ],
)
def test_a_conflict_marker_is_known_to_python_and_to_git(
    repository: Path, text: str, found: bool
) -> None:
    """One pattern for `re` and for `git grep -E`."""
    assert bool(re.search(git.CONFLICT_MARKER, text, re.MULTILINE)) == found
    (repository / "file").write_text(text, encoding="utf-8")
    if found:
        assert git.run(repository, "grep", "--untracked", "-lE", git.CONFLICT_MARKER) == "file"
    else:
        with pytest.raises(git.GitError):
            git.run(repository, "grep", "--untracked", "-lE", git.CONFLICT_MARKER)
