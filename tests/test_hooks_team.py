"""The team's own hooks: which branches take commits and pushes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, git
from tests.hooked import Done, make_team, runs, stage, start

ZERO = "0" * 40


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """Return a repository of alice's, with the hooks of a team of alice and bob."""
    return make_team(tmp_path)


@pytest.mark.parametrize("branch", ["main", "develop"])
def test_main_and_develop_take_no_commit_on_a_laptop(team: Path, branch: str) -> None:
    """A commit there is refused with the command that takes it elsewhere, and which works."""
    git(team, "switch", "-q", branch)
    stage(team)
    refused = start(team, "git", "commit", "-m", "feat: x")
    assert refused.returncode == 1
    assert "git switch -c feature/alice/<topic>" in refused.stderr
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    assert start(team, "git", "commit", "-m", "feat: x").returncode == 0


def test_merges_pass_on_develop(team: Path) -> None:
    """A local merge passes, also after a conflict."""
    for branch, content in (("feature/alice/a", "a\n"), ("feature/alice/b", "b\n")):
        git(team, "switch", "-q", "-c", branch, "develop")
        stage(team, content=content)
        git(team, "commit", "-q", "-m", "feat: x")
    git(team, "switch", "-q", "develop")
    assert start(team, "git", "merge", "--no-ff", "--no-edit", "feature/alice/a").returncode == 0
    assert start(team, "git", "merge", "--no-ff", "--no-edit", "feature/alice/b").returncode == 1
    stage(team, content="both\n")
    assert start(team, "git", "commit", "--no-edit").returncode == 0


def test_a_detached_head_and_a_worktree_know_their_branch(team: Path, tmp_path: Path) -> None:
    """No branch is no reason to refuse; a linked worktree has its own."""
    git(team, "switch", "-q", "--detach")
    stage(team)
    assert start(team, "git", "commit", "-m", "feat: x").returncode == 0
    linked = tmp_path / "linked"
    git(team, "worktree", "add", "-q", str(linked), "develop")
    stage(linked)
    assert start(linked, "git", "commit", "-m", "feat: x").returncode == 1
    git(linked, "switch", "-q", "-c", "feature/bob/topic")
    assert start(linked, "git", "commit", "-m", "feat: x").returncode == 0


def test_the_file_checks_run_only_where_a_file_is_staged(team: Path) -> None:
    """An empty commit and a deletion are not judged; a new or changed file is, once."""
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    git(team, "commit", "-q", "--allow-empty", "-m", "feat: nothing")
    assert runs(team) == 0
    stage(team)
    git(team, "commit", "-q", "-m", "feat: file")
    assert runs(team) == 1
    git(team, "mv", "file", "moved")
    git(team, "commit", "-q", "-m", "feat: moved")
    assert runs(team) == 2
    git(team, "rm", "-q", "moved")
    git(team, "commit", "-q", "-m", "feat: gone")
    assert runs(team) == 2


def test_a_failed_check_refuses_the_commit(team: Path) -> None:
    """The report is on the terminal, and there is no commit."""
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    stage(team, content="<<<<<<< ours\n")
    done = start(team, "git", "commit", "-m", "feat: x")
    assert done.returncode == 1
    assert "file: line 1 is a conflict marker" in done.stderr
    assert git(team, "log", "--format=%s") == "feat: first"


def test_without_python_the_commit_is_refused(team: Path, tmp_path: Path) -> None:
    """Nothing passes unchecked: the command that fixes it is named."""
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    git(team, "config", "--unset", "quant.python")
    only_git = tmp_path / "bin"
    only_git.mkdir()
    for name in ("git", "sh"):
        (only_git / name).symlink_to(str(shutil.which(name)))
    stage(team)
    done = start(team, "git", "commit", "-m", "feat: x", PATH=str(only_git))
    assert done.returncode == 1
    assert "pip install -r requirements.txt" in done.stderr


def test_without_its_environment_the_clone_is_told_how_to_make_it_anew(
    team: Path, tmp_path: Path
) -> None:
    """Deleted, or left behind by a move: the line is that of the onboarding page."""
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    (tmp_path / "environment").rename(tmp_path / "elsewhere")
    only_git = tmp_path / "bin"
    only_git.mkdir()
    for name in ("git", "sh"):
        (only_git / name).symlink_to(str(shutil.which(name)))
    stage(team)
    done = start(team, "git", "commit", "-m", "feat: x", PATH=str(only_git))
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1].removeprefix("pre-commit:").strip()
    page = (ROOT / "template" / "docs" / "onboarding.md").read_text(encoding="utf-8")
    assert line.startswith("python3 -m venv")
    assert f"\n{line}\n" in page


