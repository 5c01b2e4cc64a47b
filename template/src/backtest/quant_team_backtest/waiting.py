"""Orders that the next bar does not fill as a whole: what waits, in what steps, and until when."""

from __future__ import annotations

import math
from dataclasses import dataclass

from quant_team_backtest import fills
from quant_team_backtest.assumptions import Assumptions
from quant_team_backtest.book import Book
from quant_team_backtest.venue import NEVER, Venue
from quant_team_backtest.watch import DELISTED, OVER, STOP, TARGET, Event, Watch

COUNTS = ("delayed", "expired", "replaced", "too_small", STOP, TARGET, OVER, DELISTED)
DAY_MS = 86_400_000
NOTHING = (-1, 0.0)  # bought on no date


@dataclass
class Order:
    """What is left of an order.

    Attributes:
        column: index of the symbol.
        decided: the bar that decided.
        amount: signed money that the position is to be worth.
        cap: the most that a bar may fill, in units.
        bar: the next bar to try.
        time: when that bar fills; infinite if there is none.
        reduces: it makes a position smaller, or flat before it opens the other side.
        quantity: what is left to fill, known from the first bar that trades on.
    """

    column: int
    decided: int
    amount: float
    cap: float
    bar: int
    time: float
    reduces: bool
    quantity: float | None = None


