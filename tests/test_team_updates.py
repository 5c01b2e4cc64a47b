"""A team lives through an update: it sees its conflicts, and its own tests pass afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TeamEnvironment, git
from tests.releases import CHANGED, NEXT, RELEASES, TEAM, commit, copy, update

pytestmark = pytest.mark.full
MARKED = "<<<<<<< before updating\nours\n=======\ntheirs\n>>>>>>> after updating\n"


@pytest.fixture
def team(history: Path, tmp_path: Path, team_environment: TeamEnvironment) -> Path:
    """Return a repository at the version of the working tree, set up, on a feature branch."""
    folder = copy(history, tmp_path / "team", NEXT, TEAM)
    team_environment.run(folder, "quant", "setup", "--defaults")
    git(folder, "switch", "--quiet", "-c", "feature/alice/template")
    return folder


def failed(repository: Path, environment: TeamEnvironment, **env: str) -> list[str]:
    """Return the FAIL lines of `quant doctor`."""
    done = environment.run(repository, "quant", "doctor", check=False, env=env)
    assert "Traceback" not in done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("FAIL")]


def is_named(repository: Path, environment: TeamEnvironment, fault: str) -> bool:
    """Tell whether a FAIL line of `quant doctor` holds a text."""
    return any(fault in line for line in failed(repository, environment))


# --- conflicts


def test_conflicts_of_an_update_are_named_until_resolved(
    team: Path, team_environment: TeamEnvironment
) -> None:
    """By doctor while unmerged, by the hook once staged, by doctor and CI past the hook."""
    readme = team / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text("# ours\n" + text, encoding="utf-8", newline="\n")
    commit(team)
    update(team, CHANGED)
    assert is_named(team, team_environment, "README.md: unmerged")
    git(team, "checkout", "HEAD", "--", ".")
    readme.write_text(MARKED, encoding="utf-8", newline="\n")
    git(team, "add", "README.md")
    done = team_environment.run(team, "git", "commit", "-m", "docs: update", check=False)
    assert done.returncode != 0
    assert "README.md: line 1 is a conflict marker" in done.stderr
    assert is_named(team, team_environment, "README.md: conflict markers")
    git(team, "commit", "--quiet", "--no-verify", "-m", "docs: update")
    assert is_named(team, team_environment, "README.md: conflict markers")
    done = team_environment.run(
        team, "python", "hooks/file_checks.py", "--range", "HEAD~1..HEAD", check=False
    )
    assert "README.md: line 1 is a conflict marker" in done.stdout


def test_rejected_changes_of_an_update_are_named(
    team: Path, team_environment: TeamEnvironment
) -> None:
    """A `.rej` file shows in `git status`, in doctor, and in the hook once it is staged."""
    (team / "README.md.rej").write_text("@@ -1 +1 @@\n", encoding="utf-8")
    assert git(team, "status", "--porcelain") == "?? README.md.rej"
    assert any(
        "README.md.rej" in line and line.endswith("rm README.md.rej")
        for line in failed(team, team_environment)
    )
    git(team, "add", "--all")
    done = team_environment.run(team, "git", "commit", "-m", "docs: update", check=False)
    assert done.returncode != 0
    assert "README.md.rej: left over from an update or a merge" in done.stderr


@pytest.mark.parametrize("name", [".copier-answers.yml", "infrastructure/permissions.yaml"])
def test_a_rendered_file_edited_by_hand_is_noticed_and_explained(
    team: Path, team_environment: TeamEnvironment, name: str
) -> None:
    """A member promoted by hand: doctor says that the two files disagree, and the way back."""
    path = team / name
    lines = path.read_text(encoding="utf-8").replace("senior: false", "senior: true").splitlines()
    if name == ".copier-answers.yml":
        lines.insert(lines.index("    handle: charlie") + 1, "    senior: true")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    lines = failed(team, team_environment)
    assert any(line.startswith("FAIL  roster:") and "git checkout" in line for line in lines), lines


# --- quant template update


def template_update(
    team: Path, environment: TeamEnvironment, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run `quant template update` with the Copier of these tests on PATH."""
    folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([folder, environment.environment(team)["PATH"]])
    command = ("quant", "template", "update", *options)
    return environment.run(team, *command, check=False, env={"PATH": path})


def test_an_update_is_left_for_review_with_the_line_that_commits_it(
    team: Path, team_environment: TeamEnvironment
) -> None:
    """Compiled and uncommitted; work in progress keeps bytes and times and is not committed."""
    mine = {
        team / "results" / "own" / "a.yaml": "x: 1\n",
        team / "notebooks" / "alice" / "new.ipynb": "{}",
    }
    for path, text in mine.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    times = {path: path.stat().st_mtime_ns for path in mine}
    head = git(team, "rev-parse", "HEAD")
    done = template_update(team, team_environment)
    assert done.returncode == 0, done.stderr
    assert f"template {NEXT} -> {CHANGED}" in done.stdout
    assert "your edits: " in done.stdout
    assert git(team, "rev-parse", "HEAD") == head
    assert "the template's new line" in (team / "README.md").read_text(encoding="utf-8")
    assert {path: path.stat().st_mtime_ns for path in mine} == times
    team_environment.run(team, "quant", "access", "compile", "--check")
    line = done.stdout.splitlines()[-1].strip()
    assert line.endswith('git commit -m "feat: update the template"')
    add = line.rpartition(" && ")[0]
    team_environment.run(team, "bash", "-c", add)
    staged = git(team, "diff", "--cached", "--name-only").splitlines()
    assert "README.md" in staged
    assert not any(path.relative_to(team).as_posix() in staged for path in mine)


