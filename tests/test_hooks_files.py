"""What the hooks make of files in real git: what is staged is judged, and nothing else is touched.

Nothing in the folder is read instead of what is staged, and nothing in it is written.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import git
from tests.hooked import BRANCH, commit, make_filtered_team, make_team, refused, stage, start, taken
from tests.test_file_checks import CHECKS, OUTPUT, SECRETS, notebook

GOOD = '"""A module."""\n\nX = 1\n'
UNUSED = '"""A module."""\n\nimport os\n'


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """Return a repository of alice's with the hooks and filters of a team, on a branch of hers."""
    return make_filtered_team(tmp_path)


# --- nothing in the folder is touched

WORKING_COPIES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a notebook that ran again, not staged": (
        "notebooks/a.ipynb",
        lambda path: None,
        notebook(outputs=[OUTPUT], execution_count=1),
    ),
    "a notebook, staged and edited after that": (
        "notebooks/a.ipynb",
        lambda path: write_and_add(path, notebook(source=["2 + 2"])),
        notebook(outputs=[OUTPUT], source=["3 + 3"]),
    ),
    "a file with CRLF, not staged": ("notes.md", lambda path: None, "one\r\ntwo\r\n"),
    "half staged": ("notes.md", lambda path: write_and_add(path, "one\n"), "one\ntwo \n"),
}


def write_and_add(path: Path, text: str) -> None:
    """Write a file and stage it."""
    path.write_bytes(text.encode())
    git(path.parent, "add", path.name)


@pytest.mark.parametrize("refuse", [False, True])
@pytest.mark.parametrize("case", WORKING_COPIES)
def test_a_commit_leaves_the_working_copy_as_it_is(team: Path, case: str, refuse: bool) -> None:
    """Bytes and time of an edited file are the same after a commit, taken or refused."""
    name, edit, text = WORKING_COPIES[case]
    stage(team, name, notebook() if name.endswith(".ipynb") else "zero\n")
    git(team, "commit", "-q", "-m", "feat: the file")
    path = team / name
    edit(path)
    path.write_bytes(text.encode())
    os.utime(path, (1_700_000_000, 1_700_000_000))
    stage(team, "docs/note.md", "<<<<<<< ours\n" if refuse else "text\n")
    done = commit(team)
    assert done.returncode == int(refuse), done.stderr
    assert path.read_bytes() == text.encode()
    assert path.stat().st_mtime == 1_700_000_000


# --- what is staged counts


def test_a_file_that_is_only_announced_is_not_judged(team: Path) -> None:
    """`git add -N` records nothing, so nothing of it can be wrong."""
    (team / "later.rej").write_text("x\n", encoding="utf-8")
    git(team, "add", "-N", "later.rej")
    assert start(team, *CHECKS).returncode == 0
    stage(team)
    taken(commit(team))
    assert git(team, "status", "--porcelain", "later.rej") == " A later.rej"


def test_the_recorded_ignore_list_counts(team: Path) -> None:
    """Not the one in the folder, not a member's own, nor the clone's."""
    stage(team, ".gitignore", "*.csv\n")
    (team / ".gitignore").write_text("*.md\n", encoding="utf-8")
    (team / ".git" / "info").mkdir(exist_ok=True)
    (team / ".git" / "info" / "exclude").write_text("*.md\n", encoding="utf-8")
    git(team, "config", "core.excludesFile", str(team / ".gitignore"))
    stage(team, "notes.md")
    taken(commit(team))
    stage(team, "prices.csv")
    refused(commit(team), "prices.csv: this path is ignored", "git rm --cached prices.csv")


def test_commit_of_a_path_and_of_all_judge_what_they_record(team: Path) -> None:
    """`git commit PATH` leaves the rest of the index out, `git commit -a` adds the folder."""
    stage(team, "good.md")
    taken(commit(team))
    stage(team, "good.md", "better\n")
    stage(team, "bad.md", "<<<<<<< ours\n")
    taken(commit(team, "-m", "docs: x", "good.md"))
    git(team, "rm", "-q", "-f", "bad.md")
    (team / "good.md").write_text("<<<<<<< ours\n", encoding="utf-8")
    refused(commit(team, "-a", "-m", "docs: x"), "good.md: line 1 is a conflict marker")


