"""Where a strategy's targets change: one decision each, with all that its first fill needs.

A decision is known at the close of its bar. What stands here of the bar after it (its price, and
whether it trades) is read by the engine only when that bar fills.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from quant_team_backtest import inputs
from quant_team_backtest.fills import Indexes
from quant_team_backtest.prepared import Prepared
from quant_team_backtest.simulation import Flags, Floats, Times
from quant_team_backtest.venue import Venue

DAY_MS = 86_400_000


class Decisions(NamedTuple):
    """Columns of one length, in the order of their closes; the next bar is the one after `bar`.

    Attributes:
        close: index on the axis.
        column: index of the symbol.
        bar: index of the bar that decided.
        weight: the new target, a fraction of equity.
        unit: what a unit costs on the next bar, all costs of a purchase included.
        lot: what purchases are a multiple of there, in units; 0 for fractions.
        cap: the most that a bar may fill, in units.
        fills: the next bar exists, has volume, and is not limited.
    """

    close: Indexes
    column: Indexes
    bar: Indexes
    weight: Floats
    unit: Floats
    lot: Floats
    cap: Floats
    fills: Flags


def decisions_of(
    prepared: Prepared,
    venues: list[Venue],
    weights: Mapping[str, Floats],
) -> Decisions:
    """Return every change of a target.

    Args:
        prepared: the bars.
        venues: of each symbol.
        weights: for each symbol one target per bar; NaN means "as before".

    Raises:
        EngineError: a symbol has no weights, too few or too many, or infinite ones.
    """
    found = []
    for column, venue in enumerate(venues):
        targets = inputs.targets(prepared.symbols[column], len(venue.times), weights)
        found.append(_of_symbol(column, venue, targets))
    if len(found) == 1:
        return found[0]
    joined: list[Any] = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    order = np.argsort(joined[0], kind="stable")  # by close
    ordered = [column[order] for column in joined]
    return Decisions(*ordered)


# Details


def _of_symbol(
    column: int,
    venue: Venue,
    targets: Floats,
) -> Decisions:
    bar = np.append(targets[:1] != 0, targets[1:] != targets[:-1]).nonzero()[0]
    series = venue.series
    after = np.minimum(bar + 1, len(venue.times) - 1)
    return Decisions(
        close=bar if series.at is None else series.at[bar],
        column=np.full(len(bar), column),
        bar=bar,
        weight=targets[bar],
        unit=venue.prices[after] * venue.rates.unit(1.0),
        lot=series.lot_at(after),
        cap=series.cap_at(bar, venue.participation),
        fills=_fills(venue, bar, after),
    )


def _fills(
    venue: Venue,
    bar: Indexes,
    after: Indexes,
) -> Flags:
    """Return which decisions have a next bar that trades on both sides."""
    series = venue.series
    fills = (after > bar) & series.can_buy[after]
    if series.can_sell is not series.can_buy:
        fills &= series.can_sell[after]
    if not series.bars.same_day_sale and _is_intraday(venue.times):
        fills[:] = False  # what may be sold depends on the day: each order is looked at by itself
    return fills


def _is_intraday(times: Times) -> bool:
    days = times // DAY_MS
    return bool((days[1:] == days[:-1]).any())
