"""The account inside the loop: cash, positions, what is owed, and the list of fills.

Money and quantities are in the coordinates of `prepared.py`: a position changes by fills alone, and
its value includes the dividends paid on it. So `cash` leaves those dividends out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quant_team_backtest import fills
from quant_team_backtest.assumptions import NEXT_OPEN, Assumptions
from quant_team_backtest.fills import Indexes
from quant_team_backtest.prepared import YEAR_MS, Prepared
from quant_team_backtest.simulation import Floats

_FLAT = 1e-12  # of a fill: what is left of a fractional position that was left in several fills
_CENT = 1e-6  # money: a debit below it is rounding


class Book:
    """Cash and positions, as they change by fills.

    Attributes:
        cash: money, without dividends and without what is owed.
        held: units of each symbol, negative when short.
        cut: how many purchases were cut to what the cash paid for.
        is_plain: nothing is ever owed or paid out: no shorts, no debit, no dividends.
    """

    def __init__(
        self,
        prepared: Prepared,
        assumptions: Assumptions,
        *,
        is_plain: bool,
    ) -> None:
        """Start flat, with the initial capital."""
        self.cash = assumptions.initial_capital
        self.held = np.zeros(len(prepared.symbols))
        self._chunks: list[tuple[Indexes, Indexes, Floats]] = []
        self._count = 0  # fills in `_chunks`
        self._levels: dict[int, tuple[float, float]] = {}  # price and costs, by number of the fill
        self._columns: list[int] = []
        self._bars: list[int] = []
        self._quantities: list[float] = []
        self.cut = 0
        self.is_plain = is_plain
        self.may_owe = assumptions.max_gross > 1
        self._series = prepared.series
        self._rates = assumptions
        self._at_open = assumptions.fill == NEXT_OPEN
        self._pays = [series.has_dividends for series in prepared.series]
        self._borrowed = 0.0  # money times years: of the fills so far, see `owed`
        self._interest = 0.0  # up to `_since`
        self._since = int(prepared.axis[0])
        self._debit = 0.0  # from `_since` on

    def fill(
        self,
        column: int,
        bar: int,
        quantity: float,
        cost: float,
    ) -> None:
        """Enter a fill where nothing can be owed.

        Args:
            column: index of the symbol.
            bar: the bar that fills.
            quantity: signed.
            cost: what it takes from the cash.
        """
        after = self.held.item(column) + quantity
        if abs(after) < _FLAT * abs(quantity):
            after = 0.0
        self.held[column] = after
        self.cash -= cost
        self._columns.append(column)
        self._bars.append(bar)
        self._quantities.append(quantity)

    def fill_at(
        self,
        column: int,
        bar: int,
        quantity: float,
        cost: float,
        time: int,
    ) -> None:
        """Enter a fill at a time (milliseconds since 1970, UTC), and what is owed from then on."""
        if self.is_plain:
            self.fill(column, bar, quantity, cost)
            return
        before = self.held.item(column)
        dividends = quantity * self._series[column].paid_on(np.array([bar])).item()
        self.fill(column, bar, quantity, cost + dividends)
        self._accrue(column, before, time)
        self._debit = max(0.0, -self._real_cash(time))

    def leave_at(
        self,
        column: int,
        bar: int,
        quantity: float,
        price: float,
        costs: float,
        time: int,
    ) -> None:
        """Enter a fill at a price of its own, within its bar.

        Args:
            column: index of the symbol.
            bar: the bar that fills.
            quantity: signed.
            price: of a unit, slippage included.
            costs: commission and duty, in money.
            time: of the bar's last millisecond, since 1970, UTC.
        """
        self._levels[self._count + len(self._columns)] = (price, costs)
        self.fill_at(column, bar, quantity, quantity * price + costs, time)

    def fill_all(
        self,
        column: Indexes,
        bar: Indexes,
        quantity: Floats,
        cost: float,
    ) -> None:
        """Enter fills of one time, each of another symbol, where nothing can be owed.

        A quantity may be 0.
        """
        self._flush()
        self._chunks.append((column, bar, quantity))
        self._count += len(column)
        self.held[column] += quantity
        self.cash -= cost

    def levels(self) -> tuple[Indexes, Floats, Floats]:
        """Return the number, the price and the costs of each fill that has a price of its own."""
        number = np.array(list(self._levels), dtype=np.int64)
        values = np.array(list(self._levels.values()), dtype=np.float64).reshape(-1, 2)
        return number, values[:, 0], values[:, 1]

    def columns(self) -> tuple[Indexes, Indexes, Floats]:
        """Return symbol, bar and quantity of each fill, in time order."""
        self._flush()
        if not self._chunks:
            nothing = np.zeros(0, dtype=np.int64)
            return nothing, nothing, np.zeros(0)
        column, bar, quantity = (np.concatenate(part) for part in zip(*self._chunks, strict=True))
        return column, bar, quantity

    def owed(self, time: int) -> float:
        """Return the borrow fees and the interest up to a time, in money."""
        if self.is_plain:
            return 0.0
        years = (time - self._since) / YEAR_MS
        interest = self._interest + self._debit * self._rates.interest_rate * years
        return interest + self._borrow_fees(time)

    def affordable(
        self,
        columns: Sequence[int],
        quantities: Sequence[float],
        costs: Sequence[float],
        lots: Sequence[float],
        time: int,
    ) -> Sequence[float]:
        """Return the quantities of fills at one time, purchases cut to what the cash pays for.

        Only purchases that open or enlarge a position are. [debit]
        """
        if self.may_owe:
            return quantities
        cash = self._real_cash(time) - self.owed(time)
        left = cash - sum(costs)
        if left >= -_CENT:
            return quantities
        bought = []
        for i, column in enumerate(columns):
            if quantities[i] > 0 and self.held[column] >= 0:
                bought.append(i)
                left += costs[i]
        if not bought:
            return quantities
        if left < _CENT:
            left = 0.0
        kept = fills.affordable(
            [quantities[i] for i in bought],
            [costs[i] for i in bought],
            [lots[i] for i in bought],
            left,
        )
        found = list(quantities)
        for i, quantity in zip(bought, kept, strict=True):
            found[i] = quantity
        self.cut += len(bought)
        return found

    # Details

    def _flush(self) -> None:
        """Turn the fills entered one by one into arrays."""
        if self._columns:
            column = np.array(self._columns)
            self._chunks.append((column, np.array(self._bars), np.array(self._quantities)))
            self._count += len(column)
            self._columns = []
            self._bars = []
            self._quantities = []

    def _accrue(
        self,
        column: int,
        before: float,
        time: int,
    ) -> None:
        """Bring what is owed up to a time at which a position has changed."""
        years = (time - self._since) / YEAR_MS
        self._interest += self._debit * self._rates.interest_rate * years
        self._since = time
        change = min(self.held.item(column), 0.0) - min(before, 0.0)
        if change and self._rates.borrow_rate:
            times = np.array([time])
            self._borrowed += change * float(self._series[column].borrowed_until(times)[0])

    def _borrow_fees(self, time: int) -> float:
        short = np.flatnonzero(self.held < 0).tolist()
        if not self._rates.borrow_rate:
            return 0.0
        total = self._borrowed
        times = np.array([time])
        for column in short:
            units = self.held.item(column)
            total -= units * float(self._series[column].borrowed_until(times)[0])
        return total * self._rates.borrow_rate

    def _real_cash(self, time: int) -> float:
        """Return the cash with the dividends paid so far."""
        total = self.cash
        for column, pays in enumerate(self._pays):
            if pays and self.held[column]:
                paid = self._series[column].paid_at(np.array([time]), at_open=self._at_open)
                total += self.held.item(column) * float(paid[0])
        return total