def test_a_link_is_judged_by_its_text_and_a_submodule_not_at_all(team: Path) -> None:
    """The file that a link names is not what git records."""
    secret = SECRETS["an AWS access key"]
    outside = team.parent / "outside.txt"
    outside.write_text(f"{secret}\n", encoding="utf-8")
    (team / "link.py").symlink_to(outside)
    (team / "keys").symlink_to(f"/keys/{secret}")
    git(team, "add", "link.py", "keys")
    head = git(team, "rev-parse", "HEAD")
    git(team, "update-index", "--add", "--cacheinfo", f"160000,{head},module")
    done = commit(team)
    refused(done, "keys: line 1 looks like an AWS access key")
    assert "link.py" not in done.stderr
    git(team, "rm", "-q", "--cached", "keys")
    taken(commit(team))


def test_a_script_in_hooks_is_recorded_as_executable(team: Path) -> None:
    """The mode that git records counts, and the refusal brings the command."""
    git(team, "update-index", "--chmod=-x", "hooks/pre-push")
    refused(commit(team), "hooks/pre-push: ", "git update-index --chmod=+x hooks/pre-push")
    git(team, "update-index", "--chmod=+x", "hooks/pre-push")
    stage(team)
    taken(commit(team))


# --- one round


def test_message_and_files_are_judged_in_one_round(team: Path) -> None:
    """With `-m`, one refusal names both; files alone, or the message alone, refuse as well."""
    stage(team, "bad.md", "<<<<<<< ours\n")
    refused(commit(team, "-m", "nonsense"), "bad.md: line 1", "feat: nonsense")
    done = commit(team)
    refused(done, "bad.md: line 1")
    assert "commit-msg" not in done.stderr
    stage(team, "bad.md", "good\n")
    done = commit(team, "-m", "nonsense")
    refused(done, "feat: nonsense")
    assert "bad.md" not in done.stderr
    taken(commit(team, "-m", "feat: nonsense is longer than plain", "-m", "A body."))


def test_with_an_editor_files_are_judged_before_it_opens(team: Path) -> None:
    """Nobody writes a message for files that are refused."""
    stage(team, "bad.md", "<<<<<<< ours\n")
    editor = team.parent / "editor.sh"
    editor.write_text('#!/bin/sh\ntouch "$0.ran"\necho "feat: x" >"$1"\n', encoding="utf-8")
    editor.chmod(0o755)
    refused(commit(team, "-v", GIT_EDITOR=str(editor)), "bad.md: line 1")
    assert not editor.with_name("editor.sh.ran").exists()
    stage(team, "bad.md", "good\n")
    taken(commit(team, "-v", GIT_EDITOR=str(editor)))


def test_without_the_other_hook_files_are_judged_all_the_same(team: Path) -> None:
    """Where commit-msg is gone, pre-commit does not leave the files to it."""
    (team / "hooks" / "commit-msg").unlink()
    stage(team, "bad.md", "<<<<<<< ours\n")
    refused(commit(team), "bad.md: line 1")


def test_a_merge_judges_files_before_its_message(team: Path) -> None:
    """At the end of a merge with a conflict, pre-commit judges what the merge brings."""
    for name, text in (("one", "1\n"), ("two", "2\n")):
        git(team, "switch", "-q", "-c", f"feature/alice/{name}", BRANCH)
        stage(team, "shared.md", text)
        git(team, "commit", "-q", "-m", "feat: x")
    assert start(team, "git", "merge", "feature/alice/one").returncode == 1
    git(team, "add", "shared.md")
    refused(commit(team, "--no-edit"), "shared.md: line 1 is a conflict marker")
    stage(team, "shared.md", "both\n")
    taken(commit(team, "--no-edit"))


