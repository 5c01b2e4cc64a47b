"""Numbers of a curve beside the Sharpe ratio: growth, volatility, and what it cost in falls."""

from __future__ import annotations

import math

import numpy as np

from quant_team_backtest.metrics import (
    DAY_MS,
    RUINED,
    TOO_LONG,
    Undefined,
    longer_than_a_day,
    max_drawdown,
    returns_of,
    too_few,
    total_return,
)
from quant_team_backtest.simulation import Floats, Simulation

YEAR_MS = 365.25 * DAY_MS
SHORTEST_YEAR = 350.0  # days: a year of sessions, but for holidays at either end


def years_of(run: Simulation) -> float:
    """Return how long a run is in years of 365.25 days, from its first open to its last close."""
    if not len(run.time):
        return 0.0
    begin = int(run.time[0])
    if run.bars is not None:
        begin = min(series.bars.opened.item(0) for series in run.bars.series)
    return (int(run.time[-1]) - begin) / YEAR_MS


def cagr(growth: float, years: float) -> float | Undefined:
    """Return the compound annual growth rate: (1 + growth) ** (1 / years) - 1, as a fraction.

    A run of less than a year has none: the CFA Institute's "Global Investment Performance
    Standards" (2020) forbid annualising it.

    Args:
        growth: total return, a fraction.
        years: of 365.25 days.
    """
    if years * YEAR_MS < SHORTEST_YEAR * DAY_MS:
        return Undefined("the run is shorter than a year")
    if growth <= -1:
        return RUINED
    grown = math.pow(1 + growth, 1 / years)
    return grown - 1


def volatility(returns: Floats, periods_per_year: int) -> float | Undefined:
    """Return the annualised standard deviation (ddof 1) of daily returns, as a fraction.

    It is zero for an equity that never moved. H. Markowitz, "Portfolio Selection", Journal of
    Finance 7 (1952); the root of time assumes independent returns.
    """
    few = too_few(returns)
    if few:
        return few
    deviation = float(returns.std(ddof=1))
    return deviation * math.sqrt(periods_per_year)


def sortino_ratio(returns: Floats, periods_per_year: int) -> float | Undefined:
    """Return the annualised Sortino ratio of daily returns, with a target of 0.

    Mean over downside deviation, the root of the mean square of min(return, 0) over all days:
    F. A. Sortino and L. N. Price, "Performance Measurement in a Downside Risk Framework", Journal
    of Investing 3 (1994).
    """
    few = too_few(returns)
    if few:
        return few
    falls = np.minimum(returns, 0.0)
    downside = math.sqrt(float(np.mean(falls**2)))
    if downside <= 1e-12:
        return Undefined("no daily return was below zero")
    ratio = float(returns.mean()) / downside
    return ratio * math.sqrt(periods_per_year)


def calmar_ratio(growth: float | Undefined, drawdown: float) -> float | Undefined:
    """Return the growth per year over the size of the deepest fall.

    Over the whole run, not the last 36 months: T. W. Young, "Calmar Ratio: A Smoother Tool",
    Futures 20 (1991).

    Args:
        growth: as `cagr` returns it.
        drawdown: as `metrics.max_drawdown` returns it, <= 0.
    """
    if isinstance(growth, Undefined):
        return growth
    if not drawdown:
        return Undefined("the equity never fell")
    return growth / -drawdown


def cagr_of(run: Simulation) -> float | Undefined:
    """Return the compound annual growth rate of a run."""
    if run.ruined:
        return RUINED
    growth = total_return(run.equity, run.initial_capital)
    return cagr(growth, years_of(run))


def volatility_of(run: Simulation, periods_per_year: int) -> float | Undefined:
    """Return the annualised volatility of a run."""
    without = no_ratio(run)
    return without or volatility(returns_of(run), periods_per_year)


def sortino_of(run: Simulation, periods_per_year: int) -> float | Undefined:
    """Return the annualised Sortino ratio of a run."""
    without = no_ratio(run)
    return without or sortino_ratio(returns_of(run), periods_per_year)


def calmar_of(run: Simulation) -> float | Undefined:
    """Return the Calmar ratio of a run."""
    drawdown = max_drawdown(run.equity, run.initial_capital)
    return calmar_ratio(cagr_of(run), drawdown)


def no_ratio(run: Simulation) -> Undefined | None:
    """Return why a run has no ratios of daily returns; None if it may have them."""
    if run.ruined:
        return RUINED
    if longer_than_a_day(run.time):
        return TOO_LONG
    return None
