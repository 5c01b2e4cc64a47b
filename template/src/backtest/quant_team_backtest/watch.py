"""What happens to open positions without a new target: exits that are reached, delistings."""

from __future__ import annotations

import bisect
from typing import NamedTuple

import numpy as np

from quant_team_backtest.decisions import Decisions
from quant_team_backtest.exits import Guard, Hit
from quant_team_backtest.prepared import Series
from quant_team_backtest.simulation import Exits
from quant_team_backtest.venue import NEVER, Venue

DAY_MS = 86_400_000
STOP = "stop"
TARGET = "target"
OVER = "max_bars"
DELISTED = "delisted"


class Event(NamedTuple):
    """What will happen to a position, if it is not changed before.

    Attributes:
        time: milliseconds since 1970, UTC: the close of the bar.
        column: index of the symbol.
        hit: where, at which price and why.
    """

    time: int
    column: int
    hit: Hit


class Watch:
    """The guards of open positions, and the next event of each.

    Attributes:
        is_idle: there are neither exits nor delistings.
    """

    def __init__(
        self,
        venues: list[Venue],
        exits: list[Exits | None],
        decisions: Decisions,
    ) -> None:
        """Begin without positions.

        Args:
            venues: of each symbol.
            exits: of each symbol; None for none.
            decisions: all of the run.
        """
        self._venues = venues
        self._exits = exits
        self._guards: dict[int, Guard] = {}
        self._events: dict[int, Event] = {}
        self._ends = {}
        for column, venue in enumerate(venues):
            series = venue.series
            if series.bars.ends:
                last = len(series.bars.open) - 1
                hit = Hit(last, series.closes[last].item(), DELISTED)
                self._ends[column] = Event(series.bars.closed.item(last), column, hit)
        self.is_idle = not any(exits) and not self._ends
        self._decisions: list[list[int]] = [[] for _ in venues]
        for column, bar in zip(decisions.column.tolist(), decisions.bar.tolist(), strict=True):
            if exits[column]:
                self._decisions[column].append(bar)

    @property
    def next_time(self) -> float:
        """When the next event is, milliseconds since 1970, UTC; infinite for never."""
        times = [event.time for event in self._events.values()]
        times += [event.time for event in self._ends.values()]
        return min(times, default=NEVER)

    def pop(self, time: float) -> list[Event]:
        """Return the events of a time, and forget them; what a bar reaches comes before its end."""
        found = []
        for events in (self._events, self._ends):
            due = sorted(column for column, event in events.items() if event.time == time)
            found += [events.pop(column) for column in due]
        return found

    def changed(
        self,
        column: int,
        decided: int,
        bar: int,
        before: float,
        after: float,
        entry: float,
    ) -> None:
        """Note that a position has changed.

        Args:
            column: index of the symbol.
            decided: the bar that decided.
            bar: the bar that filled.
            before: units held before.
            after: units held now.
            entry: price of a unit, slippage included.
        """
        exits = self._exits[column]
        if exits is None:
            return
        if not after:
            self.forget(column)
            return
        venue = self._venues[column]
        series = venue.series
        first = bar if venue.at_open else bar + 1
        if before * after <= 0:
            self._guards[column] = Guard(
                series,
                exits,
                decided=decided,
                opened=first,
                entry=entry,
                is_long=after > 0,
            )
        if after > max(before, 0) and not series.bars.same_day_sale:
            bought = venue.times.item(bar)
            self._guards[column].earliest = _first_of_the_next_day(series, bought)
        self._look(column, first)

    def forget(self, column: int) -> None:
        """Note that a symbol has no position any more."""
        self._guards.pop(column, None)
        self._events.pop(column, None)

    def go_on(self, column: int, bar: int) -> None:
        """Look for exits after a bar that has not changed the position."""
        self._look(column, bar + 1)

    # Details

    def _look(self, column: int, begin: int) -> None:
        """Find the next event of a position, up to the next bar that decides for its symbol."""
        self._events.pop(column, None)
        guard = self._guards.get(column)
        if guard is None:
            return
        series = self._venues[column].series
        decisions = self._decisions[column]
        following = bisect.bisect_left(decisions, begin)
        end = len(series.bars.open)
        if following < len(decisions):
            end = decisions[following] + 1
        hit = guard.first_hit(max(begin, guard.earliest), end)
        if begin <= guard.last < (hit.bar if hit else end):
            hit = Hit(int(guard.last), 0.0, OVER)
        if hit:
            time = series.bars.closed.item(hit.bar)
            self._events[column] = Event(time, column, hit)


def _first_of_the_next_day(series: Series, time: int) -> int:
    """Return the first bar that opens after the UTC day of a time."""
    midnight = (time // DAY_MS + 1) * DAY_MS
    return int(np.searchsorted(series.bars.opened, midnight))
