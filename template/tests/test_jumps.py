"""Moves that look like a split: refused, marked, or said to be real."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_team_backtest import jumps
from quant_team_backtest.adjusting import AdjustmentError
from quant_team_backtest.bar_checks import check
from quant_team_backtest.prepare import prepare
from quant_team_backtest.simulation import Flow
from quant_team_data import actions, cache, calendars, frames, markets, real_moves
from quant_team_data.actions import Action
from quant_team_data.cache import Series
from quant_team_data.messages import Bar
from quant_team_strategies import Strategy
from quant_team_utils.paths import project_root

from . import experiments

NOW = datetime(2025, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)
JUMP = date(2024, 1, 16)  # after a weekend and a holiday


@pytest.fixture(autouse=True)
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of this test, with alice as the member."""
    return experiments.make_project(root, tmp_path, monkeypatch)


def bars_of(*moves: float, symbol: str = "") -> pl.DataFrame:
    """Return bars whose opens move by these factors, a year apart: days do not count."""
    price = 100.0
    found = [Bar(0, price, price, price, price, 1e6)]
    for number, move in enumerate(moves, 1):
        price *= move
        found.append(Bar(number * 365 * actions.DAY_MS, price, price, price, price, 1e6))
    return frames.frame_of(found)


@pytest.mark.parametrize(
    "part",
    [2, 3, 4, 5, 7, 10, 15, 20, 25, 50, 100],
)
@pytest.mark.parametrize("noise", [0.972, 1.0, 1.028])
def test_a_move_near_a_split_looks_like_one(part: int, noise: float) -> None:
    """From 2:1 up, and back, within 3 percent, however far the bars are apart. [jump]"""
    for ratio in (part, 1 / part):
        (found,) = jumps.find(bars_of(1.0, noise / ratio, 1.0), (), "1d")
        assert found.bar == 2
        assert found.is_likely
        assert found.ratio == pytest.approx(ratio, rel=0.1)


@pytest.mark.parametrize(
    "move",
    [1.0, 0.85, 1.19, 0.45, 0.6, 0.55, 1.7, 0.012, 0.52, 0.48, 2.08],
)
def test_other_moves_do_not(move: float) -> None:
    """What news does to a price is not near a ratio. [jump]"""
    assert not jumps.find(bars_of(move), (), "1d")


@pytest.mark.parametrize(
    ("move", "ratio"),
    [(2 / 3, 1.5), (3 / 4, 4 / 3), (1.5, 2 / 3)],
)
def test_small_splits_are_only_possible(move: float, ratio: float) -> None:
    """Near 3:2 and 4:3 real moves are as likely. [jump]"""
    (found,) = jumps.find(bars_of(move), (), "1d")
    assert not found.is_likely
    assert found.ratio == pytest.approx(ratio)


def test_a_known_split_explains_its_move_and_no_other() -> None:
    """What is left after it is judged."""
    assert not jumps.find(bars_of(0.25), (Flow(1, 4.0),), "1d")
    assert not jumps.find(bars_of(0.2), (Flow(1, 4.0, 20.0),), "1d")
    (found,) = jumps.find(bars_of(0.125), (Flow(1, 4.0),), "1d")
    assert found.ratio == 2


def test_within_a_week_the_close_counts_too() -> None:
    """A split in the middle of a week leaves its open alone."""
    bars = bars_of(1.0).with_columns(
        close=pl.Series([100.0, 25.0]),
        low=pl.lit(25.0),
    )
    assert not jumps.find(bars, (), "1d")
    (found,) = jumps.find(bars, (), "1w")
    assert found.ratio == 4


@given(st.lists(st.floats(0.9, 1.1), min_size=1, max_size=50))
def test_no_walk_of_small_moves_looks_like_a_split(moves: list[float]) -> None:
    """However far the price goes in all."""
    assert not jumps.find(bars_of(*moves), (), "1d")


# In a run


def test_within_a_day_a_price_may_halve() -> None:
    """A split comes overnight: on bars of an hour only the first of a date is judged. [jump]"""
    opens = calendars.due(
        markets.market_of("AAPL.US"),
        "1h",
        actions.stamp(date(2024, 1, 2)),
        actions.stamp(date(2024, 3, 1)),
        today=NOW.date(),
    ).opens
    for place, is_refused in ((3, False), (7, True)):  # 7 bars a day
        prices = np.where(np.arange(len(opens)) < place, 100.0, 50.0)
        found = []
        for time, price in zip(opens.tolist(), prices.tolist(), strict=True):
            found.append(Bar(time, price, price, price, price, 1e6))
        cache.put(Series.of("import:acme", "AAPL.US", "1h"), frames.frame_of(found), now=NOW)
        if is_refused:
            with pytest.raises(AdjustmentError, match="on 2024-01-03"):
                warnings(interval="1h")
        else:
            assert not warnings(interval="1h")


