"""The engine: target weights in, fills, trades and equity out. It knows numbers only, no files and
no network.

The rules, in the order in which they apply:

- A weight that a strategy gives on a bar is known at that bar's close. It makes an order only if
  it differs from the weight before it (the first is compared with 0; NaN means "as before"). A
  held position is left to drift: the same target again is no order, so nothing is traded every bar
  to make up for small moves.
- An order is an amount of money: weight times the equity at the close that decided. It is filled
  on the symbol's next bar, at its open (`next_open`) or close (`next_close`), never on the bar
  that decided. The first bar with volume turns the amount into a quantity, costs included, rounded
  toward zero to whole shares unless the market trades fractions.
- A bar without volume fills nothing, and no fill exceeds the participation cap. What is left waits
  for the next bars, expires after `expire_after` of them, and is counted. A new target replaces a
  waiting order.
- A buy pays price * (1 + slippage), a sale gets price * (1 - slippage); commission is a fraction
  of that notional.
- What is sold short pays the borrow rate on its value at the last close, by calendar time.
- All symbols share one account. Their bars lie on one time axis of opens and closes, so calendars
  may differ. The account may go into debit (reported, free of interest). Equity at or below zero
  at a close ends the run as ruin.
- A trade runs from flat to flat, with commission, slippage and borrow in its profit; crossing zero
  ends one and begins the next. What is still open at the end is marked at the last close and is no
  trade.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_team_utils.errors import QuantError

Floats = NDArray[np.float64]
Times = NDArray[np.int64]  # milliseconds since 1970, UTC

YEAR_MS = 365 * 86_400_000
FILLS = ("next_open", "next_close")
# What happens at one moment, in this order: fills at a close, then decisions on it, then fills at
# an open.
_FILL_AT_CLOSE, _DECIDE, _FILL_AT_OPEN = range(3)


class EngineError(QuantError):
    """The engine was given bars, weights or assumptions that it cannot work with."""


@dataclass(frozen=True)
class Assumptions:
    """The account and the costs of a simulation; rates are fractions (0.001 is 0.1 percent)."""

    initial_capital: float = 100_000.0
    commission: float = 0.001
    slippage: float = 0.0005
    fill: str = "next_open"
    participation: float | None = 0.05
    borrow_rate: float = 0.01
    expire_after: int = 5

    def __post_init__(self) -> None:
        cap = 1 if self.participation is None else self.participation
        _require("initial_capital", self.initial_capital, "above 0", lambda x: x > 0)
        _require(
            "commission", self.commission, "a fraction from 0 to below 0.5", lambda x: 0 <= x < 0.5
        )
        _require(
            "slippage", self.slippage, "a fraction from 0 to below 0.5", lambda x: 0 <= x < 0.5
        )
        _require("participation", cap, "a fraction above 0 up to 1, or null", lambda x: 0 < x <= 1)
        _require(
            "borrow_rate", self.borrow_rate, "a fraction per year, 0 or more", lambda x: x >= 0
        )
        _require(
            "expire_after",
            self.expire_after,
            "a whole number of bars",
            lambda x: x >= 1 and x % 1 == 0,
        )
        if self.fill not in FILLS:
            raise EngineError(f"fill is {self.fill!r}: give {' or '.join(FILLS)}.")


@dataclass(frozen=True)
class Bars:
    """The bars of one symbol in time order: when each opened and closed, and what the engine needs of it."""

    opened: Times
    closed: Times
    open: Floats
    close: Floats
    volume: Floats
    fractional: bool = False


class Fill(NamedTuple):
    """One fill: time in ms UTC, signed quantity, price with slippage, commission in money."""

    time: int
    symbol: str
    quantity: float
    price: float
    commission: float


class Trade(NamedTuple):
    """One trade, flat to flat: times in ms UTC, signed quantity entered, mean prices, profit after all costs."""

    symbol: str
    opened: int
    closed: int
    quantity: float
    entry: float
    exit: float
    pnl: float


@dataclass(frozen=True)
class Backtest:
    """What a simulation gave: equity at each close, the ledger, the trades, what is open, and what to know."""

    time: Times
    equity: Floats
    initial_capital: float
    fills: list[Fill]
    trades: list[Trade]
    positions: dict[str, float]
    counts: dict[str, int]
    warnings: list[str]
    ruined: bool


def backtest(
    bars: Mapping[str, Bars], weights: Mapping[str, Floats], assumptions: Assumptions
) -> Backtest:
    """Simulate one account over all symbols; the module's docstring has the rules.

    Args:
        bars: the bars of each symbol.
        weights: for each symbol one target weight per bar, a fraction of equity; NaN means "as
            before".
        assumptions: capital, costs and how orders fill.

    Raises:
        EngineError: bars or weights are missing, of different lengths, out of order or not numbers.
    """
    if not bars:
        raise EngineError("There are no symbols to trade: name at least one.")
    targets = [_targets(symbol, one, weights) for symbol, one in bars.items()]
    return _Simulation(bars, targets, assumptions).run()


@dataclass
class _Order:
    decided: int  # index of the bar that decided
    amount: float  # signed money
    quantity: float | None = None  # what is left to fill, known from the first bar with volume on


@dataclass
class _Open:
    """A trade that is not flat yet."""

    opened: int
    borrow: float  # what the symbol had paid in all when the trade began
    entered: float = 0.0
    entry_money: float = 0.0
    exit_money: float = 0.0
    commission: float = 0.0

    def add(self, quantity: float, price: float, commission: float) -> None:
        self.commission += commission
        if self.entered == 0 or quantity * self.entered > 0:
            self.entered += quantity
            self.entry_money += quantity * price
        else:
            self.exit_money -= quantity * price

    def close(self, symbol: str, time: int, borrow: float) -> Trade:
        pnl = self.exit_money - self.entry_money - self.commission - (borrow - self.borrow)
        entry, leave = self.entry_money / self.entered, self.exit_money / self.entered
        return Trade(symbol, self.opened, time, self.entered, entry, leave, pnl)


class _Simulation:
    """The state of the account, moved along one axis of moments: every open and every close of every symbol."""

    def __init__(self, bars: Mapping[str, Bars], targets: list[Floats], rules: Assumptions) -> None:
        self.symbols = list(bars)
        self.series = list(bars.values())
        self.targets = targets
        self.rules = rules
        self.times = np.unique(
            np.concatenate([moment for one in self.series for moment in (one.opened, one.closed)])
        )
        self.opens = [np.searchsorted(self.times, one.opened) for one in self.series]
        self.closes = [np.searchsorted(self.times, one.closed) for one in self.series]
        self.is_close = np.zeros(len(self.times), dtype=bool)
        self.is_close[np.concatenate(self.closes)] = True
        self.marks = np.zeros(
            (len(self.times), len(self.series))
        )  # the last close; 0 before there is one
        for column, one in enumerate(self.series):
            last = np.searchsorted(one.closed, self.times, side="right") - 1
            self.marks[:, column] = np.where(last >= 0, one.close[last], 0.0)
        self.years = np.diff(self.times, prepend=self.times[0]) / YEAR_MS
        self.equity = np.full(len(self.times), self.rules.initial_capital)
        self.cash = self.lowest_cash = self.rules.initial_capital
        self.position = np.zeros(len(self.series))
        self.borrow = np.zeros(len(self.series))  # paid so far, by symbol
        self.cursor = 0  # the first moment whose equity is not known yet
        self.ruined = False
        self.fills: list[Fill] = []
        self.trades: list[Trade] = []
        self.orders: list[_Order | None] = [None] * len(self.series)
        self.open: list[_Open | None] = [None] * len(self.series)
        self.counts = dict.fromkeys(
            ("orders", "too_small", "delayed", "replaced", "expired", "waiting"), 0
        )

    def run(self) -> Backtest:
        """Jump from one decision or fill to the next; between them equity is one vector operation."""
        queue: list[
            tuple[int, int, int, int, int]
        ] = []  # moment, kind, symbol, bar, bar that decided
        for column, target in enumerate(self.targets):
            changes = np.flatnonzero(np.diff(target, prepend=0.0))
            queue += [
                (int(self.closes[column][bar]), _DECIDE, column, int(bar), int(bar))
                for bar in changes
            ]
        heapq.heapify(queue)
        while queue:
            moment, kind, column, bar, decided = heapq.heappop(queue)
            self.advance(moment)
            if self.ruined:
                break
            if kind == _DECIDE:
                if self.orders[column]:
                    self.counts["replaced"] += 1
                self.counts["orders"] += 1
                self.orders[column] = _Order(
                    bar, float(self.targets[column][bar] * self.equity[moment])
                )
            else:
                order = self.orders[column]
                if order is None or order.decided != decided:
                    continue  # replaced while it waited
                self.work(order, column, bar)
            if self.orders[column] and bar + 1 < len(self.series[column].open):
                at_open = self.rules.fill == "next_open"
                following = (self.opens if at_open else self.closes)[column][bar + 1]
                kind = _FILL_AT_OPEN if at_open else _FILL_AT_CLOSE
                heapq.heappush(queue, (int(following), kind, column, bar + 1, decided))
        self.advance(len(self.times) - 1)
        self.counts["waiting"] = sum(order is not None for order in self.orders)
        seen = self.is_close & (np.arange(len(self.times)) < self.cursor)
        return Backtest(
            time=self.times[seen],
            equity=self.equity[seen],
            initial_capital=self.rules.initial_capital,
            fills=self.fills,
            trades=self.trades,
            positions={
                s: float(held) for s, held in zip(self.symbols, self.position, strict=True) if held
            },
            counts=self.counts | {"fills": len(self.fills)},
            warnings=self.warnings(),
            ruined=self.ruined,
        )

    def advance(self, last: int) -> None:
        """Account for the moments up to and including `last`, with the positions held since the one before."""
        if self.ruined or last < self.cursor:
            return
        rows = slice(self.cursor, last + 1)
        equity = self.marks[rows] @ self.position + self.cash
        fees = None
        if self.rules.borrow_rate and (self.position < 0).any():
            # A position is opened at a moment before `cursor`, so there is a row of marks before
            # it.
            value = self.marks[self.cursor - 1 : last] * -np.minimum(self.position, 0)
            fees = value * (self.years[rows, None] * self.rules.borrow_rate)
            equity -= fees.sum(axis=1).cumsum()
        below = np.flatnonzero((equity <= 0) & self.is_close[rows])
        if below.size:
            self.ruined = True
            equity = equity[: below[0] + 1]
        if fees is not None:
            paid = fees[: len(equity)].sum(axis=0)
            self.borrow += paid
            self.cash -= float(paid.sum())
        self.equity[self.cursor : self.cursor + len(equity)] = equity
        self.cursor += len(equity)
        self.lowest_cash = min(self.lowest_cash, self.cash)

    def work(self, order: _Order, column: int, bar: int) -> None:
        """Try to fill an order on a bar; what is left stays in `self.orders` until it expires."""
        one = self.series[column]
        at_open = self.rules.fill == "next_open"
        if one.volume[bar] > 0:
            price = float((one.open if at_open else one.close)[bar])
            if order.quantity is None:
                order.quantity = self.quantity(order.amount, price, one.fractional) - float(
                    self.position[column]
                )
                if order.quantity == 0:
                    self.counts["too_small"] += 1
            cap = math.inf
            if self.rules.participation is not None:
                cap = self.rules.participation * float(one.volume[bar])
                cap = cap if one.fractional else math.floor(cap + 1e-9)
            quantity = min(max(order.quantity, -cap), cap)
            if quantity:
                order.quantity -= quantity
                self.book(
                    column, int((one.opened if at_open else one.closed)[bar]), quantity, price
                )
            if order.quantity == 0:
                self.orders[column] = None
                return
        if bar - order.decided == 1:
            self.counts["delayed"] += 1
        if bar - order.decided >= self.rules.expire_after:
            self.counts["expired"] += 1
            self.orders[column] = None

    def quantity(self, amount: float, price: float, fractional: bool) -> float:
        """Return the signed quantity that an amount of money pays for, slippage and commission included."""
        unit = (
            price * (1 + math.copysign(self.rules.slippage, amount)) * (1 + self.rules.commission)
        )
        # The tiny addition keeps 100 shares from becoming 99 through the last bit of a division.
        return (
            amount / unit
            if fractional
            else float(math.trunc(amount / unit + math.copysign(1e-9, amount)))
        )

    def book(self, column: int, time: int, quantity: float, price: float) -> None:
        """Enter a fill: cash, position, ledger and the trade it belongs to."""
        price *= 1 + math.copysign(self.rules.slippage, quantity)
        commission = abs(quantity) * price * self.rules.commission
        self.cash -= quantity * price + commission
        self.fills.append(Fill(time, self.symbols[column], quantity, price, commission))
        before = float(self.position[column])
        after = before + quantity
        if abs(after) < 1e-12 * abs(quantity):
            after = 0.0  # the rest of a fractional position that was left in several fills
        self.position[column] = after
        if self.rules.fill == "next_close":
            moment = self.cursor - 1
            self.equity[moment] = self.cash + float(self.marks[moment] @ self.position)
            self.ruined = bool(self.equity[moment] <= 0)
        # A fill that crosses zero ends one trade and begins the next.
        for part, held in (
            [(-before, 0.0), (after, after)] if before * after < 0 else [(quantity, after)]
        ):
            trade = self.open[column] or _Open(time, float(self.borrow[column]))
            trade.add(part, price, commission * part / quantity)
            self.open[column] = trade if held else None
            if not held:
                self.trades.append(
                    trade.close(self.symbols[column], time, float(self.borrow[column]))
                )

    def warnings(self) -> list[str]:
        counts, found = self.counts, []
        if self.ruined:
            found.append("Ruin: the equity fell to zero or below, and the run ended there.")
        if counts["expired"]:
            found.append(
                f"{counts['expired']} of {counts['orders']} orders expired before they were filled for want of volume: "
                "the position stayed as it was until the next change of target."
            )
        if counts["waiting"]:
            found.append(
                f"{counts['waiting']} orders were still waiting at the end: no bar was left to fill them."
            )
        if counts["too_small"]:
            found.append(
                f"{counts['too_small']} orders came to less than one share and changed nothing."
            )
        if (lowest := min(self.lowest_cash, self.cash)) < -0.01:
            found.append(
                f"The cash went down to {lowest:,.2f}: the debit is free of interest in this simulation."
            )
        return found


def _targets(symbol: str, bars: Bars, weights: Mapping[str, Floats]) -> Floats:
    """Return the weights of a symbol with "as before" filled in, after checking them and the bars."""
    if symbol not in weights:
        raise EngineError(
            f"The strategy gave no weights for {symbol}: return one series for each symbol."
        )
    given, count = np.asarray(weights[symbol], dtype=np.float64), len(bars.opened)
    if len(given) != count:
        raise EngineError(
            f"The strategy gave {len(given)} weights for the {count} bars of {symbol}: one per bar."
        )
    if np.isinf(given).any():
        raise EngineError(
            f"The strategy gave an infinite weight for {symbol}: weights are fractions of equity."
        )
    prices = np.concatenate([bars.open, bars.close])
    if count == 0 or not (
        np.isfinite(prices).all() and (prices > 0).all() and (bars.volume >= 0).all()
    ):
        raise EngineError(
            f"The bars of {symbol} are empty, or hold a price or volume that is none: fetch them again."
        )
    if (bars.closed <= bars.opened).any() or (bars.opened[1:] < bars.closed[:-1]).any():
        raise EngineError(
            f"The bars of {symbol} overlap or are out of time order: fetch them again."
        )
    last = np.maximum.accumulate(np.where(np.isnan(given), -1, np.arange(count)))
    return np.where(last >= 0, given[last], 0.0)


def _require(name: str, value: Any, what: str, fits: Callable[[float], bool]) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (math.isfinite(value) and fits(value))
    ):
        raise EngineError(f"{name} is {value!r}: give {what}.")
