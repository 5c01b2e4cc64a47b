"""What a finished backtest shows, as text and as HTML."""

from __future__ import annotations

from pathlib import Path

import pytest

from quant_team_backtest.runner import run_backtest

from . import experiments


@pytest.fixture(autouse=True)
def _project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiments.make_project(root, tmp_path, monkeypatch)
    experiments.serve("AAPL.US", "MSFT.US", "GOOGL.US")


def test_a_run_shows_itself() -> None:
    """As text and as HTML: numbers, assumptions, the stamp of synthetic prices. [source]"""
    done = run_backtest("momentum", log=False)
    for text in (repr(done), done._repr_html_()):
        for part in (
            "SYNTHETIC",
            "Sharpe ratio",
            "max drawdown",
            "next open",
            "0.100% commission",
            "100,000 USD",
            "no splits or dividends",
        ):
            assert part in text
    assert done.equity.columns == ["time", "date", "equity"]


def test_the_table_is_in_columns() -> None:
    """Labels to the left, numbers to the right, remarks behind them."""
    done = run_backtest("momentum", log=False)
    lines = repr(done).splitlines()
    (first,) = [line for line in lines if "total return" in line]
    (trust,) = [line for line in lines if "Sharpe ratio" in line]
    end = first.index("%") + 1
    assert trust[end - 1].isdigit()
    assert "daily returns" in trust[end:]


def test_a_number_without_meaning_is_a_dash() -> None:
    """Where a metric is null the table has a dash and the reason. [empty]"""
    done = run_backtest("momentum", start="2024-01-01", end="2024-02-01", log=False)
    (line,) = [line for line in repr(done).splitlines() if "win rate" in line]
    assert "-" in line
    assert "no trade was closed" in line


def test_html_escapes() -> None:
    """Text from a file or a command cannot become markup."""
    done = run_backtest("momentum", log=False)
    done.warnings.append("<script>")
    assert "<script>" not in done._repr_html_()
    assert "&lt;script&gt;" in done._repr_html_()


def test_a_logged_run_names_its_file() -> None:
    """HTML ends with the file, or with the word that there is none."""
    assert "not logged" in run_backtest("momentum", log=False)._repr_html_()
    done = run_backtest("momentum")
    assert f"logged: {done.path}" in done._repr_html_()
