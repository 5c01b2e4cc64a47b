"""Files that a release has moved: what the team wrote into the old ones never goes unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TeamEnvironment, git
from tests.releases import NEXT, TEAM, commit, copy, examined, update

MARK = "# the team's own line"
# A line of 0.2.0 that has moved to another file since, by file.
DOCTOR = "src/utils/quant_team_utils/doctor.py"
CLIENT = "src/data/quant_team_data/data_client.py"
RUNNER = "src/backtest/quant_team_backtest/runner.py"
MOVED = {
    DOCTOR: "def check_python(root: Path) -> Check:",
    CLIENT: "def _retry_after(text: str | None) -> float | None:",
    RUNNER: "def load_environment(root: Path, name: str) -> Assumptions:",
}


@pytest.fixture
def edited(history: Path, tmp_path: Path) -> Path:
    """Return a team at 0.2.0 that has put a line of its own above each line that has moved."""
    team = copy(history, tmp_path / "team", "0.2.0", TEAM)
    for name, line in MOVED.items():
        path = team / name
        before = path.read_text(encoding="utf-8")
        assert line in before
        path.write_text(before.replace(line, f"{MARK}\n{line}"), encoding="utf-8")
    commit(team)
    return team


@pytest.mark.full
def test_an_edit_of_moved_code_conflicts_or_is_named(
    edited: Path, team_environment: TeamEnvironment
) -> None:
    """Where the file is still there, git says `unmerged`; where it is gone, the doctor says so."""
    update(edited, NEXT)
    unmerged = git(edited, "diff", "--name-only", "--diff-filter=U").splitlines()
    assert set(unmerged) == {CLIENT, RUNNER}
    for name in unmerged:
        assert MARK in (edited / name).read_text(encoding="utf-8")
    assert not (edited / DOCTOR).exists()
    for name in unmerged:  # the doctor's own code must run
        git(edited, "checkout", "--theirs", name)
    doctor = examined(edited, team_environment)
    (named,) = [line for line in doctor.splitlines() if "  edits:" in line]
    assert DOCTOR in named
    assert named.startswith("FAIL")
    assert named.endswith(f"git diff HEAD -- {DOCTOR}")
    assert MARK in git(edited, *named.rpartition("->  git ")[2].split())


@pytest.mark.full
def test_what_the_team_never_edited_goes_without_a_word(
    history: Path, tmp_path: Path, team_environment: TeamEnvironment
) -> None:
    """Files that only updates have changed are removed, and the doctor names none of them."""
    team = copy(history, tmp_path / "team", "0.1.0", TEAM)
    update(team, "0.2.0")
    commit(team)
    update(team, NEXT)
    assert git(team, "diff", "--name-only", "--diff-filter=D", "HEAD")
    assert "of the last update: there are none" in examined(team, team_environment)
