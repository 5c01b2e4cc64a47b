"""Bars that are missing between the bars of an answer: asked for again before that is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quant_team_data import frames
from quant_team_data.gathered import Gathered

if TYPE_CHECKING:
    from quant_team_data.expected import Expected
    from quant_team_data.frames import Times

# Of the expected bars, long runs apart: where so many came, every missing one is asked for again.
NEARLY_ALL = 0.95
FEW = 100  # expected bars: too few to tell that a symbol trades seldom, if half are there
MOST = 0.5  # where so many came apart from the longest run, long runs of missing ones are
RUN = 5  # bars in a row: a shorter run is not long


def ask_again(gathered: Gathered, times: Times) -> None:
    """Ask for bars that are missing between others, until an answer brings no more of them.

    Args:
        gathered: what came so far.
        times: of an answer, in order, in milliseconds UTC.

    Raises:
        DecodeError: an answer lacks bars that were there before.
    """
    gone = doubtful(gathered.expected, times)
    while len(gone):
        before = times[times < gone[0]]
        after = times[times > gone[-1]]
        low = int(before[-1])
        high = int(after[0]) + 1
        again = gathered.ask(low, high)
        if np.isin(again, times).all():
            gathered.require_known(again, low, high)
            return
        gone = gone[~frames.among(gone, again)]
        times = np.union1d(times, again)


def doubtful(expected: Expected, times: Times) -> Times:
    """Return the expected bars that are missing between others, unless they often are.

    Where many are missing, the symbol trades seldom.

    Args:
        expected: by the market's calendar.
        times: of an answer, in order, at least one.
    """
    first = int(times[0])
    last = int(times[-1])
    gone = expected.missing(times, first, last)
    count = expected.number(first, last)
    present = count - len(gone)
    least = MOST if count <= FEW else NEARLY_ALL
    if present >= least * count:
        return gone
    runs = _runs(expected, gone)
    longest = max(len(run) for run in runs)
    if present <= MOST * (count - longest):
        return gone[:0]
    shortest = max(RUN, (1 - NEARLY_ALL) * count)
    found = [gone[:0]]
    for run in runs:
        if len(run) >= shortest:
            found.append(run)
    in_long_runs = np.concatenate(found)
    others = count - len(in_long_runs)
    if present >= NEARLY_ALL * others:
        return gone
    return in_long_runs


def _runs(expected: Expected, gone: Times) -> list[Times]:
    """Return missing bars, split where an expected one is not missing."""
    places = np.searchsorted(expected.opens, gone)
    is_edge = np.diff(places) > 1
    edges = np.flatnonzero(is_edge) + 1
    return np.split(gone, edges)
