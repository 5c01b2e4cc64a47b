"""The one loop of the engine: from close to close at which something is decided.

Money and quantities are in the coordinates of `prepared.py`: a position changes by fills alone, and
its value includes the dividends paid on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np

from quant_team_backtest import fills
from quant_team_backtest.assumptions import NEXT_OPEN, Assumptions
from quant_team_backtest.book import Book
from quant_team_backtest.decisions import Decisions
from quant_team_backtest.prepared import Prepared
from quant_team_backtest.simulation import Exits
from quant_team_backtest.venue import Venue
from quant_team_backtest.waiting import Waiting
from quant_team_backtest.watch import Watch

# Symbol, next bar, weight, unit, lot and cap of a decision.
Row = tuple[int, int, float, float, float, float]
# Symbol, bar, quantity and cost of a fill.
Filled = tuple[int, int, float, float]
WIDE = 6  # decisions at one close from which arrays beat a loop over them


class Group(NamedTuple):
    """The decisions of one close.

    Attributes:
        number: of the group.
        first: index of its first decision.
        last: index after its last.
        time: of the close, milliseconds since 1970, UTC.
        gross: sum of the weights, signs apart.
        fills: the next bar fills each of them, as far as is known before.
    """

    number: int
    first: int
    last: int
    time: int
    gross: float
    fills: bool


class Loop:
    """A run: what is decided at each close, and what the next bars fill of it.

    Attributes:
        venues: how the orders of each symbol fill.
        book: cash, positions and fills.
        waiting: the orders that the next bar did not fill as a whole.
        orders: how many were decided.
        too_small: how many of those that did not wait were for less than one lot.
        scaled: at how many closes the decisions were scaled down to `max_gross`.
    """

    def __init__(
        self,
        prepared: Prepared,
        venues: list[Venue],
        decisions: Decisions,
        assumptions: Assumptions,
        exits: Mapping[str, Exits],
    ) -> None:
        """Start flat, with the initial capital."""
        at_open = assumptions.fill == NEXT_OPEN
        chosen = [exits.get(symbol) for symbol in prepared.symbols]
        self.venues = venues
        self._watch = Watch(venues, chosen, decisions)
        # At a close, what exits leave within the bar comes before what the close fills.
        self._is_direct = prepared.is_aligned and (at_open or self._watch.is_idle)
        self.orders = len(decisions.close)
        self.too_small = 0
        self.scaled = 0
        self._decisions = decisions
        self._max_gross = assumptions.max_gross
        self._short = [venue.rates.short_to_long for venue in venues]
        self._sale = [venue.rates.sale_to_purchase for venue in venues]
        self._shorts = np.array(self._short)
        self._sales = np.array(self._sale)
        self._lot = _common_lot(prepared)
        is_short = decisions.weight < 0
        self._has_shorts = bool(is_short.any())
        has_dividends = any(series.has_dividends for series in prepared.series)
        may_owe = self._has_shorts or has_dividends or self._max_gross > 1
        self.book = Book(prepared, assumptions, is_plain=not may_owe)
        self.waiting = Waiting(venues, self.book, self._watch, assumptions)
        self._is_plain = self.book.is_plain and self._watch.is_idle
        self._groups = _groups(prepared, decisions)
        firsts = [group.first for group in self._groups]
        closes = decisions.close[firsts]
        values = [series.value[closes] for series in prepared.series]
        marks = [series.mark[closes] for series in prepared.series]
        self._values = np.column_stack(values)
        self._marks = np.column_stack(marks)

    def run(self) -> None:
        """Take the decisions of each close in turn, until the end or ruin."""
        waiting = self.waiting
        for group in self._groups:
            if waiting.is_busy:
                waiting.advance(group.time)
            equity = self._equity(group)
            if equity <= 0:
                return
            money = self._that_fits(group, equity)
            if not (self._is_direct and group.fills) or waiting.orders:
                self._let_wait(group, money)
            elif group.last - group.first < WIDE:
                self._fill_few(group, money)
            else:
                self._fill_many(group, money)
        waiting.advance(math.inf)

    # Details: what a weight of 1 is worth

    def _equity(self, group: Group) -> float:
        """Return the equity at a close."""
        book = self.book
        values = self._values[group.number]
        worth: float = book.held.dot(values).item()
        if book.is_plain:
            return book.cash + worth
        return book.cash + worth - book.owed(group.time)

    def _that_fits(self, group: Group, equity: float) -> float:
        """Return the equity, scaled down so that what is decided at the close fits in."""
        book = self.book
        is_whole = group.last - group.first == len(book.held)
        if is_whole and group.gross <= self._max_gross:
            return equity
        decided = group.gross * equity
        room = self._max_gross * equity
        if book.is_plain and decided + equity - book.cash <= room:
            return equity
        others = 0.0
        if not is_whole:
            here = slice(group.first, group.last)
            worth = np.abs(book.held * self._marks[group.number])
            worth[self._decisions.column[here]] = 0.0
            others = worth.sum().item()
        room = max(room - others, 0.0)
        if decided <= room:
            return equity
        self.scaled += 1
        return equity * room / decided

    # Details: the next bar

    @cached_property
    def _rows(self) -> list[Row]:
        """What a loop needs of each decision, read faster than arrays."""
        decisions = self._decisions
        columns = (
            decisions.column.tolist(),
            (decisions.bar + 1).tolist(),
            decisions.weight.tolist(),
            decisions.unit.tolist(),
            decisions.lot.tolist(),
            decisions.cap.tolist(),
        )
        return list(zip(*columns, strict=True))

    def _let_wait(self, group: Group, money: float) -> None:
        decisions = self._decisions
        for i in range(group.first, group.last):
            column = decisions.column.item(i)
            self.waiting.add(
                column=column,
                decided=decisions.bar.item(i),
                amount=decisions.weight.item(i) * money,
                cap=decisions.cap.item(i),
                mark=self._marks[group.number].item(column),
            )
            self._watch.go_on(column, decisions.bar.item(i))

    def _fill_few(self, group: Group, money: float) -> None:
        """Fill the orders of a close on their next bar; if one cannot be filled whole, all wait."""
        book = self.book
        orders: list[Filled] = []
        total = 0.0
        rows = self._rows[group.first : group.last]
        for column, bar, weight, unit, lot, cap in rows:
            amount = weight * money
            price = unit
            if amount < 0:
                price *= self._short[column]
            held = book.held.item(column)
            quantity = fills.wanted(amount, price, held, lot)
            if abs(quantity) > cap:
                self._let_wait(group, money)
                return
            cost = quantity * unit
            if quantity < 0:
                cost *= self._sale[column]
            total += cost
            orders.append((column, bar, quantity, cost))
        if not self._is_plain or total > book.cash:
            self._enter_slowly(group, orders)
            return
        for column, bar, quantity, cost in orders:
            if quantity:
                book.fill(column, bar, quantity, cost)
            else:
                self.too_small += 1

    def _fill_many(self, group: Group, money: float) -> None:
        """Do the same with arrays."""
        decisions = self._decisions
        here = slice(group.first, group.last)
        column = decisions.column[here]
        unit = decisions.unit[here]
        amount = decisions.weight[here] * money
        price = unit
        if self._has_shorts:
            short = unit * self._shorts[column]
            price = np.where(amount < 0, short, unit)
        lot = decisions.lot[here] if self._lot is None else self._lot
        held = self.book.held[column]
        quantity = fills.wanted_of_many(amount, price, held, lot)
        is_capped = np.abs(quantity) > decisions.cap[here]
        if is_capped.any():
            self._let_wait(group, money)
            return
        costs = quantity * unit
        got = costs * self._sales[column]
        costs = np.where(quantity > 0, costs, got)
        total: float = costs.sum().item()
        if self._is_plain and total <= self.book.cash:
            bar = decisions.bar[here] + 1
            self.book.fill_all(column, bar, quantity, total)
        else:
            bar = decisions.bar[here] + 1
            columns = (
                column.tolist(),
                bar.tolist(),
                quantity.tolist(),
                costs.tolist(),
            )
            orders = zip(*columns, strict=True)
            self._enter_slowly(group, list(orders))

    def _enter_slowly(
        self,
        group: Group,
        orders: list[Filled],
    ) -> None:
        """Enter fills (symbol, bar, quantity and cost) where the cash may not suffice.

        So too where something may be owed.
        """
        columns, bars, quantities, costs = zip(*orders, strict=True)
        here = slice(group.first, group.last)
        lots = self._decisions.lot[here].tolist()
        venue = self.venues[columns[0]]
        time = venue.times.item(bars[0])
        kept = self.book.affordable(columns, quantities, costs, lots, time)
        for order, left in zip(orders, kept, strict=True):
            column, bar, quantity, cost = order
            if left:
                cost *= left / quantity
                self.book.fill_at(column, bar, left, cost, time)
                self.waiting.note(column, bar - 1, bar, left)
            else:
                self.too_small += 1
                self._watch.go_on(column, bar - 1)


def _common_lot(prepared: Prepared) -> float | None:
    """Return the lot of all symbols, if it is the same and nothing is ever split."""
    lots = set()
    for series in prepared.series:
        if series.scale is not None:
            return None
        lots.add(series.lot)
    return lots.pop() if len(lots) == 1 else None


def _groups(prepared: Prepared, decisions: Decisions) -> list[Group]:
    close = decisions.close
    if not len(close):
        return []
    changes = np.flatnonzero(np.diff(close)) + 1
    first = np.append(0, changes)
    sizes = np.abs(decisions.weight)
    gross = np.add.reduceat(sizes, first)
    fills_all = np.logical_and.reduceat(decisions.fills, first)
    columns = (
        range(len(first)),
        first.tolist(),
        [*changes.tolist(), len(close)],
        prepared.axis[close[first]].tolist(),
        gross.tolist(),
        fills_all.tolist(),
    )
    rows = zip(*columns, strict=True)
    return [Group(*row) for row in rows]