class Waiting:
    """The waiting orders of a run, at most one a symbol.

    Attributes:
        orders: by symbol.
        counts: how many were `delayed`, `expired`, `replaced`, `too_small`; and how many exits were
            a `stop`, a `target`, after `max_bars`, or since a symbol was `delisted`.
    """

    def __init__(
        self,
        venues: list[Venue],
        book: Book,
        watch: Watch,
        assumptions: Assumptions,
    ) -> None:
        """Begin without orders."""
        self.orders: dict[int, Order] = {}
        self.counts = dict.fromkeys(COUNTS, 0)
        self._venues = venues
        self._book = book
        self._watch = watch
        self._expire_after = assumptions.expire_after
        self._bought: dict[int, tuple[int, float]] = {}  # date and quantity

    @property
    def is_busy(self) -> bool:
        """Something may happen before the next decision."""
        return bool(self.orders) or not self._watch.is_idle

    def add(
        self,
        column: int,
        decided: int,
        amount: float,
        cap: float,
        mark: float,
    ) -> None:
        """Let an order wait for the bar after the one that decided.

        Args:
            column: index of the symbol.
            decided: the bar that decided.
            amount: signed money that the position is to be worth.
            cap: the most that a bar may fill, in units.
            mark: what a unit was worth at the decision.
        """
        worth = self._book.held.item(column) * mark
        is_other_side = amount * worth <= 0
        is_less = abs(amount) < abs(worth)
        if self.orders.pop(column, None):
            self.counts["replaced"] += 1
        self.orders[column] = Order(
            column=column,
            decided=decided,
            amount=amount,
            cap=cap,
            bar=decided + 1,
            time=self._venues[column].time(decided + 1),
            reduces=worth != 0 and (is_other_side or is_less),
        )

    def advance(self, until: float) -> None:
        """Let happen what happens before a close, or at it but for decisions and fills at opens."""
        at_open = self._venues[0].at_open
        while True:
            times = [order.time for order in self.orders.values()]
            next_fill = min(times, default=NEVER)
            next_exit = self._watch.next_time
            if next_exit != NEVER and next_exit <= min(next_fill, until):
                for event in self._watch.pop(next_exit):
                    self._leave(event)
                continue
            is_later = next_fill >= until if at_open else next_fill > until
            if is_later or next_fill == NEVER:
                return
            due = [order for order in self.orders.values() if order.time == next_fill]
            self._fill_together(due, int(next_fill))
            for order in due:
                self._go_on(order)

    def note(
        self,
        column: int,
        decided: int,
        bar: int,
        quantity: float,
    ) -> None:
        """Let exits know that a bar has filled what another one decided."""
        if self._watch.is_idle:
            return
        venue = self._venues[column]
        after = self._book.held.item(column)
        entry = venue.price(bar) * venue.rates.slipped(quantity)
        self._watch.changed(column, decided, bar, after - quantity, after, entry)

    # Details: fills

    def _fill_together(self, due: list[Order], time: int) -> None:
        """Fill what the bars of one time allow of their orders."""
        parts = []
        filled = []
        for order in due:
            part = self._part(order)
            if part:
                filled.append(order)
                parts.append(part)
        if not filled:
            return
        columns = [order.column for order in filled]
        costs = []
        lots = []
        for order, part in zip(filled, parts, strict=True):
            venue = self._venues[order.column]
            costs.append(venue.cost(part, order.bar))
            lots.append(venue.lot(order.bar))
        kept = self._book.affordable(columns, parts, costs, lots, time)
        for order, part, quantity in zip(filled, parts, kept, strict=True):
            left = (order.quantity or 0.0) - part
            order.quantity = left if quantity == part else 0.0
            if quantity:
                self._enter(order, quantity, time)

    def _part(self, order: Order) -> float:
        """Return the quantity that the order's bar fills, before the cash is looked at."""
        venue = self._venues[order.column]
        bars = venue.series.bars
        if not bars.volume[order.bar] > 0:
            return 0.0
        held = self._book.held.item(order.column)
        lot = venue.lot(order.bar)
        if order.quantity is None:
            unit = venue.unit(order.amount, order.bar)
            order.quantity = fills.wanted(order.amount, unit, held, lot)
            if order.quantity == 0:
                self.counts["too_small"] += 1
        if not venue.fills(order.quantity, order.bar):
            return 0.0
        part = fills.capped(order.quantity, order.cap, lot)
        if part > 0 or bars.same_day_sale:
            return part
        return -min(-part, self._sellable(order, held))

    def _enter(
        self,
        order: Order,
        quantity: float,
        time: int,
    ) -> None:
        cost = self._venues[order.column].cost(quantity, order.bar)
        self._book.fill_at(order.column, order.bar, quantity, cost, time)
        self.note(order.column, order.decided, order.bar, quantity)
        self._remember(order.column, quantity, time)

    # Details: what is bought may not be sold on the same date

    def _remember(
        self,
        column: int,
        quantity: float,
        time: int,
    ) -> None:
        if quantity < 0 or self._venues[column].series.bars.same_day_sale:
            return
        today = time // DAY_MS
        date, before = self._bought.get(column, NOTHING)
        if date == today:
            quantity += before
        self._bought[column] = (today, quantity)

    def _sellable(self, order: Order, held: float) -> float:
        date, bought = self._bought.get(order.column, NOTHING)
        if date != order.time // DAY_MS:
            return math.inf
        return max(held - bought, 0.0)

    # Details: how long orders wait

    def _go_on(self, order: Order) -> None:
        """Drop an order that is filled or has expired, else move it to the next bar."""
        if order.quantity == 0:
            del self.orders[order.column]
            return
        waited = order.bar - order.decided
        if waited == 1:
            self.counts["delayed"] += 1
        if waited >= self._expire_after and not self._still_reduces(order):
            self.counts["expired"] += 1
            del self.orders[order.column]
            return
        order.bar += 1
        order.time = self._venues[order.column].time(order.bar)

    def _still_reduces(self, order: Order) -> bool:
        """Tell whether an order reduces; what it would open on the other side expires."""
        held = self._book.held.item(order.column)
        if order.quantity is None:
            if order.reduces and order.amount * held < 0:
                order.amount = 0.0
                self.counts["expired"] += 1
            return order.reduces
        if order.quantity * held >= 0:
            return False
        if abs(order.quantity) > abs(held):
            order.quantity = -held
            self.counts["expired"] += 1
        return True

    # Details: exits

    def _leave(self, event: Event) -> None:
        """Leave a position whose exit is reached, or as much of it as a bar may fill."""
        column = event.column
        hit = event.hit
        held = self._book.held.item(column)
        if not held:
            return
        self.counts[hit.reason] += 1
        self.orders.pop(column, None)
        venue = self._venues[column]
        cap = venue.cap(max(hit.bar - 1, 0))
        if hit.reason != OVER:
            quantity = -held
            price = hit.price
            costs = 0.0
            if hit.reason != DELISTED:
                quantity = fills.capped(quantity, cap, venue.lot(hit.bar))
                price *= venue.rates.slipped(quantity)
                costs = abs(quantity) * price * venue.rates.charged(quantity)
            within = event.time - 1  # before the next bar opens, even at the same time
            self._book.leave_at(column, hit.bar, quantity, price, costs, within)
            self._remember(column, quantity, within)
        if self._book.held.item(column):
            self.add(column, hit.bar, 0.0, cap, mark=1.0)
            self._watch.go_on(column, hit.bar)
        else:
            self._watch.forget(column)
