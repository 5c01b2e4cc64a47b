"""The account of a simulation: cash, positions, equity over time, the ledger and its trades.

It moves along one axis of moments, every open and every close of every symbol; a moment is an index
into that axis, `i` the index of a symbol.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from quant_team_backtest import fills
from quant_team_backtest.assumptions import NEXT_CLOSE, Assumptions
from quant_team_backtest.simulation import (
    Applied,
    Bars,
    Fill,
    Floats,
    Flow,
    OpenTrade,
    Times,
    Trade,
)

YEAR_MS = 365 * 86_400_000
_FLAT = 1e-12  # of a fill: what is left of a fractional position that was left in several fills


class Account:
    """One account over all symbols.

    Attributes:
        times: the axis, int64 milliseconds since 1970, UTC, each once.
        is_close: for each moment, whether a bar of any symbol closes.
        last_close: for each moment and symbol the last close; 0 before there is one.
        equity: float64 money at each moment; known before `cursor`.
        cursor: the first moment whose equity is not known yet.
        cash: money; negative for a debit.
        lowest_cash: the least that it has been.
        position: units held, by symbol, negative when short.
        borrow: what was paid so far for what is short, by symbol, in money.
        ruined: equity was at or below zero at a close.
        fills: the ledger, in time order.
        trades: what was closed, in the order of closing.
        applied: splits and dividends of what was held, in time order.
    """

    def __init__(self, bars: Mapping[str, Bars], assumptions: Assumptions) -> None:
        """Start flat, with the initial capital, before the first moment."""
        series = list(bars.values())
        count = len(series)
        self.assumptions = assumptions
        self.symbols = list(bars)
        self.fractional = [one.fractional for one in series]
        self.times = _axis(series)
        self.years = np.diff(self.times, prepend=self.times[0]) / YEAR_MS
        self.is_close = _is_close(self.times, series)
        self.last_close = _last_closes(self.times, series)
        self.equity = np.full(
            len(self.times),
            assumptions.initial_capital,
            dtype=np.float64,  # whatever the capital's type: money is not whole
        )
        self.cursor = 0
        self.cash = assumptions.initial_capital
        self.lowest_cash = self.cash
        self.position = np.zeros(count)
        self.borrow = np.zeros(count)
        self.ruined = False
        self.fills: list[Fill] = []
        self.trades: list[Trade] = []
        self.applied: list[Applied] = []
        self.open_trades: list[OpenTrade | None] = [None] * count

    def mark_to_market(self, last: int) -> None:
        """Account for the moments up to and including `last`, with the positions held so far."""
        if self.ruined or last < self.cursor:
            return
        rows = slice(self.cursor, last + 1)
        value = self.last_close[rows] @ self.position
        equity = value + self.cash
        fees = self._borrow_fees(last)
        if fees is not None:
            equity -= fees.sum(axis=1).cumsum()
        is_ruin = (equity <= 0) & self.is_close[rows]
        if is_ruin.any():
            self.ruined = True
            at = int(is_ruin.argmax())
            equity = equity[: at + 1]
        stop = self.cursor + len(equity)
        if fees is not None:
            until_ruin = fees[: len(equity)]
            paid = until_ruin.sum(axis=0)
            self.borrow += paid
            self.cash -= float(paid.sum())
        self.equity[self.cursor : stop] = equity
        self.cursor = stop
        self.lowest_cash = min(self.lowest_cash, self.cash)

    def _borrow_fees(self, last: int) -> Floats | None:
        """Return what is owed by moment (rows, up to `last`) and symbol, or None if nothing is."""
        rate = self.assumptions.borrow_rate
        if not rate or not (self.position < 0).any():
            return None
        short = -np.minimum(self.position, 0)
        # A position is opened at a moment before `cursor`, so there is a row before it.
        value = self.last_close[self.cursor - 1 : last] * short
        years = self.years[self.cursor : last + 1]
        due = years[:, None] * rate
        return np.asarray(value * due)

    def record_fill(
        self,
        i: int,
        time: int,
        quantity: float,
        price: float,
    ) -> None:
        """Enter a fill at a bar's price: cash, position, ledger and the trade it belongs to."""
        rates = self.assumptions
        price = fills.fill_price(price, quantity, rates.slippage)
        commission = fills.commission_of(quantity, price, rates.commission)
        cost = quantity * price + commission
        self.cash -= cost
        fill = Fill(time, self.symbols[i], quantity, price, commission)
        self.fills.append(fill)
        before = float(self.position[i])
        after = before + quantity
        rounding = _FLAT * abs(quantity)
        if abs(after) < rounding:
            after = 0.0
        self.position[i] = after
        if rates.fill == NEXT_CLOSE:
            self._mark_again()
        crosses_zero = before * after < 0
        if crosses_zero:  # one trade ends and the next begins
            self._record_trade(i, fill, -before, 0.0)
            self._record_trade(i, fill, after, after)
        else:
            self._record_trade(i, fill, quantity, after)

    def apply(
        self,
        i: int,
        flow: Flow,
        moments: slice,
        price: float,
    ) -> None:
        """Apply a split or dividend at the open of a bar.

        Until that bar closes, the position is marked at the last close as it is after the flow.

        Args:
            i: index of the symbol.
            flow: what happens.
            moments: from the bar's open, which is accounted for, to before its close.
            price: the bar's open, at which a fraction of a unit is paid out.
        """
        marks = self.last_close[moments, i]
        self.last_close[moments, i] = (marks - flow.cash) / flow.ratio
        before = float(self.position[i])
        trade = self.open_trades[i]
        if trade is None:
            return
        exact = before * flow.ratio
        after = fills.after_split(before, flow.ratio, self.fractional[i])
        dividend = before * flow.cash
        fraction = (exact - after) * price
        self.cash += dividend + fraction
        self.position[i] = after
        self.lowest_cash = min(self.lowest_cash, self.cash)
        trade.split(flow.ratio, dividend, fraction)
        time = int(self.times[moments.start])
        symbol = self.symbols[i]
        self.applied.append(Applied(time, symbol, before, after, dividend, fraction))
        if not after:
            self._close_trade(i, trade, time)

    def _mark_again(self) -> None:
        """Put a fill at a close into the equity of that close, which was known before it."""
        moment = self.cursor - 1
        prices = self.last_close[moment]
        value = float(prices @ self.position)
        equity = self.cash + value
        self.equity[moment] = equity
        self.ruined = bool(equity <= 0)

    def _record_trade(
        self,
        i: int,
        fill: Fill,
        part: float,
        held: float,
    ) -> None:
        """Enter part of a fill into the symbol's trade, which closes if nothing is then held."""
        borrow = float(self.borrow[i])
        trade = self.open_trades[i] or OpenTrade(fill.time, borrow)
        commission = fill.commission * part / fill.quantity
        trade.add(part, fill.price, commission)
        self.open_trades[i] = trade
        if not held:
            self._close_trade(i, trade, fill.time)

    def _close_trade(self, i: int, trade: OpenTrade, time: int) -> None:
        """Enter the symbol's trade, of which nothing is held any more, into the list."""
        self.open_trades[i] = None
        borrow = float(self.borrow[i])
        closed = trade.close(self.symbols[i], time, borrow)
        self.trades.append(closed)


def _axis(series: list[Bars]) -> Times:
    """Return every open and every close of all symbols, sorted, each moment once."""
    moments = []
    for bars in series:
        moments.append(bars.opened)
        moments.append(bars.closed)
    times = np.concatenate(moments)
    times.sort()
    is_first = np.ones(len(times), dtype=bool)
    is_first[1:] = np.diff(times) > 0
    return np.asarray(times[is_first])


def _is_close(times: Times, series: list[Bars]) -> NDArray[np.bool_]:
    is_close = np.zeros(len(times), dtype=bool)
    for bars in series:
        moments = np.searchsorted(times, bars.closed)
        is_close[moments] = True
    return is_close


def _last_closes(times: Times, series: list[Bars]) -> Floats:
    columns = []
    for bars in series:
        following = np.searchsorted(bars.closed, times, side="right")
        last = following - 1
        closes = np.where(last >= 0, bars.close[last], 0.0)
        columns.append(closes)
    return np.column_stack(columns)
