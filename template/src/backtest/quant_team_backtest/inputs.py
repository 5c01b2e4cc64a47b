"""What the engine is given, checked: weights, bars, splits and dividends."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from quant_team_backtest.assumptions import EngineError
from quant_team_backtest.simulation import Bars, Floats, Flow


def targets(
    symbol: str,
    count: int,
    weights: Mapping[str, Floats],
) -> Floats:
    """Return the weights of a symbol, with "as before" filled in; 0 before the first.

    Args:
        symbol: whose they are, for the error.
        count: of its bars.
        weights: for each symbol one target weight per bar; NaN means "as before".

    Raises:
        EngineError: there are none, one is infinite, or their number is not that of the bars.
    """
    if symbol not in weights:
        raise EngineError(
            f"The strategy returned no weights for {symbol}: return one series for each symbol."
        )
    given = np.asarray(weights[symbol], dtype=np.float64)
    if len(given) != count:
        raise EngineError(
            f"The strategy returned {len(given)} weights for the {count} bars of {symbol}: "
            "return one per bar."
        )
    if np.isinf(given).any():
        raise EngineError(
            f"The strategy returned an infinite weight for {symbol}: "
            "weights are fractions of equity."
        )
    is_kept = np.isnan(given)
    if not is_kept.any():
        return given
    last = np.where(is_kept, -1, np.arange(count))
    last = np.maximum.accumulate(last)
    return np.where(last >= 0, given[last], 0.0)


def check(symbol: str, bars: Bars) -> None:
    """Refuse bars that cannot be simulated.

    Raises:
        EngineError: a bar is not valid or out of order; a split or dividend is not possible.
    """
    prices = np.concatenate([bars.open, bars.close])
    are_prices = np.isfinite(prices) & (prices > 0)
    are_volumes = bars.volume >= 0
    if not len(prices) or not are_prices.all() or not are_volumes.all():
        raise EngineError(
            f"The bars of {symbol} are empty or contain an invalid price or volume: "
            "fetch them again."
        )
    for flow in bars.flows:
        if not _is_possible(flow, bars):
            raise EngineError(
                f"A split or dividend of {symbol} is not possible: {flow.ratio:g} new shares and "
                f"{flow.cash:g} of cash at bar {flow.bar}."
            )
    is_reversed = bars.closed <= bars.opened
    overlaps = bars.opened[1:] < bars.closed[:-1]
    if is_reversed.any() or overlaps.any():
        raise EngineError(
            f"The bars of {symbol} overlap or are out of time order: fetch them again."
        )


# Details


def _is_possible(flow: Flow, bars: Bars) -> bool:
    """Tell whether what is held is worth something after a split or dividend."""
    if not 0 < flow.bar < len(bars.open) or not 0 < flow.ratio < math.inf:
        return False
    return bool(-math.inf < flow.cash < bars.close[flow.bar - 1])
