"""What the tests of backtests share: a project to log in, bars that swing, an experiment to log."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from quant_team_data import cache
from quant_team_data.cache import Series

START = datetime(2020, 1, 1, tzinfo=UTC)
STOP = datetime(2025, 1, 1, tzinfo=UTC)
LATER = datetime(2025, 2, 1, tzinfo=UTC)
EXPERIMENT: dict[str, Any] = {
    "strategy": "earnings_gap_reversion",
    "family": "earnings_gap",
    "name": "aapl_gap_reversion",
    "parameters": {"entry_window_minutes": 30, "pressure_ratio_threshold": 2.5},
    "backtest_config": {
        "start_date": "2021-01-01",
        "end_date": "2024-02-28",
        "symbols": ["AAPL.US", "MSFT.US", "GOOGL.US"],
        "initial_capital": 100000,
        "commission": 0.001,
        "slippage": 0.0005,
    },
    "conclusion": "Fewer false breakouts.",
    "next_steps": "Test on Q1 2024.",
}
METRICS: dict[str, Any] = {
    "total_return": 0.234,
    "sharpe_ratio": 1.45,
    "max_drawdown": -0.082,
    "win_rate": 0.62,
    "profit_factor": 1.78,
    "num_trades": 127,
}


def make_project(root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project without commits, alice's, the root of this test: cache, lock and results."""
    environments = Path("config", "environments")
    shutil.copytree(root / environments, folder / environments)
    monkeypatch.setenv("QUANT_ROOT", str(folder))
    set_member(monkeypatch, "alice")
    return folder


def set_member(monkeypatch: pytest.MonkeyPatch, handle: str) -> None:
    """Let git say that a member is set for every clone; an empty handle is none."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "quant.member")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", handle)


def swinging(symbol: str, first: datetime, stop: datetime) -> pl.DataFrame:
    """Return daily bars that swing up and down, each symbol at its own phase."""
    count = (stop - first).days
    times = [first + timedelta(days=i) for i in range(count)]
    price = 100 + 30 * np.sin(np.arange(count) / 50 + len(symbol))
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    frame = pl.DataFrame({"time": times, **prices, "volume": np.full(count, 1e9)})
    return frame.with_columns(pl.col("time").cast(pl.Datetime("ms", "UTC")))


def serve(*symbols: str, shift: float = 0.0) -> None:
    """Put swinging bars into the cache, so that nothing else is fetched."""
    for symbol in symbols:

        def fetch(first: datetime, stop: datetime, symbol: str = symbol) -> pl.DataFrame:
            return swinging(symbol, first, stop).with_columns(pl.col("low") - shift)

        series = Series.of("sandbox", symbol, "1d")
        cache.read_through(series, START, STOP, fetch, refresh=True, now=LATER)


def logged(folder: Path) -> list[Path]:
    """Return all result files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*.yaml") if "config" not in path.parts)


def read(path: Path | None) -> Any:
    """Return what a result file holds."""
    assert path is not None
    return yaml.safe_load(path.read_text(encoding="utf-8"))
