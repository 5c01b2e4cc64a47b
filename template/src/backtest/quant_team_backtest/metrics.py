"""The numbers of a result: one function each, which returns the number or why there is none.

All are fractions (0.1 is 10 percent), not percent. `METRICS` is the table of those that
need nothing but the curve and the trades; `measures` adds the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from quant_team_backtest.simulation import Floats, Simulation, Times, Trade

DAY_MS = 86_400_000
FEWEST_RETURNS = 3  # below this a Sharpe ratio says nothing
_LONGEST_WEEKEND = 4 * DAY_MS


@dataclass(frozen=True)
class Undefined:
    """A number that has no meaning here.

    Attributes:
        reason: why, as the end of a sentence: "no trade was closed".
    """

    reason: str


RUINED = Undefined("the account was ruined, and a ratio of its returns means nothing")
TOO_LONG = Undefined("the bars are longer than a day, and this ratio is of daily returns")


@dataclass(frozen=True)
class Metrics:
    """The numbers of a simulation.

    Attributes:
        values: by name, in the order of `METRICS`; None where a number has no meaning.
        reasons: for each None, why.
    """

    values: dict[str, float | int | None]
    reasons: dict[str, str] = field(default_factory=dict)


def measure(simulation: Simulation, periods_per_year: int) -> Metrics:
    """Return all metrics of a simulation.

    Args:
        simulation: what the engine gave.
        periods_per_year: days to annualise with: 252 for exchanges, 365 around the clock.
    """
    numbers = {}
    for name, metric in METRICS.items():
        numbers[name] = metric(simulation, periods_per_year)
    return collected(numbers)


def collected(numbers: Mapping[str, float | Undefined]) -> Metrics:
    """Return numbers, some of which have no meaning, as values and reasons."""
    values: dict[str, float | int | None] = {}
    reasons = {}
    for name, value in numbers.items():
        if isinstance(value, Undefined):
            values[name] = None
            reasons[name] = value.reason
        else:
            values[name] = value
    return Metrics(values, reasons)


def total_return(equity: Floats, initial_capital: float) -> float:
    """Return the gain over the whole run as a fraction: last equity / initial capital - 1."""
    return float(equity[-1] / initial_capital - 1)


def daily_returns(
    time: Times,
    equity: Floats,
    initial_capital: float,
    dates: Times | None = None,
) -> Floats:
    """Return one simple return per day that has a close; the first is on the initial capital.

    Args:
        time: int64 milliseconds since 1970, UTC, of each close.
        equity: money at each of them.
        initial_capital: money before the first.
        dates: the day of each; None for UTC days, where a close at 00:00 ends the day before it.
    """
    if not len(time):
        return np.zeros(0)
    days = utc_dates(time) if dates is None else dates
    ends = np.flatnonzero(np.diff(days))
    last = np.append(ends, len(days) - 1)
    path = np.concatenate([[initial_capital], equity[last]])
    before = path[:-1]
    after = path[1:]
    return np.asarray(after / before - 1)


def utc_dates(time: Times) -> Times:
    """Return the UTC day of each close, as its 00:00 in milliseconds.

    A close at 00:00 ends the day before it, so that a Friday's close is Friday.
    """
    return (time - 1) // DAY_MS * DAY_MS


def returns_of(run: Simulation) -> Floats:
    """Return the daily returns of a run, by its trading dates if they are known."""
    return daily_returns(run.time, run.equity, run.initial_capital, run.dates)


def too_few(returns: Floats) -> Undefined | None:
    """Return why a number of daily returns means nothing; None if there are enough."""
    if len(returns) < FEWEST_RETURNS:
        return Undefined(f"{len(returns)} daily returns are too few")
    return None


def longer_than_a_day(time: Times) -> bool:
    """Tell whether closes lie weeks or months apart (a long weekend alone does not)."""
    if len(time) < 2:
        return False
    steps = np.sort(np.diff(time))
    middle = len(steps) // 2
    upper = steps[middle]
    lower = steps[-middle - 1]
    median = (lower + upper) / 2
    return bool(median > _LONGEST_WEEKEND)


def sharpe_ratio(returns: Floats, periods_per_year: int) -> float | Undefined:
    """Return the annualised Sharpe ratio of returns.

    Arithmetic mean over sample standard deviation (ddof 1), risk-free rate 0, times the root of
    the periods per year: W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21
    (1994).
    """
    ratio = _ratio(returns)
    if isinstance(ratio, Undefined):
        return ratio
    return ratio * math.sqrt(periods_per_year)


def probabilistic_sharpe(returns: Floats, benchmark: float = 0.0) -> float | Undefined:
    """Return the probability, 0 to 1, that the true Sharpe ratio is above a benchmark.

    The benchmark is per period, not annualised. The probability allows for the length of the
    record, skewness and kurtosis: D. H. Bailey and M. Lopez de Prado, "The Sharpe Ratio Efficient
    Frontier", Journal of Risk 15 (2012), equation 11.
    """
    ratio = _ratio(returns)
    if isinstance(ratio, Undefined):
        return ratio
    centred = returns - returns.mean()
    scaled = centred / returns.std()
    skewness = float(np.mean(scaled**3))
    kurtosis = float(np.mean(scaled**4))
    skewed = skewness * ratio
    weight = (kurtosis - 1) / 4
    squared = ratio**2
    heavy = weight * squared
    spread = 1 - skewed + heavy
    if spread <= 0:
        return Undefined("the daily returns are too uneven for it")
    excess = ratio - benchmark
    length = len(returns) - 1
    z = excess * math.sqrt(length) / math.sqrt(spread)
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))  # the normal distribution


def max_drawdown(equity: Floats, initial_capital: float) -> float:
    """Return the deepest fall from the highest equity before it, per bar, as a fraction <= 0."""
    path = np.concatenate([[initial_capital], equity])
    highest = np.maximum.accumulate(path)
    drawdowns = path / highest - 1
    return float(drawdowns.min())


def win_rate(trades: Sequence[Trade]) -> float | Undefined:
    """Return the fraction of closed trades that made money after costs."""
    if not trades:
        return Undefined("no trade was closed")
    profits = [trade.pnl for trade in trades]
    won = sum(profit > 0 for profit in profits)
    return won / len(trades)


def profit_factor(trades: Sequence[Trade]) -> float | Undefined:
    """Return the money won over the money lost by closed trades."""
    if not trades:
        return Undefined("no trade was closed")
    profits = [trade.pnl for trade in trades]
    won = sum(profit for profit in profits if profit > 0)
    lost = -sum(profit for profit in profits if profit < 0)
    if not lost:
        return Undefined("no trade lost money")
    return won / lost


# Details

Metric = Callable[[Simulation, int], "float | Undefined"]


def _ratio(returns: Floats) -> float | Undefined:
    few = too_few(returns)
    if few:
        return few
    deviation = float(returns.std(ddof=1))
    largest = float(np.abs(returns).max())
    # Rounding alone gives constant returns a deviation of about 1e-17.
    if deviation <= 1e-12 * max(1.0, largest):
        return Undefined("the equity never moved")
    return float(returns.mean()) / deviation


def _total_return(run: Simulation, _: int) -> float:
    return total_return(run.equity, run.initial_capital)


def _sharpe_ratio(run: Simulation, periods_per_year: int) -> float | Undefined:
    if run.ruined:
        return RUINED
    if longer_than_a_day(run.time):
        return TOO_LONG
    return sharpe_ratio(returns_of(run), periods_per_year)


def _max_drawdown(run: Simulation, _: int) -> float:
    return max_drawdown(run.equity, run.initial_capital)


def _win_rate(run: Simulation, _: int) -> float | Undefined:
    return win_rate(run.trades)


def _profit_factor(run: Simulation, _: int) -> float | Undefined:
    return profit_factor(run.trades)


def _num_trades(run: Simulation, _: int) -> int:
    return len(run.trades)


def _sharpe_n(run: Simulation, _: int) -> int:
    return len(returns_of(run))


def _probabilistic_sharpe(run: Simulation, _: int) -> float | Undefined:
    if run.ruined:
        return RUINED
    if longer_than_a_day(run.time):
        return TOO_LONG
    return probabilistic_sharpe(returns_of(run))


METRICS: dict[str, Metric] = {
    "total_return": _total_return,
    "sharpe_ratio": _sharpe_ratio,
    "max_drawdown": _max_drawdown,
    "win_rate": _win_rate,
    "profit_factor": _profit_factor,
    "num_trades": _num_trades,
    "sharpe_n": _sharpe_n,
    "probabilistic_sharpe": _probabilistic_sharpe,
}
