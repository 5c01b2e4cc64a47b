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
from quant_team_backtest.venue import venues_of
from quant_team_backtest.waiting import Waiting
from quant_team_backtest.watch import Watch

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
        book: cash, positions and fills.
        waiting: the orders that the next bar did not fill as a whole.
        orders: how many were decided.
        too_small: how many of those that did not wait were for less than one lot.
        scaled: at how many closes the decisions were scaled down to `max_gross`.
    """

    def __init__(
        self,
        prepared: Prepared,
        decisions: Decisions,
        assumptions: Assumptions,
        exits: Mapping[str, Exits],
    ) -> None:
        """Start flat, with the initial capital."""
        venues = venues_of(prepared, assumptions)
        at_open = assumptions.fill == NEXT_OPEN
        chosen = [exits.get(symbol) for symbol in prepared.symbols]
        self._venues = venues
        self._watch = Watch(venues, chosen, decisions)
        # At a close, what exits leave within the bar comes before what the close fills.
        self._is_direct = prepared.is_aligned and (at_open or self._watch.is_idle)
        self.orders = len(decisions.close)
        self.too_small = 0
        self.scaled = 0
        self._decisions = decisions
        self._max_gross = assumptions.max_gross
        rates = [venue.rates for venue in venues]
        # What a short unit costs, and a sale gets, for each unit of money that a purchase costs.
        self._short = [one.unit(-1.0) / one.unit(1.0) for one in rates]
        self._sale = [-one.cost(-1.0, 1.0) / one.unit(1.0) for one in rates]
        self._shorts = np.array(self._short)
        self._sales = np.array(self._sale)
        self._lot = _common_lot(prepared)
        self._has_shorts = bool((decisions.weight < 0).any())
        has_dividends = any(series.has_dividends for series in prepared.series)
        may_owe = self._has_shorts or has_dividends or self._max_gross > 1
        self.book = Book(prepared, assumptions, is_plain=not may_owe)
        self.waiting = Waiting(venues, self.book, self._watch, assumptions)
        self._is_plain = self.book.is_plain and self._watch.is_idle
        self._groups = _groups(prepared, decisions)
        closes = decisions.close[[group.first for group in self._groups]]
        self._values = np.column_stack([series.value[closes] for series in prepared.series])
        self._marks = np.column_stack([series.mark[closes] for series in prepared.series])

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
        worth: float = book.held.dot(self._values[group.number]).item()
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
            held = np.abs(book.held * self._marks[group.number])
            held[self._decisions.column[group.first : group.last]] = 0.0
            others = held.sum().item()
        room = max(room - others, 0.0)
        if decided <= room:
            return equity
        self.scaled += 1
        return equity * room / decided

    # Details: the next bar

    @cached_property
    def _rows(self) -> list[tuple[int, int, float, float, float, float]]:
        """Symbol, next bar, weight, unit, lot and cap of each decision, read faster than arrays."""
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
        orders = []
        total = 0.0
        for column, bar, weight, unit, lot, cap in self._rows[group.first : group.last]:
            amount = weight * money
            price = unit if amount >= 0 else unit * self._short[column]
            quantity = fills.wanted(amount, price, book.held.item(column), lot)
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
            price = np.where(amount < 0, unit * self._shorts[column], unit)
        lot = decisions.lot[here] if self._lot is None else self._lot
        quantity = fills.wanted_of_many(amount, price, self.book.held[column], lot)
        if (np.abs(quantity) > decisions.cap[here]).any():
            self._let_wait(group, money)
            return
        costs = quantity * unit
        costs = np.where(quantity > 0, costs, costs * self._sales[column])
        total: float = costs.sum().item()
        if self._is_plain and total <= self.book.cash:
            self.book.fill_all(column, decisions.bar[here] + 1, quantity, total)
        else:
            bar = decisions.bar[here] + 1
            columns = (column.tolist(), bar.tolist(), quantity.tolist(), costs.tolist())
            self._enter_slowly(group, list(zip(*columns, strict=True)))

    def _enter_slowly(
        self,
        group: Group,
        orders: list[tuple[int, int, float, float]],
    ) -> None:
        """Enter fills, each a symbol, a bar, a quantity and its cost, where the cash may not suffice.

        So too where something may be owed.
        """
        columns, bars, quantities, costs = zip(*orders, strict=True)
        lots = self._decisions.lot[group.first : group.last].tolist()
        time = self._venues[columns[0]].times.item(bars[0])
        kept = self.book.affordable(columns, quantities, costs, lots, time)
        for (column, bar, quantity, cost), left in zip(orders, kept, strict=True):
            if left:
                self.book.fill_at(column, bar, left, cost * left / quantity, time)
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
        lots.add(0.0 if series.bars.fractional else float(series.bars.lot))
    return lots.pop() if len(lots) == 1 else None


def _groups(prepared: Prepared, decisions: Decisions) -> list[Group]:
    close = decisions.close
    if not len(close):
        return []
    changes = np.flatnonzero(np.diff(close)) + 1
    first = np.append(0, changes)
    columns = (
        range(len(first)),
        first.tolist(),
        [*changes.tolist(), len(close)],
        prepared.axis[close[first]].tolist(),
        np.add.reduceat(np.abs(decisions.weight), first).tolist(),
        np.logical_and.reduceat(decisions.fills, first).tolist(),
    )
    return [Group(*row) for row in zip(*columns, strict=True)]
