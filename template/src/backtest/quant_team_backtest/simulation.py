"""What goes into the engine and what comes out of it: bars, fills, trades, the whole simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]  # milliseconds since 1970, UTC


class Flow(NamedTuple):
    """What splits and dividends do at the open of one bar, before anything is filled there.

    Attributes:
        bar: index of the bar; above 0, since nothing is held before the first.
        ratio: new units for one old unit; above 0.
        cash: money for one old unit; what has to be paid for new ones is below 0.
    """

    bar: int
    ratio: float = 1.0
    cash: float = 0.0


@dataclass(frozen=True)
class Bars:
    """The bars of one symbol in time order, as arrays of one length.

    Attributes:
        opened: when each bar opens, int64 milliseconds since 1970, UTC.
        closed: when it closes, the same unit; after `opened`, at or before the next bar's.
        open: float64 price of one unit at the open, in the account's currency; above 0.
        close: float64 price at the close; above 0.
        volume: float64 units traded during the bar; 0 fills nothing.
        fractional: fractions of a unit can be traded.
        flows: splits and dividends, at most one a bar, in order.
    """

    opened: Times
    closed: Times
    open: Floats
    close: Floats
    volume: Floats
    fractional: bool = False
    flows: tuple[Flow, ...] = ()


class Fill(NamedTuple):
    """One fill.

    Attributes:
        time: milliseconds since 1970, UTC.
        symbol: what was filled.
        quantity: units, negative for a sale.
        price: per unit, slippage included.
        commission: money.
    """

    time: int
    symbol: str
    quantity: float
    price: float
    commission: float


class Applied(NamedTuple):
    """What a split or dividend did to a position.

    Attributes:
        time: open of the bar, milliseconds since 1970, UTC.
        symbol: whose it was.
        before: units held before it, negative when short.
        after: units held after it.
        dividend: money received, negative when short.
        fraction: money received for the fraction of a unit that cannot be held.
    """

    time: int
    symbol: str
    before: float
    after: float
    dividend: float
    fraction: float


class Trade(NamedTuple):
    """One trade, from flat to flat.

    Attributes:
        symbol: what was traded.
        opened: time of the first fill, milliseconds since 1970, UTC.
        closed: time of the last fill.
        quantity: units entered, negative for a short trade; in units of after its last split, like
            both prices.
        entry: mean price of what was entered, slippage included.
        exit: mean price of what was left.
        pnl: profit in money with dividends, after commission, slippage and borrow.
    """

    symbol: str
    opened: int
    closed: int
    quantity: float
    entry: float
    exit: float
    pnl: float


@dataclass(frozen=True)
class Simulation:
    """What a simulation gave.

    Attributes:
        time: each moment at which a bar of any symbol closed, int64 milliseconds since 1970, UTC.
        equity: float64 equity at those moments, in the account's currency.
        initial_capital: money at the start.
        fills: the ledger, in time order.
        trades: what was closed, in the order of closing.
        positions: units still held at the end, by symbol; flat symbols are left out.
        counts: how many `orders`, `fills`, and orders that were `too_small`, `delayed`, `replaced`,
            `expired`, or `waiting` at the end.
        warnings: what to know before the numbers are believed, one sentence each.
        ruined: equity was at or below zero at a close, and the run ended there.
        applied: splits and dividends of what was held, in time order.
    """

    time: Times
    equity: Floats
    initial_capital: float
    fills: list[Fill]
    trades: list[Trade]
    positions: dict[str, float]
    counts: dict[str, int]
    warnings: list[str]
    ruined: bool
    applied: list[Applied] = field(default_factory=list)


@dataclass
class OpenTrade:
    """A trade that is not flat yet.

    Attributes:
        opened: time of the first fill, milliseconds since 1970, UTC.
        borrow: what the symbol had paid in all to be borrowed when the trade began, in money.
        entered: units entered, signed.
        entry_money: what they cost, signed, slippage included.
        exit_money: what was got for those left, signed.
        commission: money so far.
        dividends: money so far.
    """

    opened: int
    borrow: float
    entered: float = 0.0
    entry_money: float = 0.0
    exit_money: float = 0.0
    commission: float = 0.0
    dividends: float = 0.0

    def add(self, quantity: float, price: float, commission: float) -> None:
        """Add a fill; one in the direction of the trade enters, one against it leaves."""
        self.commission += commission
        if self.entered == 0 or quantity * self.entered > 0:
            self.entered += quantity
            self.entry_money += quantity * price
        else:
            self.exit_money -= quantity * price

    def split(self, ratio: float, dividend: float, fraction: float) -> None:
        """Enter a split or dividend: units change, the money that they cost does not.

        Args:
            ratio: new units for one old unit.
            dividend: money received.
            fraction: money received for a fraction of a unit, which leaves.
        """
        self.entered *= ratio
        self.dividends += dividend
        self.exit_money += fraction

    def close(self, symbol: str, time: int, borrow: float) -> Trade:
        """Return the finished trade; `borrow` is what the symbol has paid in all by now."""
        costs = self.commission
        gain = self.exit_money - self.entry_money + self.dividends
        pnl = gain - costs - (borrow - self.borrow)
        entry_price = self.entry_money / self.entered
        exit_price = self.exit_money / self.entered
        return Trade(symbol, self.opened, time, self.entered, entry_price, exit_price, pnl)


def warnings_of(counts: Mapping[str, int], lowest_cash: float, ruined: bool) -> list[str]:
    """Return what to know before the numbers of a simulation are believed, one sentence each.

    Args:
        counts: as in `Simulation`.
        lowest_cash: the least money that the account held, in its currency.
        ruined: as in `Simulation`.
    """
    found = []
    if ruined:
        found.append("Ruin: equity fell to zero or below, and the run ended there.")
    if counts["expired"]:
        found.append(
            f"{counts['expired']} of {counts['orders']} orders expired before they were filled, "
            "for lack of volume: the position stayed as it was until the next change of target."
        )
    if counts["waiting"]:
        found.append(
            f"{counts['waiting']} orders were still waiting at the end: no bar was left to fill "
            "them."
        )
    if counts["too_small"]:
        found.append(
            f"{counts['too_small']} orders were for less than one share and changed nothing."
        )
    if lowest_cash < -0.01:
        found.append(f"Cash fell to {lowest_cash:,.2f}; this simulation charges no interest on it.")
    return found
