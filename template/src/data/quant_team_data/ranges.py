"""Ranges of time: what is left of them, which of them touch, and up to when bars are certain."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from quant_team_data.markets import longest, milliseconds, shortest

Range = tuple[int, int]  # milliseconds UTC, the second left out
FOREVER = (-(1 << 62), 1 << 62)
# A bar may reach the vendor this late: until then, no bar does not prove that there is none.
LAG = timedelta(hours=1)


def without(
    ranges: Iterable[Range],
    holes: Iterable[Range],
) -> list[Range]:
    """Return what is left of ranges when others are taken out of them."""
    left = _not_empty(ranges)
    for begin, end in holes:
        pieces: list[Range] = []
        for low, high in left:
            before = (low, min(high, begin))
            after = (max(low, end), high)
            pieces += [before, after]
        left = _not_empty(pieces)
    return left


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges in order, those that touch as one: what is not outside of them."""
    outside = without([FOREVER], ranges)
    return without([FOREVER], outside)


def first_open_bar(interval: str, now: datetime) -> int:
    """Return the first open, in ms UTC, of a bar that has not closed; the shortest month counts.

    Args:
        interval: one of `markets.INTERVALS`.
        now: aware.
    """
    length = timedelta(seconds=shortest(interval))
    return milliseconds(now - length) + 1


def last_certain(interval: str, now: datetime) -> int:
    """Return up to when, in ms UTC, no bar proves that there is none.

    Args:
        interval: one of `markets.INTERVALS`.
        now: aware.
    """
    length = timedelta(seconds=longest(interval))
    certain = now - LAG - length
    return milliseconds(certain) + 1


# Details


def _not_empty(ranges: Iterable[Range]) -> list[Range]:
    found = []
    for low, high in ranges:
        if low < high:
            found.append((low, high))
    return found
