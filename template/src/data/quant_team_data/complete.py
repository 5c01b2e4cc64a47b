"""A whole range of bars, from as many requests as it takes.

Neither how many bars a page holds, nor which end of an overflowing range is cut, is assumed. What
is before, between and after the bars of an answer is asked for until the market's calendar expects
nothing more there, or until the service has confirmed that there is nothing: in an answer that
repeats the bars around.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from quant_team_data import frames, missing, neighbors, nothing, ranges
from quant_team_data.answers import TypedCaller
from quant_team_data.gathered import Gathered, part
from quant_team_data.klines import Asked
from quant_team_data.proof import Found
from quant_team_data.ranges import Range
from quant_team_utils import console

if TYPE_CHECKING:
    from quant_team_data.frames import Times

INSIDE = 10  # known bars beside a hole that an answer must repeat


class Hole(NamedTuple):
    """A range in which no bar is known, in milliseconds UTC.

    Attributes:
        low: its first time.
        high: the first time after it.
        is_after: right before it, a bar is known.
        is_before: at `high`, a bar is known.
        is_sure: nothing came for it; the next answer must repeat the bars around.
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
        is_widened: bars of a longer interval say that there are some, so an empty answer is not
            believed.

    Raises:
        DecodeError: the answers contradict each other or the request, or give too few bars each.
        NoBarsError: there are none, and nothing explains it.
        TickDBError: the subclass that fits.
    """
    gathered = Gathered(caller, asked, span, now)
    if span[0] < span[1]:
        _fill_all(gathered)
    bars = gathered.bars()
    if len(bars):
        last = int(frames.times_of(bars)[-1])
        return Found(bars, last + 1)
    if not _is_certain(gathered, span[0]):
        return Found(bars, span[0])

    def again(
        interval: str,
        wider: Range,
        is_sure: bool,
    ) -> Found:
        other = asked._replace(interval=interval)
        return between(caller, other, wider, now, is_widened=is_sure)

    return nothing.explained(asked, span, now, again, is_widened=is_widened)


# Details


def _fill_all(gathered: Gathered) -> None:
    """Ask until nothing more is due."""
    low, high = gathered.span
    holes = [Hole(low, high)]
    label = f"{gathered.asked.symbol} {gathered.asked.interval}"
    with console.progress(label, high - low) as advance:
        while holes:
            hole = holes.pop()
            left: list[Hole] = []
            if not gathered.sizes or _is_due(gathered, hole):
                left = _fill(gathered, hole)
            holes += left
            still_open = sum(one.high - one.low for one in left)
            advance(hole.high - hole.low - still_open)


def _is_due(gathered: Gathered, hole: Hole) -> bool:
    """Tell whether a hole has to be asked for."""
    expected = gathered.expected
    if expected.number(hole.low, hole.high):
        return True
    is_long_enough = hole.high - hole.low >= expected.step
    return hole.is_cut and is_long_enough


def _is_certain(gathered: Gathered, low: int) -> bool:
    """Tell whether a bar is due from a time on that cannot merely be late."""
    due = gathered.expected.first(low)
    certain = ranges.last_certain(gathered.asked.interval, gathered.now)
    return due is not None and due < certain


def _fill(gathered: Gathered, hole: Hole) -> list[Hole]:
    """Ask for a hole, and return what is then left of it."""
    is_beside_bars = hole.is_after or hole.is_before
    is_sure = hole.is_sure or not gathered.is_full_page
    if is_beside_bars and is_sure:
        return _confirmed(gathered, hole)
    times = gathered.ask(hole.low, hole.high - 1)
    new = part(times, hole.low, hole.high)
    if len(new):
        return _around(gathered, hole, new)
    if is_beside_bars:
        return [hole._replace(is_sure=True, is_cut=False)]
    return []


def _confirmed(gathered: Gathered, hole: Hole) -> list[Hole]:
    """Ask for a hole and the bars around it, and return what is then left of the hole.

    Where no bars come on one of its sides, that is before a listing or after the last trade. Or a
    page holds no more than the known bars, so it is asked for once more without them. Or the
    service leaves out the bar at the edge of any range, so one that ends with a known bar follows.
    """
    low, high = _with_neighbors(gathered, hole)
    times = gathered.ask(low, high)
    new = part(times, hole.low, hole.high)
    if len(new):
        return _around(gathered, hole, new)
    gathered.require_known(times, low, high)
    has_both_sides = times[0] < hole.low and times[-1] >= hole.high
    is_late = not _is_certain(gathered, hole.low)
    if has_both_sides or is_late:
        return []
    first = hole.low if hole.is_after else low
    last = hole.high - 1 if hole.is_before else high
    times = gathered.ask(first, last)
    new = part(times, hole.low, hole.high)
    if len(new):
        return _around(gathered, hole, new)
    if hole.is_after:
        high = hole.low
    else:
        low = hole.high
    times = gathered.ask(low, high)
    gathered.require_known(times, low, high)
    return []


def _with_neighbors(gathered: Gathered, hole: Hole) -> Range:
    """Return a range around a hole: a few known bars, or more beyond.

    It ends a millisecond after a bar: nobody says whether the service counts the end.
    """
    known = gathered.times()
    market = gathered.market
    interval = gathered.asked.interval
    begin, end = np.searchsorted(known, [hole.low, hole.high]).tolist()
    if hole.is_after:
        first = max(0, begin - INSIDE)
        low = int(known[first])
    else:
        low = neighbors.before(market, interval, hole.low, gathered.now)
    if hole.is_before:
        last = min(len(known), end + INSIDE) - 1
        high = int(known[last])
    else:
        high = neighbors.after(market, interval, hole.high, gathered.now)
    return low, high + 1


def _around(
    gathered: Gathered,
    hole: Hole,
    times: Times,
) -> list[Hole]:
    """Return what is left of a hole before and after new bars; ask for what is between them."""
    first = int(times[0])
    last = int(times[-1])
    rest = hole._replace(is_sure=False, is_cut=gathered.may_be_cut)
    before = rest._replace(high=first, is_before=True)
    after = rest._replace(low=last + 1, is_after=True)
    missing.ask_again(gathered, times)
    left: list[Hole] = []
    for one in (before, after):
        if one.low < one.high:
            left.append(one)
    return left
