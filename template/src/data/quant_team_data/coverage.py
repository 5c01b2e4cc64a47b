"""How much of what the market's calendar expects is there, and what is missing.

A hole in the bars moves every number that is computed from them. So a run compares its bars with
the calendar, over the span from the first bar to the last, and refuses or marks what is missing.
"""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from quant_team_data import calendars, frames
from quant_team_data.calendars import Due
from quant_team_data.markets import Market

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from quant_team_data.calendars import Times

LEAST = 0.90  # below it, a run is refused
GOOD = 0.99  # below it, a run is marked


class Gap(NamedTuple):
    """Bars in a row that the calendar expects and that are not there.

    Attributes:
        first: open of the first of them, UTC.
        last: open of the last of them.
        bars: how many.
        days: whole trading days, or weeks or months for bars of such a length; 0 for bars within
            one day.
    """

    first: datetime
    last: datetime
    bars: int
    days: int


class Coverage(NamedTuple):
    """Bars against the calendar, from the first bar to the last.

    Attributes:
        expected: how many bars the calendar has there.
        present: how many of those are there.
        gaps: what is missing, in order.
    """

    expected: int
    present: int
    gaps: list[Gap]

    @property
    def share(self) -> float:
        """The present bars as a fraction of the expected ones; 1 where none is expected."""
        return self.present / self.expected if self.expected else 1.0

    def __str__(self) -> str:
        return f"{self.share:.1%}"


def measure(
    bars: pl.DataFrame,
    market: Market,
    interval: str,
    *,
    today: date | None = None,
) -> Coverage:
    """Return how much of the calendar bars cover, from the first of them to the last.

    Args:
        bars: a frame of `frames.SCHEMA`, in time order; an empty one covers nothing.
        market: where the symbol trades.
        interval: one of `markets.INTERVALS`.
        today: in UTC; default: the clock. See `calendars.sessions`.

    Raises:
        CalendarError: the installed calendars end before the bars do.
    """
    if bars.is_empty():
        return Coverage(0, 0, [])
    opens = frames.times_of(bars)
    due = calendars.due(market, interval, int(opens[0]), int(opens[-1]) + 1, today=today)
    is_missing = ~frames.among(due.opens, opens)
    missing = _gaps(due, is_missing)
    return Coverage(len(due.opens), len(due.opens) - int(is_missing.sum()), missing)


def gaps(
    market: Market,
    interval: str,
    opens: Times,
    low: int,
    high: int,
    *,
    today: date | None = None,
) -> list[Gap]:
    """Return what is missing among bars, against the market's calendar, in order.

    Whole trading days in a row are one gap; so are bars in a row within a day that has others.

    Args:
        market: whose calendar counts.
        interval: one of `markets.INTERVALS`.
        opens: when the bars open, in milliseconds UTC.
        low: first open that may be missing, in milliseconds UTC.
        high: the first that may not.
        today: in UTC; default: the clock. See `calendars.sessions`.

    Raises:
        CalendarError: the installed calendars end before the range does.
    """
    due = calendars.due(market, interval, low, high, today=today)
    return _gaps(due, ~np.isin(due.opens, opens))


# Details


def _gaps(due: Due, is_missing: NDArray[np.bool_]) -> list[Gap]:
    found: list[Gap] = []
    if not is_missing.any():
        return found
    before: int | None = None  # the last trading day that is missing as a whole
    for begin, end in _days_of(due):
        missing = np.flatnonzero(is_missing[begin:end]) + begin
        is_whole = len(missing) == end - begin
        if is_whole and before == begin:
            found[-1] = _longer(found[-1], due.opens[missing])
        elif is_whole:
            found.append(_gap(due.opens[missing], days=1))
        else:
            runs = np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1)
            found += [_gap(due.opens[run], days=0) for run in runs if len(run)]
        before = end if is_whole else None
    return found


def _days_of(due: Due) -> list[tuple[int, int]]:
    """Return where the bars of each trading day begin and end."""
    if not len(due.day):
        return []
    edges = np.flatnonzero(np.diff(due.day)) + 1
    bounds = [0, *edges.tolist(), len(due.day)]
    return list(itertools.pairwise(bounds))


def _gap(opens: Times, days: int) -> Gap:
    return Gap(_moment(opens[0]), _moment(opens[-1]), len(opens), days)


def _longer(gap: Gap, opens: Times) -> Gap:
    """Return a gap of whole days with one day more."""
    return Gap(gap.first, _moment(opens[-1]), gap.bars + len(opens), gap.days + 1)


def _moment(milliseconds: np.int64) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
