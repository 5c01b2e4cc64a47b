"""Numbers of closed trades: the best and the worst, how long they last, how far they go astray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quant_team_backtest.fills import Indexes
from quant_team_backtest.metrics import DAY_MS, Undefined
from quant_team_backtest.prepared import Series
from quant_team_backtest.simulation import Flags, Floats, Simulation, Times, Trade

NO_TRADE = Undefined("no trade was closed")


def trade_returns(trades: Sequence[Trade]) -> Floats:
    """Return the profit of each trade over the money entered, a fraction, costs in."""
    found = []
    for trade in trades:
        entered = abs(trade.quantity) * trade.entry
        share = trade.pnl / entered
        found.append(share)
    return np.array(found, dtype=np.float64)


def best_trade(trades: Sequence[Trade]) -> float | Undefined:
    """Return the largest profit of a closed trade over the money entered, a fraction."""
    if not trades:
        return NO_TRADE
    return float(trade_returns(trades).max())


def worst_trade(trades: Sequence[Trade]) -> float | Undefined:
    """Return the smallest profit of a closed trade over the money entered, a fraction."""
    if not trades:
        return NO_TRADE
    return float(trade_returns(trades).min())


def average_holding(trades: Sequence[Trade]) -> float | Undefined:
    """Return the mean time from first to last fill of closed trades, in calendar days."""
    if not trades:
        return NO_TRADE
    lengths = [trade.closed - trade.opened for trade in trades]
    mean = np.mean(lengths)
    return float(mean) / DAY_MS


class Excursions(NamedTuple):
    """How far each trade went against and for its side; see `excursions`.

    Attributes:
        adverse: worst unrealised move, a fraction of the entry price <= 0.
        favourable: best unrealised move, a fraction of the entry price >= 0.
    """

    adverse: Floats
    favourable: Floats


def excursions(run: Simulation) -> Excursions | Undefined:
    """Return the worst and best unrealised move of each closed trade, in the order of `trades`.

    Extremes are the lows and highs of the bars that lie between its first and its last fill, and
    the price at which it was left; before costs of the exit, dividends apart. A bar in which a stop
    was hit counts with the price of the stop only. J. Sweeney, "Maximum Adverse Excursion" (1997).
    """
    if run.bars is None:
        return Undefined("the bars of the run are not known")
    trades = list(run.trades)
    adverse = np.zeros(len(trades))
    favourable = np.zeros(len(trades))
    symbols = [trade.symbol for trade in trades]
    names = np.array(symbols)
    pairs = zip(run.bars.symbols, run.bars.series, strict=True)
    for symbol, series in pairs:
        rows = np.flatnonzero(names == symbol)
        if not len(rows):
            continue
        own = [trades[row] for row in rows]
        worst, best = _of_symbol(series, own)
        adverse[rows] = worst
        favourable[rows] = best
    return Excursions(adverse, favourable)


def mean_adverse(found: Excursions | Undefined) -> float | Undefined:
    """Return the mean over closed trades of their worst unrealised move (MAE), a fraction <= 0."""
    if isinstance(found, Undefined):
        return found
    if not len(found.adverse):
        return NO_TRADE
    return float(found.adverse.mean())


def mean_favourable(found: Excursions | Undefined) -> float | Undefined:
    """Return the mean over closed trades of their best unrealised move (MFE), a fraction >= 0."""
    if isinstance(found, Undefined):
        return found
    if not len(found.favourable):
        return NO_TRADE
    return float(found.favourable.mean())


# Details


def _of_symbol(
    series: Series,
    trades: list[Trade],
) -> tuple[Floats, Floats]:
    table = _table(trades)
    bars = series.bars
    begin = np.searchsorted(bars.opened, table.opened, side="left")
    end = np.searchsorted(bars.closed, table.closed, side="right")
    scale = _scale_after(series, table.closed)
    between = (begin, np.maximum(begin, end))
    low = _extreme(np.minimum, series.lows, between, np.inf)
    high = _extreme(np.maximum, series.highs, between, -np.inf)
    low = np.minimum(low / scale, table.lowest)
    high = np.maximum(high / scale, table.highest)
    fall = low / table.entry - 1
    rise = high / table.entry - 1
    worst = np.where(table.is_long, fall, -rise)
    best = np.where(table.is_long, rise, -fall)
    return worst, best


class _Table(NamedTuple):
    """Trades as columns; `lowest` and `highest` are of the entry and the exit price."""

    opened: Times
    closed: Times
    entry: Floats
    lowest: Floats
    highest: Floats
    is_long: Flags


def _table(trades: list[Trade]) -> _Table:
    columns = list(zip(*trades, strict=True))
    _, opened, closed, quantity, entry, left, _ = columns
    prices = np.array([entry, left])
    return _Table(
        opened=np.array(opened),
        closed=np.array(closed),
        entry=prices[0],
        lowest=prices.min(axis=0),
        highest=prices.max(axis=0),
        is_long=np.array(quantity) > 0,
    )


def _scale_after(series: Series, closed: Times) -> Floats:
    """Return the raw units of one unit when each trade was left."""
    opened = series.bars.opened
    following = np.searchsorted(opened, closed, side="right")
    bar = np.maximum(following - 1, 0)
    return series.scale_at(bar)


def _extreme(
    choose: np.ufunc,
    values: Floats,
    between: tuple[Indexes, Indexes],
    nothing: float,
) -> Floats:
    """Return the extreme of each range of values; `nothing` for an empty one."""
    begin, end = between
    padded = np.append(values, nothing)
    pairs = np.column_stack([begin, end])
    found = choose.reduceat(padded, pairs.ravel())
    return np.where(end > begin, found[::2], nothing)
