"""The team changes: nothing of theirs is deleted or edited, at the same version and across
versions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copier import VcsRef

from tests.releases import (
    ALICE,
    BOB,
    CHARLIE,
    NEXT,
    RELEASES,
    TEAM,
    commit,
    content,
    copy,
    render,
    update,
)


def joins() -> list[dict[str, Any]]:
    return [*TEAM, {"name": "Dana", "handle": "dana", "role": "researcher", "login": "dana-d"}]


def to_ten() -> list[dict[str, Any]]:
    return [*TEAM, *({"name": f"N{i}", "handle": f"n{i}", "role": "researcher"} for i in range(7))]


CHANGES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "join": joins,
    "leave": lambda: [ALICE, {**BOB, "left": True}, CHARLIE],
    "remove": lambda: [ALICE, CHARLIE],
    "rename": lambda: [ALICE, {**BOB, "name": "Robert"}, CHARLIE],
    "new handle": lambda: [ALICE, {**BOB, "handle": "robert"}, CHARLIE],
    "promotion": lambda: [ALICE, BOB, {**CHARLIE, "senior": True}],
    "role change": lambda: [ALICE, {**BOB, "role": "infrastructure"}, CHARLIE],
    "grant": lambda: [ALICE, {**BOB, "grants": {"tickdb": ["write:alerts"]}}, CHARLIE],
    "three to ten": to_ten,
}


# The one that deletes most; the others stand in the full tier.
SOME = [
    change if change == "remove" else pytest.param(change, marks=pytest.mark.full)
    for change in CHANGES
]


@pytest.mark.parametrize("change", SOME)
def test_a_change_of_the_team_deletes_and_edits_nothing_of_theirs(
    history: Path, tmp_path: Path, change: str
) -> None:
    """At the same version and across versions: the result is a fresh copy with that team, and
    work stays as it is.
    """
    team = CHANGES[change]()
    folder = copy(history, tmp_path / "team", RELEASES[-1], TEAM)
    mine = {
        "notebooks/bob/example.ipynb": b'{"edited": true}\n',
        "results/momentum/2026-01-02_aapl_momentum_v1_bob-0a1b2c.yaml": b"analyst: bob\n",
        "src/strategies/quant_team_strategies/bobs.py": b"X = 1\n",
        "config/environments/research.yaml": b"commission: 0.002\n",
    }
    for name, data in mine.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    commit(folder)
    update(folder, VcsRef.CURRENT, team=team)
    assert {name: (folder / name).read_bytes() for name in mine} == mine
    commit(folder)
    update(folder, NEXT)
    assert {name: (folder / name).read_bytes() for name in mine} == mine
    fresh = render(history, tmp_path / "fresh", NEXT, team)
    now, then = content(folder), content(fresh)
    assert {name: data for name, data in now.items() if name not in mine} == then
