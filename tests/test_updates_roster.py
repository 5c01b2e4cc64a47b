"""Any roster becomes any other by an update, as a fresh copy would have it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from copier import VcsRef
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release import add_release
from tests.conftest import git
from tests.releases import (
    CHANGED,
    NEXT,
    RELEASES,
    assert_same,
    commit,
    copy,
    render,
    update,
)

members = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["Alice", 'O\'Neil "Q"', "{{ x }}", "# é 🐛", "null"]),
        "handle": st.sampled_from(["alice", "bob", "no", "null", "zed", "a-b", "e5", "y"]),
        "role": st.sampled_from(["researcher", "infrastructure"]),
    },
    optional={
        "senior": st.booleans(),
        "left": st.booleans(),
        "grants": st.sampled_from(
            [{}, {"tickdb": ["write:alerts"]}, {"s3_data_bucket": ["s3:PutObject"]}]
        ),
        "deny": st.just({"tickdb": ["read:depth"]}),
    },
)
rosters = st.lists(members, min_size=1, max_size=8, unique_by=lambda m: m["handle"]).filter(
    lambda team: any(m.get("senior") and not m.get("left") for m in team)
)


@pytest.fixture(scope="module")
def rendered_part(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the newest two releases with only those files that depend on an answer: no other can
    differ.
    """
    folder = tmp_path_factory.mktemp("part") / "history"
    shutil.copytree(history, folder)
    git(folder, "tag", "--delete", *git(folder, "tag").split())
    for tag in (RELEASES[-1], NEXT):
        source = tmp_path_factory.mktemp("source")
        git(history, f"--work-tree={source}", "checkout", "--quiet", tag, "--", ".")
        for path in (source / "template").rglob("*"):
            if path.is_file() and path.suffix != ".jinja":
                path.unlink()
        add_release(folder, source, tag)
    git(history, "reset", "--quiet", "--hard", CHANGED)
    return folder


@pytest.mark.full  # 40 updates take about a minute
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.filter_too_much,
        HealthCheck.too_slow,
    ],
)
@given(walk=st.lists(rosters, min_size=6, max_size=6))
def test_any_roster_becomes_any_other(
    rendered_part: Path, tmp_path_factory: pytest.TempPathFactory, walk: list[list[dict[str, Any]]]
) -> None:
    """Eight walks through six rosters, 40 pairs: each update is a fresh copy of that roster, byte
    for byte.

    The first step of each walk also goes from the last release to the next.
    """
    folder = tmp_path_factory.mktemp("walk")
    project = copy(rendered_part, folder / "project", RELEASES[-1], walk[0], systems=["s3"])
    for number, team in enumerate(walk[1:]):
        update(project, VcsRef.CURRENT if number else NEXT, team=team)
        commit(project)
        assert_same(
            project, render(rendered_part, folder / str(number), NEXT, team, systems=["s3"])
        )
    shutil.rmtree(folder)