def keep(
    move: float,
    symbol: str = "AAPL.US",
    source: str = "import:acme",
) -> None:
    """Keep bars of two months whose open moves by a factor after a long weekend."""
    days = [date(2024, 1, 2) + number * DAY for number in range(60)]
    found = []
    for day in days:
        is_holiday = day in (date(2024, 1, 15), date(2024, 2, 19))
        is_open = day.weekday() < 5 and not is_holiday
        if is_open or symbol == "BTCUSDT":
            price = 100.0 * (move if day >= JUMP else 1.0)
            found.append(Bar(actions.stamp(day), price, price, price, price, 1e6))
    series = Series.of(source, symbol, "1d")
    span = (
        datetime(2024, 1, 2, tzinfo=UTC),
        datetime(2024, 3, 1, tzinfo=UTC),
    )
    cache.read_through(series, *span, lambda low, high: frames.frame_of(found), now=NOW)


def warnings(
    symbol: str = "AAPL.US",
    source: str = "import:acme",
    interval: str = "1d",
) -> list[str]:
    """Return what a run's check says."""

    def hold(bars: dict[str, pl.DataFrame], parameters: dict[str, Any]) -> dict[str, pl.Series]:
        return {symbol: pl.Series(np.ones(len(bars[symbol])))}

    strategy = Strategy("hold", "hold", (symbol,), interval, {}, hold)
    days = ("2024-01-02", "2024-02-29")
    prepared = prepare(project_root(), strategy, None, days, source=source)
    return check(prepared).warnings


def know(*found: Action) -> None:
    actions.keep(actions.series_of("import:acme", "AAPL.US"), found, NOW)


@pytest.mark.parametrize(
    ("move", "words"),
    [(0.2, "5:1"), (10.1, "1:10"), (0.51, "2:1")],
)
def test_a_likely_split_stops_a_run(move: float, words: str) -> None:
    """The date and the ratio stand in the sentence. [jump]"""
    keep(move)
    with pytest.raises(AdjustmentError, match=f"on 2024-01-16, which looks like a {words} split"):
        warnings()


def test_a_possible_one_marks_it() -> None:
    """A warning, with what to type if the move is real. [jump]"""
    keep(2 / 3)
    (text,) = warnings()
    assert "3:2 split; if it is real, `quant data lock --real-move AAPL.US 2024-01-16" in text


@pytest.mark.parametrize("move", [0.5, 2 / 3])
def test_a_real_move_is_said_once(move: float) -> None:
    """A line in data.lock, and the run goes on without a word. [jump]"""
    keep(move)
    real_moves.declare("AAPL.US", "2024-01-16", "guidance", who="alice", now=NOW)
    assert not warnings()


def test_another_date_does_not_excuse_a_move() -> None:
    """Nor does another symbol."""
    keep(0.5)
    real_moves.declare("AAPL.US", "2024-01-17", "guidance", who="alice", now=NOW)
    real_moves.declare("MSFT.US", "2024-01-16", "guidance", who="alice", now=NOW)
    with pytest.raises(AdjustmentError):
        warnings()


def test_a_list_of_nothing_is_believed_and_the_move_marked() -> None:
    """Somebody said that there was no split."""
    keep(0.5)
    know()
    (text,) = warnings()
    assert "looks like a 2:1 split; if it is real" in text


def test_a_list_of_dividends_does_not_excuse_a_split() -> None:
    """What a file names may not be all."""
    keep(0.5)
    know(Action(date(2024, 2, 9), 1.0, 0.24))
    with pytest.raises(AdjustmentError):
        warnings()


@pytest.mark.parametrize(
    ("symbol", "source"),
    [("BTCUSDT", "import:acme"), ("SPX", "import:acme"), ("AAPL.US", "sandbox")],
)
def test_only_stocks_split(symbol: str, source: str) -> None:
    """Coins, indices and the sandbox's inventions have no splits. [jump]"""
    keep(0.5, symbol, source)
    assert not warnings(symbol, source)