def test_conflicts_are_named_by_the_update_itself(
    team: Path, team_environment: TeamEnvironment
) -> None:
    """Copier ends with success; the command does not, and says how to go on and back."""
    readme = team / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text("# ours\n" + text, encoding="utf-8", newline="\n")
    commit(team)
    done = template_update(team, team_environment)
    assert done.returncode == 1
    assert "conflicts with edits in README.md: resolve the marked lines" in done.stderr
    assert "your edits: conflicting in 1 file\n" in done.stdout
    assert "conflicting: README.md  ->  git diff HEAD -- README.md\n" in done.stdout
    assert "<<<<<<< " in readme.read_text(encoding="utf-8")
    undo = done.stderr.rpartition("run `")[2].partition("`")[0]
    team_environment.run(team, "bash", "-c", undo)
    assert readme.read_text(encoding="utf-8") == "# ours\n" + text


def test_an_update_that_loses_an_edit_fails(
    team: Path, tmp_path: Path, team_environment: TeamEnvironment
) -> None:
    """A Copier that drops a line and succeeds: the command names the file and the way back."""
    readme = team / "README.md"
    text = readme.read_text(encoding="utf-8") + "# ours\n"
    readme.write_text(text, encoding="utf-8", newline="\n")
    commit(team)
    copier = Path(sys.executable).parent / "copier"
    forgetful = tmp_path / "bin" / "copier"
    forgetful.parent.mkdir()
    forgetful.write_text(
        f'#!/bin/sh\n"{copier}" "$@" || exit\n[ "$1" != update ] || sed -i "/# ours/d" README.md\n',
        encoding="utf-8",
    )
    forgetful.chmod(0o755)
    path = os.pathsep.join([str(forgetful.parent), team_environment.environment(team)["PATH"]])
    command = ("quant", "template", "update")
    done = team_environment.run(team, *command, check=False, env={"PATH": path})
    assert done.returncode == 1
    assert "your edits: gone in 1 file\n" in done.stdout
    assert "gone: README.md  ->  git diff HEAD -- README.md\n" in done.stdout
    assert "README.md: the update has lost edits of your team" in done.stderr
    undo = done.stderr.rpartition("run `")[2].partition("`")[0]
    team_environment.run(team, "bash", "-c", undo)
    assert readme.read_text(encoding="utf-8") == text


def test_an_update_needs_a_branch_and_a_clean_tree(
    team: Path, team_environment: TeamEnvironment
) -> None:
    """The checks of `quant team edit`; at the version that is there already, nothing changes."""
    done = template_update(team, team_environment, "--to", NEXT)
    assert done.stdout.strip() == f"Nothing changed: this repository is at {NEXT}."
    (team / "note.txt").write_text("x", encoding="utf-8")
    done = template_update(team, team_environment)
    assert "The work tree is not clean (?? note.txt)" in done.stderr
    (team / "note.txt").unlink()
    git(team, "switch", "--quiet", "main")
    done = template_update(team, team_environment)
    assert "not on main: run `git switch -c feature/alice/template develop`" in done.stderr
    assert git(team, "status", "--porcelain") == ""


# --- after the update


def quant_of(folder: Path) -> list[str]:
    """Return the words that run `quant` of a release, whose front may have been another module."""
    if (folder / "src" / "utils" / "quant_team_utils" / "cli.py").exists():
        return ["python", "-c", "from quant_team_utils.cli import main; main()"]
    return ["quant"]


@pytest.mark.parametrize("release", [RELEASES[0], NEXT])
def test_the_teams_own_tests_pass_after_an_update(
    history: Path, tmp_path: Path, team_environment: TeamEnvironment, release: str
) -> None:
    """From the oldest release, the team having grown: set-up, doctor, lint, types, tests pass."""
    folder = copy(history, tmp_path / "team", release, TEAM)
    # The oldest release's doctor asks for packages that are no longer installed here: only
    # what its set-up configures matters.
    team_environment.run(folder, *quant_of(folder), "setup", "--defaults", check=False)
    git(folder, "switch", "--quiet", "-c", "feature/alice/template")
    newcomer = {"name": "Dana", "handle": "dana", "role": "researcher", "login": "dana-d"}
    update(folder, NEXT, team=[*TEAM, newcomer])
    team_environment.run(folder, "quant", "access", "compile")
    team_environment.run(folder, "quant", "setup")
    team_environment.run(folder, "ruff", "format")
    git(folder, "add", "--all")
    team_environment.run(folder, "git", "commit", "--quiet", "-m", "feat: update the template")
    team_environment.run(folder, "quant", "doctor")
    team_environment.run(folder, "ruff", "check")
    team_environment.run(folder, "mypy")
    team_environment.test(folder)
