"""`quant team edit` in a rendered repository: who joins, who leaves, what is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import TeamEnvironment, git
from tests.terminal import finish, open_terminal

pytestmark = pytest.mark.full


DANA = {"name": "Dana", "handle": "dana", "role": "researcher", "login": "dana-d"}


def change_team(
    repository: Path,
    environment: TeamEnvironment,
    change: Callable[[list[dict[str, object]]], None],
) -> subprocess.CompletedProcess[str]:
    answers = yaml.safe_load((repository / ".copier-answers.yml").read_text(encoding="utf-8"))
    change(answers["team"])
    file = repository.parent / "team.yml"
    file.write_text(yaml.safe_dump(answers["team"]), encoding="utf-8")
    path = os.pathsep.join(
        [str(Path(sys.executable).parent), environment.environment(repository)["PATH"]]
    )
    return environment.run(
        repository, "quant", "team", "edit", "--file", str(file), check=False, env={"PATH": path}
    )


def test_somebody_joins_and_somebody_leaves(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """The change is uncommitted and compiled; the newcomer gets a folder, the leaver's stays."""
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")

    def change(team: list[dict[str, object]]) -> None:
        team.append(dict(DANA))
        next(m for m in team if m["handle"] == "bob")["left"] = True

    done = change_team(repository, team_environment, change)
    assert done.returncode == 0, done.stderr
    assert "dana joins the team" in done.stdout
    assert "bob leaves the team" in done.stdout
    assert 'git commit -m "feat: change the team"' in done.stdout
    permissions = yaml.safe_load(
        (repository / "infrastructure" / "permissions.yaml").read_text(encoding="utf-8")
    )
    assert permissions["members"]["bob"]["left"] is True
    assert (repository / "hooks" / "handles").read_text(encoding="utf-8").split() == [
        "alice",
        "charlie",
        "dana",
    ]
    assert (repository / "notebooks" / "bob" / "example.ipynb").is_file()
    assert (repository / "notebooks" / "dana" / "example.ipynb").is_file()
    assert "@dana-d" in (repository / ".github" / "CODEOWNERS").read_text(encoding="utf-8")
    team_environment.run(repository, "quant", "doctor")
    git(repository, "add", "--all")
    team_environment.run(repository, "git", "commit", "-m", "feat: change the team")
    listed = team_environment.run(repository, "quant", "team", "list").stdout
    assert re.search(r"^dana +Dana +researcher", listed, re.MULTILINE)
    assert re.search(r"^bob .* left$", listed, re.MULTILINE)
    again = change_team(repository, team_environment, lambda team: None)
    assert again.stdout.strip() == "Nothing changed."


def test_a_bad_roster_changes_nothing(repository: Path, team_environment: TeamEnvironment) -> None:
    """The template's sentence is passed on, and the tree stays clean."""
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")
    done = change_team(
        repository, team_environment, lambda team: team.append({**DANA, "role": "boss"})
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "quant: The template rejected the roster: member 4 (dana): unknown role 'boss'; "
        "it is researcher or infrastructure."
    )
    assert git(repository, "status", "--porcelain") == ""


def add_dana(team: list[dict[str, object]]) -> None:
    team.append(dict(DANA))


def test_the_team_changes_only_where_it_can_be_reviewed(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """Refused on develop, with a changed file, without the template's source: a sentence each."""
    assert "not on develop" in change_team(repository, team_environment, add_dana).stderr
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")
    note = repository / "note.txt"
    note.write_text("x", encoding="utf-8")
    done = change_team(repository, team_environment, add_dana)
    assert "The work tree is not clean (?? note.txt)" in done.stderr
    note.unlink()
    answers = repository / ".copier-answers.yml"
    text = answers.read_text(encoding="utf-8")
    answers.write_text(
        re.sub(r"_src_path: .*", "_src_path: /gone/template", text), encoding="utf-8"
    )
    git(repository, "commit", "--quiet", "--all", "--no-verify", "-m", "fix: lose the template")
    done = change_team(repository, team_environment, add_dana)
    assert done.returncode == 1
    assert "The template's source /gone/template cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_work_in_progress_is_no_obstacle_and_stays_as_it_is(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """Untracked results and notebooks, a changed notebook: untouched, and not in the commit."""
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")
    mine = {
        repository / "results" / "own" / "a.yaml": "x: 1\n",
        repository / "notebooks" / "alice" / "a b" / "x [1].ipynb": '{"cells": []}',
        repository / "notebooks" / "alice" / "example.ipynb": '{"cells": [], "mine": 1}',
    }
    for path, text in mine.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    before = git(repository, "status", "--porcelain", "notebooks/alice", "results")
    times = {path: path.stat().st_mtime_ns for path in mine}
    done = change_team(repository, team_environment, add_dana)
    assert done.returncode == 0, done.stderr
    assert {path: path.read_text(encoding="utf-8") for path in mine} == mine
    assert {path: path.stat().st_mtime_ns for path in mine} == times
    assert git(repository, "stash", "list") == ""
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    line = done.stdout.splitlines()[-1].strip()
    assert line.startswith("git add -A . ")
    shell = ["bash", "-c", line]
    team_environment.run(repository, *shell)
    committed = git(repository, "show", "--format=", "--name-only", "HEAD").splitlines()
    assert "notebooks/dana/example.ipynb" in committed
    assert "hooks/handles" in committed
    assert not any(name.startswith(("results/", "notebooks/alice")) for name in committed)
    assert git(repository, "status", "--porcelain", "notebooks/alice", "results") == before


def test_personal_git_settings_lose_no_edits(
    repository: Path, team_environment: TeamEnvironment, tmp_path: Path
) -> None:
    """With `apply.whitespace=error`, lines of the team that end in blanks survive the change."""
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")
    page = repository / "docs" / "access.md"
    edited = page.read_text(encoding="utf-8") + "\nOurs, with blanks at the end.  \n"
    page.write_text(edited, encoding="utf-8", newline="\n")
    git(repository, "commit", "--quiet", "--all", "--no-verify", "-m", "docs: add a line of ours")
    git(repository, "config", "apply.whitespace", "error")
    done = change_team(repository, team_environment, add_dana)
    assert done.returncode == 0, done.stderr
    assert page.read_text(encoding="utf-8") == edited


def test_on_a_terminal_the_roster_opens_in_the_editor_until_it_is_accepted(
    repository: Path, team_environment: TeamEnvironment, tmp_path: Path
) -> None:
    """A slip does not lose what was typed: the editor opens on it again, below the sentence."""
    git(repository, "switch", "--quiet", "-c", "feature/alice/team")
    editor = tmp_path / "editor"
    editor.write_text(
        "#!/bin/sh\n"
        'if grep -q boss "$1"; then sed -i.bak \'s/boss/researcher/\' "$1"; rm "$1.bak"; exit; fi\n'
        "echo '- {name: Dana, handle: dana, role: boss}' >>\"$1\"\n",
        encoding="utf-8",
    )
    editor.chmod(0o755)
    path = team_environment.environment(repository)["PATH"]
    variables = {
        "EDITOR": str(editor),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{path}",
    }
    terminal = open_terminal(team_environment, repository, "team", "edit", variables=variables)
    terminal.expect("unknown role 'boss'; it is researcher or infrastructure. Edit again?")
    terminal.sendline("y")
    assert "dana joins the team" in finish(terminal)
    assert "dana" in (repository / "hooks" / "handles").read_text(encoding="utf-8")
