"""The numbers of a whole run, by hand; what has no meaning is None with a reason."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quant_team_backtest import activity, measures, tables, trade_metrics
from quant_team_backtest.engine import Simulation

from . import accounts


def rising() -> Simulation:
    """1000 buys 10 at 100; sold at 120 on the third bar's open; lowest 90, highest 130."""
    bars = accounts.make(
        [100, 100, 110, 120, 120],
        [100, 110, 120, 120, 120],
        high=np.array([100.0, 115.0, 130.0, 120.0, 120.0]),
        low=np.array([100.0, 90.0, 105.0, 120.0, 120.0]),
    )
    return accounts.run(bars, [1, 1, 0, 0, 0])


def test_a_run_by_hand() -> None:
    """Ten shares, in at 100 and out at 120: a trade of 20%, two days long. [activity] [excursion]

    Equity 1000, 1100, 1200, 1200, 1200, mean 1140; bought 1000 and sold 1200 in 5 / 365.25 years:
    turnover 2200 / 1140 / 0.0136893 = 140.97. Held at two of five closes, whole: 0.4 and 0.4.
    Break-even: profit 200 over 2200. MAE 90 / 100 - 1; MFE 130 / 100 - 1.
    """
    found = measures.measure(rising(), 252).values
    years = 5 / 365.25
    assert found["best_trade"] == pytest.approx(0.2)
    assert found["worst_trade"] == pytest.approx(0.2)
    assert found["average_holding_days"] == pytest.approx(2.0)
    assert found["mean_mae"] == pytest.approx(-0.1)
    assert found["mean_mfe"] == pytest.approx(0.3)
    assert found["turnover"] == pytest.approx(2200 / 1140 / years)
    assert found["time_in_market"] == pytest.approx(0.4)
    assert found["mean_gross"] == pytest.approx(0.4)
    assert found["break_even_cost"] == pytest.approx(200 / 2200)
    assert found["benchmark_return"] == pytest.approx(0.2)
    assert found["volatility"] == pytest.approx(
        np.std([0, 0.1, 1200 / 1100 - 1, 0, 0], ddof=1) * math.sqrt(252)
    )


def test_costs_at_the_break_even_leave_nothing() -> None:
    """With half as commission and half as slippage the cost is found again. [break-even]"""
    bars = accounts.make([100.0, 100, 110, 120, 120], fractional=True)
    run = accounts.run(bars, [1, 1, 0, 0, 0], commission=0.002, slippage=0.001)
    cost = activity.break_even_of(run, activity.filled_of(run))
    fills = list(run.fills)
    profit = 0.0
    for fill in fills:
        fair = fill.price / (1.001 if fill.quantity > 0 else 0.999)
        assert isinstance(cost, float)
        profit -= fill.quantity * fair + cost * abs(fill.quantity) * fair
    assert profit == pytest.approx(0.0, abs=1e-6)  # fills are rounded to nine decimals


def test_every_none_has_a_reason() -> None:
    """A run that does nothing, and one of too few bars: no NaN, and a reason for each. [empty]"""
    for count in (1, 2, 5, 400):
        run = accounts.run(accounts.make([100.0] * count), [0.0] * count)
        found = measures.measure(run, 252)
        for name, value in found.values.items():
            assert value is None or math.isfinite(value), name
            assert (value is None) == (name in found.reasons), name


def test_excursions_equal_a_plain_loop() -> None:
    """On a random account MAE and MFE of each trade are those of a loop over bars. [excursion]"""
    random = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, 400)))
    opens = close * np.exp(random.normal(0, 0.005, 400))
    high = np.maximum(opens, close) * 1.01
    low = np.minimum(opens, close) * 0.99
    bars = accounts.make(list(opens), list(close), high=high, low=low, fractional=True)
    weights = np.repeat(random.choice([-0.5, 0.0, 0.5], 80), 5)
    run = accounts.run(bars, list(weights))
    found = trade_metrics.excursions(run)
    assert isinstance(found, trade_metrics.Excursions)
    assert len(run.trades) > 20
    for i, trade in enumerate(run.trades):
        prices = [trade.entry, trade.exit]
        for bar in range(400):
            if bars.opened[bar] >= trade.opened and bars.closed[bar] <= trade.closed:
                prices += [high[bar], low[bar]]
        side = 1 if trade.quantity > 0 else -1
        moves = [side * (price / trade.entry - 1) for price in prices]
        assert found.adverse[i] == pytest.approx(min(moves))
        assert found.favourable[i] == pytest.approx(max(moves))


def test_years_and_months_multiply_to_the_whole() -> None:
    """The product of the years' growth, and of the months', is that of the run. [period]"""
    random = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, 900)))
    bars = accounts.make(list(close), fractional=True)
    run = accounts.run(bars, [1.0] * 900)
    whole = run.equity[-1] / run.initial_capital
    for periods in (tables.by_year(run), tables.by_month(run)):
        growth = math.prod(1 + period.total_return for period in periods)
        assert growth == pytest.approx(whole)
    assert [period.label for period in tables.by_year(run)] == ["1970", "1971", "1972"]
