"""Whether a strategy sees the future: what it says of a bar must not depend on the bars after it.

Signals are computed again on histories that end earlier. If a value of a shorter history is not
that of the whole one, either the strategy looks ahead, or it says something else each time: a
second look at the same history tells which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from quant_team_backtest.simulation import Exits, Floats

if TYPE_CHECKING:
    import polars as pl

    from quant_team_backtest.weights import Targets

    Frames = Mapping[str, pl.DataFrame]
    Compute = Callable[[Frames], Targets]

EARLY = (2, 9, 29)  # bars from which on look-backs begin, often filled from behind
FEW = 20_000  # bars; up to so many the check costs little and looks at many histories
# Where histories end, as fractions of the whole.
MANY_ENDS = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97)
FEW_ENDS = (0.08, 0.2)  # of large data: less than a third of the work of the whole
CLEAN = "none found"
PEEKS = "looks ahead"
RANDOM = "not deterministic"
UNKNOWN = "not checked"


class Verdict(NamedTuple):
    """What the check found.

    Attributes:
        found: one of the constants of this module.
        histories: how many shorter histories were compared.
        symbol: of the value that differs; None for none.
        bar: when its bar opens, milliseconds since 1970, UTC.
        end: when the last bar of that history opens.
    """

    found: str
    histories: int
    symbol: str | None = None
    bar: int | None = None
    end: int | None = None


def check(
    compute: Compute,
    frames: Frames,
    whole: Targets,
) -> Verdict:
    """Compare what a strategy says on shorter histories with what it says on the whole one.

    Args:
        compute: the strategy: bars of each symbol in, targets out.
        frames: the bars of each symbol.
        whole: what it says on them.
    """
    columns = [_times(frame) for frame in frames.values()]
    times = np.sort(np.concatenate(columns))
    count = sum(len(frame) for frame in frames.values())
    compared = 0
    fractions = MANY_ENDS if count <= FEW else FEW_ENDS
    for last in _ends(times, fractions):
        shorter = {}
        for symbol, frame in frames.items():
            shorter[symbol] = _until(frame, last)
        targets = _attempt(compute, shorter)
        if targets is None:
            continue
        compared += 1
        difference = _difference(targets, whole, shorter)
        if difference:
            again = _attempt(compute, shorter)
            found = PEEKS
            if again is None or _difference(again, targets, shorter):
                found = RANDOM
            return Verdict(found, compared, *difference, last)
    if not compared:
        return Verdict(UNKNOWN, 0)
    return Verdict(CLEAN, compared)


# Details


def _ends(times: np.ndarray, fractions: Sequence[float]) -> list[int]:
    """Return when the last bars of shorter histories open, in order."""
    last = len(times) - 1
    places = {int(fraction * last) for fraction in fractions}
    places |= {place for place in EARLY if place < last}
    return [int(times[place]) for place in sorted(places)]


def _attempt(compute: Compute, frames: Frames) -> Targets | None:
    """Return what a strategy says; None if it cannot do with so few bars."""
    if any(frame.is_empty() for frame in frames.values()):
        return None
    try:
        return compute(frames)
    except Exception:  # whatever a strategy does with a history that is too short
        return None


def _times(frame: pl.DataFrame) -> np.ndarray:
    return frame["time"].to_physical().to_numpy()


def _until(frame: pl.DataFrame, last: int) -> pl.DataFrame:
    times = _times(frame)
    following = np.searchsorted(times, last, side="right")
    return frame[: int(following)]


def _difference(
    targets: Targets,
    whole: Targets,
    frames: Frames,
) -> tuple[str, int] | None:
    """Return symbol and bar of the first value that differs, or None."""
    found = []
    for symbol, frame in frames.items():
        pairs = zip(_columns(targets, symbol), _columns(whole, symbol), strict=True)
        for short, long in pairs:
            is_same = _are_close(short, long[: len(short)])
            differs = ~is_same
            if differs.any():
                bar = int(differs.argmax())
                found.append((int(_times(frame)[bar]), symbol))
    if not found:
        return None
    time, symbol = min(found)
    return symbol, time


def _columns(targets: Targets, symbol: str) -> list[Floats]:
    """Return all that was said of a symbol: the weight, then each exit; NaN where there is none."""
    weight = targets.weights[symbol]
    exits = targets.exits.get(symbol, Exits())
    columns = [weight]
    for field in fields(Exits):
        column = getattr(exits, field.name)
        if column is None:
            column = np.full(len(weight), np.nan)
        columns.append(column)
    return columns


def _are_close(short: Floats, long: Floats) -> np.ndarray:
    # Sums over windows may be rounded differently in a shorter history.
    return np.isclose(short, long, rtol=1e-9, atol=1e-12, equal_nan=True)
