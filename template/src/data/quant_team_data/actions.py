"""Splits and dividends: what they are, what the cache knows of them, and whether it is agreed on.

An action is kept as a row of a series of its own, type `factors`: the time is 00:00 UTC of the
ex-date, the open is the ratio, the close is the cash. So it is locked and compared like bars. The
ranges that the series is proven for say where there are no others: "no actions" is known, and
different from "unknown".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from quant_team_data import cache, frames, messages
from quant_team_data.cache import Stored
from quant_team_data.markets import milliseconds
from quant_team_data.ranges import FOREVER
from quant_team_data.series import ACTIONS, FACTORS, Series

if TYPE_CHECKING:
    from quant_team_data.lock import Line, Lines

DAY_MS = 86_400_000


class Action(NamedTuple):
    """What one ex-date does to a share.

    Attributes:
        date: the ex-date, a trading date of the market: the first that trades without the action.
        ratio: new shares for one old share: 4.0 for a 4:1 split, 0.1 for a reverse split of 1:10,
            1.0 for none.
        cash: dividend for one old share, in the market's currency; 0.0 for none. What a holder has
            to pay for new shares, in a rights issue, is below 0.
    """

    date: date
    ratio: float = 1.0
    cash: float = 0.0

    @property
    def is_nothing(self) -> bool:
        """Whether it is neither a split nor a dividend."""
        return self.ratio == 1 and self.cash == 0

    def __str__(self) -> str:
        parts = []
        if self.ratio != 1:
            parts.append(f"{ratio_text(self.ratio)} split")
        if self.cash:
            parts.append(f"dividend of {self.cash:g}")
        return " and ".join(parts) or "nothing"


class Known(NamedTuple):
    """What is known of the actions of a symbol at one source.

    Attributes:
        series: where they are kept.
        actions: in order, each date once.
        stored: what the cache holds.
    """

    series: Series
    actions: list[Action]
    stored: Stored

    @property
    def is_known(self) -> bool:
        """Whether there is a list of actions, even an empty one."""
        return bool(self.stored.proven)

    @property
    def until(self) -> date | None:
        """The last date up to which all actions are known, or None."""
        if not self.stored.proven:
            return None
        _, stop = self.stored.proven[-1]
        return cache.moment(stop - 1).date()

    def covers(self, last: date) -> bool:
        """Tell whether all actions up to a date, included, are known."""
        return self.until is not None and last <= self.until


def series_of(source: str, symbol: str) -> Series:
    """Return the series in which the actions of a symbol are kept.

    Args:
        source: "sandbox", "tickdb", or "import:" and the name of another vendor.
        symbol: TickDB's spelling.
    """
    return Series(source, FACTORS, symbol, ACTIONS)


def load(source: str, symbol: str) -> Known:
    """Return what the cache knows of the actions of a symbol.

    Raises:
        CacheError: the file may not be read.
    """
    series = series_of(source, symbol)
    return _known(series, cache.load(series))


def keep(
    series: Series,
    actions: Iterable[Action],
    now: datetime,
) -> Known:
    """Put all actions of a symbol into the cache; what was there is replaced.

    Those that are ex after today are left out: they may still change. Up to today there are no
    others.

    Args:
        series: as `series_of` returns it.
        actions: each date once.
        now: aware; up to its day (UTC), the list is whole.

    Raises:
        FileError: the file cannot be written.
    """
    today = now.astimezone(UTC).date()
    past = [action for action in actions if action.date <= today]
    stop = stamp(today) + DAY_MS
    cache.put(series, frame_of(past), span=(FOREVER[0], stop))
    return load(series.source, series.symbol)


def combined(actions: Iterable[Action]) -> list[Action]:
    """Return actions in order of their dates, those of one date as one.

    Two actions of one share are the second upon the shares of the first: ratios multiply, and the
    second dividend is paid on each of the new shares.
    """
    by_date: dict[date, Action] = {}
    for action in sorted(actions, key=_date_of):
        before = by_date.get(action.date, Action(action.date))
        ratio = before.ratio * action.ratio
        cash = before.cash + before.ratio * action.cash
        by_date[action.date] = Action(action.date, ratio, cash)
    return list(by_date.values())


def check(
    known: Known,
    lines: Lines,
    first: date,
    last: date,
) -> tuple[bool, list[Line]]:
    """Return whether the actions of a range are those of data.lock, and lines that differ.

    No actions and no lines agree.

    Args:
        known: as `load` returns it.
        lines: of data.lock, as `lock.read` returns them.
        first: date of the first bar; what is ex on it or before it does not count.
        last: date of the last bar, included.
    """
    low = stamp(first) + DAY_MS
    high = stamp(last) + DAY_MS
    left = len(cache.between(known.stored.bars, low, high))
    differing = []
    absent = 0
    for line in lines.values():
        begin, stop = line.span
        if line.series != known.series or begin >= high or stop <= low:
            continue
        state = line.state(known.stored)
        absent += state not in ("same", "differs")
        if state == "differs":
            differing.append(line)
        if state == "same":
            part = cache.between(known.stored.bars, max(begin, low), min(stop, high))
            left -= len(part)
    return not left and not absent and not differing, differing


def frame_of(actions: Iterable[Action]) -> pl.DataFrame:
    """Return actions as a frame of `frames.SCHEMA`: open is the ratio, close is the cash."""
    rows = []
    for action in actions:
        row = messages.Bar(stamp(action.date), action.ratio, 0.0, 0.0, action.cash, 0.0)
        rows.append(row)
    return frames.frame_of(rows)


def stamp(day: date) -> int:
    """Return 00:00 UTC of a date in milliseconds since 1970."""
    return milliseconds(datetime.combine(day, time(), UTC))


def ratio_text(ratio: float) -> str:
    """Return a ratio as people write it: 4:1, 1:10, 3:2, 1.05:1."""
    for old in range(1, 21):
        new = ratio * old
        if round(new) and abs(new - round(new)) < 1e-6 * new:
            return f"{round(new)}:{old}"
    if ratio < 1:
        return f"1:{1 / ratio:.6g}"
    return f"{ratio:.6g}:1"


# Details


def _known(series: Series, stored: Stored) -> Known:
    found = []
    for bar in frames.bars_of(stored.bars):
        day = cache.moment(bar.time).date()
        found.append(Action(day, bar.open, bar.close))
    return Known(series, found, stored)


def _date_of(action: Action) -> date:
    return action.date
