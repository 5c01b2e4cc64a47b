"""The metrics, against numbers computed by hand."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from quant_team_backtest import metrics
from quant_team_backtest.simulation import Simulation, Trade

DAY = metrics.DAY_MS


def trade(pnl: float) -> Trade:
    return Trade(
        symbol="X",
        opened=0,
        closed=DAY,
        quantity=1.0,
        entry=100.0,
        exit=100.0 + pnl,
        pnl=pnl,
    )


def finished(
    equity: list[float],
    profits: tuple[float, ...] = (),
    step: int = DAY,
) -> Simulation:
    """Return a simulation of 100 of capital with these equities, one per step."""
    steps = np.arange(1, len(equity) + 1, dtype=np.int64)
    return Simulation(
        time=steps * step,
        equity=np.array(equity),
        initial_capital=100.0,
        fills=[],
        trades=[trade(pnl) for pnl in profits],
        open=[],
        applied=[],
        counts={},
        warnings=[],
        ruined=False,
    )


def test_all_eight_by_hand() -> None:
    """Returns of 10, -10 and 20 percent, two wins of three trades, written out. [sharpe]"""
    found = metrics.measure(finished([110, 99, 118.8], (30.0, -10.0, 5.0)), 252)
    returns = [0.1, -0.1, 0.2]
    # Sharpe per day 0.43644, skewness -0.38180, kurtosis 1.5: z = 0.43644 * sqrt(2) /
    # sqrt(1.19044) = 0.56571
    expected = statistics.mean(returns) / statistics.stdev(returns) * math.sqrt(252)
    assert found.values == {
        "total_return": pytest.approx(0.188),
        "sharpe_ratio": pytest.approx(expected),
        "max_drawdown": pytest.approx(-0.1),
        "win_rate": pytest.approx(2 / 3),
        "profit_factor": pytest.approx(3.5),
        "num_trades": 3,
        "sharpe_n": 3,
        "probabilistic_sharpe": pytest.approx(0.71420, abs=1e-5),
    }
    assert found.reasons == {}


def test_probabilistic_sharpe_of_normal_returns() -> None:
    """Without skew, with a kurtosis of 3, the spread is 1 + ratio**2 / 2, written out. [sharpe]"""
    normal = statistics.NormalDist(0.05, 1)
    quantiles = np.array([normal.inv_cdf((i + 0.5) / 999) for i in range(999)])
    ratio = quantiles.mean() / quantiles.std(ddof=1)
    centred = quantiles - quantiles.mean()
    kurtosis = float(np.mean(centred**4) / quantiles.std() ** 4)
    spread = 1 + (kurtosis - 1) / 4 * ratio**2
    z = ratio * math.sqrt(998) / math.sqrt(spread)
    expected = statistics.NormalDist().cdf(z)
    assert metrics.probabilistic_sharpe(quantiles) == pytest.approx(expected)


def test_the_day_ends_at_midnight_utc() -> None:
    """Hourly bars give one return per UTC day; the close at 00:00 ends the day before. [day]"""
    equity = np.linspace(101, 148, 48)
    time = np.arange(1, 49, dtype=np.int64) * 3_600_000
    assert metrics.daily_returns(time, equity, 100.0) == pytest.approx(
        [124 / 100 - 1, 148 / 124 - 1]
    )


def test_drawdown_is_per_bar_and_counts_the_capital() -> None:
    """A fall below the capital on the first bar is a drawdown, as is one in a day. [drawdown]"""
    assert metrics.max_drawdown(np.array([90.0, 120.0]), 100.0) == pytest.approx(-0.1)
    within = finished([100, 60, 100, 100], step=3_600_000)
    assert metrics.measure(within, 365).values["max_drawdown"] == pytest.approx(-0.4)


@pytest.mark.parametrize(
    ("run", "name", "reason"),
    [
        (finished([101, 99, 104]), "win_rate", "no trade was closed"),
        (finished([101, 99, 104]), "profit_factor", "no trade was closed"),
        (finished([101, 99, 104], (5.0,)), "profit_factor", "no trade lost money"),
        (finished([100, 100, 100]), "sharpe_ratio", "the equity never moved"),
        (finished([110, 121, 133.1]), "sharpe_ratio", "the equity never moved"),
        (finished([101, 99]), "sharpe_ratio", "2 daily returns are too few"),
        (finished([101, 99]), "probabilistic_sharpe", "2 daily returns are too few"),
        (finished([101, 99, 104, 110], step=7 * DAY), "sharpe_ratio", "longer than a day"),
    ],
)
def test_no_number_without_meaning(run: Simulation, name: str, reason: str) -> None:
    """Where a metric has no meaning it is None, and a reason says why. [empty]"""
    found = metrics.measure(run, 252)
    assert found.values[name] is None
    assert reason in found.reasons[name]


def test_a_trade_without_profit_is_no_win() -> None:
    """Zero after costs is neither won nor lost. [trade]"""
    assert metrics.win_rate([trade(0.0), trade(1.0)]) == 0.5


def test_ruin_keeps_its_numbers() -> None:
    """Equity below zero: more than everything is lost, and no number is NaN. [ruin]"""
    found = metrics.measure(finished([100, 50, 20, -10], (-110.0,)), 252)
    assert found.values["total_return"] == pytest.approx(-1.1)
    assert found.values["max_drawdown"] == pytest.approx(-1.1)
    assert all(value is None or math.isfinite(value) for value in found.values.values())
