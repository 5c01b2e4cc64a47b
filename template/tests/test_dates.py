"""Equity is labelled with the session it belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from quant_team_backtest.runner import run_backtest

from . import experiments


@pytest.fixture(autouse=True)
def _project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiments.make_project(root, tmp_path, monkeypatch)
    experiments.serve("AAPL.US", "MSFT.US", "GOOGL.US")


def test_a_fridays_close_is_friday() -> None:
    """Daily bars of stocks close at 00:00 UTC of the next day, but no session is a Saturday. [day]"""
    equity = run_backtest("momentum", ["AAPL.US"], log=False).equity
    weekdays = set(equity["date"].dt.weekday())
    assert weekdays == {1, 2, 3, 4, 5}
    assert 6 in set(equity["time"].dt.weekday())
