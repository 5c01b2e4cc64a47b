"""From every release, `copier update` ends where a fresh copy does.

The history of releases comes from `tests/releases.bundle`; the working tree is added to it as the
next one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from release import BUNDLE, PARTS, open_history, versions
from tests.conftest import ROOT, git
from tests.releases import (
    NEXT,
    RELEASES,
    TEAM,
    assert_same,
    commit,
    content,
    copy,
    render,
    update,
)


def test_there_is_a_release_to_update_from() -> None:
    """The bundle is there, and its newest release is not newer than the changelog."""
    assert RELEASES
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for release in RELEASES:
        assert f"\n## {release}" in changelog, release


def test_the_bundle_never_holds_itself(tmp_path: Path) -> None:
    """A release holds what Copier reads and nothing else, so the bundle cannot grow by its own
    size.
    """
    folder = open_history(BUNDLE, tmp_path / "history")
    assert [str(version) for version in versions(folder)] == RELEASES
    for release in RELEASES:
        assert set(git(folder, "ls-tree", "--name-only", release).split()) == set(PARTS)


# From older releases, and for GitLab, whose copy differs in few files, the full tier is enough.
PATHS = [
    *[pytest.param(release, "github", marks=pytest.mark.full) for release in RELEASES[:-1]],
    *[pytest.param(release, "gitlab", marks=pytest.mark.full) for release in RELEASES],
    pytest.param(RELEASES[-1], "github"),
]


@pytest.mark.parametrize(("release", "forge"), PATHS)
def test_an_untouched_project_updated_equals_a_fresh_copy(
    history: Path, tmp_path: Path, release: str, forge: str
) -> None:
    """From every release to the working tree, with nothing edited, nothing differs from copying
    today.
    """
    old = copy(history, tmp_path / "old", release, TEAM, forge=forge, systems=["postgres"])
    starters = {n: b for n, b in content(old, starters=True).items() if n not in content(old)}
    update(old, NEXT)
    assert_same(
        old, render(history, tmp_path / "new", NEXT, TEAM, forge=forge, systems=["postgres"])
    )
    now = content(old, starters=True)
    assert {name: now[name] for name in starters} == starters
    assert git(old, "diff", "--name-only", "--diff-filter=U") == ""


def test_an_update_twice_changes_nothing(history: Path, tmp_path: Path) -> None:
    """The second update is a no-op."""
    folder = copy(history, tmp_path / "team", RELEASES[0], TEAM)
    update(folder, NEXT)
    commit(folder)
    before = content(folder, starters=True)
    update(folder, NEXT)
    assert content(folder, starters=True) == before
    assert git(folder, "status", "--porcelain") == ""
