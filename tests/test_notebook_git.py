"""Notebooks that were run, in real git: what it shows, stages, stashes and pulls."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import git, run
from tests.hooked import make_team, start

NAME = "notebooks/a.ipynb"
WRITERS: dict[str, Callable[[Any], str]] = {
    "Jupyter": lambda value: json.dumps(value, indent=1, ensure_ascii=False) + "\n",
    "VS Code": lambda value: json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True),
    "two": lambda value: json.dumps(value, indent=2) + "\n",
}
# Runs every cell of a notebook with a real kernel and prints it.
RUNNER = (
    "import json, sys, nbclient, nbformat\n"
    "notebook = nbformat.read(sys.argv[1], 4)\n"
    "nbclient.NotebookClient(notebook, timeout=120).execute()\n"
    "print(json.dumps(notebook))\n"
)


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """Return a repository of alice's with the filter, and its origin."""
    team = make_team(tmp_path)
    (team / ".gitattributes").write_text(
        "*.ipynb text eol=lf filter=quant-notebook\n", encoding="utf-8"
    )
    set_up(team)
    git(team, "add", ".gitattributes")
    git(team, "commit", "-q", "--no-verify", "-m", "feat: filter")
    git(tmp_path, "clone", "-q", "--bare", str(team), "origin")
    git(team, "remote", "add", "origin", str(tmp_path / "origin"))
    return team


def set_up(team: Path) -> None:
    """Configure the filter, as `quant setup` does."""
    for name, value in (("clean", "hooks/strip-notebook"), ("smudge", "cat"), ("required", "true")):
        git(team, "config", f"filter.quant-notebook.{name}", value)


def notebook(source: str, output: str = "") -> dict[str, Any]:
    """Return a notebook of a text and a cell, which was run if there is an output."""
    code: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "a",
        "metadata": {},
        "outputs": [],
        "source": ["import math  # für π\n", source],
    }
    if output:
        code["execution_count"] = len(output)
        code["metadata"] = {"execution": {"iopub.execute_input": f"2024-{output}"}}
        code["outputs"] = [{"name": "stdout", "output_type": "stream", "text": [output]}]
    text = {"cell_type": "markdown", "id": "b", "metadata": {}, "source": ["# Prices"]}
    return {"cells": [text, code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def save(team: Path, value: Any, writer: str = "Jupyter") -> str:
    """Save a notebook as a program does, and return what was written."""
    text = WRITERS[writer](value)
    path = team / NAME
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return text


def read(team: Path) -> str:
    return (team / NAME).read_text(encoding="utf-8")


def commit(team: Path) -> None:
    git(team, "add", NAME)
    git(team, "commit", "-q", "--no-verify", "-m", "feat: notebook")


@pytest.mark.parametrize("writer", WRITERS)
def test_git_shows_edits_and_no_runs(team: Path, writer: str) -> None:
    """Whatever saves the notebook: a run makes no difference, and an edit is one line."""
    save(team, notebook("x = 1"), writer)
    commit(team)
    ran = save(team, notebook("x = 1", "a long output"), writer)
    assert git(team, "diff") == ""
    git(team, "add", NAME)
    assert git(team, "status", "--porcelain") == ""
    assert read(team) == ran
    save(team, notebook("x = 2", "another output"), writer)
    assert git(team, "diff", "--numstat").split() == ["1", "1", NAME]
    commit(team)
    assert git(team, "status", "--porcelain") == ""


@pytest.mark.full
@pytest.mark.parametrize("writer", WRITERS)
def test_a_real_kernel_leaves_no_difference(team: Path, tmp_path: Path, writer: str) -> None:
    """Run, saved and committed, then run and saved again: nothing to commit."""
    save(team, notebook("print(math.pi)\n1 / 3"), writer)
    environment = {**os.environ, "JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter")}
    for _ in range(2):
        command = (sys.executable, "-c", RUNNER, team / NAME)
        ran = json.loads(run(*command, cwd=tmp_path, env=environment).stdout)
        assert ran["cells"][1]["outputs"]
        ran["cells"][1]["metadata"].setdefault("execution", {})
        save(team, ran, writer)
        if git(team, "status", "--porcelain", "-uall") == f"?? {NAME}":
            commit(team)
    assert git(team, "diff") == ""
    assert git(team, "show", f":{NAME}").count('"outputs": []') == 1
    assert '"outputs": []' not in read(team)


def test_a_run_and_a_stash_are_as_the_page_says(team: Path) -> None:
    """Listed as modified until it is staged; a stash takes the outputs away for good."""
    save(team, notebook("x = 1"))
    commit(team)
    save(team, notebook("x = 1", "a long output"))
    assert git(team, "status", "--porcelain") == f" M {NAME}"
    git(team, "add", NAME)
    assert git(team, "status", "--porcelain") == ""
    assert "No local changes" in git(team, "stash")
    assert "a long output" in read(team)
    save(team, notebook("x = 2", "an even longer output"))
    git(team, "stash")
    git(team, "stash", "pop")
    assert "x = 2" in read(team)
    assert "output" not in read(team).replace('"outputs"', "")


def test_a_run_and_a_pull_are_as_the_page_says(team: Path, tmp_path: Path) -> None:
    """Refused where it brings a new version of the notebook; staged first, it passes."""
    save(team, notebook("x = 1"))
    commit(team)
    git(team, "push", "-q", "-u", "origin", "HEAD:main", "--no-verify")
    git(tmp_path, "clone", "-q", "-b", "main", str(tmp_path / "origin"), "bob")
    bob = tmp_path / "bob"
    set_up(bob)
    save(bob, notebook("x = 2"))
    commit(bob)
    git(bob, "push", "-q", "origin", "HEAD:main", "--no-verify")
    ran = save(team, notebook("x = 1", "a long output"))
    pull = ("git", "pull", "-q", "--ff-only", "origin", "main")
    refused = start(team, *pull)
    assert "local changes to the following files would be overwritten" in refused.stderr
    assert read(team) == ran
    git(team, "add", NAME)
    assert start(team, *pull).returncode == 0
    assert read(team) == WRITERS["Jupyter"](notebook("x = 2"))


def test_a_secret_in_a_cell_is_not_committed(team: Path) -> None:
    """The hook names the cell and its line; the mark at the end of that line lets it pass."""
    git(team, "checkout", "-q", "-b", "feature/alice/x")
    value = "aB3dE5gH7jK9mN1pQ2rS" * 2
    secret = f'ALPACA_SECRET_KEY = "{value}"'
    command = ("git", "commit", "-m", "feat: read the account")
    save(team, notebook(secret, "a long output"))
    git(team, "add", NAME)
    refused = start(team, *command)
    assert refused.returncode == 1
    assert f"{NAME}: cell 2, line 2 looks like a credential." in refused.stdout + refused.stderr
    assert value not in refused.stdout + refused.stderr
    save(team, notebook(f"{secret}  # not-a-secret"))
    git(team, "add", NAME)
    done = start(team, *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_secret_in_utf_16_is_not_committed(team: Path) -> None:
    """A file that an editor on Windows saved is text too."""
    git(team, "checkout", "-q", "-b", "feature/alice/x")
    value = "aB3dE5gH7jK9mN1pQ2rS" * 2
    (team / "keys.txt").write_bytes(f"X-API-Key: {value}\r\n".encode("utf-16"))
    git(team, "add", "keys.txt")
    refused = start(team, "git", "commit", "-m", "docs: keys")
    assert refused.returncode == 1
    assert "keys.txt: line 1 looks like a" in refused.stdout + refused.stderr
