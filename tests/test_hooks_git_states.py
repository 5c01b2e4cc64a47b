"""The commit-message hook while git is busy: merges, reverts, picks, rebases, worktrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT, run
from tests.hooked import Repository, again
from tests.judged import judge


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository in a folder whose name has a space."""
    return Repository(tmp_path / "a folder")


def diverge(repository: Repository, message: str = "data: other side") -> None:
    """Make a branch `other` whose one commit conflicts with main's last."""
    repository.switch("other", "-b")
    repository.write("other\n")
    repository.commit(message, "--no-verify")
    repository.switch("main")


def test_merges_pass_by_state(repository: Repository) -> None:
    """A merge passes with any text, also after a conflict; the words alone do not pass."""
    for number, options in enumerate((["--no-edit"], ["-m", "whatever you say"], [])):
        repository.switch(f"b{number}", "-b")
        repository.write("x", f"file{number}")
        repository.commit("data: file")
        repository.switch("main")
        done = repository("merge", "-q", "--no-ff", *options, f"b{number}")
        assert done.returncode == 0, done.stderr
    diverge(repository)
    repository.write("mine\n")
    repository.commit("data: my side")
    assert repository("merge", "-q", "other").returncode == 1
    repository.write("both\n")
    assert repository("commit", "-m", "solved it").returncode == 0
    assert repository.git("log", "-1", "--format=%p").count(" ") == 1
    assert repository("commit", "--allow-empty", "-m", "solved it").returncode == 1


def test_a_refused_merge_is_concluded_by_the_printed_command(repository: Repository) -> None:
    """A merge with an empty message stops; its command needs no --amend."""
    (repository.folder / ".git" / "MERGE_HEAD").write_text(
        repository.git("rev-parse", "HEAD") + "\n"
    )
    assert judge.retry((repository.folder / ".git").as_posix(), "kept") == (
        "git commit -e -F kept   (it concludes the merge)"
    )


def test_a_squashed_merge_needs_a_subject(repository: Repository) -> None:
    """The draft of `merge --squash` is not a subject; it is kept, and a good one passes."""
    repository.switch("other", "-b")
    repository.write("other\n")
    repository.commit("data: other side")
    repository.switch("main")
    assert repository("merge", "-q", "--squash", "other").returncode == 0
    assert repository("commit").returncode == 1
    assert "Squashed commit of the following:" in repository.kept.read_text(encoding="utf-8")
    assert repository("commit", "-m", "data: other side, squashed").returncode == 0


def test_git_s_own_reverts_and_picks_pass(repository: Repository) -> None:
    """`revert` and `cherry-pick` run no hook; after a conflict, git's own draft passes as it is."""
    repository.write("second\n")
    repository.commit("feat: second")
    assert repository("revert", "--no-edit", "HEAD").returncode == 0
    assert repository("cherry-pick", "HEAD~1").returncode == 0
    repository.write("third\n")
    repository.commit("feat: third")
    assert repository("revert", "--no-edit", "HEAD~1").returncode == 1
    repository.write("solved\n")
    assert repository("commit", writes="say why\n\n").returncode == 1
    done = repository("commit")
    assert done.returncode == 0, done.stderr
    assert repository.subject() == 'Revert "feat: second"'


def test_a_picked_commit_is_judged_after_a_conflict(repository: Repository) -> None:
    """`cherry-pick --continue` asks for a good message, and the printed command gives it."""
    diverge(repository, "old style")
    repository.write("mine\n")
    repository.commit("data: mine")
    assert repository("cherry-pick", "other").returncode == 1
    repository.write("both\n")
    refused = repository("cherry-pick", "--continue")
    assert refused.returncode == 1
    done = repository(*again(refused), writes="data: old style, picked\n\n")
    assert done.returncode == 0, done.stderr
    assert not (repository.folder / ".git" / "CHERRY_PICK_HEAD").exists()


def test_a_refused_reword_is_amended_not_lost(repository: Repository) -> None:
    """`rebase --continue` would drop what was typed: the printed command amends first."""
    repository.write("second\n")
    repository.commit("old style", "--no-verify")
    repository.write("third\n")
    repository.commit("docs: after it")
    editing = {"GIT_SEQUENCE_EDITOR": "sed -i.bak '1s/^pick/reword/'"}
    refused = repository("rebase", "-i", "HEAD~2", writes="feature: new words\n\n", env=editing)
    assert refused.returncode != 0
    assert "git rebase --continue" in refused.stderr
    assert "--amend" in again(refused)
    assert again(repository("commit", "--amend", "-m", "nonsense")) == again(refused)
    refused = repository("commit", "--amend", "-m", "feature: new words")
    done = repository(*again(refused), env={"GIT_EDITOR": "sed -i.bak 1s/^feature/feat/"})
    assert done.returncode == 0, done.stderr
    assert repository("rebase", "--continue").returncode == 0
    assert [repository.subject(f"HEAD~{n}") for n in range(3)] == [
        "docs: after it",
        "feat: new words",
        "feat: first",
    ]


def test_a_conflict_in_a_reword_is_not_amending(repository: Repository) -> None:
    """Where the commit to reword does not exist yet, the command makes it and amends none."""
    for text in ("second\n", "third\n"):
        repository.write(text)
        repository.commit(f"docs: {text}")
    editing = {"GIT_SEQUENCE_EDITOR": "sed -i.bak -e 1d -e 's/^pick/reword/'"}
    assert repository("rebase", "-q", "-i", "HEAD~2", env=editing).returncode == 1
    repository.write("solved\n")
    assert "--amend" not in again(repository("commit", "-m", "nonsense"))


def test_splitting_a_commit_in_a_rebase_is_not_amending(repository: Repository) -> None:
    """At an `edit` stop, the command of a refused commit makes one and rewrites none."""
    repository("commit", "--allow-empty", "-m", "docs: second")
    editing = {"GIT_SEQUENCE_EDITOR": "sed -i.bak '1s/^pick/edit/'"}
    assert repository("rebase", "-q", "-i", "--keep-empty", "HEAD~1", env=editing).returncode == 0
    assert repository("commit", "--amend", "--allow-empty", "-m", "docs: reworded").returncode == 0
    assert "--amend" not in again(repository("commit", "--allow-empty", "-m", "nonsense"))


def test_a_linked_worktree_keeps_its_own(repository: Repository, tmp_path: Path) -> None:
    """In a linked worktree the text is kept beside that worktree's own message file."""
    repository.git("worktree", "add", "-q", "-b", "linked", str(tmp_path / "linked"))
    refused = repository("commit", "--allow-empty", "-m", "nonsense", cwd=tmp_path / "linked")
    assert refused.returncode == 1
    assert not repository.kept.exists()
    kept = repository.folder / ".git" / "worktrees" / "linked" / "COMMIT_EDITMSG.refused"
    assert kept.read_text(encoding="utf-8") == "nonsense\n"
    assert kept.resolve().as_posix() in again(refused)[-1]
    (repository.folder / ".git" / "worktrees" / "linked" / "MERGE_HEAD").write_text("x")
    assert run(ROOT / "hooks" / "commit-msg", kept, cwd=tmp_path, check=False).returncode == 0
