"""A whole range of bars, from as many requests as it takes.

Neither how many bars a page holds, nor which end of an overflowing range is cut, is assumed. What
is before, between and after the bars of an answer is asked for until the market's calendar expects
nothing more there, or until the service has confirmed that there is nothing: in an answer that
repeats the known bars on both sides.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from quant_team_data import frames, klines, nothing, pages, ranges
from quant_team_data.answers import TypedCaller, invalid
from quant_team_data.expected import Expected, expected, market_for
from quant_team_data.klines import Asked
from quant_team_data.proof import Found
from quant_team_data.ranges import Range
from quant_team_utils import console

if TYPE_CHECKING:
    from quant_team_data.calendars import Times

ROUND = 100  # bars: an answer of a multiple of it looks like a full page
PATIENT = 30  # requests that a range may take in any case
FEWEST = 20  # bars that a page must give on average
NEARLY_ALL = 0.95  # of the expected bars: where so many came, every missing one is asked for again
MOST = 0.5  # where so many came, long runs of missing ones are
RUN = 5  # bars in a row: a shorter run is not long


class Hole(NamedTuple):
    """A range in which no bar is known, in milliseconds UTC.

    Attributes:
        low: its first time.
        high: the first time after it.
        is_after: right before it, a bar is known.
        is_before: at `high`, a bar is known.
        is_sure: the answer must repeat those bars.
        is_cut: the answer beside it may have been cut here, whatever the calendar expects.
    """

    low: int
    high: int
    is_after: bool = False
    is_before: bool = False
    is_sure: bool = False
    is_cut: bool = False


def between(
    caller: TypedCaller,
    asked: Asked,
    span: Range,
    now: datetime,
    *,
    is_widened: bool = False,
) -> Found:
    """Return the bars that open in a range, those still forming included, and what that proves.

    Args:
        caller: sends the requests.
        asked: symbol, interval and type.
        span: the range, in milliseconds UTC, the second left out.
        now: aware; what has closed by then is expected.
        is_widened: bars of a longer interval say that there are some, so nothing is no answer.

    Raises:
        DecodeError: the answers contradict each other or the request, or give too few bars each.
        NoBarsError: there are none, and nothing explains it.
        TickDBError: the subclass that fits.
    """
    walk = _Walk(caller, asked, span, now)
    bars = walk.run()
    if len(bars):
        last = int(frames.times_of(bars)[-1])
        return Found(bars, last + 1)
    low, high = span
    due = walk.expected.first(low)
    if due is None or due >= ranges.last_certain(asked.interval, now):
        return Found(bars, low)

    def again(interval: str, wider: Range, is_sure: bool) -> Found:
        other = asked._replace(interval=interval)
        return between(caller, other, wider, now, is_widened=is_sure)

    return nothing.explained(asked, span, now, again, is_widened=is_widened)


class _Walk:
    """The requests for one range."""

    def __init__(
        self,
        caller: TypedCaller,
        asked: Asked,
        span: Range,
        now: datetime,
    ) -> None:
        self.caller = caller
        self.asked = asked
        self.span = span
        self.now = now
        market = market_for(asked.symbol)
        self.expected: Expected = expected(market, asked.interval, *span, now)
        self.blocks: list[pl.DataFrame] = []
        self.sizes: list[int] = []  # of the answers

    def run(self) -> pl.DataFrame:
        """Return the bars of the range."""
        low, high = self.span
        holes = [Hole(low, high)] if low < high else []
        label = f"{self.asked.symbol} {self.asked.interval}"
        with console.progress(label, high - low) as advance:
            while holes:
                hole = holes.pop()
                left: list[Hole] = []
                if not self.sizes or self._is_due(hole):
                    left = self._fill(hole)
                holes += left
                open_still = sum(one.high - one.low for one in left)
                advance(hole.high - hole.low - open_still)
        if not self.blocks:
            return frames.SCHEMA.to_frame()
        return klines.once(pl.concat(self.blocks), self.asked.symbol)

    def _is_due(self, hole: Hole) -> bool:
        if self.expected.count(hole.low, hole.high):
            return True
        is_long_enough = hole.high - hole.low >= self.expected.step
        return hole.is_cut and is_long_enough

    def _fill(self, hole: Hole) -> list[Hole]:
        """Ask for a hole, and return what is then left of it."""
        is_sure = hole.is_sure or not self._is_full_page_likely()
        low = hole.low - 1 if is_sure and hole.is_after else hole.low
        high = hole.high if is_sure and hole.is_before else hole.high - 1
        times = self._ask(low, high)
        new = times[(times >= hole.low) & (times < hole.high)]
        if len(new):
            left = self._around(hole, new)
            self._ask_for_missing(new)
            return left
        if not (hole.is_after or hole.is_before):
            return []
        if not is_sure:
            return [hole._replace(is_sure=True, is_cut=False)]
        if hole.is_after:
            self._require_known(low, times)
        if hole.is_before:
            self._require_known(high, times)
        return []

    def _is_full_page_likely(self) -> bool:
        """Tell whether the last answer was as long as a page; a page may be any length."""
        if not self.sizes:
            return True
        last = self.sizes[-1]
        return last % ROUND == 0 or last in self.sizes[:-1]

    def _around(self, hole: Hole, times: Times) -> list[Hole]:
        """Return what is before and after new bars."""
        first, last = int(times[0]), int(times[-1])
        is_cut = self._is_full_page_likely()
        before = Hole(hole.low, first, hole.is_after, is_before=True, is_cut=is_cut)
        after = Hole(last + 1, hole.high, is_after=True, is_before=hole.is_before, is_cut=is_cut)
        return [one for one in (before, after) if one.low < one.high]

    def _ask(self, low: int, high: int) -> Times:
        """Send one request, keep its bars, and return their times; `high` is included."""
        most = PATIENT + self.expected.count(*self.span) // FEWEST
        if len(self.sizes) >= most:
            given = sum(self.sizes) / most
            what = f"{given:.0f} bars of {self.asked.symbol!r} a request, too few to go on"
            raise invalid(what, self.asked.symbol)
        bars = pages.page(self.caller, self.asked._replace(low=low, high=high))
        self.sizes.append(len(bars))
        if len(bars):
            self.blocks.append(bars)
        return frames.times_of(bars)

    def _require_known(self, time: int, times: Times) -> None:
        """Refuse an answer without a bar that another answer has."""
        if time not in times:
            interval, symbol = self.asked.interval, self.asked.symbol
            what = f"no {interval} bar of {symbol!r} at {klines.text(time)}, which was there before"
            raise invalid(what, symbol)

    # Details: what is missing between the bars of an answer

    def _ask_for_missing(self, times: Times) -> None:
        """Ask again for bars that are missing between others, once, in an answer with the others.

        Where many are missing, the symbol trades seldom, and nothing is asked for.
        """
        missing = self._doubtful(times)
        if not len(missing):
            return
        begin, end = np.searchsorted(times, [missing[0], missing[-1]]).tolist()
        low, high = int(times[begin - 1]), int(times[end])
        again = self._ask(low, high)
        if np.isin(again, times).all():
            self._require_known(low, again)
            self._require_known(high, again)

    def _doubtful(self, times: Times) -> Times:
        """Return the expected bars that are missing between others, unless they often are."""
        first, last = int(times[0]), int(times[-1])
        missing = self.expected.missing(times, first, last)
        count = self.expected.count(first, last)
        present = count - len(missing)
        if not len(missing) or present >= NEARLY_ALL * count:
            return missing
        if present < MOST * count:
            return missing[:0]
        places = np.searchsorted(self.expected.opens, missing)
        edges = np.flatnonzero(np.diff(places) > 1) + 1
        runs = np.split(missing, edges)
        shortest_run = max(RUN, (1 - NEARLY_ALL) * count)
        long_runs = [run for run in runs if len(run) >= shortest_run]
        return np.concatenate([missing[:0], *long_runs])
