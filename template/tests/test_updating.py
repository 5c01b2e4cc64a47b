"""One safe `copier update`: Copier is a script here, so that each case is a line of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quant_team_cli import updating
from quant_team_cli.updating import ConflictError, RefusedRosterError, UpdateError
from quant_team_utils import git

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Copier is a script of sh")

SOURCE = "/gone/template"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository on a feature branch, with a file of the template and a notebook."""
    folder = tmp_path / "team"
    folder.mkdir()
    texts = {
        "page.md": "one\ntwo\n",
        "old.md": "old\n",
        ".gitignore": "*.local\n",
        "notebooks/bob/a.ipynb": '{"cells": []}\n',
    }
    git.run(folder, "init", "--quiet", "--initial-branch=main")
    settings = {"user.name": "Tester", "user.email": "tester@users.noreply.invalid"}
    for key, value in settings.items():
        git.run(folder, "config", key, value)
    for path, text in texts.items():
        write(folder / path, text)
    git.run(folder, "add", "--all")
    git.run(folder, "commit", "--quiet", "-m", "feat: start")
    git.run(folder, "switch", "--quiet", "-c", "feature/bob/topic")
    return folder


def write(path: Path, text: str) -> None:
    """Write a file, its folder included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def copier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the script that is called as Copier, with nothing to do yet."""
    folder = tmp_path / "bin"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    program = folder / "copier"
    does(program, "true")
    return program


def does(program: Path, line: str) -> None:
    """Let Copier run a line of sh in the folder that it updates."""
    version = 'case "$*" in *--version*) echo 9.19.1; exit;; esac'
    write(program, f"#!/bin/sh\n{version}\n{line}\n")
    program.chmod(0o755)


