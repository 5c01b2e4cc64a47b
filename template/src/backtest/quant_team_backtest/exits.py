"""Exits that a strategy hands to the engine: stops, targets, trailing stops, a longest time.

Each is fixed by the bar that decided the entry and is looked for from the bar of the entry on. A
level is a fraction away from the entry price, which is that of the fill that opened the position,
slippage included. What is looked for within a bar knows its low and high, so a level is filled at
its price, or at the open of a bar that opens beyond it. If stop and target lie in one bar, the stop
is what happened.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quant_team_backtest.prepared import Series
from quant_team_backtest.simulation import Exits, Floats

CHUNK = 64  # bars that are looked at first; then four times as many


class Hit(NamedTuple):
    """Where an exit is reached.

    Attributes:
        bar: index of the bar.
        price: of a unit, slippage apart.
        reason: "stop" or "target".
    """

    bar: int
    price: float
    reason: str


class Guard:
    """The exits of one open position.

    Attributes:
        opened: the bar of the entry.
        earliest: the first bar on which it may be left.
        last: the bar at whose close the longest time is over; infinite for never.
    """

    def __init__(
        self,
        series: Series,
        exits: Exits,
        *,
        decided: int,
        opened: int,
        entry: float,
        is_long: bool,
    ) -> None:
        """Fix the levels of a position.

        Args:
            series: the bars.
            exits: what the strategy said, bar by bar.
            decided: the bar that decided the entry.
            opened: the bar that filled it.
            entry: price of a unit, slippage included.
            is_long: False for a short position.
        """
        self.opened = opened
        self.earliest = opened
        self.last = opened + exits.at("max_bars", decided) - 1
        side = 1.0 if is_long else -1.0
        entry *= side
        self._series = series
        self._side = side
        self._can_leave = series.can_sell if is_long else series.can_buy
        size = abs(entry)
        self._stop = entry - size * exits.at("stop", decided)
        self._target = entry + size * exits.at("target", decided)
        self._trail = 1 - side * exits.at("trail", decided)
        self._best = entry
        self._best_until = opened

    def first_hit(self, begin: int, end: int) -> Hit | None:
        """Return the first exit that bars reach, from `begin` to before `end`.

        Later calls begin at the same bar or later.
        """
        self._remember(begin)
        best = self._best
        size = CHUNK
        while begin < end:
            stop = min(begin + size, end)
            hit, best = self._hit_in(slice(begin, stop), best)
            if hit:
                return hit
            begin = stop
            size *= 4
        return None

    # Details: everything times `_side`, so that more is better

    def _remember(self, begin: int) -> None:
        """Let the trailing stop know the bars before one."""
        if begin > self._best_until:
            _, best = self._extremes(slice(self._best_until, begin))
            highest = float(best.max())
            self._best = max(self._best, highest)
            self._best_until = begin

    def _hit_in(
        self,
        here: slice,
        best: float,
    ) -> tuple[Hit | None, float]:
        """Return the first exit of some bars, and the best price up to them."""
        worst_of, best_of = self._extremes(here)
        prices = np.append(best, best_of)
        path = np.maximum.accumulate(prices)
        stops = np.maximum(self._stop, path[:-1] * self._trail)
        can_leave = self._can_leave[here]
        is_stop = can_leave & (worst_of <= stops)
        is_target = can_leave & (best_of >= self._target)
        reached = is_stop | is_target
        first = int(reached.argmax())
        if not reached[first]:
            return None, float(path[-1])
        bar = here.start + first
        opened = self._side * float(self._series.opens[bar])
        if is_stop[first]:
            price = min(opened, float(stops[first]))
            return Hit(bar, self._side * price, "stop"), best
        price = max(opened, self._target)
        return Hit(bar, self._side * price, "target"), best

    def _extremes(self, here: slice) -> tuple[Floats, Floats]:
        """Return the worst and the best price of a unit in some bars."""
        low = self._series.lows[here]
        high = self._series.highs[here]
        return (low, high) if self._side > 0 else (-high, -low)
