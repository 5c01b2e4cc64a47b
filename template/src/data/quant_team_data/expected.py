"""The bars that a market should have in a range: what an answer is compared with.

Absence proves nothing. Where the calendar expects a closed bar and none came, the answer may have
been cut, or the service may have skipped something.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from quant_team_data import calendars, frames, markets, trading_days
from quant_team_data.calendars import CalendarError
from quant_team_data.errors import AmbiguousSymbolError, SymbolNotFoundError
from quant_team_data.markets import Market, longest, milliseconds, shortest
from quant_team_data.ranges import Range

if TYPE_CHECKING:
    from quant_team_data.frames import Times

_YEAR = trading_days.FIRST.year
FIRST = milliseconds(datetime(_YEAR, 1, 1, tzinfo=UTC))  # what calendars begin with


class Expected(NamedTuple):
    """The bars that are due in a range.

    Attributes:
        opens: when they open, in milliseconds UTC, in order.
        unknown: before this time, in milliseconds UTC, no calendar knows; any bar may be due.
        step: the least length of a bar, in milliseconds.
    """

    opens: Times
    unknown: int
    step: int

    def number(self, low: int, high: int) -> int:
        """Return how many bars are due from `low` on and before `high`, in milliseconds UTC."""
        known = self._within(low, high)
        unknown = min(high, self.unknown) - low
        return len(known) + max(0, unknown) // self.step

    def first(self, low: int) -> int | None:
        """Return when the first bar is due from a time on, in milliseconds UTC, or None."""
        if low < self.unknown:
            return low
        begin = int(np.searchsorted(self.opens, low))
        if begin == len(self.opens):
            return None
        return int(self.opens[begin])

    def missing(
        self,
        times: Times,
        low: int,
        high: int,
    ) -> Times:
        """Return what is due from `low` on and before `high` and not among times, which rise."""
        due = self._within(low, high)
        return due[~frames.among(due, times)]

    def _within(self, low: int, high: int) -> Times:
        begin, end = np.searchsorted(self.opens, [low, high]).tolist()
        return self.opens[begin:end]


def expected(
    market: Market | None,
    interval: str,
    span: Range,
    now: datetime,
) -> Expected:
    """Return the bars of a range that have closed by a time, as the market's calendar has them.

    Args:
        market: where the symbol trades; None: nobody knows, so any bar may be due.
        interval: one of `markets.INTERVALS`.
        span: the range of opens, in milliseconds UTC, the second left out.
        now: aware.
    """
    step = 1000 * shortest(interval)
    length = timedelta(seconds=longest(interval))
    closed = milliseconds(now - length) + 1
    low, high = span
    high = min(high, closed)
    none = np.empty(0, dtype=np.int64)
    if low >= high:
        return Expected(none, low, step)
    known_from = max(low, FIRST)
    if market is None or known_from >= high:
        return Expected(none, high, step)
    try:
        due = calendars.due(market, interval, known_from, high, today=now.date())
    except CalendarError:
        return Expected(none, high, step)
    return Expected(due.opens, known_from, step)


def market_for(symbol: str) -> Market | None:
    """Return the market whose calendar holds for a symbol, or None.

    Six digits without an exchange are traded in Shanghai or Shenzhen, which share a calendar.
    """
    try:
        return markets.market_of(symbol)
    except AmbiguousSymbolError:
        return markets.market_of(f"{symbol}.SZ")
    except SymbolNotFoundError:
        return None
