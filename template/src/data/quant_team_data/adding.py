"""Bars added to bars: what is new, what is known with other values, and what nobody may mix."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from quant_team_data import frames
from quant_team_data.frames import VALUES

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRICES = ("open", "high", "low", "close")
FEW = 5  # bars: so many may be corrected by one factor by chance
SAME_FACTOR = 2e-3  # how far the factors of one bar's prices may differ: they are rounded
NOTICEABLE = 1e-4  # a factor nearer to 1 is a correction of the last digits


class Addition(NamedTuple):
    """Bars with others added to them.

    Attributes:
        bars: what is there now, a frame of `frames.SCHEMA` in time order.
        added: how many had a time that was not there.
        changed: the bars, as they are now, whose time was there with other values.
        unchanged: how many were there already.
        removed: how many are not there any more.
    """

    bars: pl.DataFrame
    added: int
    changed: pl.DataFrame
    unchanged: int
    removed: int

    @property
    def has_kept(self) -> bool:
        """Whether bars stay that were not among those that came."""
        return len(self.bars) > self.added + self.unchanged + len(self.changed)


def add(known: pl.DataFrame, bars: pl.DataFrame, *, replace: bool = False) -> Addition:
    """Return known bars with others added to them; of two with one time, the new one.

    Args:
        known: a frame of `frames.SCHEMA`, in time order.
        bars: such a frame.
        replace: bars that are known only are removed.
    """
    old = frames.times_of(known)
    new = frames.times_of(bars)
    is_known = frames.among(new, old)
    is_met = frames.among(old, new)
    before = known.filter(pl.Series(is_met))
    after = bars.filter(pl.Series(is_known))
    differs = np.zeros(len(after), dtype=bool)
    for name in VALUES:
        differs |= before[name].to_numpy() != after[name].to_numpy()
    kept = known.filter(pl.Series(~is_met))
    whole = bars
    if not replace and len(kept):
        whole = pl.concat([kept, bars]).sort("time")
    return Addition(
        bars=whole,
        added=int((~is_known).sum()),
        changed=after.filter(pl.Series(differs)),
        unchanged=int((~differs).sum()),
        removed=len(kept) if replace else 0,
    )


class Shift(NamedTuple):
    """Prices that differ by a factor from those that are known: another adjustment basis.

    Attributes:
        factor: the median of new prices over known ones.
        bars: how many bars have such a factor.
        of: how many were compared.
    """

    factor: float
    bars: int
    of: int


def shift(known: pl.DataFrame, bars: pl.DataFrame) -> Shift | None:
    """Return by which factor the prices of bars differ from known ones, or None.

    A factor is the same for the four prices of a bar and, but for steps at splits and dividends,
    the same as that of the bar before it. It is one if most of the compared bars have it.

    Args:
        known: a frame of `frames.SCHEMA`, in time order.
        bars: such a frame.
    """
    both = known.join(bars, on="time", how="inner", suffix="_new", maintain_order="left")
    if len(both) < FEW:
        return None
    factors: list[NDArray[np.float64]] = []
    for name in PRICES:
        factors.append(both[f"{name}_new"].to_numpy() / both[name].to_numpy())
    table = np.stack(factors)
    middle = np.median(table, axis=0)
    is_one_factor = np.ptp(table, axis=0) <= SAME_FACTOR * middle
    moved = is_one_factor & (np.abs(middle - 1) > NOTICEABLE)
    steps = np.abs(np.diff(middle, prepend=middle[:1])) > SAME_FACTOR * middle
    moved_count = int(moved.sum())
    few_steps = int((steps & moved).sum()) * 4 <= moved_count
    if moved_count < FEW or 2 * moved_count <= len(both) or not few_steps:
        return None
    return Shift(float(np.median(middle[moved])), moved_count, len(both))