def facts(root: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and time of every file outside `.git`."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not name.startswith(".git/"):
            found[name] = (path.read_bytes(), path.stat().st_mtime_ns)
    return found


# --- ready


def test_results_and_notebooks_are_no_obstacle(repository: Path) -> None:
    """Untracked, changed or staged: the normal state of a researcher."""
    write(repository / "results" / "own" / "a.yaml", "x: 1\n")
    write(repository / "notebooks" / "bob" / "a.ipynb", '{"cells": [1]}\n')
    git.run(repository, "add", "results")
    updating.require_ready(repository, "topic")


@pytest.mark.parametrize("path", ["page.md", "note.txt", "results.md"])
def test_anything_else_is(repository: Path, path: str) -> None:
    """A changed file or a new one is named, with what to do."""
    write(repository / path, "x\n")
    with pytest.raises(UpdateError, match=rf"not clean \(.* {path}\): commit or stash first"):
        updating.require_ready(repository, "topic")


def test_a_shared_branch_or_a_detached_head_is_refused(repository: Path) -> None:
    """The sentence holds the branch to make."""
    git.run(repository, "switch", "--quiet", "main")
    with pytest.raises(UpdateError, match=r"not on main: run `git switch -c feature/HANDLE/x "):
        updating.require_ready(repository, "x")
    git.run(repository, "switch", "--quiet", "--detach")
    with pytest.raises(UpdateError, match="not on a detached HEAD"):
        updating.require_ready(repository, "x")


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    """It names the command that makes the repository."""
    with pytest.raises(UpdateError, match="run `quant setup` first"):
        updating.require_ready(tmp_path, "x")


def filtered(repository: Path) -> Path:
    """Let git filter notebooks, one of which was run again, and return what the filter writes."""
    log = repository.parent / "filtered"
    write(repository / ".gitattributes", "*.ipynb filter=quant-notebook\n")
    git.run(repository, "add", ".gitattributes")
    git.run(repository, "commit", "--quiet", "-m", "feat: filter notebooks")
    clean = f"echo >>'{log}'; sed s/1//"
    git.run(repository, "config", "filter.quant-notebook.clean", clean)
    git.run(repository, "config", "filter.quant-notebook.required", "true")
    write(repository / "notebooks" / "bob" / "a.ipynb", '{"cells": [1]}\n')
    return log


def test_no_notebook_is_filtered_to_see_whether_the_tree_is_clean(repository: Path) -> None:
    """It takes a process for each that is newer than the index, and they are not an obstacle."""
    log = filtered(repository)
    write(repository / "notebooks" / "bob" / "a.ipynb", '{"cells": [ ]}\n')
    updating.require_ready(repository, "topic")
    assert updating.unmerged(repository) == []
    assert not log.exists()


def test_no_notebook_is_filtered_in_the_worktree(repository: Path, copier: Path) -> None:
    """There, each is as git has it; git would look into every one that was just checked out."""
    for number in range(9):
        path = repository / "notebooks" / "bob" / f"{number}.ipynb"
        write(path, '{"cells": []}\n')
        os.utime(path, (0, 0))  # git looks again into what is as new as its index
    git.run(repository, "add", "--all")
    git.run(repository, "commit", "--quiet", "-m", "docs: add notebooks")
    log = filtered(repository)
    does(copier, "git status --porcelain; echo three >>page.md")
    updating.update(repository, SOURCE)
    assert (repository / "page.md").read_text(encoding="utf-8") == "one\ntwo\nthree\n"
    assert not log.exists()


# --- what comes back


def test_changes_additions_and_deletions_come_back(repository: Path, copier: Path) -> None:
    """Uncommitted, in the work tree only; files and modes."""
    does(copier, "echo three >>page.md; rm old.md; mkdir new; echo x >new/run; chmod +x new/run")
    assert updating.update(repository, SOURCE) == []
    assert (repository / "page.md").read_text(encoding="utf-8") == "one\ntwo\nthree\n"
    assert not (repository / "old.md").exists()
    assert (repository / "new" / "run").stat().st_mode & 0o100
    assert git.changes(repository) == [" D old.md", " M page.md", "?? new/"]


def test_work_in_progress_keeps_its_bytes_times_and_state(repository: Path, copier: Path) -> None:
    """Untracked, changed, staged, ignored: nothing of it is stashed, moved or touched."""
    write(repository / "results" / "own" / "a b.yaml", "x: 1\n")
    write(repository / "notebooks" / "bob" / "new.ipynb", "{}")
    write(repository / "notebooks" / "bob" / "a.ipynb", '{"cells": [1]}\n')
    write(repository / "key.local", "mine\n")
    git.run(repository, "add", "results")
    before, state = facts(repository), git.changes(repository)
    does(copier, "echo x >new.md")
    updating.update(repository, SOURCE)
    after = facts(repository)
    assert after.pop("new.md")
    assert after == before
    assert [line for line in git.changes(repository) if line != "?? new.md"] == state
    assert git.run(repository, "stash", "list") == ""
    assert len(git.run(repository, "worktree", "list").splitlines()) == 1


def edit_notebook(root: Path) -> str:
    write(root / "notebooks" / "bob" / "a.ipynb", '{"cells": [1]}\n')
    return "notebooks/bob/a.ipynb"


def add_result(root: Path) -> str:
    write(root / "results" / "a.yaml", "mine\n")
    return "results/a.yaml"


def add_ignored(root: Path) -> str:
    write(root / "key.local", "mine\n")
    return "key.local"


def hide_an_edit(root: Path) -> str:
    git.run(root, "update-index", "--assume-unchanged", "page.md")
    write(root / "page.md", "mine\n")
    return "page.md"


def add_ignored_folder(root: Path) -> str:
    write(root / "key.local" / "a", "mine\n")
    return "key.local"


MINE = [edit_notebook, add_result, add_ignored, hide_an_edit, add_ignored_folder]


@pytest.mark.parametrize("mine", MINE)
def test_what_no_commit_holds_is_never_overwritten(
    repository: Path, copier: Path, mine: object
) -> None:
    """Also what `git status` does not name; the sentence does, and nothing at all is changed."""
    assert callable(mine)
    path = mine(repository)
    does(copier, f"mkdir -p results; echo theirs >{path}; echo x >0-first.md")
    before = facts(repository)
    with pytest.raises(UpdateError, match=f"The update changes {path}, which has changes of yours"):
        updating.update(repository, SOURCE)
    assert facts(repository) == before


def test_what_python_compiles_meanwhile_is_not_brought_back(repository: Path, copier: Path) -> None:
    """The notebook filter runs in the worktree, and leaves `__pycache__` there."""
    write(repository / "hooks" / "__pycache__" / "x.pyc", "mine\n")
    does(copier, "mkdir -p hooks/__pycache__; echo theirs >hooks/__pycache__/x.pyc; echo x >y.md")
    updating.update(repository, SOURCE)
    assert (repository / "hooks" / "__pycache__" / "x.pyc").read_text("utf-8") == "mine\n"
    assert (repository / "y.md").exists()


def test_a_file_in_the_way_of_a_folder_is_never_removed(repository: Path, copier: Path) -> None:
    """The update brings `key.local/a`, and `key.local` is a file that git ignores."""
    path = add_ignored(repository)
    does(copier, f"mkdir {path}; echo theirs >{path}/a; echo x >0-first.md")
    before = facts(repository)
    with pytest.raises(UpdateError, match="which has changes of yours"):
        updating.update(repository, SOURCE)
    assert facts(repository) == before


def test_outputs_of_a_notebook_count_although_git_does_not_see_them(
    repository: Path, copier: Path
) -> None:
    """The filter strips them, so that `git status` is empty; an update would lose them."""
    strip = "sed s/OUTPUT//"
    git.run(repository, "config", "filter.quant-notebook.clean", strip)
    write(repository / ".gitattributes", "*.ipynb filter=quant-notebook\n")
    git.run(repository, "add", ".gitattributes")
    git.run(repository, "commit", "--quiet", "-m", "feat: strip")
    notebook = repository / "notebooks" / "bob" / "a.ipynb"
    write(notebook, '{"cells": []}OUTPUT\n')
    git.run(repository, "add", "--renormalize", "notebooks")
    assert git.changes(repository) == []
    does(copier, "echo theirs >notebooks/bob/a.ipynb")
    with pytest.raises(UpdateError, match=r"notebooks/bob/a\.ipynb, which has changes of yours"):
        updating.update(repository, SOURCE)
    assert "OUTPUT" in notebook.read_text(encoding="utf-8")


# --- what goes wrong


def test_conflicts_come_back_as_git_knows_them(repository: Path, copier: Path) -> None:
    """Marked lines in the file, three stages in the index, and a sentence that names it."""
    git.run(repository, "branch", "theirs")
    write(repository / "page.md", "ours\ntwo\n")
    git.run(repository, "commit", "--quiet", "--all", "-m", "docs: ours")
    merge = "git switch -q --detach theirs; echo theirs >page.md; git commit -qam x; "
    merge += "git switch -q --detach feature/bob/topic; git merge -q -n --no-commit HEAD@{1}; true"
    does(copier, merge)
    conflicts = updating.update(repository, SOURCE)
    assert conflicts == ["page.md"]
    assert "<<<<<<< " in (repository / "page.md").read_text(encoding="utf-8")
    assert updating.unmerged(repository) == ["page.md"]
    with pytest.raises(ConflictError, match=r"conflicts with edits in page\.md: resolve"):
        updating.require_resolved(conflicts)
    updating.require_resolved([])


@pytest.mark.parametrize(
    ("says", "kind", "sentence"),
    [
        ("question 'team': nobody is senior.", RefusedRosterError, "rejected the roster: nobody"),
        ("Unknown revision 1.0", UpdateError, "run `quant template update` first"),
        ("boom", UpdateError, "left the repository as it was: boom"),
    ],
)
def test_a_copier_that_fails_changes_nothing(
    repository: Path, copier: Path, says: str, kind: type[UpdateError], sentence: str
) -> None:
    """Its last line is in the sentence; what it had done already stays in its worktree."""
    does(copier, f'echo x >page.md; echo "Traceback"; echo "{says}" >&2; exit 1')
    before = facts(repository)
    with pytest.raises(kind, match=sentence):
        updating.update(repository, SOURCE)
    assert facts(repository) == before
    assert len(git.run(repository, "worktree", "list").splitlines()) == 1


def test_copier_runs_without_personal_git_settings(
    repository: Path, copier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those with which it loses edits are set, beside what the environment sets already."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "team.own")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "kept")
    does(copier, "git config apply.whitespace >new.md; git config team.own >>new.md")
    git.run(repository, "config", "apply.whitespace", "error")
    updating.update(repository, SOURCE)
    assert (repository / "new.md").read_text(encoding="utf-8") == "nowarn\nkept\n"


def test_a_relative_source_leads_to_the_same_place(repository: Path, copier: Path) -> None:
    """`../template` is where it was, seen from the worktree."""
    write(repository.parent / "template" / "here", "")
    does(copier, "test -e ../template/here && echo found >new.md")
    updating.update(repository, "../template")
    assert (repository / "new.md").exists()


# --- the line to commit


def test_the_line_commits_all_where_nothing_was_open(repository: Path) -> None:
    """Short, because there is nothing to leave out."""
    line = updating.commit_line(repository, [], "feat: x")
    assert line == 'git add -A && git commit -m "feat: x"'


def test_the_line_leaves_out_work_in_progress(repository: Path) -> None:
    """It adds the new notebook of a newcomer by name."""
    write(repository / "notebooks" / "bob" / "new.ipynb", "{}")
    before = updating.uncommitted(repository)
    write(repository / "notebooks" / "dana" / "example.ipynb", "{}")
    write(repository / "hooks" / "handles", "dana\n")
    line = updating.commit_line(repository, before, "feat: x")
    assert line.endswith('git add notebooks/dana/example.ipynb && git commit -m "feat: x"')
    assert "new.ipynb" not in line