def test_a_merge_without_a_conflict_takes_what_its_branches_hold(team: Path) -> None:
    """It records nothing that was not judged before, so git calls only the message's hook."""
    git(team, "switch", "-q", "-c", "feature/alice/one")
    stage(team, "bad.md", "<<<<<<< ours\n")
    git(team, "commit", "-q", "--no-verify", "-m", "feat: x")
    git(team, "switch", "-q", BRANCH)
    taken(start(team, "git", "merge", "--no-ff", "--no-edit", "feature/alice/one"))


# --- wherever git is


def test_the_first_commit_of_all_is_judged(tmp_path: Path) -> None:
    """Without a HEAD everything is new."""
    team = make_team(tmp_path)
    git(team, "checkout", "-q", "--orphan", "new")
    stage(team, "bad.md", "<<<<<<< ours\n")
    refused(commit(team), "bad.md: line 1")
    git(team, "rm", "-rqf", "--cached", ".")
    stage(team)
    taken(commit(team))


def test_a_linked_worktree_and_a_subfolder_are_judged(team: Path, tmp_path: Path) -> None:
    """Each worktree has its own index; paths are shown from the top."""
    linked = tmp_path / "linked"
    git(team, "worktree", "add", "-q", "-b", "feature/alice/linked", str(linked))
    stage(linked, "deep/bad.md", "<<<<<<< ours\n")
    refused(commit(linked / "deep"), "deep/bad.md: line 1")
    taken(commit(team, "--allow-empty", "-m", "feat: nothing"))
    stage(linked, "deep/bad.md", "good\n")
    taken(commit(linked / "deep"))


def test_a_sparse_checkout_judges_what_is_staged(team: Path) -> None:
    """A file that is not in the folder is read from git."""
    stage(team, "src/a.md")
    stage(team, "other/b.py", GOOD)
    taken(commit(team))
    git(team, "sparse-checkout", "set", "src", "hooks")
    assert not (team / "other" / "b.py").exists()
    stage(team, "src/a.md", "<<<<<<< ours\n")
    refused(commit(team), "src/a.md: line 1")
    stage(team, "src/a.md", "good\n")
    taken(commit(team))


def test_a_clone_without_its_set_up_is_judged(team: Path) -> None:
    """A bare environment, as a graphical client has it, and no interpreter set: the system's."""
    git(team, "config", "--unset", "quant.python")
    folder = team.parent / "bin"
    folder.mkdir()
    for name in ("git", "sh", "python3"):
        (folder / name).symlink_to(str(shutil.which(name, path="/usr/bin:/bin") or CHECKS[0]))
    stage(team, "bad.md", "<<<<<<< ours\n")
    refused(commit(team, PATH=str(folder)), "bad.md: line 1")


@pytest.mark.parametrize(
    "setting",
    [
        "diff.noprefix=true",
        "diff.orderFile=/no/such/file",
        "diff.relative=true",
        "diff.renames=copies",
        "diff.ignoreSubmodules=all",
        "diff.external=false",
        "color.ui=always",
        "core.quotePath=true",
        "core.abbrev=5",
        "core.ignoreCase=true",
        "core.precomposeUnicode=true",
        "submodule.recurse=true",
        "status.showUntrackedFiles=no",
    ],
)
def test_no_personal_setting_changes_the_verdict(team: Path, setting: str) -> None:
    """The same files are refused, whatever git is told to show; in CI too."""
    name, _, value = setting.partition("=")
    stage(team, "moved.md")
    taken(commit(team))
    git(team, "mv", "moved.md", "für ∑.md")
    stage(team, "bad é.md", "<<<<<<< ours\n")
    before = start(team, *CHECKS)
    assert before.stdout.startswith("bad é.md: line 1")
    git(team, "config", name, value)
    after = start(team / "hooks", *CHECKS[:-1], "file_checks.py")
    assert (after.returncode, after.stdout, after.stderr) == (1, before.stdout, "")
    git(team, "config", "--unset", name)
    git(team, "commit", "-q", "--no-verify", "-m", "feat: x")
    git(team, "config", name, value)
    assert start(team, *CHECKS, "--range", "HEAD~1..HEAD").stdout == before.stdout
