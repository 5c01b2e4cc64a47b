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

    from quant_team_data.trading_days import Times

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
    first = int(opens[0])
    last = int(opens[-1])
    due = calendars.due(market, interval, first, last + 1, today=today)
    is_missing = ~frames.among(due.opens, opens)
    expected = len(due.opens)
    absent = int(is_missing.sum())
    return Coverage(
        expected=expected,
        present=expected - absent,
        gaps=_gaps(due, is_missing),
    )


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
    is_missing = ~np.isin(due.opens, opens)
    return _gaps(due, is_missing)


# Details


def _gaps(due: Due, is_missing: NDArray[np.bool_]) -> list[Gap]:
    found: list[Gap] = []
    if not is_missing.any():
        return found
    before: int | None = None  # where the last trading day ends that is missing as a whole
    for begin, end in _days_of(due):
        opens = due.opens[begin:end]
        missing = is_missing[begin:end]
        is_whole = bool(missing.all())
        if not is_whole:
            found += _gaps_within(opens, missing)
        elif before == begin:
            found[-1] = _longer(found[-1], opens)
        else:
            found.append(_gap(opens, days=1))
        before = end if is_whole else None
    return found


def _gaps_within(opens: Times, is_missing: NDArray[np.bool_]) -> list[Gap]:
    """Return the runs of missing bars of a day that has others."""
    missing = np.flatnonzero(is_missing)
    if not len(missing):
        return []
    breaks = np.flatnonzero(np.diff(missing) > 1)
    runs = np.split(missing, breaks + 1)
    return [_gap(opens[run], days=0) for run in runs]


def _days_of(due: Due) -> list[tuple[int, int]]:
    """Return where the bars of each trading day begin and end."""
    if not len(due.day):
        return []
    changes = np.flatnonzero(np.diff(due.day))
    edges = (changes + 1).tolist()
    bounds = [0, *edges, len(due.day)]
    return list(itertools.pairwise(bounds))


def _gap(opens: Times, days: int) -> Gap:
    return Gap(
        first=_moment(opens[0]),
        last=_moment(opens[-1]),
        bars=len(opens),
        days=days,
    )


def _longer(gap: Gap, opens: Times) -> Gap:
    """Return a gap of whole days with one day more."""
    return Gap(
        first=gap.first,
        last=_moment(opens[-1]),
        bars=gap.bars + len(opens),
        days=gap.days + 1,
    )


def _moment(milliseconds: np.int64) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
