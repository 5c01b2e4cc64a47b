"""The six numbers of a result, and two that say how far to trust the Sharpe ratio.

Each is None, with a reason in words, where it has no meaning. All are fractions (0.1 is 10
percent), not percent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from quant_team_backtest.engine import Backtest, Floats, Times, Trade

DAY_MS = 86_400_000
FEWEST_RETURNS = 3  # below this a Sharpe ratio says nothing


@dataclass(frozen=True)
class Metrics:
    """The numbers, in the order in which they are shown, and why some of them are None."""

    values: dict[str, float | int | None]
    reasons: dict[str, str] = field(default_factory=dict)


def measure(run: Backtest, periods_per_year: int) -> Metrics:
    """Return all metrics of a backtest; days are annualised with `periods_per_year`, 252 or 365."""
    values: dict[str, float | int | None] = {
        "total_return": total_return(run.equity, run.initial_capital)
    }
    reasons: dict[str, str] = {}
    returns = daily_returns(run.time, run.equity, run.initial_capital)
    values["sharpe_ratio"] = sharpe_ratio(returns, periods_per_year)
    values["max_drawdown"] = max_drawdown(run.equity, run.initial_capital)
    values["win_rate"] = win_rate(run.trades)
    values["profit_factor"] = profit_factor(run.trades)
    values["num_trades"] = len(run.trades)
    values["sharpe_n"] = len(returns)
    values["probabilistic_sharpe"] = probabilistic_sharpe(returns)
    if not run.trades:
        reasons["win_rate"] = reasons["profit_factor"] = "no trade was closed"
    elif values["profit_factor"] is None:
        reasons["profit_factor"] = "no trade lost money"
    if longer_than_a_day(run.time):
        values["sharpe_ratio"] = values["probabilistic_sharpe"] = None
        why = "the bars are longer than a day, and this ratio is of daily returns"
    elif len(returns) < FEWEST_RETURNS:
        why = f"{len(returns)} daily returns are too few"
    elif values["sharpe_ratio"] is None:
        why = "the equity never moved"
    else:
        why = "the daily returns are too uneven for it"
    reasons |= {
        name: why for name in ("sharpe_ratio", "probabilistic_sharpe") if values[name] is None
    }
    return Metrics(values, reasons)


def total_return(equity: Floats, initial_capital: float) -> float:
    """Return the gain over the whole run as a fraction: last equity / initial capital - 1."""
    return float(equity[-1] / initial_capital - 1)


def daily_returns(time: Times, equity: Floats, initial_capital: float) -> Floats:
    """Return one simple return per UTC day that has a close; the first is against the initial
    capital.

    A close at 00:00 UTC ends the day before it.
    """
    days = (time - 1) // DAY_MS
    last = np.append(np.flatnonzero(np.diff(days)), len(days) - 1)
    path = np.concatenate([[initial_capital], equity[last]])
    return np.asarray(path[1:] / path[:-1] - 1)


def longer_than_a_day(time: Times) -> bool:
    """Tell whether closes lie weeks or months apart (a long weekend alone does not)."""
    return len(time) > 1 and float(np.median(np.diff(time))) > 4 * DAY_MS


def sharpe_ratio(returns: Floats, periods_per_year: int) -> float | None:
    """Return the annualised Sharpe ratio, or None for too few returns or returns that never move.

    Arithmetic mean over sample standard deviation (ddof 1), risk-free rate 0, times the root of
    the periods per year: W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21
    (1994).
    """
    ratio = _ratio(returns)
    return None if ratio is None else ratio * math.sqrt(periods_per_year)


def probabilistic_sharpe(returns: Floats, benchmark: float = 0.0) -> float | None:
    """Return the probability that the true Sharpe ratio is above a benchmark (per period, not
    annualised), or None.

    It allows for the length of the record, skewness and kurtosis: D. H. Bailey and M. Lopez de
    Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2012), equation 11.
    """
    ratio = _ratio(returns)
    if ratio is None:
        return None
    scaled = (returns - returns.mean()) / returns.std()
    skewness, kurtosis = float(np.mean(scaled**3)), float(np.mean(scaled**4))
    spread = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    if spread <= 0:
        return None
    return NormalDist().cdf((ratio - benchmark) * math.sqrt(len(returns) - 1) / math.sqrt(spread))


def max_drawdown(equity: Floats, initial_capital: float) -> float:
    """Return the deepest fall from the highest equity before it, per bar, as a fraction of 0 or below."""
    path = np.concatenate([[initial_capital], equity])
    return float((path / np.maximum.accumulate(path) - 1).min())


def win_rate(trades: Sequence[Trade]) -> float | None:
    """Return the share of closed trades that made money after costs, or None without trades."""
    return sum(trade.pnl > 0 for trade in trades) / len(trades) if trades else None


def profit_factor(trades: Sequence[Trade]) -> float | None:
    """Return the money won over the money lost by closed trades, or None if none lost."""
    lost = -sum(trade.pnl for trade in trades if trade.pnl < 0)
    return sum(trade.pnl for trade in trades if trade.pnl > 0) / lost if lost else None


def _ratio(returns: Floats) -> float | None:
    if len(returns) < FEWEST_RETURNS:
        return None
    deviation = float(returns.std(ddof=1))
    # Rounding alone gives constant returns a deviation of about 1e-17.
    if deviation <= 1e-12 * max(1.0, float(np.abs(returns).max())):
        return None
    return float(returns.mean()) / deviation
