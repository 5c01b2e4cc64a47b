"""Bars added to bars: what is new, what is known with other values, and what nobody may mix."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from quant_team_data import frames
from quant_team_data.frames import VALUES
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN = "unknown"
PRICES = ("open", "high", "low", "close")
FEW = 5  # bars: so many may be corrected by one factor by chance
SAME_FACTOR = 2e-3  # how far the factors of one bar's prices may differ: they are rounded
BARS_A_STEP = 4  # a factor has at most one step in so many bars
NOTICEABLE = 1e-4  # a factor nearer to 1 is a correction of the last digits


class AddingError(QuantError):
    """Bars may not be added to those that are there."""


class Basis(NamedTuple):
    """Bars, and what their prices are.

    Attributes:
        bars: a frame of `frames.SCHEMA`, in time order.
        prices: "raw", "adjusted" or "unknown".
    """

    bars: pl.DataFrame
    prices: str


class Addition(NamedTuple):
    """Bars with others added to them.

    Attributes:
        bars: what is there now, a frame of `frames.SCHEMA` in time order.
        prices: what all of their prices are: "raw", "adjusted" or "unknown".
        added: how many had a time that was not there.
        changed: the bars, as they are now, whose time was there with other values.
        unchanged: how many were there already.
        removed: how many are not there any more.
    """

    bars: pl.DataFrame
    prices: str
    added: int
    changed: pl.DataFrame
    unchanged: int
    removed: int

    @property
    def has_kept(self) -> bool:
        """Whether bars stay that were not among those that came."""
        came = self.added + self.unchanged + len(self.changed)
        return len(self.bars) > came


def add(
    known: Basis,
    new: Basis,
    *,
    replace: bool = False,
) -> Addition:
    """Return known bars with others added to them; of two with one time, the new one.

    Args:
        known: what is there.
        new: what comes.
        replace: bars that are known only are removed.
    """
    old_times = frames.times_of(known.bars)
    new_times = frames.times_of(new.bars)
    is_met = pl.Series(frames.among(old_times, new_times))
    is_known = pl.Series(frames.among(new_times, old_times))
    before = known.bars.filter(is_met)
    after = new.bars.filter(is_known)
    differs = _differs(before, after)
    kept = known.bars.filter(~is_met)
    whole = new.bars
    prices = new.prices
    if not replace and len(kept):
        whole = pl.concat([kept, whole])
        whole = whole.sort("time")
        prices = prices if prices == known.prices else UNKNOWN
    return Addition(
        bars=whole,
        prices=prices,
        added=len(new.bars) - len(after),
        changed=after.filter(differs),
        unchanged=len(after) - int(differs.sum()),
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
    old = frames.times_of(known)
    new = frames.times_of(bars)
    before = known.filter(pl.Series(frames.among(old, new)))
    after = bars.filter(pl.Series(frames.among(new, old)))
    compared = len(before)
    if compared < FEW:
        return None
    table = _ratios(before, after)
    factors = np.median(table, axis=0)
    tolerance = SAME_FACTOR * factors
    is_one_factor = np.ptp(table, axis=0) <= tolerance
    is_noticeable = np.abs(factors - 1) > NOTICEABLE
    moved = is_one_factor & is_noticeable
    steps = np.abs(np.diff(factors, prepend=factors[:1])) > tolerance
    count = int(moved.sum())
    step_count = int((steps & moved).sum())
    is_most = count >= FEW and 2 * count > compared
    if not is_most or BARS_A_STEP * step_count > count:
        return None
    factor = float(np.median(factors[moved]))
    return Shift(factor, count, compared)


def require_same_basis(
    name: str,
    known: Basis,
    new: Basis,
) -> None:
    """Refuse prices on another adjustment basis than those that are there.

    Args:
        name: of the series, for the error.
        known: what is there.
        new: what comes.

    Raises:
        AddingError: one says raw and the other adjusted, or the values are shifted by a factor.
    """
    if known.bars.is_empty():
        return
    advice = "import them under another --source, or take the whole file with --replace."
    declared = {known.prices, new.prices} - {UNKNOWN}
    if len(declared) > 1:
        raise AddingError(f"{name} is {known.prices} and these prices are {new.prices}: {advice}")
    found = shift(known.bars, new.bars)
    if found is not None:
        raise AddingError(
            f"{found.bars:,} of {found.of:,} known bars of {name} differ by a factor of about "
            f"{found.factor:.4g}, another adjustment basis: {advice}"
        )


def require_grid(
    name: str,
    known: pl.DataFrame,
    interval: str,
) -> None:
    """Refuse to add to an import of an older version, whose days kept the stamps of their file.

    Args:
        name: of the series, for the error.
        known: what is there.
        interval: one of `markets.INTERVALS`.

    Raises:
        AddingError: a bar is off the grid of its interval.
    """
    if frames.fault(known, interval) is not None:
        raise AddingError(
            f"{name} has bars off the grid, from an older version: import the whole file again "
            "with --replace."
        )


# Details


def _differs(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """Return which bars have another value, of two frames with the same times."""
    found = np.zeros(len(after), dtype=bool)
    for name in VALUES:
        old = before[name].to_numpy()
        new = after[name].to_numpy()
        found |= old != new
    return pl.Series(found)


def _ratios(before: pl.DataFrame, after: pl.DataFrame) -> NDArray[np.float64]:
    """Return new prices over known ones: a row for each kind of price, a column for each bar."""
    rows: list[NDArray[np.float64]] = []
    for name in PRICES:
        old = before[name].to_numpy()
        new = after[name].to_numpy()
        rows.append(new / old)
    return np.stack(rows)
