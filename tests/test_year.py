"""A simulated year of one team loses nothing, and planted faults are found in it.

Another or a longer one: `pytest -m full tests/test_year.py --year-seed 7 --year-days 1000`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TeamEnvironment
from tests.year import FIRST_UPDATE, Year
from tests.year_ledger import LostError

pytestmark = pytest.mark.full
HOOK = "template/hooks/pre-commit"
STASH = """
patch=$(git rev-parse --git-dir)/patch
git diff --binary >"$patch"
git checkout -q -- .
[ -s "$patch" ] && git apply "$patch"
"""


def replace(source: Path, name: str, old: str, new: str) -> None:
    path = source / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name} no longer holds {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def stash(source: Path) -> None:
    """Put what is not staged aside during a commit, as runners of hooks do."""
    replace(source, HOOK, "#!/bin/sh\n", "#!/bin/sh\n" + STASH)


def trust_personal_settings(source: Path) -> None:
    """Let `apply.whitespace=error` reach Copier, which drops edits then."""
    changed = 0
    for path in (source / "template" / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        new = re.sub(r'("?apply\.whitespace"?[:=] ?"?)nowarn', r"\1error", text)
        changed += new != text
        path.write_text(new, encoding="utf-8", newline="\n")
    assert changed


def merge_locks_by_hand(source: Path) -> None:
    """Let data.lock conflict: whoever merges takes one side of it."""
    replace(source, "template/.gitattributes", " merge=union", "")


def own_the_configuration(source: Path) -> None:
    """Let updates overwrite what the team was given for its own."""
    replace(source, "copier.yml", "- {path: /config/,", "- {path: /nothing/,")


PLANTED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a hook that stashes": (stash, "gone"),
    "an update under personal settings": (trust_personal_settings, "has dropped"),
    "a lock file that is not merged": (merge_locks_by_hand, "data.lock has lost"),
    "a starter that is overwritten": (own_the_configuration, "config/"),
}


def test_a_year_loses_nothing(
    template: Path,
    team_environment: TeamEnvironment,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """What members wrote is there, the doctor is content, the tree is the template's and theirs."""
    days = int(request.config.getoption("--year-days"))
    seed = int(request.config.getoption("--year-seed"))
    Year(template, team_environment, tmp_path, seed).run(days)


def test_a_planted_fault_is_found(
    template: Path, team_environment: TeamEnvironment, tmp_path: Path
) -> None:
    """A starter that an update overwrites is found on the day of that update."""
    plant, fault = PLANTED["a starter that is overwritten"]
    year = Year(template, team_environment, tmp_path, seed=1, plant=plant)
    with pytest.raises(LostError, match=fault):
        year.run(FIRST_UPDATE)
    assert year.office.number == FIRST_UPDATE
