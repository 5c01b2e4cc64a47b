"""A run beside buying and holding: alpha, beta, correlation, tracking error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quant_team_backtest.assumptions import EngineError
from quant_team_backtest.metrics import Undefined, daily_returns, returns_of, too_few, total_return
from quant_team_backtest.prepared import Prepared
from quant_team_backtest.returns import no_ratio
from quant_team_backtest.simulation import Floats, Simulation

STILL = 1e-12  # a deviation below this is rounding


class Comparison(NamedTuple):
    """A run beside a benchmark.

    Attributes:
        total_return: of the benchmark, a fraction.
        alpha: see `alpha`.
        beta: see `beta`.
        correlation: see `correlation`.
        tracking_error: see `tracking_error`.
    """

    total_return: float | Undefined
    alpha: float | Undefined
    beta: float | Undefined
    correlation: float | Undefined
    tracking_error: float | Undefined


def buy_and_hold(bars: Prepared, symbols: Sequence[str] | None = None) -> Floats:
    """Return the equity of 1 of capital that buys once and holds, at each close of the axis.

    Each symbol gets the same money at its first open, and keeps it: weights drift. There are no
    costs and no lots; dividends are kept as cash, as is the money of a symbol that has not begun.

    Args:
        bars: of the universe.
        symbols: what is bought; default: all.

    Raises:
        EngineError: one of them is not among the bars.
    """
    chosen = bars.symbols if symbols is None else list(symbols)
    if not chosen:
        raise EngineError("The benchmark has no symbols: name at least one.")
    equity = np.zeros(len(bars.axis))
    for symbol in chosen:
        if symbol not in bars.symbols:
            known = ", ".join(bars.symbols)
            raise EngineError(f"The benchmark {symbol} is not among the bars: {known}.")
        series = bars.series[bars.symbols.index(symbol)]
        begin = np.searchsorted(bars.axis, series.bars.closed[0])
        growth = series.value / series.opens[0]
        growth[:begin] = 1.0
        equity += growth
    return equity / len(chosen)


def compare(
    run: Simulation,
    periods_per_year: int,
    symbols: Sequence[str] | None = None,
) -> Comparison:
    """Return a run beside buying and holding its universe, or some symbols of it.

    Args:
        run: as `engine.simulate` returns it.
        periods_per_year: days to annualise with.
        symbols: what the benchmark holds; default: all that the run could trade.

    Raises:
        EngineError: a symbol is not among the bars of the run.
    """
    if run.bars is None:
        return _without(Undefined("the bars of the run are not known"))
    if not len(run.time):
        return _without(Undefined("the run has no length"))
    curve = buy_and_hold(run.bars, symbols)[: len(run.time)]
    growth = total_return(curve, 1.0)
    reason = no_ratio(run)
    if reason:
        return _without(reason)._replace(total_return=growth)
    theirs = daily_returns(run.time, curve, 1.0, run.dates)
    ours = returns_of(run)
    return Comparison(
        total_return=growth,
        alpha=alpha(ours, theirs, periods_per_year),
        beta=beta(ours, theirs),
        correlation=correlation(ours, theirs),
        tracking_error=tracking_error(ours, theirs, periods_per_year),
    )


def beta(returns: Floats, benchmark: Floats) -> float | Undefined:
    """Return the slope of daily returns on those of a benchmark: covariance over variance.

    W. F. Sharpe, "Capital Asset Prices", Journal of Finance 19 (1964).
    """
    few = too_few(returns)
    if few:
        return few
    if benchmark.std() <= STILL:
        return Undefined("the benchmark never moved")
    moves = benchmark - benchmark.mean()
    covariance = float(np.mean(moves * (returns - returns.mean())))
    return covariance / float(np.mean(moves**2))


def alpha(
    returns: Floats,
    benchmark: Floats,
    periods_per_year: int,
) -> float | Undefined:
    """Return the mean daily return that beta does not explain, times the days of a year.

    Arithmetic, with a risk-free rate of 0: M. C. Jensen, "The Performance of Mutual Funds in the
    Period 1945-1964", Journal of Finance 23 (1968).
    """
    slope = beta(returns, benchmark)
    if isinstance(slope, Undefined):
        return slope
    explained = slope * float(benchmark.mean())
    daily = float(returns.mean()) - explained
    return daily * periods_per_year


def correlation(returns: Floats, benchmark: Floats) -> float | Undefined:
    """Return the correlation of daily returns with those of a benchmark, from -1 to 1.

    K. Pearson, "Note on Regression and Inheritance in the Case of Two Parents", Proceedings of the
    Royal Society of London 58 (1895).
    """
    slope = beta(returns, benchmark)
    if isinstance(slope, Undefined):
        return slope
    deviation = float(returns.std())
    if deviation <= STILL:
        return Undefined("the equity never moved")
    ratio = slope * float(benchmark.std()) / deviation
    return max(-1.0, min(1.0, ratio))


def tracking_error(
    returns: Floats,
    benchmark: Floats,
    periods_per_year: int,
) -> float | Undefined:
    """Return the annualised standard deviation (ddof 1) of what daily returns differ by.

    R. C. Grinold and R. N. Kahn, "Active Portfolio Management" (2000), chapter 3.
    """
    few = too_few(returns)
    if few:
        return few
    active = returns - benchmark
    return float(active.std(ddof=1)) * math.sqrt(periods_per_year)


# Details


def _without(reason: Undefined) -> Comparison:
    return Comparison(reason, reason, reason, reason, reason)
