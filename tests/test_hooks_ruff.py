"""What the hooks make of Python: ruff's verdict on what is staged, the same as CI's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import git
from tests.hooked import commit, make_filtered_team, refused, stage, start, taken
from tests.test_file_checks import CHECKS, notebook

GOOD = '"""A module."""\n\nX = 1\n'
UNFORMATTED = '"""A module."""\n\nX=1\n'
UNUSED = '"""A module."""\n\nimport os\n'


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """Return a repository of alice's with the hooks and filters of a team, on a branch of hers."""
    return make_filtered_team(tmp_path)


@pytest.mark.parametrize(("text", "word"), [(UNFORMATTED, "not formatted"), (UNUSED, "F401")])
def test_ruff_judges_what_is_staged(team: Path, text: str, word: str) -> None:
    """A bad file that is good in the folder is refused, a good one that is bad there is taken."""
    stage(team, "module.py", text)
    (team / "module.py").write_text(GOOD, encoding="utf-8")
    refused(commit(team), "module.py:", word, "module.py && git add module.py")
    git(team, "add", "module.py")
    (team / "module.py").write_text(text, encoding="utf-8")
    taken(commit(team))
    assert (team / "module.py").read_text(encoding="utf-8") == text


def test_a_staged_setting_of_ruff_counts_and_judges_every_file(team: Path) -> None:
    """As in CI, where the settings of the commit count, for files that did not change too."""
    stage(team, "module.py", GOOD.replace("X = 1", "print(1)"))
    taken(commit(team))
    settings = (team / "pyproject.toml").read_text(encoding="utf-8")
    stage(team, "pyproject.toml", settings.replace('"RET", ', '"RET", "T20", '))
    (team / "pyproject.toml").write_text(settings, encoding="utf-8")
    refused(commit(team), "module.py:3:1: T201")


def test_no_personal_setting_of_ruff_counts(team: Path) -> None:
    """Where the repository says nothing, ruff's own rules hold, as in CI."""
    settings = (team / "pyproject.toml").read_text(encoding="utf-8")
    stage(team, "pyproject.toml", settings.partition("[tool.ruff]")[0])
    git(team, "commit", "-q", "--no-verify", "-m", "feat: no settings of ruff")
    home = team.parent / "home"
    (home / "ruff").mkdir(parents=True)
    (home / "ruff" / "ruff.toml").write_text('lint.select = ["D"]\n', encoding="utf-8")
    stage(team, "module.py", "X = 1\n")
    environment = {"XDG_CONFIG_HOME": str(home), "RUFF_OUTPUT_FORMAT": "json"}
    taken(commit(team, "-m", "feat: x", **environment))
    stage(team, "module.py", "X=1\n")
    refused(commit(team, "-m", "feat: x", **environment), "module.py: not formatted.")


def test_every_file_that_ruff_refuses_is_in_the_command(team: Path) -> None:
    """However many they are, and the command as printed makes the commit possible."""
    for number in range(12):
        stage(team, f"module {number}.py", UNFORMATTED)
    (team / "module 3.py").write_text(GOOD, encoding="utf-8")
    done = commit(team)
    refused(done, *(f"module {number}.py: not formatted." for number in range(12)))
    command = done.stderr.splitlines()[-1].partition("Fix it: ")[2]
    path = os.pathsep.join([str(Path(CHECKS[0]).parent), os.environ["PATH"]])
    assert start(team, "sh", "-c", command, PATH=path).returncode == 0
    taken(commit(team))


def test_ruff_tells_the_team_s_modules_from_others(team: Path) -> None:
    """The order of imports is judged as in the repository, though not all of it is there."""
    stage(team, "src/data/ours/__init__.py", "")
    stage(team, "src/data/ours/bars.py", GOOD)
    taken(commit(team))
    right = '"""A module."""\n\nimport numpy\n\nfrom ours import bars\n\nX = numpy, bars\n'
    wrong = right.replace("numpy\n\nfrom", "numpy\nfrom")
    for text in (right, wrong):
        stage(team, "user.py", text)
        in_folder = start(team, str(Path(CHECKS[0]).parent / "ruff"), "check", "-q")
        done = commit(team)
        assert done.returncode == in_folder.returncode == int(text == wrong), done.stderr


def test_a_notebook_is_judged_by_ruff_where_ci_does(team: Path) -> None:
    """The settings leave `notebooks/` to its authors."""
    text = notebook(source=["import os"])
    stage(team, "notebooks/a.ipynb", text)
    taken(commit(team))
    stage(team, "docs/a.ipynb", text)
    refused(commit(team), "docs/a.ipynb:cell 1:1:8: F401")


def test_python_is_not_committed_unchecked_where_ruff_is_missing(team: Path) -> None:
    """The refusal says so, with the command; what ruff does not read is committed."""
    alone = team.parent / "alone"
    alone.mkdir()
    for name in ("git", "sh"):
        (alone / name).symlink_to(str(shutil.which(name)))
    (alone / "python3").write_text(f'#!/bin/sh\nexec {CHECKS[0]} "$@"\n', encoding="utf-8")
    (alone / "python3").chmod(0o755)
    no_ruff = team / "hooks" / "tree_checks.py"
    text = no_ruff.read_text(encoding="utf-8")
    no_ruff.write_text(text.replace('"ruff")', '"no-such-ruff")'), encoding="utf-8")
    stage(team, "module.py", GOOD)
    refused(commit(team), "pip install -r requirements.txt && quant setup")
    git(team, "rm", "-q", "--cached", "module.py")
    stage(team)
    taken(commit(team))
