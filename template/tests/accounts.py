"""Small accounts for the tests of the engine: bars of a day, and no costs but those of the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from quant_team_backtest.engine import Assumptions, Bars, Exits, Simulation, simulate
from quant_team_backtest.simulation import Floats

DAY = 86_400_000
FREE = Assumptions(
    initial_capital=1000.0,
    commission=0.0,
    slippage=0.0,
    participation=None,
    borrow_rate=0.0,
)


def make(
    opens: Sequence[float],
    closes: Sequence[float] | None = None,
    volume: float | Sequence[float] = 1e9,
    length: int = DAY,
    **changes: Any,
) -> Bars:
    """Return bars that follow one another without a gap, all of one length.

    Args:
        opens: one price for each.
        closes: the same at the close; those of the opens if None.
        volume: one for each, or one for all.
        length: of a bar, in milliseconds.
        changes: any other attribute of `Bars`.
    """
    count = len(opens)
    opened = np.arange(count, dtype=np.int64) * length
    prices = np.array(opens, dtype=float)
    bars = Bars(
        opened=opened,
        closed=opened + length,
        open=prices,
        close=prices if closes is None else np.array(closes, dtype=float),
        volume=np.broadcast_to(np.array(volume, dtype=float), count),
    )
    return replace(bars, **changes)


def run(
    bars: Bars,
    weights: Sequence[float],
    exits: Exits | None = None,
    **changes: Any,
) -> Simulation:
    """Simulate one symbol, X, without costs but for the changes."""
    chosen = {"X": exits} if exits else None
    return run_all({"X": bars}, {"X": weights}, chosen, **changes)


def run_all(
    bars: Mapping[str, Bars],
    weights: Mapping[str, Sequence[float]],
    exits: Mapping[str, Exits] | None = None,
    **changes: Any,
) -> Simulation:
    """Simulate several symbols in the same way."""
    assumptions = replace(FREE, **changes)
    arrays: dict[str, Floats] = {}
    for symbol, given in weights.items():
        arrays[symbol] = np.array(given, dtype=float)
    return simulate(bars, arrays, assumptions, exits)


def quantities(done: Simulation) -> list[float]:
    """Return the quantity of each fill."""
    return [fill.quantity for fill in done.fills]


def on_days(done: Simulation) -> list[tuple[int, float]]:
    """Return the day of each fill, from 0, and its quantity."""
    return [(fill.time // DAY, fill.quantity) for fill in done.fills]
