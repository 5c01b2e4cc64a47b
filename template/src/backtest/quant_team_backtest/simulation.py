"""What goes into the engine and what comes out of it: bars, fills, trades, the whole simulation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from quant_team_backtest.assumptions import Assumptions
    from quant_team_backtest.prepared import Prepared

Floats = NDArray[np.float64]
Times = NDArray[np.int64]  # milliseconds since 1970, UTC
Flags = NDArray[np.bool_]


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
        high: float64 highest price of the bar; stops and targets need it.
        low: float64 lowest price.
        lot: units that a purchase is a multiple of, where fractions cannot be traded.
        buy_duty: fraction of the notional that a purchase pays beside the commission.
        sell_duty: the same of a sale.
        same_day_sale: what was bought may be sold on the same trading date.
        can_buy: for each bar whether a purchase can fill on it; None for always.
        can_sell: the same for a sale.
        flows: splits and dividends, at most one a bar, in order.
        ends: the symbol is delisted after its last bar: what is held then leaves at its close.
    """

    opened: Times
    closed: Times
    open: Floats
    close: Floats
    volume: Floats
    fractional: bool = False
    high: Floats | None = None
    low: Floats | None = None
    lot: int = 1
    buy_duty: float = 0.0
    sell_duty: float = 0.0
    same_day_sale: bool = True
    can_buy: Flags | None = None
    can_sell: Flags | None = None
    flows: tuple[Flow, ...] = ()
    ends: bool = False


@dataclass(frozen=True)
class Exits:
    """How the positions of one symbol are left beside their targets.

    Each is None, or one value per bar; that of the bar that decided an entry holds for the
    position, NaN for none. A position is not entered again before its target changes.

    Attributes:
        stop: loss at which it is left, a fraction of the entry price.
        target: gain at which it is left, a fraction of the entry price.
        trail: fall from its best price since the entry at which it is left, a fraction of that.
        max_bars: bars after which it is left.
    """

    stop: Floats | None = None
    target: Floats | None = None
    trail: Floats | None = None
    max_bars: Floats | None = None

    def at(self, name: str, bar: int) -> float:
        """Return one of them at a bar; infinite for none."""
        column = getattr(self, name)
        value = math.inf if column is None else float(column[bar])
        return math.inf if math.isnan(value) else value


T = TypeVar("T")


class Later(Sequence[T]):
    """Records that are made when the first is read: a sweep never reads them."""

    def __init__(self, count: int, make: Callable[[], list[T]]) -> None:
        """Keep how many there are, and how to make them."""
        self._count = count
        self._make = make
        self._made: list[T] | None = None

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        """Return one, or some."""
        if self._made is None:
            self._made = self._make()
        return self._made[index]


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
    """

    time: int
    symbol: str
    before: float
    after: float
    dividend: float


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
        pnl: profit in money after commission, slippage and borrow.
    """

    symbol: str
    opened: int
    closed: int
    quantity: float
    entry: float
    exit: float
    pnl: float


class Open(NamedTuple):
    """What is still held at the end, marked at the last close.

    Attributes:
        symbol: what is held.
        opened: time of the first fill, milliseconds since 1970, UTC.
        quantity: units held, negative when short.
        entry: mean price of what was entered, slippage included.
        mark: price at the last close.
        pnl: its part of the result so far, in money, after what it has cost.
    """

    symbol: str
    opened: int
    quantity: float
    entry: float
    mark: float
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
        open: what is still held at the end.
        applied: splits and dividends of what was held, in time order.
        counts: how many `orders`, `fills`, and orders that were `too_small`, `delayed`, `replaced`,
            `expired`, `cut`, `scaled`, or `waiting` at the end.
        warnings: what to know before the numbers are believed, one sentence each.
        ruined: equity was at or below zero at a close, and the run ended there.
        dates: day to which each moment belongs, 00:00 UTC of it in milliseconds; None for UTC days.
        bars: what it ran on; None if that was not kept.
        assumptions: the account and its costs; None if they were not kept.
    """

    time: Times
    equity: Floats
    initial_capital: float
    fills: Sequence[Fill]
    trades: Sequence[Trade]
    open: list[Open]
    applied: list[Applied]
    counts: dict[str, int]
    warnings: list[str]
    ruined: bool
    dates: Times | None = None
    bars: Prepared | None = field(default=None, repr=False)
    assumptions: Assumptions | None = None

    @property
    def positions(self) -> dict[str, float]:
        """Units still held at the end, by symbol; flat symbols are left out."""
        return {one.symbol: one.quantity for one in self.open}