@pytest.mark.parametrize(
    ("member", "ref", "known", "word"),
    [
        ("alice", "refs/heads/feature/alice/topic", ZERO, None),
        ("alice", "refs/heads/feature/alice/deep/topic", ZERO, None),
        ("alice", "refs/heads/feature/bob/topic", ZERO, "git branch -m feature/alice/topic"),
        ("alice", "refs/heads/topic", ZERO, "git branch -m feature/alice/topic"),
        ("alice", "refs/heads/feature/topic", ZERO, "git branch -m feature/alice/topic"),
        ("alice", "refs/heads/feature/alice/", ZERO, "git branch -m"),
        ("alice", "refs/heads/Feature/alice/topic", ZERO, "git branch -m"),
        ("charlie", "refs/heads/feature/charlie/topic", ZERO, "quant setup --as"),
        (None, "refs/heads/feature/bob/topic", ZERO, None),
        (None, "refs/heads/feature/charlie/topic", ZERO, "git branch -m feature/<handle>/topic"),
        ("alice", "refs/heads/main", ZERO, None),
        ("alice", "refs/heads/develop", ZERO, None),
        ("alice", "refs/heads/main", "develop", "pull request"),
        ("alice", "refs/heads/develop", "develop", "git merge --no-ff"),
        ("alice", "refs/heads/develop", "1" * 40, "git pull"),
        ("alice", "refs/tags/v1", ZERO, None),
        ("alice", "refs/notes/commits", ZERO, None),
    ],
)
def test_which_pushes_pass(
    team: Path, member: str | None, ref: str, known: str, word: str | None
) -> None:
    """A branch carries your handle; tags and first pushes pass; a refusal says what to type."""
    if member:
        git(team, "config", "quant.member", member)
    else:
        git(team, "config", "--unset", "quant.member")
    git(team, "switch", "-q", "-c", "feature/alice/topic")
    stage(team)
    git(team, "commit", "-q", "-m", "feat: x")
    here = git(team, "rev-parse", "HEAD")
    there = git(team, "rev-parse", known) if known == "develop" else known
    push = f"refs/heads/x {here} {ref} {there}\n"
    done = pushed(team, push)
    assert done.returncode == (word is not None), done.stderr
    assert (word or "") in done.stderr
    deletion = f"(delete) {ZERO} {ref} {ZERO}\n"
    assert pushed(team, deletion).returncode == 0
    a_tag_before = f"refs/tags/v1 {'1' * 40} refs/tags/v1 {ZERO}\n"
    assert pushed(team, a_tag_before + push).returncode == done.returncode
    (team / "hooks" / "handles").unlink()
    assert pushed(team, push).returncode == 0


def pushed(team: Path, lines: str) -> Done:
    """Run the hook as git does, with the references that are pushed."""
    return start(team, "hooks/pre-push", "origin", "url", given=lines)


def test_the_documented_workflow_can_be_pushed(team: Path, tmp_path: Path) -> None:
    """main, develop, a branch and its --no-ff merge go out; a fast-forward of develop does not."""
    git(tmp_path, "init", "-q", "--bare", "origin.git")
    git(team, "remote", "add", "origin", str(tmp_path / "origin.git"))
    assert start(team, "git", "push", "origin", "main", "develop").returncode == 0
    git(team, "switch", "-q", "-c", "feature/alice/topic", "develop")
    stage(team)
    git(team, "commit", "-q", "-m", "feat: x")
    assert start(team, "git", "push", "-u", "origin", "feature/alice/topic").returncode == 0
    git(team, "switch", "-q", "develop")
    git(team, "merge", "-q", "feature/alice/topic")
    assert start(team, "git", "push", "origin", "develop").returncode == 1
    git(team, "reset", "-q", "--hard", "HEAD~1")
    git(team, "merge", "-q", "--no-ff", "feature/alice/topic")
    assert start(team, "git", "push", "origin", "develop").returncode == 0
    assert start(team, "git", "push", "origin", "develop:main").returncode == 1
    assert start(team, "git", "push", "origin", ":feature/alice/topic").returncode == 0
