"""No byte that a member wrote is lost, whatever they do, under whatever git settings."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import copier
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from release import add_release, open_history
from tests.conftest import TeamEnvironment, git
from tests.member import Prepared
from tests.workyear import Workyear

# What the next release changes: a line at the beginning or the end of a file; one file goes.
BEGINNING = ["README.md.jinja", "docs/git-workflow.md"]
END = ["docs/data.md", "requirements.txt", "src/features/quant_team_features/momentum.py"]
REMOVED = "docs/scaling.md"
CHANGED = frozenset(
    [".copier-answers.yml", REMOVED, "docs/news.md"]
    + [path.removesuffix(".jinja") for path in BEGINNING + END]
)


def next_release(source: Path) -> None:
    """Change a copy of the template as a next release does."""
    template = source / "template"
    for name in BEGINNING:
        text = (template / name).read_text(encoding="utf-8")
        (template / name).write_text("The template's news.\n\n" + text, encoding="utf-8")
    for name in END:
        with (template / name).open("a", encoding="utf-8") as file:
            file.write("\n\n# the template's news\n")
    (template / REMOVED).unlink()
    (template / "docs" / "news.md").write_text("# News\n", encoding="utf-8")


def prepare(template: Path, environment: TeamEnvironment, folder: Path) -> Prepared:
    """Set up the repository that each example copies."""
    history = open_history(folder / "none", folder / "history")
    add_release(history, template, "1.0.0")
    source = folder / "source"
    shutil.copytree(template, source, ignore=shutil.ignore_patterns(".git"))
    next_release(source)
    add_release(history, source, "1.1.0")
    team = folder / "team"
    copier.run_copy(str(history), team, vcs_ref="1.0.0", defaults=True, quiet=True)
    environment.run(team, "quant", "setup", "--defaults")
    git(team, "switch", "--quiet", "-c", "feature/alice/x")
    git(team, "gc", "--quiet")
    variables = environment.environment(team)
    programs = [variables["PATH"], str(Path(sys.executable).parent), os.environ["PATH"]]
    variables["PATH"] = os.pathsep.join(programs)
    return Prepared(team, variables, CHANGED, git(team, "rev-parse", "HEAD"))


@pytest.fixture(scope="module")
def prepared(
    template: Path, team_environment: TeamEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Prepared:
    """Return what the repository of each example is copied from."""
    return prepare(template, team_environment, tmp_path_factory.mktemp("prepared"))


def examples(number: int, steps: int) -> settings:
    """Return settings under which every run tries the same examples."""
    return settings(
        max_examples=number,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def work(prepared: Prepared, limits: settings) -> None:
    """Let members work; fail where one of them loses anything."""
    machine: Any = functools.partial(Workyear, prepared)
    run_state_machine_as_test(machine, settings=limits)


def test_nothing_is_lost_in_a_few_days(prepared: Prepared) -> None:
    """A few sequences of steps, each under personal settings of its own."""
    work(prepared, examples(4, 20))


@pytest.mark.full
def test_nothing_is_lost_in_many_days(prepared: Prepared) -> None:
    """Many sequences, and longer ones."""
    work(prepared, examples(36, 35))
