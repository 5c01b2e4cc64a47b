"""What the answers for one range have brought so far, and the next request for it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quant_team_data import frames, klines, pages
from quant_team_data.answers import TypedCaller, invalid
from quant_team_data.errors import PlanError
from quant_team_data.expected import Expected, expected, market_for
from quant_team_data.klines import Asked
from quant_team_data.pages import PAGE
from quant_team_data.ranges import Range

if TYPE_CHECKING:
    from quant_team_data.frames import Times

PATIENT = 30  # requests that a range may take in any case
FEWEST = 20  # bars that an answer must give on average
ROUND = 100  # an answer of a multiple of so many bars looks like a full page


class Gathered:
    """The bars of a range, from several requests.

    Args:
        caller: sends the requests.
        asked: symbol, interval and type.
        span: the range, in milliseconds UTC, the second left out.
        now: aware; what has closed by then is expected.

    Attributes:
        market: where the symbol trades, or None where nobody knows.
        expected: the bars that the market's calendar has in the range.
        sizes: of the answers.
    """

    def __init__(
        self,
        caller: TypedCaller,
        asked: Asked,
        span: Range,
        now: datetime,
    ) -> None:
        self.asked = asked
        self.span = span
        self.now = now
        self.market = market_for(asked.symbol)
        self.expected: Expected = expected(self.market, asked.interval, span, now)
        self.sizes: list[int] = []
        self._caller = caller
        self._blocks: list[pl.DataFrame] = []

    def ask(self, low: int, high: int) -> Times:
        """Send one request, keep the bars of the range, and return the times of all that came.

        Args:
            low: the first open, in milliseconds UTC; it may be before the range.
            high: the last open, included; it may be after the range.

        Raises:
            DecodeError: the answer is not one to the request, or gives too few bars to go on.
        """
        self._require_progress()
        bars = self._page(low, high)
        self.sizes.append(len(bars))
        inside = cut(bars, self.span)
        if len(inside):
            self._blocks.append(inside)
        return frames.times_of(bars)

    def bars(self) -> pl.DataFrame:
        """Return all bars of the range that came, in time order.

        Raises:
            DecodeError: two answers have different bars for one time.
        """
        empty = frames.SCHEMA.to_frame()
        whole = pl.concat([empty, *self._blocks])
        return klines.once(whole, self.asked.symbol)

    def times(self) -> Times:
        """Return when all bars of the range that came open, each once, in order."""
        found = [frames.times_of(bars) for bars in self._blocks]
        return np.unique(np.concatenate(found))

    def require_known(
        self,
        times: Times,
        low: int,
        high: int,
    ) -> None:
        """Refuse an answer without a bar that another answer has.

        Args:
            times: of the answer.
            low: the first open that was asked for, in milliseconds UTC.
            high: the last one, included.

        Raises:
            DecodeError: it lacks one.
        """
        known = part(self.times(), low, high + 1)
        gone = known[~frames.among(known, times)]
        if not len(gone):
            return
        interval = self.asked.interval
        symbol = self.asked.symbol
        when = klines.text(int(gone[0]))
        what = f"no {interval} bar of {symbol!r} at {when}, which was there before"
        raise invalid(what, symbol)

    @property
    def is_full_page(self) -> bool:
        """Whether the last answer is as long as a page; how long a page is, its like tell."""
        if not self.sizes:
            return True
        last = self.sizes[-1]
        return last >= PAGE or last in self.sizes[:-1]

    @property
    def may_be_cut(self) -> bool:
        """Whether the last answer may be a full page."""
        return self.is_full_page or self.sizes[-1] % ROUND == 0

    def _require_progress(self) -> None:
        low, high = self.span
        most = PATIENT + self.expected.number(low, high) // FEWEST
        if len(self.sizes) < most:
            return
        symbol = self.asked.symbol
        what = f"{sum(self.sizes)} bars of {symbol!r} in {most} answers, too few to go on"
        raise invalid(what, symbol)

    def _page(self, low: int, high: int) -> pl.DataFrame:
        first, stop = self.span
        asked = self.asked._replace(low=low, high=high)
        try:
            return pages.page(self._caller, asked)
        except PlanError:
            if low >= first:
                raise
        # The plan may end where the range begins.
        asked = self.asked._replace(low=first, high=min(high, stop - 1))
        return pages.page(self._caller, asked)


def cut(bars: pl.DataFrame, span: Range) -> pl.DataFrame:
    """Return the bars that open in a range, in milliseconds UTC, the second left out."""
    times = frames.times_of(bars)
    begin, end = np.searchsorted(times, span).tolist()
    return bars[begin:end]


def part(
    times: Times,
    low: int,
    high: int,
) -> Times:
    """Return the times of a range, of times in order; `high` is left out."""
    begin, end = np.searchsorted(times, [low, high]).tolist()
    return times[begin:end]
