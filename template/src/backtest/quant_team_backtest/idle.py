"""Why a strategy never trades, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quant_team_backtest.simulation import Floats, Simulation


def warnings_of(
    run: Simulation,
    weights: Mapping[str, Floats],
    parameters: Mapping[str, Any],
) -> list[str]:
    """Return why nothing was filled, in a sentence; nothing if something was.

    Args:
        run: what came out.
        weights: for each symbol one per bar, as the strategy returned them; NaN for null.
        parameters: of the strategy, by name; a whole number above the bars may be a lookback.
    """
    if len(run.fills):
        return []
    return [f"The strategy never traded: {_reason(run, weights, parameters)}."]


# Details


def _reason(
    run: Simulation,
    weights: Mapping[str, Floats],
    parameters: Mapping[str, Any],
) -> str:
    given = np.concatenate(list(weights.values()))
    known = given[~np.isnan(given)]
    if not len(known):
        return _null(weights, parameters)
    if not known.any():
        longer = _longer(weights, parameters)
        return f"all its weights are zero{longer}"
    return _unfilled(run.counts)


def _null(weights: Mapping[str, Floats], parameters: Mapping[str, Any]) -> str:
    return f"all its weights are null{_longer(weights, parameters)}"


def _longer(weights: Mapping[str, Floats], parameters: Mapping[str, Any]) -> str:
    """Return which parameter does not fit into the bars, as the end of a sentence."""
    most = max(len(column) for column in weights.values())
    for name, value in parameters.items():
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if is_whole and value >= most:
            noun = "bar" if most == 1 else "bars"
            return f", and `{name}` of {value:,} needs more than the {most:,} {noun} there are"
    return ""


def _unfilled(counts: Mapping[str, int]) -> str:
    orders = counts["orders"]
    small = counts["too_small"]
    if not orders:
        return "its weights change only on the last bar, and no bar follows"
    if small and small >= orders:
        return "all its orders were for less than one lot; more capital or larger weights help"
    if counts["waiting"] and counts["waiting"] + small >= orders:
        return "no bar was left to fill its orders"
    return "no bar had the volume, or a price within its limits, to fill its orders"
