"""Planted faults: each bad change to the template makes the checks of an update fail."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copier.errors import UnsafeTemplateError, UserMessageError
from jinja2 import UndefinedError

from release import add_release
from tests.conftest import git
from tests.releases import (
    ALICE,
    CHANGED,
    CHARLIE,
    NEXT,
    RELEASES,
    STARTERS,
    TEAM,
    assert_same,
    commit,
    content,
    copy,
    render,
    update,
)


def planted(history: Path, target: Path, change: Callable[[Path], object]) -> Path:
    """Return the history with one more release that has a fault."""
    shutil.copytree(history, target)
    git(target, "tag", "--delete", CHANGED)
    git(target, "reset", "--quiet", "--hard", NEXT)
    source = target.parent / "source"
    shutil.copytree(target, source, ignore=shutil.ignore_patterns(".git"))
    change(source)
    git(target, "tag", "--delete", NEXT)
    add_release(target, source, NEXT)
    return target


def edit(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(source: Path) -> None:
        text = (source / name).read_text(encoding="utf-8")
        assert old in text, f"{name} no longer holds {old!r}"
        (source / name).write_text(text.replace(old, new), encoding="utf-8", newline="\n")

    return change


def remove_question(source: Path) -> None:
    document = (source / "copier.yml").read_text(encoding="utf-8")
    text = re.sub(r"^owner:\n(?:  .*\n|\n)+", "", document, count=1, flags=re.MULTILINE)
    assert text != document
    (source / "copier.yml").write_text(text, encoding="utf-8", newline="\n")


def roster_path(source: Path) -> None:
    folder = source / "template" / "notebooks"
    (folder / "{% yield m from active %}{{ m.handle }}.md{% endyield %}.jinja").write_text(
        "x\n", encoding="utf-8"
    )


def forget_starter(source: Path) -> None:
    edit("copier.yml", "    - {path: /config/", "    - {path: /nothing/")(source)
    path = source / "template" / "config" / "environments" / "research.yaml"
    path.write_text("# changed\n" + path.read_text("utf-8"), encoding="utf-8", newline="\n")


PLANTED: dict[str, Callable[[Path], object]] = {
    "a removed question that a file still uses": remove_question,
    "a starter that is not excluded": forget_starter,
    "an unsorted dump of the team": edit(
        "template/hooks/handles.jinja", "for member in active", "for member in team"
    ),
    "a task": edit(
        "copier.yml", "_subdirectory: template", '_subdirectory: template\n_tasks: ["true"]'
    ),
    "a path that depends on the roster": roster_path,
    "a template that changes on its own": edit(
        "template/hooks/handles.jinja", "{{", "{{ range(10000) | random }}{{"
    ),
}


DANA: dict[str, Any] = {"name": "Dana", "handle": "dana", "role": "researcher"}


def assert_dull(releases: Path, folder: Path) -> None:
    """Update a project with a file and edits of its own to another team; fail if anything is lost
    or differs.
    """
    team: list[dict[str, Any]] = [
        dict(reversed(m.items())) for m in (CHARLIE, {**ALICE, "name": "A"}, DANA)
    ]
    old = copy(releases, folder / "old", RELEASES[-1], TEAM)
    starters = {
        name: data
        for name, data in content(old, starters=True).items()
        if f"/{name}".startswith(tuple(STARTERS))
    }
    (old / "notebooks" / "bob.md").write_text("bob's\n", encoding="utf-8")
    commit(old)
    update(old, NEXT, team=team)
    assert (old / "notebooks" / "bob.md").read_text(encoding="utf-8") == "bob's\n"
    now = content(old, starters=True)
    assert {name: now.get(name) for name in starters} == starters
    (old / "notebooks" / "bob.md").unlink()
    one = render(releases, folder / "one", NEXT, team)
    assert_same(old, one)
    two = render(releases, folder / "two", NEXT, sorted(team, key=lambda m: str(m["handle"])))
    (one / ".copier-answers.yml").unlink()
    (two / ".copier-answers.yml").unlink()
    assert_same(one, two)
    three = render(releases, folder / "three", NEXT, [ALICE])
    assert content(two).keys() == content(three).keys() - {".copier-answers.yml"}


def test_the_template_is_dull(history: Path, tmp_path: Path) -> None:
    """Where no fault is planted, none is seen."""
    assert_dull(history, tmp_path)


# One that an assertion sees; the others stand in the full tier.
ONE = "a starter that is not excluded"
OTHERS = [pytest.param(fault, marks=pytest.mark.full) for fault in PLANTED if fault != ONE]


@pytest.mark.parametrize("fault", [ONE, *OTHERS])
def test_a_planted_fault_is_seen(history: Path, tmp_path: Path, fault: str) -> None:
    """Each bad change to the template fails: by an assertion, or because Copier refuses it."""
    bad = planted(history, tmp_path / "history", PLANTED[fault])
    with pytest.raises(
        (AssertionError, ValueError, UserMessageError, UndefinedError, UnsafeTemplateError)
    ) as caught:
        assert_dull(bad, tmp_path)
    print(f"{fault}: {type(caught.value).__name__}: {caught.value}")


def test_a_tightened_validator_never_replaces_the_team(history: Path, tmp_path: Path) -> None:
    """Copier drops an answer that no longer validates: the update stops there, and the example
    team stays away.
    """
    tighter = planted(
        history,
        tmp_path / "history",
        edit("copier.yml", "handle | length <= 39", "handle | length <= 3"),
    )
    folder = copy(tighter, tmp_path / "team", RELEASES[-1], TEAM)
    before = content(folder, starters=True)
    with pytest.raises(ValueError, match='Question "team" is required'):
        update(folder, NEXT)
    assert content(folder, starters=True) == before
