"""How much a run traded and held: turnover, exposure, and the cost at which nothing is left."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from quant_team_backtest.assumptions import NEXT_OPEN, Assumptions
from quant_team_backtest.fills import Indexes
from quant_team_backtest.ledger import held_after, steps
from quant_team_backtest.metrics import RUINED, Undefined
from quant_team_backtest.prepared import Series
from quant_team_backtest.returns import years_of
from quant_team_backtest.simulation import Flags, Floats, Simulation, Times

NOTHING_FILLED = Undefined("nothing was filled")
NO_BARS = Undefined("the bars of the run are not known")


class Filled(NamedTuple):
    """The fills of a run as columns, in time order.

    Attributes:
        symbol: index of the symbol among the prepared bars; -1 if it is not among them.
        time: milliseconds since 1970, UTC.
        quantity: signed, in the shares of the day.
        price: of a share, slippage included, in money.
        costs: commission and duty, in money.
    """

    symbol: Indexes
    time: Times
    quantity: Floats
    price: Floats
    costs: Floats


def filled_of(run: Simulation) -> Filled:
    """Return the fills of a run as columns."""
    numbers = {}
    if run.bars:
        for number, name in enumerate(run.bars.symbols):
            numbers[name] = number
    symbols = []
    times = []
    rows = []
    for fill in run.fills:
        symbols.append(numbers.get(fill.symbol, -1))
        times.append(fill.time)
        rows.append(fill[2:])
    values = np.array(rows, dtype=np.float64)
    values = values.reshape(-1, 3)
    return Filled(
        symbol=np.array(symbols, dtype=np.int64),
        time=np.array(times, dtype=np.int64),
        quantity=values[:, 0],
        price=values[:, 1],
        costs=values[:, 2],
    )


def turnover(
    notional: float,
    mean_equity: float,
    years: float,
) -> float | Undefined:
    """Return what was bought and sold per year, as a multiple of the mean equity.

    Both sides count: to buy everything and sell it again once a year is 2. So turnover times the
    cost per side is what costs take from the return each year. R. C. Grinold and R. N. Kahn,
    "Active Portfolio Management" (2000), chapter 16, counts one side, half of this.

    Args:
        notional: money of all fills, both sides.
        mean_equity: over all closes, in money.
        years: of 365.25 days.
    """
    if years <= 0:
        return Undefined("the run has no length")
    if mean_equity <= 0:
        return RUINED
    return notional / mean_equity / years


def break_even_cost(profit_without_costs: float, notional: float) -> float | Undefined:
    """Return the cost per side, a fraction of the notional, at which the profit is zero.

    For the same fills: profit = profit without costs - cost * notional, a straight line.

    Args:
        profit_without_costs: money, before commission, duty and slippage.
        notional: money of all fills, both sides, at prices without slippage.
    """
    if notional <= 0:
        return NOTHING_FILLED
    if profit_without_costs <= 0:
        return Undefined("nothing was earned before costs")
    return profit_without_costs / notional


def turnover_of(run: Simulation, filled: Filled) -> float | Undefined:
    """Return the turnover per year of a run."""
    if run.ruined:
        return RUINED
    if not len(run.equity):
        return Undefined("the run has no length")
    money = np.abs(filled.quantity) * filled.price
    notional = float(money.sum())
    mean_equity = float(run.equity.mean())
    return turnover(notional, mean_equity, years_of(run))


def break_even_of(run: Simulation, filled: Filled) -> float | Undefined:
    """Return the break-even cost per side of a run; borrow fees and interest stay as they are."""
    if run.assumptions is None:
        return Undefined("the costs of the run are not known")
    if not len(filled.time):
        return NOTHING_FILLED
    slipped = _slipped(filled, run.assumptions)
    fair = filled.price / slipped
    notional = np.abs(filled.quantity) * fair
    slippage = filled.quantity * (filled.price - fair)
    costs = filled.costs + slippage
    profit = float(run.equity[-1]) - run.initial_capital
    before_costs = profit + float(costs.sum())
    return break_even_cost(before_costs, float(notional.sum()))


class Exposure(NamedTuple):
    """What a run held.

    Attributes:
        time_in_market: fraction of the closes at which anything is held.
        mean_gross: mean over all closes of the value of all positions, long and short, over equity.
    """

    time_in_market: float | Undefined
    mean_gross: float | Undefined


def exposure_of(run: Simulation, filled: Filled) -> Exposure:
    """Return how often, and how much, a run was in the market."""
    if run.bars is None or run.assumptions is None:
        return Exposure(NO_BARS, NO_BARS)
    length = len(run.time)
    if not length:
        nothing = Undefined("the run has no length")
        return Exposure(nothing, nothing)
    gross = np.zeros(length)
    is_in = np.zeros(length, dtype=np.bool_)
    at_open = run.assumptions.fill == NEXT_OPEN
    for i, series in enumerate(run.bars.series):
        mine = filled.symbol == i
        if not mine.any():
            continue
        held = _held(run, series, filled, mine, at_open=at_open)
        gross += np.abs(held) * series.mark[:length]
        is_in |= held != 0
    share = float(is_in.mean())
    if run.ruined:
        return Exposure(share, RUINED)
    invested = gross / run.equity
    return Exposure(share, float(invested.mean()))


# Details


def _slipped(filled: Filled, assumptions: Assumptions) -> Floats:
    """Return what each price is a multiple of, slippage apart; 1 for what left without costs."""
    slipped = 1 + np.sign(filled.quantity) * assumptions.slippage
    if not assumptions.commission:
        return slipped
    return np.where(filled.costs == 0, 1.0, slipped)


def _held(
    run: Simulation,
    series: Series,
    filled: Filled,
    mine: Flags,
    *,
    at_open: bool,
) -> Floats:
    """Return the units of a symbol held at each close."""
    times = filled.time[mine]
    bar = bars_at(series, times, at_open=at_open)
    units = filled.quantity[mine] / series.scale_at(bar)
    held = held_after(units)
    held[np.abs(held) < 1e-8] = 0.0  # quantities of fills have nine decimals
    side: Literal["left", "right"] = "right" if at_open else "left"
    seen = np.searchsorted(run.time, times, side=side)
    return steps(held, 0.0, seen, len(run.time))


def bars_at(
    series: Series,
    times: Times,
    *,
    at_open: bool,
) -> Indexes:
    """Return the bar of a symbol in which each of some fills happened."""
    bars = series.bars
    if at_open:
        following = np.searchsorted(bars.opened, times, side="right")
        return following - 1
    bar = np.searchsorted(bars.closed, times, side="left")
    return np.minimum(bar, len(bars.closed) - 1)
