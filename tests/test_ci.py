"""What CI judges: which commits, at which event of a forge, with the hooks' own programs."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, git
from tests.hooked import Done, make_team, stage, start

GITHUB = yaml.safe_load((ROOT / "template/.github/workflows/ci.yml").read_text("utf-8"))
GITLAB = yaml.safe_load((ROOT / "template/.gitlab-ci.yml").read_text("utf-8"))
NOTHING = "0" * 40
EVENTS: dict[str, dict[str, Any]] = {
    "pull_request": {"pull_request": {"base": {"sha": "BASE"}, "head": {"sha": "HEAD"}}},
    "merge_group": {"merge_group": {"base_sha": "BASE", "head_sha": "HEAD"}},
    "push": {"before": "BASE"},
}


def value(expression: str, event: dict[str, Any]) -> str:
    """Return what GitHub makes of `${{ github.event.a.b || github.sha }}`: the first that is."""
    found = re.search(r"\$\{\{ (.*) \}\}", expression)
    assert found
    for name in found[1].split(" || "):
        here: Any = {"github": {"event": event, "sha": "HEAD"}}
        for part in name.split("."):
            here = here.get(part, {})
        if here:
            return str(here)
    return ""


@pytest.mark.parametrize("name", EVENTS)
def test_each_event_names_both_ends_of_its_range(name: str) -> None:
    """A merge queue as well: without its event it would wait for the check for ever."""
    triggers = GITHUB[True]  # YAML reads `on` so
    assert name in triggers
    variables = GITHUB["jobs"]["checks"]["env"]
    assert value(variables["BASE"], EVENTS[name]) == "BASE"
    assert value(variables["HEAD"], EVENTS[name]) == "HEAD"


def test_a_title_is_judged_only_where_there_is_one() -> None:
    """A merge group and a push have none."""
    steps = GITHUB["jobs"]["checks"]["steps"]
    (title,) = [step for step in steps if "--title" in step.get("run", "")]
    assert title["if"] == "github.event_name == 'pull_request'"


def script(forge: str) -> str:
    """Return the lines of CI that judge a range."""
    if forge == "github":
        steps = GITHUB["jobs"]["checks"]["steps"]
        lines = [step.get("run", "") for step in steps]
    else:
        lines = GITLAB["checks"]["script"]
    (found,) = [line for line in lines if "--range" in line]
    return str(found)


def judge(team: Path, forge: str, base: str) -> Done:
    """Run these lines as the forge does, over what the branch has beyond `base`."""
    head = git(team, "rev-parse", "HEAD")
    names = {
        "github": {"BASE": base, "HEAD": head},
        "gitlab": {"CI_COMMIT_BEFORE_SHA": base, "CI_COMMIT_SHA": head},
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return start(team, "bash", "-e", "-c", script(forge), PATH=path, **names[forge])


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_ci_names_bad_files_and_bad_messages_together(tmp_path: Path, forge: str) -> None:
    """What went past the hooks is found, the first commit of all included."""
    team = make_team(tmp_path)
    assert judge(team, forge, NOTHING).returncode == 0
    base = git(team, "rev-parse", "HEAD")
    stage(team, "bad\n.md", "<<<<<<< ours\n")
    git(team, "commit", "-q", "--no-verify", "-m", "nonsense")
    for before in (base, NOTHING, "1" * 40):
        done = judge(team, forge, before)
        assert done.returncode == 1
        assert "bad\\n.md: line 1 is a conflict marker" in done.stdout
        assert "feat: nonsense" in done.stderr
    git(team, "commit", "-q", "--no-verify", "--amend", "-m", "docs: bad")
    done = judge(team, forge, base)
    assert (done.returncode, "1 commit messages follow" in done.stdout) == (1, True)
    git(team, "mv", "bad\n.md", "good.md")
    stage(team, "good.md", "good\n")
    git(team, "commit", "-q", "--no-verify", "--amend", "-m", "docs: good")
    assert judge(team, forge, base).returncode == 0


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_the_first_commit_is_judged(tmp_path: Path, forge: str) -> None:
    """The first push of a repository has no base, and its first commit holds files."""
    team = make_team(tmp_path)
    git(team, "checkout", "-q", "--orphan", "new")
    stage(team, "bad.md", "<<<<<<< ours\n")
    git(team, "commit", "-q", "--no-verify", "-m", "feat: first")
    done = judge(team, forge, NOTHING)
    assert done.returncode == 1
    assert "bad.md: line 1" in done.stdout


def test_a_merge_train_judges_the_branch_s_own_commits(tmp_path: Path) -> None:
    """GitLab runs it on a merge commit and names the branch's head apart."""
    team = make_team(tmp_path)
    base = git(team, "rev-parse", "HEAD")
    stage(team, "bad.md", "<<<<<<< ours\n")
    git(team, "commit", "-q", "--no-verify", "-m", "docs: before it in the train")
    train = git(team, "rev-parse", "HEAD")
    git(team, "switch", "-q", "-c", "feature/alice/topic", base)
    stage(team, "good.md")
    git(team, "commit", "-q", "-m", "docs: good")
    head = git(team, "rev-parse", "HEAD")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
        "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": head,
        "CI_COMMIT_SHA": train,
    }
    done = start(team, "bash", "-e", "-c", script("gitlab"), PATH=path, **variables)
    assert done.returncode == 0, done.stdout
