"""A move that is real is said to be so in data.lock, which old and new versions read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from quant_team_data import lock, real_moves
from quant_team_data.commands import data
from quant_team_data.lock import LockError
from quant_team_utils import git

NOW = datetime(2025, 3, 3, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def declare(symbol: str, day: str, reason: str = "profit warning") -> None:
    real_moves.declare(symbol, day, reason, who="alice", now=NOW)


def test_a_move_is_a_line_of_data_lock(tmp_path: Path) -> None:
    """Sorted, in the form of all lines, so that any version reads it; two in a month are two."""
    declare("META.US", "2022-10-27", "guidance")
    declare("META.US", "2022-10-03")
    declare("00700.HK", "2021-01-04")
    rows = (tmp_path / "data.lock").read_text(encoding="utf-8").splitlines()
    assert rows[1].startswith("any move 700.HK 2021-01-04 2021-01 2021-01-04T00:00:00Z ")
    assert rows[3].endswith(" alice 2025-03-03T12:00:00Z guidance")
    assert rows[1:] == sorted(rows[1:])
    assert all(lock.ROW.fullmatch(row) for row in rows[1:])
    found = real_moves.dates("META.US", lock.read())
    assert found == [date(2022, 10, 3), date(2022, 10, 27)]
    assert real_moves.dates("00700.HK", lock.read()) == [date(2021, 1, 4)]
    assert not real_moves.dates("AAPL.US", lock.read())


def test_a_move_is_no_bar_to_verify() -> None:
    """`quant data verify` compares bars only."""
    declare("META.US", "2022-10-27")
    assert lock.verify() == []


def test_another_reason_replaces_the_line() -> None:
    """A date has one line."""
    declare("META.US", "2022-10-27", "first")
    declare("META.US", "2022-10-27", "second")
    assert [line.reason for line in lock.read().values()] == ["second"]


@pytest.mark.parametrize(
    ("day", "reason", "words"),
    [("soon", "x", "'soon' is not a date"), ("2022-10-27", " ", "The reason is missing")],
)
def test_a_move_needs_a_date_and_a_reason(day: str, reason: str, words: str) -> None:
    """Nothing is written without them."""
    with pytest.raises(LockError, match=words):
        declare("META.US", day, reason)
    assert not lock.read()


def test_the_command_says_it_and_what_comes_next(tmp_path: Path) -> None:
    """`quant data lock --real-move` writes the line and prints the commit."""
    git.run(tmp_path, "init", "--quiet")
    git.run(tmp_path, "config", "quant.member", "alice")
    arguments = ["lock", "--real-move", "META.US", "2022-02-03", "--reason", "guidance"]
    done = CliRunner().invoke(data, arguments)
    assert done.exit_code == 0, done.output
    assert "real: the move of META.US on 2022-02-03" in done.output
    assert "git add data.lock" in done.output
    assert real_moves.dates("META.US", lock.read()) == [date(2022, 2, 3)]
