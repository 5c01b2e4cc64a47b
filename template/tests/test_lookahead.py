"""Strategies that see the future, and those that do not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from quant_team_backtest import lookahead, weights
from quant_team_backtest.weights import Targets

DAY = 86_400_000
COUNT = 400
ALL = len(lookahead.MANY_ENDS) + len(lookahead.EARLY)
Signal = Callable[[pl.DataFrame], "pl.Series | pl.DataFrame"]


def bars(count: int = COUNT, seed: int = 1, first: int = 0) -> pl.DataFrame:
    """Return daily bars of a random walk."""
    steps = np.random.default_rng(seed).normal(0, 0.01, count)
    price = 100 * np.exp(np.cumsum(steps))
    times = pl.Series(np.arange(first, first + count) * DAY).cast(pl.Datetime("ms", "UTC"))
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    return pl.DataFrame({"time": times, **prices, "volume": np.full(count, 1e6)})


def verdict(signal: Signal, frames: Mapping[str, pl.DataFrame] | None = None) -> lookahead.Verdict:
    """Return what the check says of a signal, computed symbol by symbol."""
    given = frames or {"X": bars()}

    def compute(frames: Mapping[str, pl.DataFrame]) -> Targets:
        counts = {symbol: len(frame) for symbol, frame in frames.items()}
        returned = {symbol: signal(frame) for symbol, frame in frames.items()}
        return weights.read(returned, "mine", counts)

    return lookahead.check(compute, given, compute(given))


def above_the_mean_of_all(frame: pl.DataFrame) -> pl.Series:
    close = frame["close"]
    return (close > close.mean()).cast(pl.Float64)


def tomorrow(frame: pl.DataFrame) -> pl.Series:
    close = frame["close"]
    return (close.shift(-1) > close).cast(pl.Float64).fill_null(0.0)


def normalised(frame: pl.DataFrame) -> pl.Series:
    close = frame["close"].to_numpy()
    return pl.Series((close - close.min()) / (close.max() - close.min()))


def filled_backward(frame: pl.DataFrame) -> pl.Series:
    return frame["close"].rolling_mean(20).fill_null(strategy="backward") / 1000


def a_stop_of_the_whole(frame: pl.DataFrame) -> pl.DataFrame:
    stop = frame["close"].pct_change().std()
    return frame.select(weight=pl.col("close") * 0 + 1, stop=pl.col("close") * 0 + stop)


@pytest.mark.parametrize(
    "signal",
    [above_the_mean_of_all, tomorrow, normalised, filled_backward, a_stop_of_the_whole],
)
def test_a_strategy_that_peeks_is_named(signal: Signal) -> None:
    """The bar that betrays it stands in the verdict. [lookahead]"""
    found = verdict(signal)
    assert found.found == lookahead.PEEKS
    assert found.symbol == "X"
    assert found.bar is not None
    assert found.end is not None
    assert 0 <= found.bar <= found.end < COUNT * DAY


@pytest.mark.parametrize(
    "signal",
    [
        lambda frame: frame["close"].rolling_mean(50) / 1000,
        lambda frame: (frame["close"].diff() > 0).cast(pl.Float64),
        lambda frame: frame["close"].ewm_mean(span=20) / 1000,
        lambda frame: np.zeros(len(frame)),
        lambda frame: frame.select(weight=pl.col("close") / 1000, stop=pl.col("close") / 2000),
    ],
)
def test_a_strategy_that_does_not_is_clean(signal: Signal) -> None:
    """Windows that look back, whatever their rounding, are not look-ahead. [lookahead]"""
    assert verdict(signal) == lookahead.Verdict(lookahead.CLEAN, ALL)


def test_a_strategy_that_is_random_is_named() -> None:
    """It says something else of the same bars: no look ahead, and no result to run again."""
    numbers = itertools.count()
    found = verdict(lambda frame: pl.Series([next(numbers) / 1e6 for _ in range(len(frame))]))
    assert found.found == lookahead.RANDOM


def test_histories_that_are_too_short_are_left_out() -> None:
    """A strategy that cannot do with few bars is compared where it can. [lookahead]"""

    def signal(frame: pl.DataFrame) -> pl.Series:
        if len(frame) < COUNT // 2:
            raise ValueError("too short")
        return frame["close"] / 1000

    found = verdict(signal)
    assert (found.found, found.histories) == (lookahead.CLEAN, 5)
    assert verdict(lambda frame: frame["close"] / 1000, {"X": bars(1)}).found == lookahead.CLEAN


def test_the_earliest_bar_of_all_symbols_is_named() -> None:
    """Symbols end at one time, whatever their calendars. [lookahead]"""
    frames = {"X": bars(), "Y": bars(300, seed=2, first=50)}

    def compute(frames: Mapping[str, pl.DataFrame]) -> Targets:
        last = max(frame["time"][-1] for frame in frames.values())
        late = 1.0 if last > datetime(1971, 1, 1, tzinfo=UTC) else 0.0
        returned = {symbol: np.full(len(frame), late) for symbol, frame in frames.items()}
        return weights.read(returned, "mine", {name: len(frame) for name, frame in frames.items()})

    found = lookahead.check(compute, frames, compute(frames))
    assert (found.found, found.symbol, found.bar) == (lookahead.PEEKS, "X", 0)


def test_large_data_cost_less_than_a_third() -> None:
    """Of many bars few and short histories are compared: 28 percent of the bars of the whole."""
    seen = []

    def signal(frame: pl.DataFrame) -> pl.Series:
        seen.append(len(frame))
        return frame["close"] / 1000

    found = verdict(signal, {"X": bars(lookahead.FEW + 1)})
    assert (found.found, found.histories) == (lookahead.CLEAN, 5)
    assert sum(seen[1:]) < 0.3 * seen[0]
