"""The engine: target weights in, fills, trades and equity out.

It knows numbers only, no files and no network. `simulate` is the way in; the rules of a single fill
are the pure functions of `fills.py`.

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
- A split or dividend happens at the open of a bar, before anything is filled there: a position of
  q units becomes q * ratio units and gets q * cash (who is short pays). A fraction of a unit that
  cannot be held is paid out at that open. What a waiting order still has to fill becomes as many
  times more units.
- What is sold short pays the borrow rate on its value at the last close, by calendar time.
- All symbols share one account. Their bars lie on one time axis of opens and closes, so calendars
  may differ. The account may go into debit (reported, free of interest). Equity at or below zero
  at a close ends the run as ruin.
- A trade runs from flat to flat, with commission, slippage and borrow in its profit; crossing zero
  ends one and begins the next. What is still open at the end is marked at the last close and is not
  a trade.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from quant_team_backtest import fills, inputs
from quant_team_backtest.account import Account
from quant_team_backtest.assumptions import NEXT_OPEN, Assumptions, EngineError
from quant_team_backtest.simulation import (
    Bars,
    Fill,
    Floats,
    Flow,
    Simulation,
    Trade,
    warnings_of,
)

__all__ = [
    "Assumptions",
    "Bars",
    "EngineError",
    "Fill",
    "Flow",
    "Simulation",
    "Trade",
    "simulate",
]


def simulate(
    bars: Mapping[str, Bars],
    weights: Mapping[str, Floats],
    assumptions: Assumptions,
) -> Simulation:
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
    targets = []
    for symbol, series in bars.items():
        targets.append(inputs.targets(symbol, series, weights))
    return _Orders(bars, targets, assumptions).run()


# Details

# What happens at one moment, in this order: fills at a close, then decisions on it, then fills at
# an open, which a split or dividend comes before.
_FILL_AT_CLOSE = 0
_DECIDE = 1
_FLOW = 2
_FILL_AT_OPEN = 3


class _Event(NamedTuple):
    """Something that happens at a moment; events sort by moment, then by kind."""

    moment: int  # index into the axis of times
    kind: int
    i: int  # index of the symbol
    bar: int
    decided: int  # the bar that decided


@dataclass
class _Order:
    decided: int  # index of the bar that decided
    amount: float  # signed money
    quantity: float | None = None  # what is left to fill, known from the first bar with volume on


class _Orders:
    """The orders of a run: decided at a close, tried on the bars after it, at most one a symbol."""

    def __init__(
        self,
        bars: Mapping[str, Bars],
        targets: list[Floats],
        assumptions: Assumptions,
    ) -> None:
        self.bars = list(bars.values())
        self.targets = targets
        self.assumptions = assumptions
        self.fills_at_open = assumptions.fill == NEXT_OPEN
        self.account = Account(bars, assumptions)
        times = self.account.times
        self.opens = [np.searchsorted(times, series.opened) for series in self.bars]
        self.closes = [np.searchsorted(times, series.closed) for series in self.bars]
        self.waiting: list[_Order | None] = [None] * len(self.bars)
        self.counts = {
            "orders": 0,
            "too_small": 0,
            "delayed": 0,
            "replaced": 0,
            "expired": 0,
            "waiting": 0,
        }

    def run(self) -> Simulation:
        """Jump from event to event; between them equity is one vector operation."""
        events = [*self.decisions(), *self.flows()]
        heapq.heapify(events)
        while events:
            event = heapq.heappop(events)
            self.account.mark_to_market(event.moment)
            if self.account.ruined:
                break
            following = self.handle(event)
            if following is not None:
                heapq.heappush(events, following)
        last = len(self.account.times) - 1
        self.account.mark_to_market(last)
        return self.summary()

    def decisions(self) -> list[_Event]:
        """Return every change of a target."""
        events = []
        for i, target in enumerate(self.targets):
            changes = np.flatnonzero(np.diff(target, prepend=0.0))
            for bar in changes.tolist():
                moment = int(self.closes[i][bar])
                events.append(_Event(moment, _DECIDE, i, bar, bar))
        return events

    def flows(self) -> list[_Event]:
        """Return every split and dividend."""
        events = []
        for i, series in enumerate(self.bars):
            for flow in series.flows:
                moment = int(self.opens[i][flow.bar])
                events.append(_Event(moment, _FLOW, i, flow.bar, flow.bar))
        return events

    def handle(self, event: _Event) -> _Event | None:
        """Let one thing happen; return when an order is tried next, if it is."""
        i = event.i
        if event.kind == _FLOW:
            self.apply(event)
            return None
        if event.kind == _DECIDE:
            self.decide(event)
        else:
            order = self.waiting[i]
            if order is None or order.decided != event.decided:
                return None  # replaced while it waited
            self.try_fill(order, i, event.bar)
        if self.waiting[i] is None:
            return None
        return self.next_try(event)

    def decide(self, event: _Event) -> None:
        """Make an order of a target; it replaces one that still waits."""
        i = event.i
        if self.waiting[i] is not None:
            self.counts["replaced"] += 1
        self.counts["orders"] += 1
        weight = self.targets[i][event.bar]
        equity = self.account.equity[event.moment]
        self.waiting[i] = _Order(event.bar, float(weight * equity))

    def apply(self, event: _Event) -> None:
        """Apply a split or dividend to what is held, and to what an order still has to fill."""
        i = event.i
        bars = self.bars[i]
        (flow,) = [flow for flow in bars.flows if flow.bar == event.bar]
        until_close = slice(event.moment, int(self.closes[i][event.bar]))
        price = float(bars.open[event.bar])
        self.account.apply(i, flow, until_close, price)
        order = self.waiting[i]
        if order is not None and order.quantity is not None:
            order.quantity = fills.after_split(order.quantity, flow.ratio, bars.fractional)
            if order.quantity == 0:
                self.waiting[i] = None

    def next_try(self, event: _Event) -> _Event | None:
        """Return when an order may fill on the next bar, or None after the last."""
        i = event.i
        bar = event.bar + 1
        if bar == len(self.bars[i].open):
            return None
        if self.fills_at_open:
            moment = int(self.opens[i][bar])
            return _Event(moment, _FILL_AT_OPEN, i, bar, event.decided)
        moment = int(self.closes[i][bar])
        return _Event(moment, _FILL_AT_CLOSE, i, bar, event.decided)

    def try_fill(self, order: _Order, i: int, bar: int) -> None:
        """Try to fill an order on a bar; what is left waits until it expires."""
        if self.bars[i].volume[bar] > 0:
            self.fill_part(order, i, bar)
            if order.quantity == 0:
                self.waiting[i] = None
                return
        waited = bar - order.decided
        if waited == 1:
            self.counts["delayed"] += 1
        if waited >= self.assumptions.expire_after:
            self.counts["expired"] += 1
            self.waiting[i] = None

    def fill_part(self, order: _Order, i: int, bar: int) -> None:
        """Fill as much of an order as the bar's volume allows."""
        bars = self.bars[i]
        prices = bars.open if self.fills_at_open else bars.close
        times = bars.opened if self.fills_at_open else bars.closed
        price = float(prices[bar])
        if order.quantity is None:
            held = float(self.account.position[i])
            order.quantity = self.wanted(order.amount, price, bars.fractional) - held
            if order.quantity == 0:
                self.counts["too_small"] += 1
        cap = fills.participation_cap(
            float(bars.volume[bar]),
            self.assumptions.participation,
            bars.fractional,
        )
        quantity = fills.capped(order.quantity, cap)
        if quantity:
            order.quantity -= quantity
            self.account.record_fill(i, int(times[bar]), quantity, price)

    def wanted(self, amount: float, price: float, fractional: bool) -> float:
        """Return the position that an amount of money pays for at a price."""
        return fills.quantity_for(
            amount,
            price,
            self.assumptions.slippage,
            self.assumptions.commission,
            fractional,
        )

    def summary(self) -> Simulation:
        """Return what happened up to the last moment accounted for."""
        account = self.account
        is_known = np.arange(len(account.times)) < account.cursor
        shown = account.is_close & is_known
        positions = {}
        for symbol, units in zip(account.symbols, account.position.tolist(), strict=True):
            if units:
                positions[symbol] = units
        still = sum(order is not None for order in self.waiting)
        counts = self.counts | {"waiting": still, "fills": len(account.fills)}
        lowest_cash = min(account.lowest_cash, account.cash)
        return Simulation(
            time=account.times[shown],
            equity=account.equity[shown],
            initial_capital=self.assumptions.initial_capital,
            fills=account.fills,
            trades=account.trades,
            positions=positions,
            counts=counts,
            warnings=warnings_of(counts, lowest_cash, account.ruined),
            ruined=account.ruined,
            applied=account.applied,
        )
