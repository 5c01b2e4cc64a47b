"""From the fills of a run to its curve, with whole arrays."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_team_backtest.assumptions import NEXT_OPEN, Assumptions
from quant_team_backtest.book import Book
from quant_team_backtest.fills import Indexes
from quant_team_backtest.prepared import YEAR_MS, Prepared, Series
from quant_team_backtest.simulation import Floats, Times
from quant_team_backtest.venue import Venue

FLAT = 1e-9  # of a fill: what is left of a position by rounding


class Entries(NamedTuple):
    """Fills of one symbol as columns, in time order.

    Attributes:
        number: of each fill among all of the run, in time order.
        bar: index of its bar.
        time: milliseconds since 1970, UTC.
        seen: index on the axis of the first close that sees the fill.
        quantity: signed, in units.
        price: of a unit, slippage included, in money.
        costs: commission and duty, in money.
        paid: dividends that a unit has been paid before.
        held: the position after it.
    """

    number: Indexes
    bar: Indexes
    time: Times
    seen: Indexes
    quantity: Floats
    price: Floats
    costs: Floats
    paid: Floats
    held: Floats

    @property
    def spent(self) -> Floats:
        """What each takes from the cash, with the dividends that it buys."""
        return self.quantity * (self.price + self.paid) + self.costs

    def until(self, last: int) -> Entries:
        """Return those that a moment of the axis has seen."""
        count = np.searchsorted(self.seen, last, side="right")
        columns: list[Any] = [column[:count] for column in self]
        return Entries(*columns)


def entries_of(
    prepared: Prepared,
    venues: list[Venue],
    book: Book,
) -> list[Entries]:
    """Return the fills of each symbol."""
    column, bar, quantity = book.columns()
    numbers = np.flatnonzero(quantity)
    symbols = column[numbers].astype(np.int16)  # which numpy sorts in one pass
    order = np.argsort(symbols, kind="stable")
    numbers = numbers[order]
    every = np.arange(len(prepared.series) + 1)
    bounds = np.searchsorted(symbols[order], every)
    found = []
    levels = book.levels()
    for i, venue in enumerate(venues):
        own = numbers[bounds[i] : bounds[i + 1]]
        entries = _of_symbol(venue, own, bar[own], quantity[own], prepared.axis)
        entries = _at_levels(venue.series, entries, prepared.axis, levels)
        found.append(entries)
    return found


def _at_levels(
    series: Series,
    entries: Entries,
    axis: Times,
    levels: tuple[Indexes, Floats, Floats],
) -> Entries:
    """Return fills with those at a price of their own in the last millisecond of their bars."""
    number, price, costs = levels
    if not len(number):
        return entries
    here, rows, which = np.intersect1d(entries.number, number, return_indices=True)
    if not len(here):
        return entries
    within = series.bars.closed[entries.bar[rows]] - 1
    entries.price[rows] = price[which]
    entries.costs[rows] = costs[which]
    entries.time[rows] = within
    entries.seen[rows] = np.searchsorted(axis, within)
    return entries


def _of_symbol(
    venue: Venue,
    number: Indexes,
    bar: Indexes,
    quantity: Floats,
    axis: Times,
) -> Entries:
    time = venue.times[bar]
    price = venue.prices[bar] * venue.rates.slipped_of_many(quantity)
    notional = np.abs(quantity) * price
    side: Literal["left", "right"] = "right" if venue.at_open else "left"
    return Entries(
        number=number,
        bar=bar,
        time=time,
        seen=np.searchsorted(axis, time, side=side),
        quantity=quantity,
        price=price,
        costs=notional * venue.rates.charged_of_many(quantity),
        paid=venue.series.paid_on(bar),
        held=held_after(quantity),
    )


class Cash(NamedTuple):
    """The cash of a run after each of its fills, in time order.

    Attributes:
        time: of the fill.
        seen: index on the axis of the first close that sees it.
        money: without dividends and without what is owed.
        debit: what the account then owes its broker, dividends paid so far counted.
    """

    time: Times
    seen: Indexes
    money: Floats
    debit: Floats


def cash_of(
    prepared: Prepared,
    entries: list[Entries],
    assumptions: Assumptions,
) -> Cash:
    """Return the cash after each fill."""
    numbers = np.concatenate([own.number for own in entries])
    order = np.argsort(numbers)
    time = _joined([own.time for own in entries], order)
    spent = _joined([own.spent for own in entries], order)
    money = assumptions.initial_capital - np.cumsum(spent)
    real = money
    for series, own in zip(prepared.series, entries, strict=True):
        if series.has_dividends and len(own.number):
            following = np.searchsorted(own.number, numbers[order], side="right")
            held = np.append(0.0, own.held)[following]
            paid = series.paid_at(time, at_open=assumptions.fill == NEXT_OPEN)
            real = real + held * paid
    return Cash(
        time=time,
        seen=_joined([own.seen for own in entries], order),
        money=money,
        debit=np.maximum(-real, 0.0),
    )


def equity_of(
    prepared: Prepared,
    entries: list[Entries],
    cash: Cash,
    assumptions: Assumptions,
) -> Floats:
    """Return the equity at each moment of the axis, in money."""
    length = len(prepared.axis)
    equity = steps(cash.money, assumptions.initial_capital, cash.seen, length)
    for series, own in zip(prepared.series, entries, strict=True):
        if not len(own.number):
            continue
        position = steps(own.held, 0.0, own.seen, length)
        equity += position * series.value
        if assumptions.borrow_rate and own.held.min() < 0:
            before = steps(borrow_before(series, own), 0.0, own.seen, length)
            short = np.minimum(position, 0.0)
            equity -= assumptions.borrow_rate * (before - short * series.borrowed)
    if assumptions.interest_rate and cash.debit.any():
        equity -= assumptions.interest_rate * _interest(prepared.axis, cash)
    return equity


def borrow_before(series: Series, own: Entries) -> Floats:
    """Return the borrow fees after each fill but for those of the position then held.

    In money times years; the position owes `short * Series.borrowed` beside, and all of it times
    the rate.
    """
    short = np.minimum(own.held, 0.0)
    change = np.diff(short, prepend=0.0)
    return np.cumsum(change * series.borrowed_until(own.time))


def held_after(quantity: Floats) -> Floats:
    """Return the position of a symbol after each of its fills."""
    held = np.cumsum(quantity)
    is_rounding = np.abs(held) < FLAT * np.abs(quantity)
    held[is_rounding] = 0.0
    return held


def steps(
    values: Floats,
    start: float,
    seen: Indexes,
    length: int,
) -> Floats:
    """Return a step function on the axis: `start`, and from each `seen` on its value."""
    bounds = np.concatenate([[0], seen, [length]])
    levels = np.concatenate([[start], values])
    return np.repeat(levels, np.diff(bounds))


# Details


def _joined(
    columns: list[NDArray[Any]],
    order: Indexes,
) -> NDArray[Any]:
    """Return a column of all symbols, in the order of the fills."""
    joined = np.concatenate(columns)
    return joined[order]


def _interest(axis: Times, cash: Cash) -> Floats:
    """Return the debit integrated over time at each moment of the axis, in money times years."""
    years = np.diff(cash.time) / YEAR_MS
    steps_of_interest = cash.debit[:-1] * years
    so_far = np.append(0.0, np.cumsum(steps_of_interest))
    length = len(axis)
    begun = steps(so_far, 0.0, cash.seen, length)
    debit = steps(cash.debit, 0.0, cash.seen, length)
    times = cash.time.astype(np.float64)
    since = steps(times, 0.0, cash.seen, length)
    return begun + debit * (axis - since) / YEAR_MS
