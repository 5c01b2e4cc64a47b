"""Equity is labelled with the session it belongs to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from quant_team_backtest.runner import run_backtest

from . import experiments


@pytest.fixture(autouse=True)
def _project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiments.make_project(root, tmp_path, monkeypatch)
    experiments.serve("AAPL.US", "MSFT.US", "GOOGL.US")


def test_a_fridays_close_is_friday() -> None:
    """A daily bar closes at 00:00 UTC of the next day; its equity has the bar's own date. [day]

    2024-01-05 is a Friday: its bar closes on Saturday at 00:00.
    """
    equity = run_backtest("momentum", ["AAPL.US"], log=False).equity
    saturday = datetime(2024, 1, 6, tzinfo=UTC)
    (row,) = equity.filter(equity["time"] == saturday).rows(named=True)
    assert row["date"] == date(2024, 1, 5)
