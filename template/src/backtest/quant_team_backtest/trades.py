"""Trades from fills: from flat to flat, costs, dividends and borrow fees included."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from quant_team_backtest.simulation import Floats, Times


class Legs(NamedTuple):
    """The fills of one symbol, and what its position and its debts are after each.

    Attributes:
        time: milliseconds since 1970, UTC.
        quantity: signed, in units; never 0.
        price: of a unit, slippage included.
        costs: commission and duty.
        paid: dividends that a unit has been paid before.
        scale: raw units that one unit is.
        due: borrow fees so far.
        held: the position after it.
    """

    time: Times
    quantity: Floats
    price: Floats
    costs: Floats
    paid: Floats
    scale: Floats
    due: Floats
    held: Floats

    def marked(
        self,
        time: int,
        quantity: float,
        price: float,
        paid: float,
        due: float,
        scale: float,
    ) -> Legs:
        """Return these fills and one more without costs, which leaves the position."""
        return Legs(
            time=np.append(self.time, time),
            quantity=np.append(self.quantity, quantity),
            price=np.append(self.price, price),
            costs=np.append(self.costs, 0.0),
            paid=np.append(self.paid, paid),
            scale=np.append(self.scale, scale),
            due=np.append(self.due, due),
            held=np.append(self.held, 0.0),
        )


class Trades(NamedTuple):
    """Trades as columns, in the order of opening; see `simulation.Trade`."""

    opened: Times
    closed: Times
    quantity: Floats
    entry: Floats
    exit: Floats
    pnl: Floats

    def first(self, count: int) -> Trades:
        """Return the first of them."""
        columns: list[Any] = [column[:count] for column in self]
        return Trades(*columns)


def trades_of(legs: Legs) -> Trades:
    """Return the trades of one symbol."""
    legs = _split_at_zero(legs)
    last = np.flatnonzero(legs.held == 0)
    first = np.append(0, last[:-1] + 1)
    before = np.append(0.0, legs.held[:-1])
    enters = legs.quantity * before >= 0
    money = legs.quantity * legs.price
    entering = np.where(enters, legs.quantity, 0.0)
    paid_in = np.where(enters, money, 0.0)
    entered = _sums(entering, first)
    spent = _sums(paid_in, first)
    got = _sums(paid_in - money, first)
    dividends = -_sums(legs.quantity * legs.paid, first)
    costs = _sums(legs.costs, first)
    borrow = legs.due[last] - legs.due[first]
    scale = legs.scale[last]
    units = entered * scale
    return Trades(
        opened=legs.time[first],
        closed=legs.time[last],
        quantity=units,
        entry=spent / units,
        exit=got / units,
        pnl=got - spent + dividends - costs - borrow,
    )


# Details


def _split_at_zero(legs: Legs) -> Legs:
    """Return the fills with each that crosses zero as two: one leaves, the next one enters."""
    before = np.append(0.0, legs.held[:-1])
    crossing = np.flatnonzero(before * legs.held < 0)
    if not len(crossing):
        return legs
    times = np.ones(len(before), dtype=np.int64)
    times[crossing] = 2
    rows = np.repeat(np.arange(len(before)), times)
    leaving = crossing + np.arange(len(crossing))
    columns: list[Any] = [column[rows] for column in legs]
    parts = Legs(*columns)
    quantity = parts.quantity.copy()
    quantity[leaving] = -before[crossing]
    quantity[leaving + 1] = legs.held[crossing]
    held = parts.held.copy()
    held[leaving] = 0.0
    costs = parts.costs * quantity / parts.quantity
    return parts._replace(quantity=quantity, held=held, costs=costs)


def _sums(values: Floats, first: Times) -> Floats:
    return np.add.reduceat(values, first)
